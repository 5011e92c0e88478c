"""The one query that makes features: fixed parts in `sql/`, and the columns of `feature_columns`.

It is a tree from the start: names found in the data enter it as sanitised identifiers or as literals, never as text.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from functools import reduce

from sqlglot import exp

from segment_assets.first_party.tables import CUSTOMER_ENDPOINTS, CUSTOMERS, ENGAGEMENT_EVENTS
from segment_assets.identity.tables import HOUSEHOLDS, IDENTITY_EDGES, PERSONS
from segment_assets.modelling.feature_columns import Feature, PartnerResult
from segment_assets.modelling.vocabulary import FeatureEvent
from segment_assets.sql import Source, Trace, bind, load, parse, trace

SOURCES = (ENGAGEMENT_EVENTS, CUSTOMERS, CUSTOMER_ENDPOINTS, IDENTITY_EDGES, PERSONS, HOUSEHOLDS)
# What a value is summed as: 10^15 and beyond is null, for there a DOUBLE hardly tells whole units apart (2^53), and one
# absurd value stopped every sum. Sums have 38 digits, room for 10^17 values. `outcomes.sql` and `left_out.sql` say the
# same; what Spark reads as CAST gives null there, too.
SUMMED = "DECIMAL(21, 6)"
# The tables of the caller's: days to build as of, their windows, and which event has which name in columns.
_GIVEN = {
    "cutoffs": ("cutoff",),
    "ages": ("cutoff", "day", "age", "bucket", "bit"),
    "event_names": ("name", "slug"),
}


def query(
    columns: Sequence[Feature], events: Sequence[FeatureEvent], partners: Sequence[PartnerResult], clock: date
) -> exp.Select:
    """One row per customer and cutoff, in Spark SQL.

    It reads `SOURCES`, the clean-room results as `clean_room_<query>`, and the caller's `cutoffs`, `ages` and
    `event_names`.
    """
    at_clock = {"clock": datetime.combine(clock, time())}
    parts = {
        "owners": load(__package__, "owners"),
        "records": load(__package__, "records"),
        "known": _known(events),
        "did": _did(columns),
        "population": bind(load(__package__, "population"), at_clock),
        "relatives": bind(load(__package__, "relatives"), at_clock),
        **{f"told_by_{p.query}": _told(p) for p in partners},
    }
    told = " ".join(f"LEFT JOIN told_by_{p.query} ON told_by_{p.query}.customer_id = p.customer_id" for p in partners)
    tree = _select(f"""
        SELECT p.customer_id, c.cutoff, {_known_until(partners)} AS known_until,
          {", ".join(f"{f.sql} AS `{f.name}`" for f in columns)}
        FROM population AS p
        INNER JOIN cutoffs AS c ON p.first_known < c.cutoff
        LEFT JOIN did AS w ON w.customer_id = p.customer_id AND w.cutoff = c.cutoff
        LEFT JOIN relatives AS h ON h.customer_id = p.customer_id AND h.cutoff = c.cutoff
        {told}
        ORDER BY p.customer_id, c.cutoff""")
    for name, part in parts.items():
        tree = tree.with_(name, as_=part, copy=False)
    return tree


def traced(tree: exp.Select, partners: Sequence[PartnerResult]) -> Trace:
    """The columns of `SOURCES` and of the clean-room results that features are computed from, or rest on."""
    schema: dict[str, Mapping[str, str]] = {t.short_name: dict.fromkeys(t.schema.names, "STRING") for t in SOURCES}
    schema |= {p.table: dict.fromkeys(["customer_id", *p.columns], "STRING") for p in partners}
    schema |= {name: dict.fromkeys(fields, "STRING") for name, fields in _GIVEN.items()}
    found = trace(tree, schema)
    return Trace({name: _delivered(sources) for name, sources in found.values.items()}, _delivered(found.rows))


def _delivered(sources: frozenset[Source]) -> frozenset[Source]:
    return frozenset(s for s in sources if s.table not in _GIVEN)


def _known(events: Sequence[FeatureEvent]) -> exp.Select:
    """`known.sql` with one exact sum per metric."""
    metrics: dict[str, set[str]] = {}
    for event in events:
        for slug, delivered in event.metrics.items():
            metrics.setdefault(slug, set()).update(delivered)
    tree = load(__package__, "known")
    assert isinstance(tree, exp.Select)  # noqa: S101 - for the type checker: the file holds a SELECT
    for slug, names in sorted(metrics.items()):
        # Several names that read the same once sanitised are added up, as their events are.
        sums: list[exp.Expr] = [exp.func("COALESCE", _exact_sum(name), exp.Literal.number(0)) for name in sorted(names)]
        total = reduce(_plus, sums)
        tree = tree.select(exp.alias_(total, f"m_{slug}"), copy=False)
    return tree


def _plus(left: exp.Expr, right: exp.Expr) -> exp.Expr:
    return exp.Add(this=left, expression=right)


def _exact_sum(metric: str) -> exp.Expr:
    value = exp.Bracket(this=exp.column("metrics", table="r"), expressions=[exp.Literal.string(metric)])
    return exp.Sum(this=exp.TryCast(this=value, to=exp.DataType.build(SUMMED)))


def _did(columns: Sequence[Feature]) -> exp.Select:
    base = {name: aggregate for column in columns for name, aggregate in column.base.items()}
    return _select(f"""
        SELECT customer_id, cutoff, MAX(received_at) AS received_at,
          {", ".join(f"{aggregate} AS {name}" for name, aggregate in base.items())}
        FROM known
        GROUP BY customer_id, cutoff""")


def _told(partner: PartnerResult) -> exp.Select:
    # A customer with two answers has none: which one would be chance.
    columns = ", ".join(f"CASE WHEN MIN(`{c}`) = MAX(`{c}`) THEN MIN(`{c}`) END AS `{c}`" for c in partner.columns)
    return _select(f"SELECT customer_id, {columns} FROM {partner.table} GROUP BY customer_id")


def _known_until(partners: Sequence[PartnerResult]) -> str:
    told = (
        f", CASE WHEN told_by_{p.query}.customer_id IS NOT NULL AND c.cutoff > CAST('{p.known}' AS DATE)"
        f" THEN CAST('{p.known}' AS TIMESTAMP) END"
        for p in partners
    )
    return f"GREATEST(p.first_known, w.received_at, h.known_at{''.join(told)})"


def _select(text: str) -> exp.Select:
    tree = parse(text)
    assert isinstance(tree, exp.Select)  # noqa: S101 - for the type checker: the text is a SELECT
    return tree
