"""What a table is called, what its columns mean, and what makes a row unique."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyarrow as pa


def column(name: str, type_: pa.DataType, doc: str, *, required: bool = False, said_by: str = "") -> pa.Field:
    """One described column; the description reaches Iceberg, Glue and the Dagster UI.

    Args:
        name: of the column.
        type_: of its values.
        doc: what it means.
        required: whether it has no nulls.
        said_by: a column that is a hash of what this one says: a version of the rows then takes that one's word, and
            of this one the lengths and a checksum.
    """
    return pa.field(
        name, type_, nullable=not required, metadata={"doc": doc} | ({"said_by": said_by} if said_by else {})
    )


def utc_timestamp() -> pa.DataType:
    """Microseconds, UTC, without a zone: a zone would make it timestamptz, which Clean Rooms cannot read."""
    return pa.timestamp("us")


@dataclass(frozen=True)
class Table:
    """An Iceberg table.

    Attributes:
        name: `namespace.table`.
        description: one sentence in business words.
        schema: Arrow schema; every field carries its description as `doc` metadata.
        key: columns that make a row unique and give the table its total order.
        partition: the identity partition column (a date), or None.
    """

    name: str
    description: str
    schema: pa.Schema
    key: tuple[str, ...]
    partition: str | None = None

    @property
    def short_name(self) -> str:
        """The name a query uses: the table without its namespace."""
        return self.name.split(".", 1)[1]

    def with_columns(self, *fields: pa.Field) -> "Table":
        """The same table with columns added: for schemas that configuration or data decides."""
        return self.with_schema(pa.schema([*self.schema, *fields]))

    def with_schema(self, schema: pa.Schema) -> "Table":
        """The same table with other columns, or other descriptions of them."""
        return replace(self, schema=schema)

    def of(self, rows: Sequence[tuple[object, ...]]) -> pa.Table:
        """Rows from Python's values, in the order of the columns."""
        columns = list(zip(*rows, strict=True)) or [()] * len(self.schema)
        arrays = [pa.array(values, field.type) for values, field in zip(columns, self.schema, strict=True)]
        return pa.Table.from_arrays(arrays, schema=self.schema)

    def empty(self) -> pa.Table:
        """No rows, right columns."""
        return self.schema.empty_table()

    def conform(self, rows: pa.Table) -> pa.Table:
        """Cast rows to the schema and put them in key order.

        Raises:
            ValueError: a column is missing, or a value does not fit its type.
        """
        missing = [name for name in self.schema.names if name not in rows.column_names]
        if missing:
            raise ValueError(f"{self.name}: the rows lack the columns {', '.join(missing)}")
        cast = rows.select(self.schema.names).cast(self.schema)
        return cast.sort_by([(name, "ascending") for name in self.key]) if self.key else cast
