"""Control households: who is never treated, so that the effect of a segment can be measured.

Every customer has a draw from 0 to 1 and keeps it for good: the salted hash of the household they were first seen in.
Of a household the **lowest** draw of its members counts; below the segment's holdout share it is a control household,
and nobody in it is treated. Households whose members are written to at one address (a guest gets a new id with
every order) count as one: else a mailbox would be held out and written to at once. The draws last as long as the people
do, though households merge, split and are renamed:

- a merge keeps a control in control, and takes in whoever moves in with one, for as long as they live there: of what
  was joined by mistake everybody is again what they were when it is taken apart;
- who is new takes the draw of the household they come into;
- where nobody of a household ever drew, though its id (its own, or one merged into it) stood for people who did, it
  keeps the lowest of theirs; else it takes the draw of those it shares an address with; else all of them draw once.

Hence whoever drew below the share stays in control while it is not lowered, whatever becomes of the household, and also
whom an export left out and the next one names again (`former`). Draws rather than verdicts are kept, so that a changed
share moves the line and reshuffles nobody. There is no stratification by score: scores change daily, and a control that
follows them is none.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from math import sqrt

import pyarrow as pa
import pyarrow.compute as pc

# Standard deviations that chance may take the control away from what is asked for, beside half of that.
CHANCE = 4


def fresh_draw(segment: str, household_id: str) -> float:
    """The draw of a household that never drew before: 53 bits of the SHA-256 of `segment:household`."""
    digest = hashlib.sha256(f"{segment}:{household_id}".encode()).digest()
    return (int.from_bytes(digest[:8]) >> 11) / 2**53


def draws(segment: str, customers: pa.Table, previous: pa.Table, aliases: pa.Table, shared: pa.Table) -> pa.Table:
    """`own_draw` and `holdout_draw`, that of the household, of each customer, in the order of the customers.

    The same call with its own result as `previous` gives the same result.

    Args:
        segment: the salt: each segment has a control of its own.
        customers: `customer_id`, `household_id` as they are now.
        previous: `customer_id`, `household_id`, `own_draw` of all who ever drew; no rows at first.
        aliases: `old_id`, `new_id` of households that are no more; `new_id` is null where nobody is left.
        shared: `customer_id`, `address_sha256` of addresses at which several customers are written to.
    """
    now = list(zip(customers["customer_id"].to_pylist(), customers["household_id"].to_pylist(), strict=True))
    became = dict(zip(aliases["old_id"].to_pylist(), aliases["new_id"].to_pylist(), strict=True))
    drawn = list(
        zip(*(previous[name].to_pylist() for name in ("customer_id", "household_id", "own_draw")), strict=True)
    )
    own = _lowest((customer, draw) for customer, _, draw in drawn)
    by_id = _lowest((became.get(household) or household, draw) for _, household, draw in drawn)
    of_members = _lowest((household, own[customer]) for customer, household in now if customer in own)
    kept = by_id | of_members
    together = _together(dict(now), shared)
    known = _lowest((together[h], kept[h]) for h in together if h in kept)
    lowest = {h: known.get(first, fresh_draw(segment, first)) for h, first in together.items()}
    return pa.table(
        {
            "own_draw": pa.array([own.get(customer, kept.get(h, lowest[h])) for customer, h in now], pa.float64()),
            "holdout_draw": pa.array([lowest[h] for _, h in now], pa.float64()),
        }
    )


def _together(household_of: dict[str, str], shared: pa.Table) -> dict[str, str]:
    """Of each household the first, by name, of those it is tied to by addresses; itself, where there are none."""
    first = {h: h for h in household_of.values()}

    def found(household: str) -> str:
        while first[household] != household:
            first[household] = first[first[household]]
            household = first[household]
        return household

    at: dict[str, str] = {}
    for customer, address in zip(*(shared[c].to_pylist() for c in ("customer_id", "address_sha256")), strict=True):
        one = found(household_of[customer])
        low, high = sorted((one, found(at.setdefault(address, one))))
        first[high] = low
    return {h: found(h) for h in first}


def former(customers: pa.Array, previous: pa.Table) -> pa.Table:
    """Those who drew and are no customers any more, one row each, by customer; columns as in `previous`."""
    gone = previous.filter(pc.invert(pc.is_in(previous["customer_id"], value_set=customers)))
    one = gone.group_by("customer_id", use_threads=False).aggregate([("household_id", "first"), ("own_draw", "min")])
    return one.rename_columns(previous.column_names).sort_by("customer_id")


def astray(decided: pa.Table, holdout: float) -> str | None:
    """Why so many, or so few, customers are in control that chance and a few merged households don't explain it.

    Args:
        decided: `holdout_draw` of each customer.
        holdout: the share that is asked for.
    """
    sizes = Counter(decided["holdout_draw"].to_pylist())  # who has one draw was drawn together
    customers = sum(sizes.values())
    if not customers or not holdout:
        return None
    share = pc.sum(pc.less(decided["holdout_draw"], holdout)).as_py() / customers
    # Whole households, and whoever shares an address, are drawn: the variance of a sum of their sizes.
    chance = sqrt(holdout * (1 - holdout) * sum(size**2 for size in sizes.values())) / customers
    if abs(share - holdout) <= holdout / 2 + CHANCE * chance:
        return None
    return (
        f"{share:.1%} of the customers live in control households, where holdout asks for {holdout:.1%}: who lives "
        "with a control, or is written to at an address of one, is one, so look whether strangers were made one "
        "household, or share a mailbox (docs/identity.md)"
    )


def _lowest(pairs: Iterable[tuple[str, float]]) -> dict[str, float]:
    found: defaultdict[str, float] = defaultdict(lambda: 1.0)
    for key, draw in pairs:
        found[key] = min(found[key], draw)
    return dict(found)
