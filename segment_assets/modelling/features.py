"""What was known of every customer before each cutoff, computed and proved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from segment_assets.clean_room.tables import PARTNERS_DAY, result_table
from segment_assets.first_party.tables import ARRIVAL_DAYS
from segment_assets.lake import Lake, Table, column
from segment_assets.lake.tags import Tags, joined, tagged
from segment_assets.modelling import feature_columns as columns_of
from segment_assets.modelling import feature_sql, lateness, vocabulary
from segment_assets.modelling.cutoffs import ages, past_cutoffs, scoring_cutoff, windows
from segment_assets.modelling.feature_columns import PartnerResult
from segment_assets.modelling.tables import FEATURES
from segment_assets.modelling.vocabulary import FeatureEvent, Vocabulary
from segment_assets.segmentation import Segmentation, Target
from segment_assets.sql import Source, Trace, bind, load, parse_final, predicate, to_duckdb
from segment_assets.sql.query import Value


class FeaturesError(Exception):
    """Why features can't be made, and how to mend it."""


@dataclass(frozen=True)
class Features:
    """Features, ready to be written.

    Attributes:
        table: FEATURES with the columns that this data has.
        rows: one per customer and cutoff.
        trace: the source columns behind features and rows, by the tables' short names.
        late_rows: rows that rest on something known at or after their cutoff. Must be 0.
        differing: rows in which one event, counted again another way, comes out differently. Must be 0.
        clashes: a sentence where two features wanted one name.
    """

    table: Table
    rows: pa.Table
    trace: Trace
    late_rows: int
    differing: int
    clashes: list[str]


@dataclass(frozen=True)
class Plan:
    """What will be asked, of what.

    Attributes:
        table: FEATURES with its columns.
        tree: the query, in Spark SQL.
        given: the tables that the query reads beside those of the lake.
        partners: the clean-room results among them.
        recount: the query that counts one event again; None where there are no events.
        recounted: the feature that must agree with it.
        clashes: a sentence where two features wanted one name.
    """

    table: Table
    tree: exp.Select
    given: Mapping[str, pa.Table]
    partners: Sequence[PartnerResult]
    recount: exp.Expr | None
    recounted: str
    clashes: list[str]


def build(lake: Lake, config: Segmentation) -> Features:
    """Features of every customer at every cutoff that some target learns from, and at the scoring cutoff.

    Raises:
        FeaturesError: nothing has landed yet, or a query for features does not name the customer.
    """
    asked = plan(lake, config)
    with lake.connect(*feature_sql.SOURCES, **asked.given) as db:
        rows = asked.table.conform(db.sql(to_duckdb(asked.tree)).to_arrow_table())
        differing = _differing(db, asked, rows)
    trace = feature_sql.traced(asked.tree, asked.partners)
    told = {partner.table: lake.tags(result_table(partner.query, [], (), "")) for partner in asked.partners}
    ours = config.landing.tags
    tags = {n: joined(_tags(s, told, ours) for s in sources) for n, sources in trace.values.items()}
    return Features(tagged(asked.table, tags), rows, trace, late_rows(rows), differing, asked.clashes)


def plan(lake: Lake, config: Segmentation) -> Plan:
    """Look at which events, metrics and partner columns there are, and write the query for them."""
    clock = clock_of(lake)
    seen = vocabulary.read(lake, clock)
    asked = [(target.event, target.metric) for target in config.targets.values()]
    events = vocabulary.feature_events(seen, [*asked, *vocabulary.named_in(columns_named(config), seen)])
    told = partner_results(lake, config, clock)
    partners = [partner for partner, _ in told]
    lengths = windows(config.targets.values())
    past = {day for target in config.targets.values() for day in _cutoffs(lake, target, seen, clock)}
    cutoffs = sorted(past | {scoring_cutoff(clock)})
    wanted = columns_of.features(events, lengths, partners)
    given = {
        "cutoffs": pa.table({"cutoff": pa.array(cutoffs, pa.date32())}),
        "ages": ages(cutoffs, lengths),
        "event_names": event_names(events),
        **{partner.table: rows for partner, rows in told},
    }
    again: dict[str, Value] | None = {"event": events[0].slug, "days": lengths[0]} if events else None
    return Plan(
        FEATURES.with_columns(*(column(f.name, f.kind, f.doc) for f in wanted)),
        feature_sql.query(wanted, events, partners, clock),
        given,
        partners,
        bind(load(__package__, "recount"), again) if again else None,
        f"{events[0].slug}_count_{lengths[0]}d" if events else "",
        columns_of.clashes(wanted),
    )


