"""What each destination holds: written down before and after it is told.

`begin` records whom an activation is about to tell; `commit` adds its row to the ledger, and that row alone is what
makes it happened. Between the two, the recipients count as perhaps told: should the next activation differ, whoever is
no longer in it gets a tombstone. So a kill at any point leaves nobody in a segment at a destination unknown to us.
"""

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.exceptions import CommitFailedException, ValidationException

from segment_assets.activation.plan import RECIPIENT, Held, Plan
from segment_assets.activation.port import ActivationError, Receipt, Status
from segment_assets.activation.tables import ACTIVATION_LEDGER, active_members
from segment_assets.lake import Lake, Written

ATTEMPTS = 10


def held(lake: Lake, destination: str, segment: str) -> Held:
    """What the destination holds of the segment."""
    ledger = lake.read(ACTIVATION_LEDGER, ["destination", "segment", "sequence", "content_key"])
    mine = [r for r in ledger.to_pylist() if (r["destination"], r["segment"]) == (destination, segment)]
    sequence, content_key = (mine[-1]["sequence"], mine[-1]["content_key"]) if mine else (0, None)
    members = lake.read(active_members(destination, segment))
    told = pc.and_(pc.equal(members["sequence"], sequence), pc.equal(members["content_key"], content_key or ""))
    perhaps = pc.greater(members["sequence"], sequence)
    return Held(
        sequence, content_key, members.filter(told).select(RECIPIENT), members.filter(perhaps).select(RECIPIENT)
    )


def begin(lake: Lake, plan: Plan, run_id: str) -> None:
    """Write down whom the plan is about to tell, beside whom the destination was told and perhaps told of."""
    table = active_members(plan.order.destination, plan.order.segment)
    before = lake.read(table)
    kept = before.filter(pc.greater_equal(before["sequence"], plan.sequence - 1))
    entering = plan.rows.filter(pc.equal(plan.rows["state"], "in"))
    fresh = pa.table(
        {
            "sequence": pa.repeat(pa.scalar(plan.sequence, pa.int64()), entering.num_rows),
            "content_key": pa.repeat(plan.content_key, entering.num_rows),
            **{name: entering[name] for name in RECIPIENT},
        }
    )
    others = kept.filter(
        pc.or_(pc.not_equal(kept["sequence"], plan.sequence), pc.not_equal(kept["content_key"], plan.content_key))
    )
    rows = pa.concat_tables([table.conform(others), table.conform(fresh)])
    lake.write(table, rows, run_id, as_of=plan.order.as_of)


def commit(lake: Lake, plan: Plan, receipt: Receipt, status: Status, run_id: str) -> Written:
    """Add the activation to the ledger; once, however often it is called.

    Raises:
        ActivationError: other writers came first too often.
    """
    row = _row(plan, receipt, status)
    for _ in range(ATTEMPTS):
        before = lake.state(ACTIVATION_LEDGER)
        ledger = lake.read(ACTIVATION_LEDGER)
        entries = [r for r in ledger.to_pylist() if any(r[k] != row[k] for k in ACTIVATION_LEDGER.key)]
        rows = pa.Table.from_pylist([*entries, row], ACTIVATION_LEDGER.schema)
        try:
            return lake.write(
                ACTIVATION_LEDGER, rows, run_id, as_of=max(r["as_of"] for r in [*entries, row]), replacing=before
            )
        except (CommitFailedException, ValidationException):
            continue
    raise ActivationError(f"{ACTIVATION_LEDGER.name} was written by others {ATTEMPTS} times: run the asset again")


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
    }
