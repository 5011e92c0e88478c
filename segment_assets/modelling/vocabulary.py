"""Which events and metrics there are in the data: features are made of them, and targets may name them."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import pyarrow as pa

from segment_assets.first_party.tables import ENGAGEMENT_EVENTS
from segment_assets.lake import Lake
from segment_assets.modelling.cutoffs import scoring_cutoff
from segment_assets.sql import bind, load, to_duckdb

# The most frequent ones become features. More would widen the table without end: an event name is free text in an app.
MOST_EVENTS = 16
MOST_METRICS = 24
LATELY = timedelta(days=28)


@dataclass(frozen=True)
class Event:
    """What the data say of events of one name.

    Attributes:
        name: as delivered, such as `purchase` or `coupon.redeemed`.
        source_types: the source's own names of it, such as `_monetization.purchase`.
        first_known: the day the first of them was known.
        count: how many there are.
        recent: how many of them in the last 28 days of the data.
        engagement: the customer did something; a message that was sent is no engagement.
        channels: where it happens; events without a channel are left out.
        metrics: metric as delivered -> how many events carry it.
    """

    name: str
    source_types: frozenset[str]
    first_known: date
    count: int
    recent: int
    engagement: bool
    channels: frozenset[str]
    metrics: Mapping[str, int]


@dataclass(frozen=True)
class Vocabulary:
    """All events, the most frequent first.

    Attributes:
        events: by falling count, then by name.
        first_known: the day the first event was known.
    """

    events: tuple[Event, ...]
    first_known: date | None

    def named(self, name: str) -> Event | None:
        """The event of that name, in the common vocabulary or in the source's own; the most frequent if several."""
        return next((e for e in self.events if name == e.name or name in e.source_types), None)


@dataclass(frozen=True)
class FeatureEvent:
    """One event as features write it; names that read the same once they are sanitised are counted together.

    Attributes:
        slug: the name in columns, such as `coupon_redeemed`.
        names: as delivered.
        engagement: the customer did something.
        channels: where it happens.
        metrics: metric's name in columns -> names as delivered.
    """

    slug: str
    names: tuple[str, ...]
    engagement: bool
    channels: frozenset[str]
    metrics: Mapping[str, tuple[str, ...]]


def read(lake: Lake, clock: date) -> Vocabulary:
    """Ask the events what there is, up to and including the clock's day."""
    cutoff = datetime.combine(scoring_cutoff(clock), datetime.min.time())
    values = {"cutoff": cutoff, "recent": cutoff - LATELY}
    with lake.connect(ENGAGEMENT_EVENTS) as db:
        events, metrics = (
            db.sql(to_duckdb(bind(load(__package__, name), values))).to_arrow_table()
            for name in ("event_vocabulary", "metric_vocabulary")
        )
    return vocabulary(events, metrics)


def vocabulary(events: pa.Table, metrics: pa.Table) -> Vocabulary:
    """The two queries' answers as one vocabulary."""
    carried: dict[str, dict[str, int]] = defaultdict(dict)
    for row in metrics.to_pylist():
        carried[row["name"]][row["metric"]] = row["n"]
    by_name: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in events.to_pylist():
        by_name[row["name"]].append(row)
    found = [_event(name, rows, carried[name]) for name, rows in by_name.items()]
    ordered = sorted(found, key=lambda e: (-e.count, e.name))
    return Vocabulary(tuple(ordered), min((e.first_known for e in found), default=None))


def feature_events(seen: Vocabulary, asked: Iterable[tuple[str, str | None]] = ()) -> list[FeatureEvent]:
    """The most frequent events with their most frequent metrics, by name.

    Args:
        seen: what there is.
        asked: events and metrics that targets are about, as `segmentation.yaml` names them, for recency and frequency
            of the event itself are what a model is compared with; and those that its predicates name. All of them are
            kept, however many there are.
    """
    groups: dict[str, list[Event]] = defaultdict(list)
    for event in seen.events:
        groups[slug(event.name, "event")].append(event)
    known = [(slug(found.name, "event"), metric) for name, metric in asked if (found := seen.named(name))]
    events, metrics = {name for name, _ in known}, {(name, slug(m, "metric")) for name, m in known if m}
    ordered = sorted(groups.items(), key=lambda g: (g[0] not in events, -sum(e.count for e in g[1]), g[0]))
    chosen = ordered[: max(MOST_EVENTS, len(events))]
    kept = _most_frequent_metrics(chosen, metrics)
    return sorted(
        (
            FeatureEvent(
                name,
                tuple(sorted(e.name for e in events)),
                any(e.engagement for e in events),
                frozenset[str]().union(*(e.channels for e in events)),
                kept[name],
            )
            for name, events in chosen
        ),
        key=lambda e: e.slug,
    )


def named_in(columns: Iterable[str], seen: Vocabulary) -> list[tuple[str, str | None]]:
    """Events, and metrics of them, whose features have one of these names."""
    found: list[tuple[str, str | None]] = []
    wanted = list(columns)
    for event in seen.events:
        stem = re.escape(slug(event.name, "event"))
        parts = {metric: re.escape(slug(metric, "metric")) for metric in event.metrics}
        own = rf"days_since_{stem}|{stem}_(count_\d+d|trend_\d+d|gap_days|overdue_ratio)"
        sums = [(metric, rf"{stem}_{part}_(trend_)?\d+d(_\d+)?") for metric, part in parts.items()]
        found += [
            (event.name, metric)
            for metric, pattern in [(None, own), *sums]
            if any(re.fullmatch(pattern, column) for column in wanted)
        ]
    return found


def slug(name: str, prefix: str) -> str:
    """A name as part of a column's name: lower case letters, digits and underscores, starting with a letter."""
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:40].rstrip("_")
    return plain if plain[:1].isalpha() else f"{prefix}_{plain}".rstrip("_")


def _event(name: str, rows: list[dict[str, Any]], metrics: Mapping[str, int]) -> Event:
    return Event(
        name,
        source_types=frozenset(row["source_event_type"] for row in rows if row["source_event_type"]),
        first_known=min(row["first_known"] for row in rows).date(),
        count=sum(row["n"] for row in rows),
        recent=sum(row["recent"] for row in rows),
        engagement=any(row["engagement"] for row in rows),
        channels=frozenset(row["channel"] for row in rows if row["channel"]),
        metrics=metrics,
    )


def _most_frequent_metrics(
    chosen: Iterable[tuple[str, list[Event]]], asked: Collection[tuple[str, str]]
) -> dict[str, dict[str, tuple[str, ...]]]:
    counts: dict[tuple[str, str], int] = defaultdict(int)
    names: dict[tuple[str, str], set[str]] = defaultdict(set)
    kept: dict[str, dict[str, tuple[str, ...]]] = {}
    for event, members in chosen:
        kept[event] = {}
        for member in members:
            for metric, n in member.metrics.items():
                counts[event, slug(metric, "metric")] += n
                names[event, slug(metric, "metric")].add(metric)
    most = sorted(counts, key=lambda k: (k not in asked, -counts[k], k))[: max(MOST_METRICS, len(asked))]
    for event, metric in sorted(most):
        kept[event][metric] = tuple(sorted(names[event, metric]))
    return kept
