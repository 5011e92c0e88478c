"""What is predicted: which past days can be learned from, what counts as having happened, and when it can't be."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count

import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from segment_assets.modelling.cutoffs import MOST_CUTOFFS, WARM_UP, least_steps, past_cutoffs, scoring_cutoff, split
from segment_assets.modelling.vocabulary import Event, Vocabulary
from segment_assets.segmentation import ConfigError, Target, nearest
from segment_assets.sql import SqlError, bind, load, parse, predicate
from segment_assets.sql.running import running

# Fewer of either outcome leave an AUC with a standard error above 0.06, even for thousands of the other.
FEWEST_OUTCOMES = 20
# One cutoff to test on, one to calibrate on, one to fit on.
FEWEST_CUTOFFS = 3


class TargetError(ConfigError):
    """A target names what the data do not have."""


@dataclass(frozen=True)
class Evidence:
    """How much there is to learn a target from.

    Attributes:
        first: the day the target's event was first known; None for never.
        clock: the last day of the data.
        past: past cutoffs whose horizon has ended and whose outcomes are in, whether or not anybody was eligible.
        cutoffs: those of them with at least one example.
        examples: examples in all.
        positives: examples with a label above 0.
        testable: cutoffs before which a model could have been fitted and calibrated.
        late: how much later than they happen outcomes are known.
        waiting: cutoffs whose horizon has ended, and whose outcomes are not all in.
        below_zero: examples with a label below 0.
    """

    first: date | None
    clock: date
    past: int
    cutoffs: int
    examples: int
    positives: int
    testable: int
    late: timedelta = timedelta(0)
    waiting: int = 0
    below_zero: int = 0


def event_of(name: str, target: Target, seen: Vocabulary) -> Event:
    """The event a target is about, as the data have it.

    Raises:
        TargetError: no event, or no metric of it, has that name.
    """
    event = seen.named(target.event)
    if event is None:
        choices = [e.name for e in seen.events]
        recent = ", ".join(e.name for e in seen.events if e.recent) or "none"
        raise TargetError(
            f'segmentation.yaml: targets.{name}.event: no event is named "{target.event}"'
            f"{_hint(target.event, choices)}. Seen in the last 28 days: {recent}."
        )
    if target.metric is not None and target.metric not in event.metrics:
        metrics = sorted(event.metrics, key=lambda m: (-event.metrics[m], m))
        raise TargetError(
            f'segmentation.yaml: targets.{name}.metric: no metric of "{target.event}" is named "{target.metric}"'
            f"{_hint(target.metric, metrics)}. It carries: {', '.join(metrics) or 'none'}."
        )
    return event


def eligible(name: str, target: Target, columns: Collection[str]) -> exp.Expr:
    """Who can be scored at all, as a condition over features.

    Raises:
        TargetError: it does not parse, or names a column that is no feature.
    """
    with asking(name, target):
        return predicate(target.eligible, columns)


@contextmanager
def asking(name: str, target: Target) -> Iterator[None]:
    """Around whatever reads or runs `eligible`.

    Raises:
        TargetError: it is no condition over features, or its types do not fit.
    """
    try:
        with running(target.eligible):
            yield
    except SqlError as bad:
        raise TargetError(f"segmentation.yaml: targets.{name}.eligible: {bad}") from None


def cutoffs(target: Target, first: date | None, clock: date, late: timedelta = timedelta(0)) -> list[date]:
    """Past days to learn from: only those whose whole horizon has ended by the clock's evening, with its outcomes in.

    Args:
        target: with its horizon, and how far cutoffs lie apart.
        first: the day its event was first known; None for never.
        clock: the last day of the data.
        late: how late its outcomes come, from `lateness`.
    """
    known_after = target.horizon + late
    past = past_cutoffs(target.cutoffs, first, clock, known_after)
    return [c for c in past if c + known_after <= scoring_cutoff(clock)]


def horizons(days: Iterable[date], horizon: timedelta) -> pa.Table:
    """One row per cutoff and day of its horizon, the cutoff's own day first: columns `cutoff`, `day`."""
    rows = [(cutoff, cutoff + timedelta(days=n)) for cutoff in days for n in range(horizon.days)]
    return pa.table(
        {"cutoff": pa.array([c for c, _ in rows], pa.date32()), "day": pa.array([d for _, d in rows], pa.date32())}
    )


def query(target: Target, condition: exp.Expr) -> exp.Select:
    """Examples with what happened, in Spark SQL over `features`, `engagement_events`, `customer_endpoints`, `horizons`.

    Columns: `customer_id`, `cutoff`, `label_until`, `events`, `total`.
    """
    tree = _select(bind(load(__package__, "labels"), {"horizon": target.horizon.days}))
    at_cutoffs = "SELECT customer_id, cutoff FROM features WHERE cutoff IN (SELECT cutoff FROM horizons)"
    parts = {
        "owners": load(__package__, "owners"),
        "outcomes": bind(load(__package__, "outcomes"), {"event": target.event, "metric": target.metric or ""}),
        "eligible": _select(parse(at_cutoffs)).where(condition),
    }
    for name, part in parts.items():
        tree = tree.with_(name, as_=part, copy=False)
    return tree


def label(target: Target, outcomes: pa.Table, late: timedelta = timedelta(0)) -> pa.Table:
    """Outcomes as labels: 1 where an absence held or an event came, else 0; for a value its sum.

    Columns: `customer_id`, `cutoff`, `label_until`, `known_by` (so much later as outcomes come late), `label`.
    """
    if target.kind == "value":
        values = outcomes["total"].cast(pa.float64())
    elif target.kind == "absence":
        values = pc.equal(outcomes["events"], 0).cast(pa.float64())
    else:
        values = pc.greater(outcomes["events"], 0).cast(pa.float64())
    known_by = pc.add(outcomes["label_until"], pa.scalar(late, pa.duration("us"))).cast(pa.date32())
    labelled = outcomes.select(["customer_id", "cutoff", "label_until"]).append_column("known_by", known_by)
    return labelled.append_column("label", values)


