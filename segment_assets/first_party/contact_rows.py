"""Contacts in columns: as objects those of a million customers would take a gigabyte."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segment_assets.first_party.contacts import Contact, Statement

# Contacts that are objects at a time: 10 MB.
AT_ONCE = 20_000
_LONG_AGO = -(2**62)
_COLUMNS = pa.schema(
    [
        ("customer_id", pa.string()),
        ("endpoint_id", pa.string()),
        ("channel", pa.string()),
        ("address", pa.string()),
        ("active", pa.bool_()),
        ("statements", pa.int32()),
        ("effective_at", pa.int64()),
        ("country", pa.string()),
        ("in_use", pa.bool_()),
        ("devices", pa.list_(pa.string())),
        ("device_kind", pa.string()),
        ("streets", pa.list_(pa.string())),
        ("locality", pa.string()),
        ("record", pa.int64()),
    ]
)
Said = tuple[Statement, ...]
_SAYING = ("customer_id", "effective_at", "statements")
_NOTHING_EARLIER = pa.schema([_COLUMNS.field(name) for name in _SAYING]).empty_table()


class Contacts:
    """Many contacts, of which few are objects at a time.

    Args:
        rows: columns of `Contact`, with the ordinal of the record that each came in; statements as ordinals in `said`.
        said: what contacts say about consent. There are few ways to say it.
        earlier: of records in whose place newer ones stand, who denied and when; columns of `_SAYING`.
    """

    def __init__(self, rows: pa.Table, said: list[Said], earlier: pa.Table = _NOTHING_EARLIER) -> None:
        self.rows = rows
        self._said = said
        self._earlier = earlier

    def __iter__(self) -> Iterator[Contact]:
        for batch in self.rows.select(Contact._fields).to_batches(AT_ONCE):
            columns = batch.to_pydict()
            columns["statements"] = [self._said[number] for number in columns["statements"]]
            yield from map(Contact._make, zip(*columns.values(), strict=True))

    @property
    def customers(self) -> int:
        """How many customers they are of."""
        return len(pc.unique(self.rows["customer_id"]))

    @property
    def records(self) -> int:
        """How many records they came in."""
        return len(pc.unique(self.rows["record"]))

    def said(self) -> pa.Table:
        """A row per statement: its columns, customer_id and effective_at.

        A denial counts in whichever record it stands; all else is what the newest record of an endpoint says.
        """
        kind = pa.list_(pa.struct([(name, pa.string()) for name in Statement._fields]))
        ways = pa.array([[statement._asdict() for statement in way] for way in self._said], kind)
        saying = pa.concat_tables([self.rows.select(_SAYING), self._earlier])
        each = ways.take(saying["statements"].combine_chunks())
        rows = saying.select(["customer_id", "effective_at"]).take(pc.list_parent_indices(each))
        for name, values in zip(Statement._fields, pc.list_flatten(each).flatten(), strict=True):
            rows = rows.append_column(name, values)
        return rows

    def known_by(self, latest: int) -> tuple["Contacts", int]:
        """The same, a time after the latest (microseconds) being none; and how many contacts have such a one."""
        at = self.rows.schema.get_field_index("effective_at")
        times = self.rows["effective_at"]
        ahead = pc.greater(times, latest)
        rows = self.rows.set_column(at, _COLUMNS.field(at), pc.if_else(ahead, None, times))
        return Contacts(rows, self._said, self._earlier), pc.sum(ahead).as_py() or 0

    def newest(self) -> tuple["Contacts", int]:
        """One contact per endpoint, by customer: the one that took effect last, and of equals the last delivered.

        What equals say about consent is kept of all of them: denied is to beat granted. Besides, how many records are
        duplicates: each of their contacts has a newer one. They are counted here, not as what is missing in the end.
        """
        rows = self.rows
        if np.any(np.diff(rows["record"].to_numpy()) < 0):  # lines of JSON are read by their keys
            rows = rows.sort_by("record")
        name = _name(rows)
        time = pc.fill_null(rows["effective_at"], _LONG_AGO).to_numpy()
        order = np.lexsort((time, name))
        # Names are numbered as they come: the kept stand in the order in which their endpoints came first.
        kept = order[np.flatnonzero(np.diff(name[order], append=-1))]
        newest = kept[name]
        records, replaced = rows["record"].to_numpy(), newest != np.arange(len(newest))
        duplicates = len(np.unique(records[replaced])) - len(np.intersect1d(records[replaced], records[~replaced]))
        said, ways = rows["statements"].to_numpy().copy(), list(self._said)
        numbers = {way: number for number, way in enumerate(ways)}
        for equal in np.flatnonzero((time == time[newest]) & (said != said[newest])):
            both = tuple(sorted({*ways[said[equal]], *ways[said[newest[equal]]]}))
            if both not in numbers:
                numbers[both] = len(ways)
                ways.append(both)
            said[newest[equal]] = numbers[both]
        denied = [tuple(s for s in way if s.state == "denied") for way in ways]
        denials = np.array([numbers.setdefault(way, len(numbers)) for way in denied], np.int32)
        before = np.flatnonzero((time < time[newest]) & np.array([*map(bool, denied)], bool)[said])
        earlier = rows.select(_SAYING).take(before).set_column(2, "statements", pa.array(denials[said[before]]))
        rows = rows.set_column(rows.schema.get_field_index("statements"), "statements", pa.array(said))
        ids = rows.select(["customer_id", "endpoint_id"]).take(kept)
        by_customer = pc.sort_indices(ids, [("customer_id", "ascending"), ("endpoint_id", "ascending")])
        return Contacts(rows.take(kept[by_customer.to_numpy()]), list(numbers), earlier), duplicates


class ContactWriter:
    """Contacts on their way into columns."""

    def __init__(self) -> None:
        self._packed: list[pa.RecordBatch] = []
        self._waiting: list[tuple[object, ...]] = []
        self._said: dict[Said, int] = {}

    def add(self, record: int, contacts: Iterable[Contact]) -> None:
        """What a record says.

        Args:
            record: its ordinal in the export.
            contacts: one per endpoint.
        """
        self._waiting += [(*contact, record) for contact in contacts]
        if len(self._waiting) >= AT_ONCE:
            self._pack()

    def contacts(self) -> Contacts:
        """All of them."""
        self._pack()
        return Contacts(pa.Table.from_batches(self._packed, _COLUMNS), list(self._said))

    def _pack(self) -> None:
        if self._waiting:
            columns: dict[str, Any] = dict(zip(_COLUMNS.names, zip(*self._waiting, strict=True), strict=True))
            columns["statements"] = [self._said.setdefault(said, len(self._said)) for said in columns["statements"]]
            self._packed.append(pa.RecordBatch.from_pydict(columns, _COLUMNS))
            self._waiting = []


def _name(rows: pa.Table) -> "np.ndarray[Any, Any]":
    """A number for each endpoint; a customer without one is told by their id."""
    endpoint = pc.binary_join_element_wise("endpoint", rows["endpoint_id"], " ")
    customer = pc.binary_join_element_wise(rows["channel"], rows["customer_id"], " ")
    encoded = pc.coalesce(endpoint, customer).dictionary_encode()
    return np.concatenate([np.empty(0, np.int32), *(chunk.indices.to_numpy() for chunk in encoded.chunks)])