def columns_named(config: Segmentation) -> list[str]:
    """Whatever `eligible` and `where` name, sorted: features of an event that they name are made however rare it is."""
    texts = [t.eligible for t in config.targets.values()] + [s.where for s in config.segments.values() if s.where]
    return sorted({column.name for text in texts for column in predicate(text, None).find_all(exp.Column)})


def _cutoffs(lake: Lake, target: Target, seen: Vocabulary, clock: date) -> list[date]:
    """A target's past cutoffs, those among them that its examples are made of."""
    event = seen.named(target.event)
    late = lateness.measure(lake, target.event, event.first_known, clock) if event else timedelta(0)
    return past_cutoffs(target.cutoffs, seen.first_known, clock, target.horizon + late)


def clock_of(lake: Lake) -> date:
    """The last day of the data.

    Raises:
        FeaturesError: nothing has landed yet.
    """
    if (clock := lake.as_of(ARRIVAL_DAYS)) is None:
        raise FeaturesError(
            "features: no arrival day is known, so there is no day to build them as of; materialize raw_events first"
        )
    return clock


def as_of(lake: Lake, config: Segmentation) -> date | None:
    """The oldest data time that features rest on."""
    queries = config.collaboration.queries if config.collaboration else {}
    told = [result_table(name, [], (), "") for name, wanted in queries.items() if wanted.use_as_features]
    return lake.as_of(*feature_sql.SOURCES, *told)


def partner_results(lake: Lake, config: Segmentation, clock: date) -> list[tuple[PartnerResult, pa.Table]]:
    """Results of the queries marked `use_as_features`, with what they hold.

    Raises:
        FeaturesError: a result has no column `customer_id` to join by.
    """
    if config.collaboration is None or config.audience is None:
        return []
    found = []
    for name, wanted in sorted(config.collaboration.queries.items()):
        if wanted.use_as_features:
            selected = [item.alias_or_name for item in parse_final(config.collaboration.text_of(name)).selects]
            if "customer_id" not in selected:
                raise FeaturesError(
                    f"segmentation.yaml: collaboration.queries.{name}.use_as_features: the query must select "
                    "customer_id, for its columns to be joined to features"
                )
            rows = _result(lake, name, selected)
            kinds = {f.name: f.type for f in rows.schema if f.name != "customer_id" and _usable(f.type)}
            # Where the partner's delivery has no date, it is known from today on: earlier would be a guess.
            day = lake.inputs(result_table(name, [], (), "")).get(PARTNERS_DAY)
            found.append((PartnerResult(name, kinds, date.fromisoformat(day) if day else clock), rows))
    return found


def event_names(events: Sequence[FeatureEvent]) -> pa.Table:
    """Which event, as delivered, is counted under which name: columns `name`, `slug`."""
    pairs = [(name, event.slug) for event in events for name in event.names]
    return pa.table(
        {"name": pa.array([n for n, _ in pairs], pa.string()), "slug": pa.array([s for _, s in pairs], pa.string())}
    )


def late_rows(rows: pa.Table) -> int:
    """Rows whose newest fact was not known before the cutoff."""
    return int(pc.sum(pc.greater_equal(rows["known_until"], rows["cutoff"].cast(pa.timestamp("us")))).as_py() or 0)


def _differing(db: duckdb.DuckDBPyConnection, asked: Plan, rows: pa.Table) -> int:
    """Count one event once more, from the time stamps, without windows and buckets."""
    if asked.recount is None:
        return 0
    built = rows.select(["customer_id", "cutoff", asked.recounted])
    db.register("built", built.rename_columns(["customer_id", "cutoff", "n"]))
    db.sql(f"CREATE TEMP VIEW owners AS {to_duckdb(load(__package__, 'owners'))}")
    [(differing,)] = db.sql(to_duckdb(asked.recount)).fetchall()
    return int(differing)


def _result(lake: Lake, query: str, selected: Sequence[str]) -> pa.Table:
    fields = [column(name, pa.string(), "") for name in selected]
    table = result_table(query, fields, (), "")
    with lake.connect(table) as db:
        return db.table(table.short_name).to_arrow_table()


def _tags(source: Source, told: Mapping[str, Mapping[str, Tags]], ours: Tags) -> Tags:
    """Of a column of a clean-room result what the result says, of any other what we say of our own."""
    return told[source.table].get(source.column, {}) if source.table in told else ours


def _usable(kind: pa.DataType) -> bool:
    """Numbers and texts; a day or a time is no feature by itself."""
    return bool(
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
    )
