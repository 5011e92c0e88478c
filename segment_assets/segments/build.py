"""A segment's decisions from the lake's tables; and what is checked of them, found another way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from segment_assets import sql
from segment_assets.first_party.tables import ARRIVAL_DAYS, CONSENT_STATE, CUSTOMER_ENDPOINTS, CUSTOMERS
from segment_assets.identity.tables import HOUSEHOLD_ALIAS, HOUSEHOLDS, PERSONS
from segment_assets.lake import Lake
from segment_assets.modelling.tables import FEATURES, customer_scores
from segment_assets.people.consent import consenting, holding
from segment_assets.segmentation import Segmentation
from segment_assets.segments.decisions import Reach, decide
from segment_assets.segments.holdout import draws
from segment_assets.segments.selection import drawn_by_lot, ranked_scores, select
from segment_assets.segments.tables import former_draws, predictive_segments

PURPOSE = "marketing"
# More customers at one address than this are no guest and no family, whose orders are counted: it is a shop's own, or
# stands for none. Tied together, they and all whom they live with would be held out, or not, as one.
MOST_AT_AN_ADDRESS = 100


class SegmentError(Exception):
    """Why a segment can't be decided, and what to do."""


@dataclass(frozen=True)
class Decided:
    """What was decided.

    Attributes:
        rows: one decision for every customer, in the columns of `predictive_segments`.
        by_lot: that most of the places were drawn by lot; None where they were not.
    """

    rows: pa.Table
    by_lot: str | None


def decisions(lake: Lake, config: Segmentation, name: str, suppressed: pa.Table) -> Decided:
    """One decision for every customer.

    Args:
        lake: read customers, identity, consent, scores, features and the segment's last decisions.
        config: the user's file.
        name: the segment.
        suppressed: `customer_id`, `channel` that must not be written to.

    Raises:
        ConfigError: `where` is no condition over scores and features.
        SegmentError: nothing is known of the day of the data.
    """
    segment, target = config.segments[name], config.targets[config.segments[name].target]
    scored_in = customer_scores(segment.target)
    with lake.connect(scored_in, CUSTOMERS, FEATURES) as db:
        scores = ranked_scores(db, scored_in, name)
        db.register("ranked_scores", scores)
        asked = select(db, name, segment, target)
    rows = decide(
        _population(lake, name, segment.channels),
        segment.channels,
        Reach(_consented(lake), suppressed, _active(lake)),
        scores,
        asked["customer_id"],
        segment.holdout,
        _as_of(lake, scores),
    )
    return Decided(rows, drawn_by_lot(asked))


def ever_drawn(lake: Lake, name: str) -> pa.Table:
    """`customer_id`, `household_id`, `own_draw` of the last decisions, and of those who were customers before."""
    names = ["customer_id", "household_id", "own_draw"]
    last = lake.read(predictive_segments(name), [*names, "holdout_draw"])
    # Tables of an earlier version have the household's draw alone.
    own = pc.coalesce(last["own_draw"], last["holdout_draw"])
    gone = lake.read(former_draws(name)).rename_columns(names)
    return pa.concat_tables([gone, last.select(names[:2]).append_column("own_draw", own)])


def wrong_members(lake: Lake, decided: pa.Table, suppressed: pa.Table) -> Mapping[str, int]:
    """Members who may not be written to, by reason, recomputed without the code that decided; empty when all is well.

    Args:
        lake: read for consent, endpoints and identity.
        decided: the segment's decisions.
        suppressed: `customer_id`, `channel` that must not be written to.
    """
    tree = sql.load("segment_assets.segments", "unreachable_members")
    tables = (CONSENT_STATE, CUSTOMER_ENDPOINTS, PERSONS, HOUSEHOLDS)
    with lake.connect(*tables, decisions=decided, suppressed=suppressed) as db:
        return {r["reason"]: r["members"] for r in db.sql(sql.to_duckdb(tree)).to_arrow_table().to_pylist()}


def _population(lake: Lake, name: str, channels: Sequence[str]) -> pa.Table:
    used = pa.table({"channel": pa.array([*channels], pa.string())})
    with lake.connect(CUSTOMERS, CUSTOMER_ENDPOINTS, PERSONS, HOUSEHOLDS, channels=used) as db:
        tree = sql.load("segment_assets.segments", "customers")
        customers = db.sql(sql.to_duckdb(tree)).to_arrow_table()
        tree = sql.bind(sql.load("segment_assets.segments", "shared_addresses"), {"most": MOST_AT_AN_ADDRESS})
        shared = db.sql(sql.to_duckdb(tree)).to_arrow_table()
    aliases = lake.read(HOUSEHOLD_ALIAS, ["old_id", "new_id"])
    drawn = draws(name, customers, ever_drawn(lake, name), aliases, shared)
    for column in drawn.column_names:
        customers = customers.append_column(column, drawn[column])
    return customers


def _consented(lake: Lake) -> pa.Table:
    return consenting(holding(lake.read(CONSENT_STATE)), PURPOSE)


def _active(lake: Lake) -> pa.Table:
    # What is no address has no hash: nobody is reached there, and no suppression list could name it.
    endpoints = lake.read(CUSTOMER_ENDPOINTS, ["customer_id", "channel", "active", "address_sha256"])
    usable = pc.and_(endpoints["active"], pc.is_valid(endpoints["address_sha256"]))
    return endpoints.filter(usable).select(["customer_id", "channel"])


def _as_of(lake: Lake, scores: pa.Table) -> date:
    """The cutoff of the scores; where nobody was scored, the day after the last arrival: the cutoff there would be."""
    if scores.num_rows:
        cutoff: date = pc.max(scores["as_of"]).as_py()
        return cutoff
    if (clock := lake.as_of(ARRIVAL_DAYS)) is None:
        raise SegmentError("there are no scores and no arrival days: materialise raw_events and customer_scores first")
    return clock + timedelta(days=1)
