"""The last step of a day's events: copies are left out, and what stays is put in order, in a file for the table."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segment_assets.first_party import staged_events
from segment_assets.first_party.formats import Format
from segment_assets.lake.parts import Part


@dataclass(frozen=True)
class Share:
    """A day's events, or those with some of the ids.

    Attributes:
        day: the day.
        number: which share of the ids.
        shares: of how many.
        staged: files of `staged_events`, with all of the share.
        batch: where in each of them.
        copies: which of them are copies: event_id, object_key, position.
        fields: columns of the table, with field ids.
        folder: where the file goes.
    """

    day: date
    number: int
    shares: int
    staged: list[Path]
    batch: int
    copies: pa.Table
    fields: pa.Schema
    folder: Path


def finish(share: Share) -> tuple[date, Part]:
    """The share's rows of engagement_events; their version is empty where the day has other shares.

    Raises:
        ValueError: an id is there twice, though copies were left out.
    """
    events = staged_events.read(share.staged, share.batch)
    events = _without(events, share.copies)
    if len(share.staged) > 1:  # each of them is in order
        events = events.take(pc.sort_indices(events["event_id"]))
    events = events.combine_chunks()
    ids = events["event_id"]
    if events.num_rows > 1 and pc.any(pc.equal(ids[1:], ids[:-1])).as_py():
        raise ValueError(f"engagement_events: an event is twice on {share.day}; nothing was written")
    path = share.folder / f"{share.day}-{share.number:06}.parquet"
    return share.day, staged_events.for_table(path, share.fields, events, whole=share.shares == 1)


def _without(events: pa.Table, copies: pa.Table) -> pa.Table:
    # A copy has the id of the record that stays: few rows have the id of any, and of those it is told by its place.
    suspects = np.flatnonzero(pc.is_in(events["event_id"], value_set=copies["event_id"].combine_chunks()).to_numpy())
    if not len(suspects):
        return events
    places = set(zip(*(copies[name].to_pylist() for name in ("object_key", "position")), strict=True))
    few = events.select(["raw_uri", "raw_ordinal"]).take(suspects)
    is_copy = [place in places for place in zip(*(column.to_pylist() for column in few.columns), strict=True)]
    stays = np.ones(events.num_rows, bool)
    stays[suspects[np.array(is_copy)]] = False
    return events.filter(pa.array(stays))


@dataclass(frozen=True)
class Finer:
    """A share that is too large to be put in order at once, or what some files hold of it: it is divided.

    Attributes:
        staged: the files.
        number: which share of the ids.
        into: how many shares it becomes.
        shares: how many all ids become.
        path: where the file of `staged_events` goes.
    """

    staged: list[Path]
    number: int
    into: int
    shares: int
    path: Path


def divide(finer: Finer) -> Path:
    """The file, with a batch for each of the shares."""
    only = range(finer.number * finer.into, (finer.number + 1) * finer.into)
    staged_events.write(finer.path, staged_events.read(finer.staged, finer.number), finer.shares, only)
    return finer.path


@dataclass(frozen=True)
class Again:
    """Raw events whose events are not kept: they are read once more.

    Attributes:
        records: rows of raw_events.
        path: where the file of `staged_events` goes.
        shares: into how many parts it is put.
    """

    records: pa.Table
    path: Path
    shares: int


def stage(form: Format, again: Again) -> Path:
    """Their events, as if they had been kept."""
    staged_events.write(again.path, form.normalise(again.records), again.shares)
    return again.path