def cutoffs_to_test(target: Target, examples: pa.Table, late: timedelta) -> int:
    """Cutoffs before which there was enough to fit a model on, and a later cutoff to calibrate it on.

    What is fitted needs both outcomes; amounts need somebody who has one, for everybody may.
    """
    happened = pc.greater(examples["label"], 0).cast(pa.int64())
    counts = pa.table({"cutoff": examples["cutoff"], "happened": happened})
    grouped = counts.group_by("cutoff").aggregate([("happened", "sum"), ("happened", "count")]).to_pylist()
    positives = {row["cutoff"]: row["happened_sum"] for row in grouped}
    others = {row["cutoff"]: row["happened_count"] - row["happened_sum"] for row in grouped}

    def carries(cutoff: date) -> bool:
        parts = split(positives, target.horizon, cutoff, late)
        fitted = parts.fit if parts else []
        some, rest = (any(outcomes[c] for c in fitted) for outcomes in (positives, others))
        return some and (rest or target.kind == "value")

    return sum(carries(cutoff) for cutoff in positives)


def refusal(name: str, target: Target, found: Evidence) -> str | None:
    """Why the data cannot carry the target: a sentence with what is missing and what is there; None if they can."""
    days = (found.clock - found.first).days + 1 if found.first else 0
    horizon = target.horizon.days
    place = f"segmentation.yaml: targets.{name}"
    there = f'"{target.event}" is known for {days} days, from {found.first} to {found.clock}'
    if horizon > days:
        return f"{place}.horizon: {horizon} days is longer than the data ({there}); shorten it, or wait for more data."
    if found.past >= FEWEST_CUTOFFS > found.cutoffs and target.eligible.strip().upper() != "TRUE":
        return (
            f'{place}.eligible: "{target.eligible}" holds for {found.examples or "nobody"} at {found.cutoffs} of '
            f"{found.past} past cutoffs, and {FEWEST_CUTOFFS} with somebody eligible are needed; widen eligible."
        )
    if found.cutoffs < FEWEST_CUTOFFS:
        return (
            f"{place}: needs {FEWEST_CUTOFFS} past cutoffs whose horizon of {horizon} days has ended, and there are "
            f"{found.cutoffs} ({there}, cutoffs lie {target.cutoffs.days} days apart, and the first {WARM_UP.days} "
            f"days only fill the features{_tardy(found)}); {_mend(target, found)}."
        )
    negatives = found.examples - found.positives
    if target.kind == "value" and found.positives < FEWEST_OUTCOMES:
        below = f" and {found.below_zero} have one below 0, which counts as none" if found.below_zero else ""
        turn = "load the metric with the other sign if those are what is meant, " if found.below_zero else ""
        return (
            f'{place}: needs {FEWEST_OUTCOMES} examples with a sum of "{target.metric}" above 0, and of '
            f"{found.examples} examples at {found.cutoffs} cutoffs {found.positives} have one{below}; {turn}"
            "widen eligible, change the horizon, or wait for more data."
        )
    if target.kind != "value" and min(found.positives, negatives) < FEWEST_OUTCOMES:
        return (
            f"{place}: needs {FEWEST_OUTCOMES} examples of either outcome, and of {found.examples} examples at "
            f"{found.cutoffs} cutoffs {found.positives} are positive and {negatives} are not; widen eligible, "
            "change the horizon, or wait for more data."
        )
    if not found.testable:
        both = "somebody who has a value" if target.kind == "value" else "customers of both outcomes"
        return (
            f"{place}: a model is fitted on cutoffs with {both}, calibrated on a later one and tested on another, each "
            f"{horizon} days or more after the one before, and the {found.cutoffs} cutoffs hold no such three "
            f"({there}{_tardy(found)}); {_mend(target, found)}."
        )
    return None


def _mend(target: Target, found: Evidence) -> str:
    """What gives a target three cutoffs far enough apart: to fit on, to calibrate and to test."""
    every, day = target.cutoffs, timedelta(days=1)

    def reach(every: timedelta) -> bool:
        return least_steps(every, target.horizon, found.late) < MOST_CUTOFFS

    learnable = found.clock - (found.first or found.clock) - WARM_UP - target.horizon - found.late
    enough = learnable >= 2 * target.horizon + found.late
    if not reach(every):  # the newest ones never reach far enough back, however much data there is
        longer = next(n for n in count(every.days) if reach(n * day))
        return (
            f"the newest {MOST_CUTOFFS} cutoffs whose outcome is known are looked at, so set cutoffs longer "
            f"({longer}d or more), or horizon shorter{'' if enough else ', and wait for more data'}"
        )
    if found.past < FEWEST_CUTOFFS and enough:
        return "set cutoffs or horizon shorter, or wait for more data"
    return "set horizon shorter, or wait for more data"


def _tardy(found: Evidence) -> str:
    if not found.late:
        return ""
    return f", and its outcomes come up to {found.late.days} days late: {found.waiting} cutoffs still wait for theirs"


def _hint(word: str, choices: list[str]) -> str:
    near = nearest(word, choices)
    return f" {near}" if near.startswith("(did") else ""


def _select(tree: exp.Expr) -> exp.Select:
    assert isinstance(tree, exp.Select)  # noqa: S101 - for the type checker: the texts are SELECTs
    return tree
