"""One decision for every customer, and the first reason that explains it.

The reasons are asked in this order, and the first that applies is the one recorded:

1. `suppressed`      no channel is left, and a suppression on one of the segment's channels is among the causes;
2. `no_consent`      no channel of the segment has the customer's consent;
3. `unreachable`     there is consent, but no active endpoint with a valid address on a channel that has it;
4. `quarantined`     identity took too many for one person or one household to believe it: nobody of them is sent to,
                    nor is whom it does not know yet, who may live with a control;
5. `not_eligible`    the customer has no score: the target's `eligible` left them out;
6. `below_threshold` scored, and neither `where` nor `top` asks for them;
7. `holdout`         asked for, in a control household: never treated;
8. `in`.

What the person decided comes before what the model thinks: a suppressed customer is suppressed whatever the score. The
control is drawn last, so `in` and `holdout` differ by the draw alone, and their outcomes can be compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from segment_assets.segments.tables import REASONS

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Reach:
    """What says whether a customer may be written to; each a table of `customer_id`, `channel`.

    Attributes:
        consented: channels with marketing consent; a channel that is missing has none.
        suppressed: channels on which the customer must not be written to.
        active: channels with an endpoint that can be written to, at an address that is one.
    """

    consented: pa.Table
    suppressed: pa.Table
    active: pa.Table


def decide(
    customers: pa.Table,
    channels: Sequence[str],
    reach: Reach,
    scores: pa.Table,
    asked: pa.Array,
    holdout: float,
    as_of: date,
) -> pa.Table:
    """A decision record for every customer, in the columns of `predictive_segments`.

    Args:
        customers: `customer_id`, `household_id`, `quarantined`, `own_draw`, `holdout_draw`: the population.
        channels: the segment's channels.
        reach: who may be written to where.
        scores: `customer_id`, `score`, `decile` of everyone who was scored.
        asked: customers that `where` and `top` ask for.
        holdout: share of households kept out.
        as_of: cutoff of the scores.
    """
    ids = customers["customer_id"]
    consented = {c: _among(ids, reach.consented, c) for c in channels}
    suppressed = {c: _among(ids, reach.suppressed, c) for c in channels}
    usable = {c: consented[c] & ~suppressed[c] & _among(ids, reach.active, c) for c in sorted(channels)}
    reachable = np.logical_or.reduce([*usable.values()])
    scored = pc.index_in(ids, value_set=scores["customer_id"])
    reason = np.select(
        [
            ~reachable & np.logical_or.reduce([*suppressed.values()]),
            ~np.logical_or.reduce([*consented.values()]),
            ~reachable,
            _mask(customers["quarantined"]),
            _mask(pc.is_null(scored)),
            ~_mask(pc.is_in(ids, value_set=asked)),
            _mask(pc.less(customers["holdout_draw"], holdout)),
        ],
        ["suppressed", "no_consent", "unreachable", "quarantined", "not_eligible", "below_threshold", "holdout"],
        "in",
    )
    return pa.table(
        {
            "customer_id": ids,
            "household_id": customers["household_id"],
            "state": np.where(reason == "in", "in", "out").astype(object),
            "reason": reason.astype(object),
            "channels": _lists(usable),
            "score": pc.take(scores["score"], scored),
            "decile": pc.take(scores["decile"], scored),
            "holdout_draw": customers["holdout_draw"],
            "own_draw": customers["own_draw"],
            "as_of": pa.repeat(pa.scalar(as_of, pa.date32()), len(ids)),
        }
    )


def counts(decisions: pa.Table) -> dict[str, int]:
    """Customers per reason, every reason named; they sum to the population."""
    found = {v["values"]: v["counts"] for v in pc.value_counts(decisions["reason"]).to_pylist()}
    return {reason: int(found.get(reason, 0)) for reason in REASONS}


def _among(ids: pa.ChunkedArray, facts: pa.Table, channel: str) -> Mask:
    on_channel = facts.filter(pc.equal(facts["channel"], channel))
    return _mask(pc.is_in(ids, value_set=on_channel["customer_id"]))


def _mask(values: pa.ChunkedArray) -> Mask:
    return np.asarray(values.to_numpy(), dtype=np.bool_)


def _lists(usable: dict[str, Mask]) -> pa.Array:
    """Per customer the names of the channels that are usable, by name."""
    grid = np.stack([*usable.values()], axis=1)
    offsets = np.concatenate([[0], np.cumsum(grid.sum(axis=1))])
    names = np.array([*usable], dtype=object)[np.nonzero(grid)[1]]
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(names, pa.string()))
