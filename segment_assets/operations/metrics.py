"""What a run comes to as numbers and as events, for whoever watches from outside; pure.

Names and dimensions are few and fixed: CloudWatch charges for each combination of them.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, TypeVar

T = TypeVar("T")
_ROWS = ("dagster/partition_row_count", "dagster/row_count")
# Key of an asset's metadata -> name and unit of the metric, with the asset as its dimension.
_SHOWN = {
    "bytes": ("BytesWritten", "Bytes"),
    "rows_sent": ("RowsSent", "Count"),
    "rows_refused": ("RowsRefused", "Count"),
}
# The same of assets that stand for something with a name of its own: first part of the key -> its dimension.
_NAMED = {"clean_room_results": "Query", "predictive_segments": "Segment"}
_SHOWN_BY_NAME = {
    "coverage": ("Coverage", "None"),
    "seconds": ("QuerySeconds", "Seconds"),
    "cost_units": ("QueryCostUnits", "None"),
    "members": ("SegmentMembers", "Count"),
    "held_out": ("SegmentHeldOut", "Count"),
}
_LISTED = 100  # assets named in one event, which must stay far below 256 KB


@dataclass(frozen=True)
class Metric:
    """One number at one time.

    Attributes:
        name: such as `RowsWritten`.
        value: the number.
        unit: as CloudWatch names it.
        at: when it was so; not when it is told.
        dimensions: of what, such as `{"Asset": "customers"}`; none for what alarms read.
    """

    name: str
    value: float
    unit: str
    at: datetime
    dimensions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Note:
    """One thing that happened, for whoever wants to react to it.

    Attributes:
        kind: such as `run failed`.
        at: when.
        detail: what, as JSON values; never a person's data.
    """

    kind: str
    at: datetime
    detail: Mapping[str, Any]


@dataclass(frozen=True)
class Built:
    """One materialisation: the asset, when, the arrival day where it has one, and its metadata as plain values."""

    asset: str
    at: datetime
    day: str | None
    metadata: Mapping[str, Any]


@dataclass(frozen=True)
class Ended:
    """A run that is over.

    Attributes:
        run_id: Dagster's id of it.
        outcome: succeeded, failed or canceled.
        started: when its process began.
        ended: when it was over.
        built: what it materialised.
        seconds: how long each asset took, by asset.
        failed: assets whose step failed.
    """

    run_id: str
    outcome: str
    started: datetime
    ended: datetime
    built: Sequence[Built]
    seconds: Mapping[str, float]
    failed: Sequence[str]


def measures(run: Ended) -> list[Metric]:
    """The metrics of a run: the run's own, and each asset's."""
    took = max(0.0, (run.ended - run.started).total_seconds())
    found = [
        Metric("RunsFailed", float(run.outcome == "failed"), "Count", run.ended),
        Metric("RunsSucceeded", float(run.outcome == "succeeded"), "Count", run.ended),
        Metric("RunSeconds", took, "Seconds", run.ended),
    ]
    for asset in sorted({b.asset for b in run.built}):
        if asset in run.seconds:
            found.append(Metric("AssetSeconds", run.seconds[asset], "Seconds", run.ended, {"Asset": asset}))
        found += _of_asset([b for b in run.built if b.asset == asset])
    if shares := [m for m in found if m.name == "QuarantinedShare"]:
        # What the alarm reads: the worst of the run.
        worst = max(shares, key=lambda m: m.value)
        found.append(Metric("QuarantinedShare", worst.value, "None", worst.at))
    return [m for m in found if math.isfinite(m.value)]


def notes(run: Ended) -> list[Note]:
    """The events of a run: how it ended, and each segment that was sent."""
    built = sorted({b.asset for b in run.built})
    detail = {
        "run_id": run.run_id,
        "seconds": round((run.ended - run.started).total_seconds(), 1),
        "built": built[:_LISTED],
        "built_count": len(built),
        "failed": sorted(run.failed)[:_LISTED],
        "failed_count": len(run.failed),
    }
    told = [Note(f"run {run.outcome}", run.ended, detail)]
    for one in run.built:
        if _number(one.metadata.get("rows_sent")):
            kind, _, segment = one.asset.partition("/")
            names = ("state", "rows_sent", "rows_refused", "joined", "left", "as_of", "purpose")
            what = {name: one.metadata[name] for name in names if name in one.metadata}
            sent = {"run_id": run.run_id, "asset": one.asset, "destination": kind, "segment": segment.split("/")[-1]}
            told.append(Note("segment activated", one.at, sent | what))
    return told


def standing(stale: int, as_of: Iterable[date | None], now: datetime) -> list[Metric]:
    """What is told every minute: how many assets are stale, and how old the oldest data is."""
    days = [day for day in as_of if day]
    oldest = [Metric("OldestDataHours", _hours(min(days), now), "None", now)] if days else []
    return [Metric("StaleAssets", stale, "Count", now), *oldest]


def batches(items: Iterable[T], most: int, largest: int, size: Callable[[T], int]) -> Iterator[list[T]]:
    """Lists of at most so many items, and of at most that size together; one that is larger stands alone."""
    batch: list[T] = []
    held = 0
    for item in items:
        weight = size(item)
        if batch and (len(batch) == most or held + weight > largest):
            yield batch
            batch, held = [], 0
        batch.append(item)
        held += weight
    if batch:
        yield batch


def _of_asset(built: list[Built]) -> Iterator[Metric]:
    asset, at = built[0].asset, max(b.at for b in built)
    by_asset, last = {"Asset": asset}, max(built, key=lambda b: b.at).metadata
    rows = [n for b in built for key in _ROWS if (n := _number(b.metadata.get(key))) is not None]
    if rows:
        yield Metric("RowsWritten", sum(rows), "Count", at, by_asset)
    rejected = [
        (d, r) for b in built if (d := _number(b.metadata.get("delivered"))) and (r := _rejected(b)) is not None
    ]
    if rejected:
        yield Metric("RecordsDelivered", sum(d for d, _ in rejected), "Count", at, by_asset)
        yield Metric("RecordsRejected", sum(r for _, r in rejected), "Count", at, by_asset)
        yield Metric("QuarantinedShare", max(r / d for d, r in rejected), "None", at, by_asset)
    if built[0].day is None and (day := _day(last.get("as_of"))):
        yield Metric("DataAgeHours", _hours(day, at), "None", at, by_asset)
    kind, _, name = asset.partition("/")
    shown = _SHOWN | (_SHOWN_BY_NAME if kind in _NAMED else {})
    for key, (metric, unit) in shown.items():
        if (value := _number(last.get(key))) is not None:
            own = key in _SHOWN_BY_NAME
            yield Metric(metric, value, unit, at, {_NAMED[kind]: name} if own else by_asset)


def _rejected(built: Built) -> float | None:
    """Records in quarantine: counted as such, or what was delivered and is not good."""
    counted, good = (_number(built.metadata.get(key)) for key in ("quarantined", "good"))
    if counted is not None or good is None:
        return counted
    return float(built.metadata["delivered"]) - good


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _day(text: Any) -> date | None:
    try:
        return date.fromisoformat(str(text))
    except ValueError:
        return None


def _hours(day: date, now: datetime) -> float:
    return (now - datetime(day.year, day.month, day.day, tzinfo=UTC)).total_seconds() / 3600
