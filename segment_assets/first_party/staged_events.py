"""Events between the two steps: what raw events mean, on disk from when they are read until copies are left out.

It saves reading every record a second time. It is no record itself: where it is gone, is of another mapping, or raw
events were written since, they are read again.

Of a day that one process read, the file is already one for the table: unless a copy came on an earlier day, it is taken
as it is. Of a larger day there are several files, each with its events in shares of the id, so that it is put in order
a share at a time; of a day of millions each share is divided once more.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import chain, pairwise
from pathlib import Path
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from segment_assets.first_party.tables import ENGAGEMENT_EVENTS
from segment_assets.lake import content_hash
from segment_assets.lake.parts import Part, PartWriter, with_field_ids

FOLDER = "staged_events"
_PLAIN = ("event_id", "message_id", "address_hash")  # nearly every value is another
_BITS = 16  # of the id that say which share it is in
# Shares of a file, at most: a batch of a few rows takes as long as one of hundreds.
SHARES = 128
# A batch is small: to hand its columns to several threads takes longer than the work.
_WRITTEN = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
_READ = pa.ipc.IpcReadOptions(use_threads=False)


def write(path: Path, events: pa.Table, shares: int, only: range | None = None) -> None:
    """A file of events in the order of their ids, a batch for each share.

    Args:
        path: where.
        events: in any order.
        shares: into how many all ids are divided.
        only: those of the events; default: all.
    """
    only = only or range(shares)
    events = events.take(pc.sort_indices(events["event_id"]))
    ends = np.searchsorted(events["event_id"].to_numpy(), [floor(share, shares) for share in only[1:]])
    starts = [0, *ends.tolist(), events.num_rows]
    with pa.ipc.new_file(path, ENGAGEMENT_EVENTS.schema, options=_WRITTEN) as file:
        for start, end in pairwise(starts):
            rows = events.slice(start, end - start).combine_chunks()
            [batch] = rows.to_batches() or [pa.RecordBatch.from_pylist([], ENGAGEMENT_EVENTS.schema)]
            file.write_batch(batch)


def write_day(path: Path, events: pa.Table) -> Path:
    """A file of all events of a day, as the table is to have them, but for copies of other days.

    Args:
        path: where; what is written has the version in its name besides.
        events: one at least, by object and position: of copies the first stays.
    """
    events = events.combine_chunks()
    order = pc.sort_indices(events["event_id"])
    ids = events["event_id"].combine_chunks().take(order)
    first = np.append(True, pc.not_equal(ids[1:], ids[:-1]).to_numpy(zero_copy_only=False))
    events = events.take(order.filter(first))
    part = for_table(path, with_field_ids(events.schema), events, whole=True)
    return path.rename(path.with_name(f"{path.stem}.{part.version}.parquet"))


def for_table(path: Path, fields: pa.Schema, events: pa.Table, *, whole: bool) -> Part:
    """Events in a file that is ready for the table.

    Args:
        path: where.
        fields: the table's columns, with their field ids.
        events: in the order of the table.
        whole: whether they are all of a day; of other parts the version is empty, for nobody asks for it.
    """
    with PartWriter(path, fields, plain=_PLAIN) as writer:
        writer.add(events)
    return Part(writer.files, writer.rows, content_hash(events) if whole else "")


def whole(path: Path) -> Part | None:
    """What `write_day` wrote; None where it is another file."""
    version = path.stem.partition(".")[2]
    return Part((path,), pq.read_metadata(path).num_rows, version) if path.suffix == ".parquet" else None


def read(paths: Sequence[Path], share: int) -> pa.Table:
    """One share of the events in some files."""
    return pa.concat_tables(_share(path, share) for path in paths)


def _share(path: Path, share: int) -> pa.Table:
    if whole(path):
        return pq.read_table(path, partitioning=None).cast(ENGAGEMENT_EVENTS.schema)
    with pa.OSFile(str(path)) as source:
        batch = pa.ipc.open_file(source, options=_READ).get_batch(share)
        return pa.Table.from_batches([batch], ENGAGEMENT_EVENTS.schema)


def shares_of(path: Path) -> int:
    """How many shares a file has."""
    if whole(path):
        return 1
    with pa.OSFile(str(path)) as source:
        return int(pa.ipc.open_file(source).num_record_batches)


def floor(share: int, shares: int) -> str:
    """Where ids of a share begin: each is at or above its own, and below the next one's; after all of them is `g`."""
    return f"{(share << _BITS) // shares:04x}" if share < shares else "g"


def keep(scratch: Path, files: Mapping[date, Sequence[Path]], versions: Mapping[str, str], code: str) -> None:
    """Take the files over, for days as they are now in raw_events, of which nothing is kept.

    Args:
        scratch: the lake's private folder.
        files: of each day, all of its events.
        versions: of the days in raw_events.
        code: of the code and the mapping that made the events.
    """
    root = scratch / FOLDER
    for day, paths in files.items():
        made = root / f".{day}-{uuid4().hex}"
        made.mkdir(parents=True)
        for number, path in enumerate(paths):
            path.rename(made / f"{number:06}{''.join(path.suffixes)}")
        try:
            made.rename(_folder(root, day, versions[str(day)], code))
        except OSError:  # another process keeps the same
            shutil.rmtree(made)


def kept(scratch: Path, day: date, version: str, code: str) -> list[Path]:
    """The files of a day that was kept at this version, for this code; none where it was not."""
    folder = _folder(scratch / FOLDER, day, version, code)
    return sorted([*folder.glob("*.arrow"), *folder.glob("*.parquet")])


def forget(scratch: Path, days: Sequence[date]) -> None:
    """Remove what is kept of the days, of whatever version."""
    for path in _of(scratch / FOLDER, days):
        shutil.rmtree(path, ignore_errors=True)


def _of(root: Path, days: Sequence[date]) -> Iterator[Path]:
    for day in days:
        yield from chain(root.glob(f"{day}.*"), root.glob(f".{day}-*"))


def _folder(root: Path, day: date, version: str, code: str) -> Path:
    return root / f"{day}.{version}.{code}"
