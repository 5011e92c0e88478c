"""What each destination holds: written down before and after it is told.

`begin` records whom an activation is about to tell; `commit` adds its row to the ledger, and that row alone is what
makes it happened. Between the two, the recipients count as perhaps told: should the next activation differ, whoever is
no longer in it gets a tombstone. So a kill at any point leaves nobody in a segment at a destination unknown to us.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.exceptions import CommitFailedException, ValidationException

from segment_assets.activation.plan import WANTED, Held, Plan
from segment_assets.activation.port import ActivationError, Receipt, Status
from segment_assets.activation.tables import ACTIVATION_LEDGER, active_members
from segment_assets.lake import Lake, Table, Written

ATTEMPTS = 10


def held(lake: Lake, destination: str, segment: str) -> Held:
    """What the destination holds of the segment."""
    ledger = lake.read(ACTIVATION_LEDGER, ["destination", "segment", "sequence", "content_key", "guard"]).to_pylist()
    mine = [r for r in ledger if (r["destination"], r["segment"]) == (destination, segment)]
    members = lake.read(active_members(destination, segment))

    def told_by(activations: list[dict[str, Any]]) -> tuple[int, str | None, pa.Table]:
        """The last of the activations, and whom it left in."""
        sequence, key = (activations[-1]["sequence"], activations[-1]["content_key"]) if activations else (0, None)
        its = pc.and_(pc.equal(members["sequence"], sequence), pc.equal(members["content_key"], key or ""))
        return sequence, key, members.filter(its).select(WANTED.names)

    sequence, content_key, told = told_by(mine)
    whole, _, approved = told_by([r for r in mine if r["guard"] is None])
    perhaps = members.filter(pc.greater(members["sequence"], sequence)).select(WANTED.names)
    return Held(sequence, content_key, told, perhaps, whole, approved)


def begin(lake: Lake, plan: Plan, run_id: str) -> None:
    """Write down whom the plan leaves in, beside whom the destination was told and perhaps told of.

    Raises:
        ActivationError: other writers came first too often.
    """
    table = active_members(plan.order.destination, plan.order.segment)
    staying = plan.afterwards
    fresh = pa.table(
        {
            "sequence": pa.repeat(pa.scalar(plan.sequence, pa.int64()), staying.num_rows),
            "content_key": pa.repeat(plan.content_key, staying.num_rows),
            **{name: staying[name] for name in WANTED.names},
        }
    )

    def beside(before: pa.Table) -> pa.Table:
        others = pc.or_(
            pc.not_equal(before["sequence"], plan.sequence), pc.not_equal(before["content_key"], plan.content_key)
        )
        recent = pc.greater_equal(before["sequence"], plan.sequence - 1)
        needed = pc.or_(recent, pc.equal(before["sequence"], plan.since))
        kept = before.filter(pc.and_(others, needed))
        return pa.concat_tables([table.conform(kept), table.conform(fresh)])

    _replace(lake, table, beside, plan, run_id)


def commit(lake: Lake, plan: Plan, receipt: Receipt, status: Status, run_id: str) -> Written:
    """Add the activation to the ledger; once, however often it is called.

    Raises:
        ActivationError: other writers came first too often, or another run activated something else meanwhile.
    """
    row = _row(plan, receipt, status)

    def with_row(before: pa.Table) -> pa.Table:
        same = [all(r[k] == row[k] for k in ACTIVATION_LEDGER.key) for r in before.to_pylist()]
        if any(r["content_key"] != plan.content_key for r in before.filter(pa.array(same, pa.bool_())).to_pylist()):
            # Whom this plan told is perhaps told: the next activation must account for them.
            begin(lake, replace(plan, sequence=plan.sequence + 1), run_id)
            raise ActivationError(
                f"{plan.order.destination}: another run activated something else of {plan.order.segment} meanwhile: "
                "run the asset again, which tells the destination everything anew"
            )
        others = before.filter(pa.array([not s for s in same], pa.bool_()))
        return pa.concat_tables([ACTIVATION_LEDGER.conform(others), pa.Table.from_pylist([row], before.schema)])

    return _replace(lake, ACTIVATION_LEDGER, with_row, plan, run_id)


def _replace(lake: Lake, table: Table, change: Callable[[pa.Table], pa.Table], plan: Plan, run_id: str) -> Written:
    """Read, change, write; from the start again when another writer came between."""
    for _ in range(ATTEMPTS):
        before = lake.state(table)
        rows = change(table.conform(lake.read(table)))
        as_of = max(day for day in (before.as_of, plan.order.as_of) if day)
        try:
            return lake.write(table, rows, run_id, as_of=as_of, replacing=before)
        except (CommitFailedException, ValidationException):
            continue
    raise ActivationError(f"{table.name} was written by others {ATTEMPTS} times: run the asset again")


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
    }
