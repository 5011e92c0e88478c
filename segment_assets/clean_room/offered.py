"""The rows behind a configured table: those of its catalog table, or an ID mapping table resolved from two."""

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date

import pyarrow as pa

from segment_assets.clean_room import id_mapping
from segment_assets.clean_room.collaboration import Collaboration, ConfiguredTable
from segment_assets.lake import Lake, Table

ReadCatalog = Callable[[str, list[str]], pa.Table]


def rows(table: ConfiguredTable, read: ReadCatalog, also: Collection[str] = ()) -> pa.Table:
    """What a query may see of a configured table.

    Args:
        table: the configured table.
        read: reads columns of a catalog table, by its short name.
        also: columns of it besides the allowed ones, for its owner's eyes.
    """
    if (bridge := table.bridge) is None:
        return read(table.source, [*table.columns, *sorted(set(also) - set(table.columns))])
    source, target = (read(name, columns) for name, columns in bridge.columns.items())
    return id_mapping.resolved(bridge, source, target)


def of_lake(lake: Lake, sources: Mapping[str, Table]) -> ReadCatalog:
    """Reads from the lake.

    Args:
        lake: where the catalog tables are.
        sources: catalog table's short name -> the table.
    """
    return lambda name, columns: lake.read(sources[name], columns)


def reader(lake: Lake, sources: Mapping[str, Table]) -> Callable[[ConfiguredTable], pa.Table]:
    """Reads what a query may see of a configured table."""
    catalog = of_lake(lake, sources)
    return lambda table: rows(table, catalog)


def newest(tables: Iterable[Table], lake: Lake) -> date | None:
    """The newest day of the data in catalog tables; None where none of them is dated."""
    return max((day for table in tables if (day := lake.state(table).as_of)), default=None)


def inputs(tables: Iterable[ConfiguredTable], sources: Mapping[str, Table]) -> list[Table]:
    """The catalog tables behind configured tables, by name."""
    return [sources[name] for name in sorted({s for t in tables for s in t.sources})]


def versions(tables: Iterable[ConfiguredTable], lake: Lake, sources: Mapping[str, Table]) -> dict[str, str]:
    """Of the ID mapping tables among configured tables: another one when, and only when, they may hold other rows."""
    found = {}
    for table in tables:
        if table.bridge is not None:
            of = {name: lake.state(sources[name]).version for name in table.sources}
            said = json.dumps([table.bridge.described(), of], sort_keys=True)
            found[table.name] = hashlib.sha256(said.encode()).hexdigest()[:32]
    return found


def schemas(collaboration: Collaboration, catalog: Mapping[str, pa.Schema]) -> dict[str, pa.Schema]:
    """The catalog with the ID mapping tables of a collaboration beside it."""
    bridges = {t.name: t.bridge for t in collaboration.tables.values() if t.bridge}
    return {**catalog, **{name: id_mapping.schema(bridge, catalog) for name, bridge in bridges.items()}}
