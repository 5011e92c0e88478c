"""Whether a challenger takes the champion's place. Pure: evidence in, verdict and its reasons out.

With random labels a challenger beats the best baseline in at most 2.5 % of contests (the interval's lower tail), so
promotion by chance stays under 5 % (simulated in the tests).
"""

from dataclasses import dataclass

from segment_assets.modelling.bootstrap import Interval

# A slope, or a ratio of sums, inside these is a probability or an amount one can budget with.
CALIBRATED = (0.8, 1.25)
# An interval that leaves these allows half or double of what is right. Such a one would reach what is asked the more
# easily the less is known: it tells nothing, and is no pass.
TELLING = (0.5, 2.0)


@dataclass(frozen=True)
class Evidence:
    """What a contest found, out of time and on the same rows.

    Attributes:
        gain_over_baselines: baseline -> its loss minus the challenger's; above 0 the challenger is better.
        gain_over_champion: the champion's loss minus the challenger's; None where there is no champion.
        calibration: slope (events) or ratio of sums (values) of the challenger; None where it is undefined.
        champion: how the champion was judged, for the reader.
        level: of events, outcomes predicted for each that came; None for values, where `calibration` is that.
    """

    gain_over_baselines: dict[str, Interval]
    gain_over_champion: Interval | None
    calibration: Interval | None
    champion: str = ""
    level: Interval | None = None


@dataclass(frozen=True)
class Verdict:
    """What is to be done, and why.

    Attributes:
        install: the challenger becomes the trained model.
        beats_baselines: it is better than every baseline, by the interval.
        reasons: one sentence per test.
    """

    install: bool
    beats_baselines: bool
    reasons: list[str]


def decide(evidence: Evidence) -> Verdict:
    """Beat the best baseline, be no worse than the champion, both by the interval, and be calibrated.

    Without a champion the challenger is installed whatever it is worth, and the reasons say what that is.
    """
    beats, against_baselines = _against_baselines(evidence.gain_over_baselines)
    calibrated, about_calibration = _calibration(evidence.calibration)
    if evidence.level is not None:
        level, about_level = _calibration(evidence.level, "level", " outcomes predicted for each that came")
        calibrated, about_calibration = calibrated and level, f"{about_calibration} {about_level}"
    if evidence.gain_over_champion is None:
        first = (
            "Installed because there was no model before it that could still score; from now on a challenger has to "
            "earn its place."
        )
        return Verdict(True, beats, [first, against_baselines, about_calibration])
    holds, against_champion = _against_champion(evidence.gain_over_champion, evidence.champion)
    install = beats and holds and calibrated
    verdict = "The challenger was installed." if install else "The champion stays."
    return Verdict(install, beats, [verdict, against_baselines, against_champion, about_calibration])


def _against_baselines(gains: dict[str, Interval]) -> tuple[bool, str]:
    if not gains:
        return False, "There was no baseline to compare with: features hold neither recency nor counts of the event."
    best = min(gains, key=lambda name: gains[name].value)  # the one it gains least over
    gain, beats = gains[best], all(g.low > 0 for g in gains.values())
    outcome = "beats" if beats else ("is worse than" if gain.high < 0 else "is not shown to beat")
    return beats, f"It {outcome} the best baseline, {best.replace('_', ' ')} alone: {_by(gain)}."


def _against_champion(gain: Interval, how: str) -> tuple[bool, str]:
    holds = gain.high >= 0
    return holds, f"It is {'not worse' if holds else 'worse'} than the champion ({how}): {_by(gain)}."


def _by(gain: Interval) -> str:
    if gain.value < 0:
        return f"loss higher by {Interval(-gain.value, -gain.high, -gain.low)}"
    return f"loss lower by {gain}"


def _calibration(found: Interval | None, what: str = "calibration", of: str = "") -> tuple[bool, str]:
    if found is None:
        return False, f"Its {what} could not be measured, which counts as failed."
    low, high = CALIBRATED
    asked = f"{found}{of}, where 1 is right and {low} to {high} is asked"
    if found.low > high or found.high < low:
        return False, f"Its {what} fails: {asked}."
    if found.low < TELLING[0] or found.high > TELLING[1]:
        return False, f"Its {what} can't be told, which counts as not passed: {asked}, and too little is known."
    return True, f"Its {what} passes: {asked}."
