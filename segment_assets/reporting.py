"""From a written table to what Dagster shows: rows, schema, lineage, as-of, version."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date
from typing import TYPE_CHECKING, Any, TypeAlias

import dagster as dg
import pyarrow as pa

from segment_assets.lake import Table, Written
from segment_assets.lake.tags import tagged, tags_of
from segment_assets.promises import Finding, broken
from segment_assets.sql import Trace

# What an asset with checks is annotated to return: Dagster knows the bare class alone, and takes
# `MaterializeResult[Any]` beside check_specs for a tuple gone wrong (1.13.27, op_definition.py:548).
if TYPE_CHECKING:
    Result: TypeAlias = dg.MaterializeResult[Any]
else:
    Result = dg.MaterializeResult


def report(
    written: Written,
    *,
    trace: Trace | None = None,
    made_by: Mapping[str, dg.AssetKey] | None = None,
    tags: Mapping[str, str] | None = None,
    checks: Iterable[dg.AssetCheckResult] = (),
    version: str | None = None,
    **extra: Any,
) -> dg.MaterializeResult[Any]:
    """What an asset that wrote a table returns.

    Args:
        written: what `Lake.write` returned.
        trace: which upstream columns the columns come from (column lineage), and which choose the rows
            (`rows_depend_on`).
        made_by: table name as the trace writes it -> the asset that makes it.
        tags: of every column, where they are not each its own.
        checks: results of the checks that looked at the rows in memory.
        version: the data version, where it is more than the table's content.
        extra: further metadata, such as `coverage`; never a person's data.
    """
    if tags:
        written = replace(written, table=tagged(written.table, dict.fromkeys(written.table.schema.names, tags)))
    return dg.MaterializeResult(
        metadata=table_metadata(written) | _rests_on(trace, made_by or {}) | extra,
        data_version=dg.DataVersion(version or written.version),
        check_results=list(checks),
    )


def table_metadata(written: Written) -> dict[str, Any]:
    """Row count, schema with descriptions, table name and as-of under Dagster's standard keys."""
    return {
        "dagster/row_count": written.rows,
        "dagster/column_schema": column_schema(written.table),
        "dagster/table_name": written.table.name,
        "as_of": as_of_text(written.as_of),
    }


def as_of_text(day: date | None) -> str:
    """The oldest upstream data time, never the run's time."""
    return day.isoformat() if day else "unknown"


def column_schema(table: Table) -> dg.TableSchema:
    """The table's columns for the UI, with their tags; key columns are marked."""
    tags = tags_of(table.schema)
    return dg.TableSchema(
        columns=[dg.TableColumn(f.name, str(f.type), _doc(f), _nullable(f), tags.get(f.name)) for f in table.schema],
        constraints=dg.TableConstraints(other=[f"unique: {', '.join(table.key)}"]) if table.key else None,
    )


def spec_metadata(table: Table) -> dict[str, Any]:
    """What is known of a table before it was ever written: for `metadata=` of an asset."""
    return {"dagster/column_schema": column_schema(table), "dagster/table_name": table.name}


def _rests_on(trace: Trace | None, made_by: Mapping[str, dg.AssetKey]) -> dict[str, Any]:
    if trace is None:
        return {}
    # Several tables of one asset may have a column of the same name: one dependency, not two.
    deps = {
        output: sorted({(made_by[s.table], s.column) for s in sources if s.table in made_by})
        for output, sources in trace.values.items()
    }
    lineage = {output: [dg.TableColumnDep(*dep) for dep in found] for output, found in deps.items()}
    rows = sorted({f"{made_by[s.table].to_user_string()}.{s.column}" for s in trace.rows if s.table in made_by})
    return {"dagster/column_lineage": dg.TableColumnLineage(lineage), "rows_depend_on": dg.MetadataValue.json(rows)}


def blocking(name: str, asset: dg.AssetKey, description: str) -> dg.AssetCheckSpec:
    """A check that, when it fails, keeps everything below from running."""
    return dg.AssetCheckSpec(name, asset=asset, blocking=True, description=description)


def contracts(key: dg.AssetKey, contract: object | None) -> list[dg.AssetCheckSpec]:
    """The check on what deliveries promise, where they promise something."""
    return [blocking("contract", key, "Deliveries keep what segmentation.yaml says they promise.")] if contract else []


def contract_check(findings: Sequence[Finding], place: str) -> dg.AssetCheckResult:
    """The result of that check: every promise with what was measured, and one sentence on what was broken.

    Args:
        findings: every promise.
        place: where in segmentation.yaml they stand, such as `landing.events.contract`.
    """
    return dg.AssetCheckResult(
        check_name="contract",
        passed=all(f.kept for f in findings),
        description=broken(findings, place) or None,
        metadata={"promises": [asdict(f) | {"examples": list(f.examples)} for f in findings]},
    )


def _nullable(field: pa.Field) -> dg.TableColumnConstraints:
    return dg.TableColumnConstraints(nullable=field.nullable)


def _doc(field: pa.Field) -> str | None:
    return field.metadata[b"doc"].decode() if field.metadata and b"doc" in field.metadata else None
