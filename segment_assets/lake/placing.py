"""Ready files on their way into a table: copied to where its data lies, with what Iceberg wants to know of each."""

import shutil
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.io import FileIO
from pyiceberg.io.pyarrow import (
    compute_statistics_plan,
    data_file_statistics_from_parquet_metadata,
    parquet_path_to_id_mapping,
)
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.partitioning import PartitionFieldValue, PartitionKey
from pyiceberg.schema import index_by_name
from pyiceberg.table.locations import load_location_provider
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.utils.concurrent import ExecutorFactory

from segment_assets.lake.parts import Part, PartWriter, field_ids, with_field_ids


def placed(io: FileIO, metadata: TableMetadata, days: Mapping[date | None, Part], commit: UUID) -> Iterator[DataFile]:
    """The files of the days, where the table's files are.

    Args:
        io: where that is.
        metadata: the table's. A file with other field ids is written anew with the table's.
        days: files of each day; of None those of a table without partitions.
        commit: what the copies are named by.
    """
    files = [(day, file) for day, part in days.items() for file in part.files]
    tasks = [(number, day, file) for number, (day, file) in enumerate(files)]
    return ExecutorFactory.get_or_create().map(lambda task: _placed(io, metadata, commit, *task), tasks)


def _placed(io: FileIO, metadata: TableMetadata, commit: UUID, number: int, day: date | None, file: Path) -> DataFile:
    with TemporaryDirectory(dir=file.parent) as folder:
        fields = pq.read_schema(file)
        wanted = with_field_ids(fields, index_by_name(metadata.schema()))
        if field_ids(fields) != field_ids(wanted):
            file = _with_the_tables_ids(file, Path(folder) / file.name, wanted)
        statistics = data_file_statistics_from_parquet_metadata(
            pq.read_metadata(file),
            compute_statistics_plan(metadata.schema(), metadata.properties),
            parquet_path_to_id_mapping(metadata.schema()),
        )
        spec = metadata.spec()
        partition = PartitionKey([PartitionFieldValue(field, day) for field in spec.fields], spec, metadata.schema())
        place = load_location_provider(metadata.location, metadata.properties).new_data_location(
            f"00000-{number}-{commit}.parquet", partition if spec.fields else None
        )
        with file.open("rb") as ready, io.new_output(place).create(overwrite=True) as out:
            shutil.copyfileobj(ready, out, 1_000_000)
        return DataFile.from_args(
            content=DataFileContent.DATA,
            file_path=place,
            file_format=FileFormat.PARQUET,
            partition=partition.partition,
            file_size_in_bytes=file.stat().st_size,
            sort_order_id=None,
            spec_id=metadata.default_spec_id,
            equality_ids=None,
            key_metadata=None,
            **statistics.to_serialized_dict(),
        )


def _with_the_tables_ids(file: Path, anew: Path, fields: pa.Schema) -> Path:
    # A column that came later has a later id than its place says, and a file for a new table does not know.
    with pq.ParquetFile(file) as old, PartWriter(anew, fields) as writer:
        for group in range(old.num_row_groups):
            writer.add(old.read_row_group(group))
    return anew
