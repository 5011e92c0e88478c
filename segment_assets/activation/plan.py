"""What to tell a destination about a segment, worked out before anything is told. Pure."""

from collections.abc import Collection
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
        max_change: a larger change of membership is not activated: joined and left, as a share of everyone concerned,
            since the last activation that no guard cut short.
        place: where the destination keeps who is in, and under which name; empty for whole files.
        nobody: why the segment is empty, though nobody said that it is to be: whoever may be reached stays as told.
    """

    destination: str
    segment: str
    purpose: str
    as_of: date
    wording: str
    min_size: int = 1
    max_change: float = 1.0
    place: str = ""
    nobody: str = ""

    @property
    def reason(self) -> str:
        """Reason of the decisions of those who are told, or stay as they were told: see `plan`."""
        return "below_threshold" if self.nobody else "in"


@dataclass(frozen=True)
class Begun:
    """An activation that was begun and never committed: what it told may stand at the destination, under its number.

    Attributes:
        sequence: its number.
        content_key: its content; None where more than one content was begun under that number.
        leaving: `RECIPIENT` of whom it tells to leave.
    """

    sequence: int
    content_key: str | None
    leaving: pa.Table


@dataclass(frozen=True)
class Held:
    """What the destination holds of the segment, as far as the ledger knows.

    Attributes:
        sequence: number of the last committed activation; 0 before the first.
        content_key: its content; None before the first.
        told: `WANTED` of whom it left in.
        perhaps: the same of activations that were begun and never committed: they may have been told.
        whole: number of the last committed activation that no guard cut short.
        approved: `WANTED` of that one: what `max_change` compares with, so that departures sent alone do not make room
            for joiners.
        begun: the newest activation that was never committed; None where none was begun since the last that was.
        place: `Order.place` of the last committed activation; None where it was not noted.
    """

    sequence: int
    content_key: str | None
    told: pa.Table
    perhaps: pa.Table
    whole: int
    approved: pa.Table
    begun: Begun | None = None
    place: str | None = None


@dataclass(frozen=True)
class Plan:
    """What to send, or why nothing is sent.

    Attributes:
        order: what was asked for.
        sequence: the number this activation will have.
        content_key: hash of what the destination holds afterwards.
        rows: `WANTED` and `state`: everyone who is in, and a tombstone (`out`) for everyone who leaves; the tombstones
            alone where a guard bites.
        afterwards: `WANTED` of everyone the destination holds as in afterwards.
        after: number of the last committed activation.
        since: number of the last committed activation that no guard cut short.
        members: customers the destination holds as in afterwards.
        joined: customers told for the first time.
        left: customers told before, and not in any more.
        stayed: customers told before, and in.
        guard: what the guard that bites says; None where none does.
        why_nothing: why nothing is sent; None when it is.
    """

    order: Order
    sequence: int
    content_key: str
    rows: pa.Table
    afterwards: pa.Table
    after: int
    since: int
    members: int
    joined: int
    left: int
    stayed: int
    guard: str | None
    why_nothing: str | None

    @property
    def folder(self) -> str:
        """Where the files go: one place per activation and content, so that nothing older lies beside them."""
        return f"{self.order.segment}/{self.sequence:06d}-{self.content_key[:12]}/"


def plan(order: Order, wanted: pa.Table, held: Held, absent: Collection[str] = ()) -> Plan:
    """Compare what is wanted with what the destination holds.

    A customer who leaves is sent as `out`: absence from a file removes nobody. A guard keeps everyone else as they are:
    nobody new is told, and who was told and is still wanted stays as last told.

    Args:
        order: what the user asks for.
        wanted: columns of `WANTED`, one row per recipient; where the order asks for nobody, those who may be reached.
        held: what the destination holds.
        absent: customers of whom nothing there says that they are in, whatever was told: to tell them to leave would
            make anew whom the destination has deleted.
    """
    wanted = _in_order(wanted)
    guard = _guard(order, _customers(wanted), _customers(held.approved))
    afterwards = _in_order(_join(held.told, wanted, "left semi")) if guard else wanted
    key = _key_after_departures(order, afterwards, held) if guard else _content_key(order, wanted)
    gone = _tombstones(held, afterwards, absent)
    now, before = _customers(afterwards), _customers(held.told)
    told = wanted.slice(0, 0) if order.nobody else wanted
    return Plan(
        order,
        _number(key, gone, held),
        key,
        _in_order(pa.concat_tables([state(wanted.slice(0, 0) if guard else wanted, "in"), state(gone, "out")])),
        afterwards,
        held.sequence,
        held.whole,
        members=len(now),
        joined=len(now - before),
        left=len(before - now),
        stayed=len(now & before),
        guard=guard,
        why_nothing=_why_nothing(order, told, held) or (guard if not gone.num_rows else None),
    )


def state(rows: pa.Table, told: str) -> pa.Table:
    """The rows with a column `state`: what each is told, `in` or `out`."""
    return rows.append_column("state", pa.repeat(told, rows.num_rows))


def _number(key: str, gone: pa.Table, held: Held) -> int:
    """The next that was never begun, so that of two hand-offs the higher holds.

    A killed run that told exactly this is finished under its own: its job is found again, its files are the same.
    """
    if held.begun is None:
        return held.sequence + 1
    same = key == held.begun.content_key and _recipients(gone) == _recipients(held.begun.leaving)
    return held.begun.sequence if same else held.begun.sequence + 1


def _guard(order: Order, now: set[str], approved: set[str]) -> str | None:
    change = len(now ^ approved) / max(len(now | approved), 1)
    small, large = len(now) < order.min_size, approved and change > order.max_change
    if order.nobody:
        return f"nobody: {order.nobody}"
    if not now and (small or large):
        # Departures, which guards let pass, are all there is: nobody is held back, and no limit lets more through.
        return "empty: nobody is wanted, and whoever was in is told to leave"
    if small:
        return f"min_size: the segment has {len(now)} members, and fewer than {order.min_size} are not activated"
    if large:
        return (
            f"max_change: {change:.0%} of the customers concerned would join or leave, and more than "
            f"{order.max_change:.0%} is not activated"
        )
    return None


def _why_nothing(order: Order, wanted: pa.Table, held: Held) -> str | None:
    if held.content_key == _content_key(order, wanted) and not held.perhaps.num_rows:
        return f"unchanged: {order.destination} holds exactly this since activation {held.sequence}"
    if not wanted.num_rows and not held.told.num_rows and not held.perhaps.num_rows:
        return f"the segment is empty, and {order.destination} holds nothing of it"
    return None


def _content_key(order: Order, holds: pa.Table) -> str:
    return combined(
        {
            "destination": order.destination,
            "segment": order.segment,
            "wording": order.wording,
            "rows": content_hash(holds),
        }
    )


def _key_after_departures(order: Order, kept: pa.Table, held: Held) -> str:
    """The key of what was told of those who stay; where that is not certain, one that no other content has."""
    told = _in_order(held.told)
    sure = {tuple(row.values()) for row in told.to_pylist()} if held.perhaps.num_rows else set()
    otherwise = [
        row for row in _in_order(_join(held.perhaps, kept, "left semi")).to_pylist() if tuple(row.values()) not in sure
    ]
    if held.content_key == _content_key(order, told) and not otherwise:
        return _content_key(order, kept)
    return combined({"before": held.content_key or "nothing", "kept": content_hash(kept)})


def _tombstones(held: Held, afterwards: pa.Table, absent: Collection[str]) -> pa.Table:
    told = pa.concat_tables([held.told.select(RECIPIENT), held.perhaps.select(RECIPIENT)])
    leaving = _join(told.group_by([*RECIPIENT]).aggregate([]), afterwards, "left anti")
    leaving = leaving.filter(pc.invert(pc.is_in(leaving["customer_id"], pa.array([*absent], pa.string()))))
    out = {name: pa.nulls(leaving.num_rows, WANTED.field(name).type) for name in WANTED.names}
    return pa.table(out | {name: leaving[name] for name in RECIPIENT}, schema=WANTED)


def _join(rows: pa.Table, others: pa.Table, how: str) -> pa.Table:
    return rows.join(others.select(RECIPIENT), [*RECIPIENT], join_type=how)


def _in_order(rows: pa.Table) -> pa.Table:
    names = [*WANTED.names, *(name for name in rows.column_names if name not in WANTED.names)]
    ordered = rows.select(names).sort_by([(name, "ascending") for name in RECIPIENT]).combine_chunks()
    return ordered.cast(WANTED) if names == WANTED.names else ordered


def _recipients(rows: pa.Table) -> set[tuple[str, ...]]:
    return set(zip(*(rows[name].to_pylist() for name in RECIPIENT), strict=True))


def _customers(rows: pa.Table) -> set[str]:
    return set(pc.unique(rows["customer_id"]).to_pylist())
