"""Whether a challenger takes the champion's place. Pure: evidence in, verdict and its reasons out.

With random labels a challenger beats the best baseline in at most 2.5 % of contests (the interval's lower tail), so
promotion by chance stays under 5 % (simulated in the tests).
"""

from dataclasses import dataclass

from segment_assets.modelling.baselines import BASE_RATE
from segment_assets.modelling.bootstrap import Interval

# A slope, or a ratio of sums, inside these is a probability or an amount one can budget with.
CALIBRATED = (0.8, 1.25)
# An interval that leaves these allows half or double of what is right. Such a one would reach what is asked the more
# easily the less is known: it tells nothing, and is no pass.
TELLING = (0.5, 2.0)
_PREDICTED = " outcomes predicted for each that came"


@dataclass(frozen=True)
class Champion:
    """How the model in service did on outcomes that it was not trained on.

    Attributes:
        outcomes: how many of them there are; with none, nothing else is known.
        behind: its loss minus the challenger's on the same rows; above 0 the challenger is better.
        over_base_rate: the loss of saying of everybody the newest rate known, minus its own; below 0 it is worse.
        level: predicted for each that came (values: predicted by real sum).
    """

    outcomes: int = 0
    behind: Interval | None = None
    over_base_rate: Interval | None = None
    level: Interval | None = None

    @property
    def worse_than_base_rate(self) -> bool:
        """By the interval: the same number for everybody would have been better."""
        return self.over_base_rate is not None and self.over_base_rate.high < 0

    @property
    def off_level(self) -> bool:
        """By the interval: its numbers are too high or too low to budget with, and chance does not explain it."""
        return self.level is not None and _outside(self.level)

    @property
    def gone_wrong(self) -> bool:
        """Either of the two: what it says can't be relied upon."""
        return self.worse_than_base_rate or self.off_level


@dataclass(frozen=True)
class Evidence:
    """What a contest found, out of time; each comparison on the same rows.

    Attributes:
        gain_over_baselines: baseline -> its loss minus the challenger's; above 0 the challenger is better.
        calibration: slope (events) or ratio of sums (values) of the challenger; None where it is undefined.
        champion: how the model in service did; None where there is none.
        level: of events, outcomes predicted for each that came; None for values, where `calibration` is that.
    """

    gain_over_baselines: dict[str, Interval]
    calibration: Interval | None
    champion: Champion | None = None
    level: Interval | None = None


@dataclass(frozen=True)
class Verdict:
    """What is to be done, and why.

    Attributes:
        install: the challenger becomes the trained model.
        beats_baselines: it is better than every baseline, by the interval.
        reasons: what is done, then one sentence per test.
    """

    install: bool
    beats_baselines: bool
    reasons: list[str]


def decide(evidence: Evidence) -> Verdict:
    """Beat the best baseline, be no worse than the champion, both by the interval, and be calibrated.

    Without a champion the challenger is installed whatever it is worth, and the reasons say what that is. So it is
    where the champion has gone wrong and the challenger is better than it, both by the interval.
    """
    beats, beside_baselines = against_baselines(evidence.gain_over_baselines)
    calibrated, about_calibration = _calibration(evidence.calibration)
    if evidence.level is not None:
        level, about_level = _calibration(evidence.level, "level", _PREDICTED)
        calibrated, about_calibration = calibrated and level, f"{about_calibration} {about_level}"
    champion = evidence.champion
    if champion is None:
        first = (
            "Installed because there was no model before it that could still score; from now on a challenger has to "
            "earn its place."
        )
        return Verdict(True, beats, [first, beside_baselines, about_calibration])
    behind = champion.behind
    holds = behind is None or behind.high >= 0
    lesser_evil = champion.gone_wrong and behind is not None and behind.low > 0
    install = lesser_evil or (beats and holds and calibrated)
    if lesser_evil and not (beats and calibrated):
        what = "The challenger was installed whatever it is worth, for it is better than a champion gone wrong."
    else:
        what = "The challenger was installed." if install else "The challenger was refused, and the champion stays."
    reasons = [what, beside_baselines, _against_champion(champion), about_calibration, *came_since(champion)]
    return Verdict(install, beats, reasons)


def came_since(champion: Champion, who: str = "The champion") -> list[str]:
    """What is wrong with its predictions of outcomes that it was not trained on; nothing where they hold.

    Args:
        champion: how it did.
        who: what to call it.
    """
    found, where = [], f"on the {champion.outcomes} outcomes that it was not trained on"
    if (base := champion.over_base_rate) and champion.worse_than_base_rate:
        found.append(f"{who} is worse than the base rate: {where} its loss is higher by {base.turned}.")
    if champion.level and champion.off_level:
        found.append(f"{who} has lost the level: {where} it predicted {champion.level} for each that came.")
    return found


def against_baselines(gains: dict[str, Interval]) -> tuple[bool, str]:
    """Whether a model is better than every baseline, by the interval; and a sentence about the best of them."""
    if not gains:
        return False, "There was no baseline to compare with."
    best = min(gains, key=lambda name: gains[name].value)  # the one it gains least over
    beats = all(g.low > 0 for g in gains.values())
    if not beats and gains[best].low > 0:
        best = min(gains, key=lambda name: gains[name].low)  # the one that stands in the way
    gain = gains[best]
    outcome = "beats" if beats else ("is worse than" if gain.high < 0 else "is not shown to beat")
    rival = "the base rate" if best == BASE_RATE else f"{best.replace('_', ' ')} alone"
    return beats, f"It {outcome} the best baseline, {rival}: {_by(gain)}."


def _against_champion(champion: Champion) -> str:
    if champion.behind is None:
        return (
            "It could not be compared with the champion, which was trained on all of these outcomes; that holds "
            "nothing back."
        )
    how = f"on {champion.outcomes} outcomes that this was not trained on"
    if champion.behind.low == champion.behind.high == 0:
        return f"It says the same as the champion ({how})."
    found = "better" if champion.behind.low > 0 else "not worse" if champion.behind.high >= 0 else "worse"
    return f"It is {found} than the champion ({how}): {_by(champion.behind)}."


def _by(gain: Interval) -> str:
    return f"loss higher by {gain.turned}" if gain.value < 0 else f"loss lower by {gain}"


def _outside(found: Interval) -> bool:
    return found.low > CALIBRATED[1] or found.high < CALIBRATED[0]


def _calibration(found: Interval | None, what: str = "calibration", of: str = "") -> tuple[bool, str]:
    if found is None:
        return False, f"Its {what} could not be measured, which counts as failed."
    low, high = CALIBRATED
    asked = f"{found}{of}, where 1 is right and {low} to {high} is asked"
    if _outside(found):
        return False, f"Its {what} fails: {asked}."
    if found.low < TELLING[0] or found.high > TELLING[1]:
        return False, f"Its {what} can't be told, which counts as not passed: {asked}, and too little is known."
    return True, f"Its {what} passes: {asked}."
