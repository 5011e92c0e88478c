"""Control households: who is never treated, so that the effect of a segment can be measured.

Every household draws a number from 0 to 1, the salted hash of its id; below the segment's holdout share it is a control
household. The draw must last as long as the people do, though households merge, split and are renamed. So:

- a household whose members, or whose id (its own, or one merged into it), drew before, keeps the **lowest** of these
  draws: a merge keeps a control in control, and what is split off keeps what it was;
- any other household draws anew.

Hence a customer in control stays in control while the share is not lowered, whatever becomes of the household, and also
one whom an export left out and the next one names again (`former`); merges can only add to the control. Draws rather
than verdicts are kept, so that a changed share moves the line and reshuffles nobody. There is no stratification by
score: scores change daily, and a control that follows them is none.
"""

import hashlib
from collections import defaultdict

import pyarrow as pa
import pyarrow.compute as pc


def fresh_draw(segment: str, household_id: str) -> float:
    """The draw of a household that never drew before: 53 bits of the SHA-256 of `segment:household`."""
    digest = hashlib.sha256(f"{segment}:{household_id}".encode()).digest()
    return (int.from_bytes(digest[:8]) >> 11) / 2**53


def draws(segment: str, customers: pa.Table, previous: pa.Table, aliases: pa.Table) -> pa.Array:
    """The draw of each customer's household, in the order of the customers.

    The same call with its own result as `previous` gives the same result.

    Args:
        segment: the salt: each segment has a control of its own.
        customers: `customer_id`, `household_id` as they are now.
        previous: `customer_id`, `household_id`, `holdout_draw` of all who ever drew; no rows at first.
        aliases: `old_id`, `new_id` of households that are no more; `new_id` is null where nobody is left.
    """
    households = customers["household_id"].to_pylist()
    now = dict(zip(customers["customer_id"].to_pylist(), households, strict=True))
    became = dict(zip(aliases["old_id"].to_pylist(), aliases["new_id"].to_pylist(), strict=True))
    inherited: defaultdict[str, float] = defaultdict(lambda: 1.0)
    before = (previous[name].to_pylist() for name in ("customer_id", "household_id", "holdout_draw"))
    for customer, household, drawn in zip(*before, strict=True):
        for heir in {became.get(household) or household, now.get(customer, household)}:
            inherited[heir] = min(inherited[heir], drawn)
    drawn_now = {h: inherited[h] if h in inherited else fresh_draw(segment, h) for h in set(households)}
    return pa.array([drawn_now[h] for h in households], pa.float64())


def former(customers: pa.Array, previous: pa.Table) -> pa.Table:
    """Those who drew and are no customers any more, one row each, by customer; columns as in `previous`."""
    gone = previous.filter(pc.invert(pc.is_in(previous["customer_id"], value_set=customers)))
    one = gone.group_by("customer_id", use_threads=False).aggregate(
        [("household_id", "first"), ("holdout_draw", "min")]
    )
    return one.rename_columns(previous.column_names).sort_by("customer_id")
