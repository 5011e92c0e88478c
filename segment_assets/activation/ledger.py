"""What each destination holds: written down before and after it is told.

`begin` records whom an activation is about to tell; `commit` adds its row to the ledger, and that row alone is what
makes it happened. Between the two, the recipients count as perhaps told: should the next activation differ, whoever is
no longer in it gets a tombstone. So a kill at any point leaves nobody in a segment at a destination unknown to us.
What was begun has spent its number: other content gets a higher one, so that of two folders of files the higher holds.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.exceptions import CommitFailedException, ValidationException

from segment_assets.activation.plan import RECIPIENT, WANTED, Begun, Held, Plan
from segment_assets.activation.port import ActivationError, Receipt, Status
from segment_assets.activation.tables import ACTIVATION_LEDGER, active_members
from segment_assets.lake import Lake, Table, Written
from segment_assets.lake.changing import ATTEMPTS, changed

_ASKED = ["destination", "segment", "sequence", "content_key", "guard", "place"]


def held(lake: Lake, destination: str, segment: str) -> Held:
    """What the destination holds of the segment."""
    ledger = lake.read(ACTIVATION_LEDGER, _ASKED).to_pylist()
    _refuse_anothers(ledger, destination, segment)
    mine = [r for r in ledger if (r["destination"], r["segment"]) == (destination, segment)]
    recorded = lake.read(active_members(destination, segment))
    leaves = pc.fill_null(pc.equal(recorded["state"], "out"), False)
    members = recorded.filter(pc.invert(leaves))

    def told_by(activations: list[dict[str, Any]]) -> tuple[int, str | None, pa.Table]:
        """The last of the activations, and whom it left in."""
        sequence, key = (activations[-1]["sequence"], activations[-1]["content_key"]) if activations else (0, None)
        its = pc.and_(pc.equal(members["sequence"], sequence), pc.equal(members["content_key"], key or ""))
        return sequence, key, members.filter(its).select(WANTED.names)

    sequence, content_key, told = told_by(mine)
    whole, _, approved = told_by([r for r in mine if r["guard"] is None])
    perhaps = members.filter(pc.greater(members["sequence"], sequence)).select(WANTED.names)
    place = mine[-1]["place"] if mine else None
    return Held(sequence, content_key, told, perhaps, whole, approved, _begun(recorded, sequence), place)


def _refuse_anothers(ledger: list[dict[str, Any]], destination: str, segment: str) -> None:
    """Pairs whose tables have one name can't stand in one file; one of them may have stood in it before."""
    table = active_members(destination, segment).name
    for pair in {(row["destination"], row["segment"]) for row in ledger} - {(destination, segment)}:
        if active_members(*pair).name == table:
            raise ActivationError(
                f"segmentation.yaml: segments.{segment}: {table} says whom {pair[0]} was told of {pair[1]}, and they "
                f"would be told to leave at {destination}: nothing was sent; give {segment} or {destination} another "
                "name"
            )


def _begun(recorded: pa.Table, committed: int) -> Begun | None:
    number = pc.max(recorded["sequence"]).as_py() or 0
    if number <= committed:
        return None
    newest = recorded.filter(pc.equal(recorded["sequence"], number))
    keys = pc.unique(newest["content_key"]).to_pylist()
    leaving = newest.filter(pc.equal(newest["state"], "out"))
    return Begun(number, keys[0] if len(keys) == 1 else None, leaving.select(RECIPIENT))


def begin(lake: Lake, plan: Plan, run_id: str) -> None:
    """Write down whom the plan tells, beside whom the destination was told and perhaps told of: its number is spent.

    Raises:
        ActivationError: other writers came first too often, or another run began something else meanwhile.
    """
    table = active_members(plan.order.destination, plan.order.segment)

    def beside(before: pa.Table) -> pa.Table:
        if pc.any(pc.and_(pc.greater_equal(before["sequence"], plan.sequence), _others(before, plan))).as_py():
            raise ActivationError(
                f"{plan.order.destination}: another run began to tell something else of {plan.order.segment} "
                "meanwhile, and nothing was sent by this one: run the asset again when that one has ended"
            )
        return _beside(table, before, plan)

    _replace(lake, table, beside, plan, run_id)


