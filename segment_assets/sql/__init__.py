"""Ground floor: Spark SQL parsed, checked against an allow-list, rendered for DuckDB; column lineage."""

from segment_assets.sql.lineage import Lineage, Source, Trace, trace
from segment_assets.sql.predicate import predicate
from segment_assets.sql.query import SqlError, bind, load, parse, parse_final, parse_whole, tables, to_duckdb

__all__ = [
    "Lineage",
    "Source",
    "SqlError",
    "Trace",
    "bind",
    "load",
    "parse",
    "parse_final",
    "parse_whole",
    "predicate",
    "tables",
    "to_duckdb",
    "trace",
]
