"""From features and events in the lake to a target's training examples."""

from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from segment_assets.first_party.tables import CUSTOMER_ENDPOINTS, ENGAGEMENT_EVENTS
from segment_assets.lake import Lake, Table
from segment_assets.modelling import lateness, matrix, targets, vocabulary
from segment_assets.modelling.features import clock_of
from segment_assets.modelling.tables import FEATURES, training_examples
from segment_assets.segmentation import Target
from segment_assets.sql import to_duckdb
from segment_assets.sql.running import operands, refuse_no_condition


@dataclass(frozen=True)
class Examples:
    """A target's examples, ready to be written.

    Attributes:
        table: where they belong.
        rows: one per eligible customer and past cutoff.
        evidence: how much there is.
        refusal: why the target can't be trained on them; None if it can.
        waiting: cutoffs whose horizon has ended, and whose outcomes are not all in yet: they have no examples.
    """

    table: Table
    rows: pa.Table
    evidence: targets.Evidence
    refusal: str | None
    waiting: list[date]


def build(lake: Lake, name: str, target: Target) -> Examples:
    """Label every customer who could have been scored at each past cutoff.

    Raises:
        TargetError: the target names an event, a metric or a feature that is not there, or compares what does not fit.
        FeaturesError: nothing has landed yet.
    """
    clock = clock_of(lake)
    event = targets.event_of(name, target, vocabulary.read(lake, clock))
    condition = targets.eligible(name, target, matrix.feature_names(lake))
    late = lateness.measure(lake, target.event, event.first_known, clock)
    days = targets.cutoffs(target, event.first_known, clock, late)
    waiting = [c for c in targets.cutoffs(target, event.first_known, clock) if c not in days]
    given = {"horizons": targets.horizons(days, target.horizon)}
    with lake.connect(FEATURES, ENGAGEMENT_EVENTS, CUSTOMER_ENDPOINTS, **given) as db, targets.asking(name, target):
        refuse_no_condition(db, exp.select(*operands(condition)).from_("features"), target.eligible)
        outcomes = db.sql(to_duckdb(targets.query(target, condition))).to_arrow_table()
    table = training_examples(name)
    rows = table.conform(targets.label(target, outcomes, late))
    found = targets.Evidence(
        first=event.first_known,
        clock=clock,
        past=len(days),
        cutoffs=len(rows["cutoff"].unique()),
        examples=rows.num_rows,
        positives=pc.sum(pc.greater(rows["label"], 0)).as_py() or 0,
        testable=targets.cutoffs_to_test(target, rows, late),
        late=late,
        waiting=len(waiting),
        below_zero=pc.sum(pc.less(rows["label"], 0)).as_py() or 0,
    )
    return Examples(table, rows, found, targets.refusal(name, target, found), waiting)
