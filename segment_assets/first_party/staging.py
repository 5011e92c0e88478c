"""Rows read from objects of many days, on disk until the turn of their days comes: each object is read once."""

import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import IO, Self

import pyarrow as pa
import pyarrow.compute as pc


class Staged:
    """Rows by arrival day, in a file without a name: it is gone with the process, however that ends.

    Attributes:
        bytes: about how much memory the rows of each day take.

    Args:
        schema: of the rows, with `arrival_date`.
        folder: where the file is; rows of the raw zone are readable, so it must be as private as the lake.
    """

    def __init__(self, schema: pa.Schema, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.bytes: Counter[date] = Counter()
        self._schema = schema
        self._days: list[set[date]] = []
        self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  closed by our own __exit__
        self._writer = pa.ipc.new_file(self._file, schema, options=pa.ipc.IpcWriteOptions(compression="lz4"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        self._file.close()

    @cached_property
    def _kept(self) -> pa.ipc.RecordBatchFileReader:
        """What was added; nothing is added after it was asked for."""
        self._writer.close()
        return pa.ipc.open_file(self._file)

    def add(self, rows: pa.Table) -> None:
        """Keep the rows; the days of a batch are remembered, so that it is read again for those alone."""
        for batch in rows.combine_chunks().to_batches():
            counts = {p["values"]: p["counts"] for p in pc.value_counts(batch["arrival_date"]).to_pylist()}
            for day, count in counts.items():
                self.bytes[day] += batch.nbytes * count // batch.num_rows
            self._days.append(set(counts))
            self._writer.write_batch(batch)

    def of(self, day: date) -> Iterator[pa.Table]:
        """The rows of a day, in the order they were added in."""
        wanted = pa.scalar(day, pa.date32())
        for number, there in enumerate(self._days):
            if day in there:
                batch = self._kept.get_batch(number)
                yield pa.Table.from_batches([batch.filter(pc.equal(batch["arrival_date"], wanted))], self._schema)
