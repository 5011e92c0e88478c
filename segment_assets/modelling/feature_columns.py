"""Which features there are: one column each, named for what it is, written from the names found in the data."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import pyarrow as pa

from segment_assets.modelling.cutoffs import buckets
from segment_assets.modelling.vocabulary import FeatureEvent, slug

TREND = 28
RATE_WINDOWS = (28, 84, 365)
# What a rate on a channel is counted against: the first of these that the channel has.
SENT = ("send", "attempt")
RESPONSES = ("open", "click")
_MONEY = pa.decimal128(38, 6)


@dataclass(frozen=True)
class Feature:
    """One column of the table of features.

    Attributes:
        name: what it is called.
        sql: how it is computed, in Spark SQL, from `w` (what the customer did), `p` (since when we know them), `c`
            (the cutoff), `h` (relatives) and `told_by_<query>` (clean-room results).
        kind: its type in the table.
        doc: what it means, with its unit.
        base: aggregates over `known` that `w` must provide: name -> Spark SQL.
        yields: whose name it is if two features want one: the lower number's, then the first's.
        wanted: the name that it would have if that were not taken; empty where it has it.
    """

    name: str
    sql: str
    kind: pa.DataType
    doc: str
    base: Mapping[str, str]
    yields: int = 0
    wanted: str = ""


@dataclass(frozen=True)
class PartnerResult:
    """A clean-room result whose columns are joined by customer.

    Attributes:
        query: the protected query's name.
        columns: its columns but `customer_id`, with their Arrow types.
        known: the day its data were delivered; they count for later cutoffs only.
    """

    query: str
    columns: Mapping[str, pa.DataType]
    known: date

    @property
    def table(self) -> str:
        """What the query calls the result."""
        return f"clean_room_{self.query}"


def features(
    events: Sequence[FeatureEvent], lengths: Sequence[int], partners: Iterable[PartnerResult]
) -> list[Feature]:
    """Every feature, in the table's order; a name that is taken gets a number behind it.

    An event's own features keep their names, for `eligible` and baselines count on them; then come sums of metrics,
    then a partner's columns.
    """
    last = {w: max(n for n, (_, end) in enumerate(buckets(lengths)) if end <= w) for w in lengths}
    found = [_TENURE, *_active(last)]
    for number, event in enumerate(events):
        found += _behaviour(event, f"e{number}", last)
        found += (replace(total, yields=1) for total in _sums(event, f"e{number}", last))
    for channel in sorted({c for e in events for c in e.channels if slug(c, "channel") == c}):
        found += _rates(channel, events, last)
    found += _RELATIVES
    for partner in partners:
        found += (replace(told, yields=2) for told in _told(partner))
    return _distinct(found)


def clashes(found: Iterable[Feature]) -> list[str]:
    """Names that two features wanted: one sentence for the first, and how many more there are."""
    other = [f for f in found if f.wanted]
    if not other:
        return []
    one = other[0]
    more = f", and {len(other) - 1} more names are told apart like that" if len(other) > 1 else ""
    return [
        f'two features would be named "{one.wanted}": this one is called "{one.name}": {one.doc}{more}; '
        "rename the metric, the event or the partner's column, or mind the number behind the name"
    ]


_TENURE = Feature(
    "tenure_days", "DATEDIFF(c.cutoff, CAST(p.first_known AS DATE))", pa.int64(), "Days since first known", {}
)
_RELATIVES = [
    Feature(
        "household_customers",
        "COALESCE(h.in_household, 0) + 1",
        pa.int64(),
        "Customers of the household that share an identifier directly, as far as links were known, oneself included",
        {},
    ),
    Feature(
        "person_customers",
        "COALESCE(h.in_person, 0) + 1",
        pa.int64(),
        "Customer records of the same person that share an identifier directly, as far as links were known",
        {},
    ),
]


def _active(last: Mapping[int, int]) -> Iterator[Feature]:
    for window in last:
        doc = f"Days with engagement in the {window} days before the cutoff"
        days = _distinct_days("is_engagement", last[window])
        yield _total(f"active_days_{window}d", f"active_{window}d", days, pa.int64(), doc)
    base = {"active_newest": "MIN(newest) FILTER (WHERE is_engagement)"}
    doc = "Days since the last engagement; yesterday is 1"
    yield Feature("days_since_active", "w.active_newest", pa.int64(), doc, base)


def _behaviour(event: FeatureEvent, key: str, last: Mapping[int, int]) -> Iterator[Feature]:
    # Aggregates are keyed by number: event `a` with metric `b_count` and event `a_b` write the same column names.
    name, this = event.slug, f"event = '{event.slug}'"
    for window, bucket in last.items():
        doc = f"{name} events in the {window} days before the cutoff"
        total = f"SUM(n) FILTER (WHERE {this} AND bucket <= {bucket})"
        yield _total(f"{name}_count_{window}d", f"{key}_{window}d", total, pa.int64(), doc)
    yield from _trend(f"{name}_count", f"{name}_trend", key, last)
    doc = f"Days since the last {name}; yesterday is 1"
    newest = {f"{key}_newest": f"MIN(newest) FILTER (WHERE {this})"}
    yield Feature(f"days_since_{name}", f"w.{key}_newest", pa.int64(), doc, newest)
    if event.engagement:
        yield from _gap(event, key, last)


def _sums(event: FeatureEvent, key: str, last: Mapping[int, int]) -> Iterator[Feature]:
    name, this = event.slug, f"event = '{event.slug}'"
    for number, metric in enumerate(event.metrics):
        for window, bucket in last.items():
            doc = f"Sum of {metric} of {name} events in the {window} days before the cutoff"
            total = f"SUM(m_{metric}) FILTER (WHERE {this} AND bucket <= {bucket})"
            yield _total(f"{name}_{metric}_{window}d", f"{key}m{number}_{window}d", total, _MONEY, doc)
        yield from _trend(f"{name}_{metric}", f"{name}_{metric}_trend", f"{key}m{number}", last)


def _gap(event: FeatureEvent, key: str, last: Mapping[int, int]) -> Iterator[Feature]:
    name, this, longest = event.slug, f"event = '{event.slug}'", max(last)
    span = f"(MAX(oldest) FILTER (WHERE {this})) - (MIN(newest) FILTER (WHERE {this}))"
    gap = f"({span}) / NULLIF({_distinct_days(this, last[longest])} - 1, 0)"
    doc = f"Mean days between days with {name}, in the {longest} days before the cutoff; null for a single day"
    yield Feature(f"{name}_gap_days", f"w.{key}_gap", pa.float64(), doc, {f"{key}_gap": gap})
    overdue = f"w.{key}_newest / NULLIF(w.{key}_gap, 0)"
    doc = f"days_since_{name} over {name}_gap_days: above 1 the next {name} is overdue"
    yield Feature(f"{name}_overdue_ratio", overdue, pa.float64(), doc, {})


def _trend(stem: str, name: str, key: str, last: Mapping[int, int]) -> Iterator[Feature]:
    if TREND in last and 2 * TREND in last:
        # A sum over no row is null, and who has nothing in the last window has stopped.
        new, both = (f"COALESCE(CAST(w.{key}_{days}d AS DOUBLE), 0)" for days in (TREND, 2 * TREND))
        doc = f"{stem}: the last {TREND} days less the {TREND} before, over both; -1 stopped, 0 steady, 1 new"
        # a - b over a + b, where a + b is the longer window.
        yield Feature(f"{name}_{TREND}d", f"(2 * {new} - {both}) / NULLIF({both}, 0)", pa.float64(), doc, {})


def _rates(channel: str, events: Sequence[FeatureEvent], last: Mapping[int, int]) -> Iterator[Feature]:
    here = {e.slug for e in events if channel in e.channels}
    sent = next((s for s in SENT if s in here), None)
    for response in (r for r in RESPONSES if sent and r in here):
        for window in (w for w in RATE_WINDOWS if w in last):
            name = f"{channel}_{response}_rate_{window}d"
            base = {
                f"{side}_{name}": "SUM(n) FILTER (WHERE "
                f"event = '{event}' AND channel = '{channel}' AND bucket <= {last[window]})"
                for side, event in (("answers", response), ("asked", sent))
            }
            doc = f"{response} events per {sent} on {channel} in the {window} days before the cutoff; null without any"
            rate = f"COALESCE(w.answers_{name}, 0) / NULLIF(w.asked_{name}, 0)"
            yield Feature(name, rate, pa.float64(), doc, base)


def _told(partner: PartnerResult) -> Iterator[Feature]:
    for name, kind in partner.columns.items():
        value = f"told_by_{partner.query}.`{name}`"
        yield Feature(
            name,
            f"CASE WHEN c.cutoff > CAST('{partner.known}' AS DATE) THEN {value} END",
            kind,
            f"From the clean-room query {partner.query}; null for cutoffs before it was known",
            {},
        )


def _total(name: str, key: str, aggregate: str, kind: pa.DataType, doc: str) -> Feature:
    return Feature(name, f"COALESCE(w.{key}, 0)", kind, doc, {key: aggregate})


def _distinct_days(condition: str, last_bucket: int) -> str:
    masks = (
        f"CAST(BIT_COUNT(COALESCE(BIT_OR(days) FILTER (WHERE {condition} AND bucket = {n}), 0)) AS BIGINT)"
        for n in range(last_bucket + 1)
    )
    return f"({' + '.join(masks)})"


def _distinct(found: Sequence[Feature]) -> list[Feature]:
    taken = {"customer_id", "cutoff", "known_until", "label", "label_until"}
    names: dict[int, str] = {}
    for place, feature in sorted(enumerate(found), key=lambda pair: pair[1].yields):
        number, name = 2, feature.name
        while name in taken:
            name, number = f"{feature.name}_{number}", number + 1
        taken.add(name)
        names[place] = name
    return [
        feature if names[n] == feature.name else replace(feature, name=names[n], wanted=feature.name)
        for n, feature in enumerate(found)
    ]