def _begin_anew(lake: Lake, plan: Plan, run_id: str, committed: int) -> None:
    """Whom the plan told is perhaps told, after whatever was begun since: the next activation must account for them."""
    table = active_members(plan.order.destination, plan.order.segment)

    def last(before: pa.Table) -> pa.Table:
        return _beside(
            table, before, replace(plan, sequence=max(committed, pc.max(before["sequence"]).as_py() or 0) + 1)
        )

    _replace(lake, table, last, plan, run_id)


def _beside(table: Table, before: pa.Table, plan: Plan) -> pa.Table:
    """What is recorded with the plan's own rows: whom it leaves in, and whom it tells to leave."""
    leaving = plan.rows.filter(pc.equal(plan.rows["state"], "out"))
    rows = pa.concat_tables([plan.afterwards.append_column("state", _all(plan.afterwards, "in")), leaving])
    fresh = rows.append_column("sequence", _all(rows, plan.sequence)).append_column(
        "content_key", _all(rows, plan.content_key)
    )
    needed = pc.or_(pc.greater_equal(before["sequence"], plan.after), pc.equal(before["sequence"], plan.since))
    kept = before.filter(pc.and_(_others(before, plan), needed))
    return pa.concat_tables([table.conform(kept), table.conform(fresh)])


def _others(recorded: pa.Table, plan: Plan) -> pa.ChunkedArray:
    """Which rows are not of the plan."""
    return pc.or_(
        pc.not_equal(recorded["sequence"], plan.sequence), pc.not_equal(recorded["content_key"], plan.content_key)
    )


def _all(rows: pa.Table, value: str | int) -> pa.Array:
    return pa.repeat(value, rows.num_rows)


def commit(lake: Lake, plan: Plan, receipt: Receipt, status: Status, run_id: str) -> Written:
    """Add the activation to the ledger; once, however often it is called.

    Raises:
        ActivationError: other writers came first too often, or another run activated something else meanwhile.
    """
    row = _row(plan, receipt, status)

    def with_row(before: pa.Table) -> pa.Table:
        pair = pc.and_(
            pc.equal(before["destination"], plan.order.destination), pc.equal(before["segment"], plan.order.segment)
        )
        # A run that began meanwhile may have sent, and its job ended first: what holds there is not known from here.
        begun = pc.max(lake.read(active_members(plan.order.destination, plan.order.segment), ["sequence"])["sequence"])
        since = before.filter(pc.and_(pair, pc.greater_equal(before["sequence"], plan.sequence)))
        if pc.any(_others(since, plan)).as_py() or (begun.as_py() or 0) > plan.sequence:
            _begin_anew(lake, plan, run_id, pc.max(since["sequence"]).as_py() or 0)
            raise ActivationError(
                f"{plan.order.destination}: another run told something else of {plan.order.segment} meanwhile: "
                "run the asset again, which tells the destination everything anew"
            )
        others = before.filter(pc.invert(pc.and_(pair, pc.equal(before["sequence"], plan.sequence))))
        return pa.concat_tables([ACTIVATION_LEDGER.conform(others), pa.Table.from_pylist([row], before.schema)])

    return _replace(lake, ACTIVATION_LEDGER, with_row, plan, run_id)


def _replace(lake: Lake, table: Table, change: Callable[[pa.Table], pa.Table], plan: Plan, run_id: str) -> Written:
    try:
        return changed(lake, table, change, run_id, plan.order.as_of)
    except (CommitFailedException, ValidationException) as taken:
        raise ActivationError(f"{table.name} was written by others {ATTEMPTS} times: run the asset again") from taken


def _row(plan: Plan, receipt: Receipt, status: Status) -> dict[str, object]:
    return {
        "destination": plan.order.destination,
        "segment": plan.order.segment,
        "sequence": plan.sequence,
        "content_key": plan.content_key,
        "purpose": plan.order.purpose,
        "as_of": plan.order.as_of,
        "members": plan.members,
        "joined": plan.joined,
        "left": plan.left,
        "stayed": plan.stayed,
        "rows_sent": plan.rows.num_rows,
        "job_id": receipt.job_id,
        "location": receipt.location,
        "state": status.state,
        "guard": plan.guard,
        "place": plan.order.place,
    }
