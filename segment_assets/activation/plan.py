"""What to tell a destination about a segment, worked out before anything is told. Pure."""

from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from segment_assets.lake import combined, content_hash

# Who is to be told, one row per recipient: an endpoint, or a customer where the destination knows customers.
WANTED = pa.schema(
    [
        ("customer_id", pa.string()),
        ("recipient", pa.string()),
        ("channel", pa.string()),
        ("address_sha256", pa.string()),  # never sent: it makes a changed address changed content
        ("score", pa.float64()),
        ("band", pa.string()),
    ]
)
RECIPIENT = ("customer_id", "recipient")


@dataclass(frozen=True)
class Order:
    """What the user asks for.

    Attributes:
        destination: its name in segmentation.yaml.
        segment: the segment's name.
        purpose: what the segment is for.
        as_of: day of the decisions.
        wording: what else the content depends on, such as the attribute prefix or the file format.
        min_size: fewer members are not activated.
        max_change: a larger change of membership is not activated: joined and left, as a share of everyone concerned.
    """

    destination: str
    segment: str
    purpose: str
    as_of: date
    wording: str
    min_size: int = 1
    max_change: float = 1.0


@dataclass(frozen=True)
class Held:
    """What the destination holds of the segment, as far as the ledger knows.

    Attributes:
        sequence: number of the last committed activation; 0 before the first.
        content_key: its content; None before the first.
        told: `customer_id`, `recipient` of it.
        perhaps: the same of activations that were begun and never committed: they may have been told.
    """

    sequence: int
    content_key: str | None
    told: pa.Table
    perhaps: pa.Table


@dataclass(frozen=True)
class Plan:
    """What to send, or why nothing is sent.

    Attributes:
        order: what was asked for.
        sequence: the number this activation will have.
        content_key: hash of what the destination holds afterwards.
        rows: `WANTED` and `state`: everyone who is in, and a tombstone (`out`) for everyone who leaves.
        members: customers in the segment.
        joined: customers told for the first time.
        left: customers told before, and not in any more.
        stayed: customers told before, and in.
        why_nothing: why nothing is sent; None when it is.
    """

    order: Order
    sequence: int
    content_key: str
    rows: pa.Table
    members: int
    joined: int
    left: int
    stayed: int
    why_nothing: str | None

    @property
    def folder(self) -> str:
        """Where the files go: one place per activation and content, so that nothing older lies beside them."""
        return f"{self.order.segment}/{self.sequence:06d}-{self.content_key[:12]}/"


def plan(order: Order, wanted: pa.Table, held: Held) -> Plan:
    """Compare what is wanted with what the destination holds.

    A customer who leaves is sent as `out`: absence from a file removes nobody.

    Args:
        order: what the user asks for.
        wanted: columns of `WANTED`, one row per recipient.
        held: what the destination holds.
    """
    wanted = wanted.select(WANTED.names).cast(WANTED).sort_by([(name, "ascending") for name in RECIPIENT])
    content_key = combined(
        {
            "destination": order.destination,
            "segment": order.segment,
            "wording": order.wording,
            "rows": content_hash(wanted),
        }
    )
    now, before = _customers(wanted), _customers(held.told)
    joined, left, stayed = len(now - before), len(before - now), len(now & before)
    return Plan(
        order,
        held.sequence + 1,
        content_key,
        _with_tombstones(wanted, held),
        len(now),
        joined,
        left,
        stayed,
        _why_nothing(order, held, content_key, len(now), (joined + left) / max(joined + left + stayed, 1)),
    )


def _why_nothing(order: Order, held: Held, content_key: str, members: int, change: float) -> str | None:
    if held.content_key == content_key and not held.perhaps.num_rows:
        return f"unchanged: {order.destination} holds exactly this since activation {held.sequence}"
    if not members and not held.told.num_rows and not held.perhaps.num_rows:
        return f"the segment is empty, and {order.destination} holds nothing of it"
    if members < order.min_size:
        return f"min_size: the segment has {members} members, and fewer than {order.min_size} are not activated"
    if held.told.num_rows and change > order.max_change:
        return (
            f"max_change: {change:.0%} of the customers concerned would join or leave, and more than "
            f"{order.max_change:.0%} is not activated"
        )
    return None


def _with_tombstones(wanted: pa.Table, held: Held) -> pa.Table:
    told = pa.concat_tables([held.told.select(RECIPIENT), held.perhaps.select(RECIPIENT)])
    leaving = (
        told.group_by([*RECIPIENT]).aggregate([]).join(wanted.select(RECIPIENT), [*RECIPIENT], join_type="left anti")
    )
    out = {name: pa.nulls(leaving.num_rows, WANTED.field(name).type) for name in WANTED.names}
    gone = pa.table(out | {name: leaving[name] for name in RECIPIENT}, schema=WANTED)
    rows = pa.concat_tables([_state(wanted, "in"), _state(gone, "out")])
    return rows.sort_by([(name, "ascending") for name in RECIPIENT]).combine_chunks()


def _state(rows: pa.Table, state: str) -> pa.Table:
    return rows.append_column("state", pa.repeat(state, rows.num_rows))


def _customers(rows: pa.Table) -> set[str]:
    return set(pc.unique(rows["customer_id"]).to_pylist())
