"""Whether a challenger takes the champion's place. Pure: evidence in, verdict and its reasons out.

With random labels a challenger beats the best baseline in at most 2.5 % of contests (the interval's lower tail), so
promotion by chance stays under 5 % (simulated in the tests).
"""

from dataclasses import dataclass

from segment_assets.modelling.bootstrap import Interval

# A slope, or a ratio of sums, inside these is a probability or an amount one can budget with.
CALIBRATED = (0.8, 1.25)


@dataclass(frozen=True)
class Evidence:
    """What a contest found, out of time and on the same rows.

    Attributes:
        gain_over_baselines: baseline -> its loss minus the challenger's; above 0 the challenger is better.
        gain_over_champion: the champion's loss minus the challenger's; None where there is no champion.
        calibration: slope (events) or ratio of sums (values) of the challenger; None where it is undefined.
        champion: how the champion was judged, for the reader.
    """

    gain_over_baselines: dict[str, Interval]
    gain_over_champion: Interval | None
    calibration: Interval | None
    champion: str = ""


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
    if evidence.gain_over_champion is None:
        first = "Installed because there was no model before it; from now on a challenger has to earn its place."
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
    return beats, f"It {outcome} the best baseline, {best.replace('_', ' ')} alone: loss lower by {gain}."


def _against_champion(gain: Interval, how: str) -> tuple[bool, str]:
    holds = gain.high >= 0
    return holds, f"It is {'not worse' if holds else 'worse'} than the champion ({how}): loss lower by {gain}."


def _calibration(found: Interval | None) -> tuple[bool, str]:
    if found is None:
        return False, "Its calibration could not be measured, which counts as failed."
    passes = found.low <= CALIBRATED[1] and found.high >= CALIBRATED[0]
    low, high = CALIBRATED
    return passes, (
        f"Its calibration {'passes' if passes else 'fails'}: {found}, where 1 is right and {low} to {high} is asked."
    )
