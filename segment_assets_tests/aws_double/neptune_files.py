"""Gremlin CSV as Neptune's loader reads it: headers, types, ids, duplicates and edges that lead nowhere.

https://docs.aws.amazon.com/neptune/latest/userguide/bulk-load-tutorial-format-gremlin.html
"""

import gzip
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyarrow import csv

from segment_assets_tests.aws_double.neptune_engine import Engine
from segment_assets_tests.aws_double.service import NotBuiltError

_COLUMN = re.compile(r"(?P<name>[^\s,:]+):(?P<type>\w+)(?P<many>\[\])?(?:\((?P<cardinality>single|set)\))?")
_TYPES = {"String": pa.string(), **dict.fromkeys(("Byte", "Short", "Int", "Long"), pa.int64())}
_SYSTEM = ("~id", "~label", "~from", "~to")


class RefusedError(Exception):
    """A record, or a file, that ends the load: `told` is an entry of Neptune's errorLogs."""

    def __init__(self, code: str, message: str, file: str, record: int = 0) -> None:
        super().__init__(message)
        self.told = {"errorCode": code, "errorMessage": message, "fileName": file, "recordNum": record}


@dataclass
class Loaded:
    """What a load has counted."""

    records: int = 0
    duplicates: int = 0


@dataclass
class _File:
    name: str
    rows: pa.Table

    @property
    def is_edges(self) -> bool:
        return "~from" in self.rows.column_names


def load(engine: Engine, objects: Mapping[str, bytes], *, replace: bool, loses: int = 0) -> Loaded:
    """Load files, vertices first. What was loaded before an error stays, as with Neptune.

    Args:
        engine: what takes them.
        objects: address -> content.
        replace: another value of a single property replaces the one that is there.
        loses: rows at the end that are left out, as a fault.

    Raises:
        RefusedError: the first error.
    """
    files = sorted((_parse(name, content) for name, content in objects.items()), key=lambda f: (f.is_edges, f.name))
    counted = Loaded()
    for file in files:
        if loses and file is files[-1]:
            file.rows = file.rows.slice(0, max(file.rows.num_rows - loses, 0))
        for label, rows in _by_label(file):
            counted.records += rows.num_rows
            counted.duplicates += (_edges if file.is_edges else _vertices)(engine, file.name, label, rows, replace)
    return counted


def _parse(name: str, content: bytes) -> _File:
    text = gzip.decompress(content) if name.endswith(".gz") else content
    header = text.split(b"\n", 1)[0].decode().rstrip("\r").split(",")
    edges = "~from" in header
    wanted = _SYSTEM if edges else _SYSTEM[:2]
    if lacking := [column for column in wanted if column not in header]:
        raise RefusedError("PARSING_ERROR", f"the header lacks {lacking}", name)
    types, names = {column: pa.string() for column in wanted}, list(wanted)
    for column in (c for c in header if c not in wanted):
        found = _COLUMN.fullmatch(column)
        if not found or (edges and (found["cardinality"] or found["many"])):
            raise RefusedError("PARSING_ERROR", f"the header {column!r} is none", name)
        if found["type"] not in _TYPES or (not edges and found["cardinality"] != "single"):
            raise NotBuiltError(f"neptunedata: the column {column!r} is not built in the double")
        types[column] = _TYPES[found["type"]]
        names.append(column)
    options = csv.ConvertOptions(
        column_types=types, strings_can_be_null=True, quoted_strings_can_be_null=False, null_values=[""]
    )
    try:
        rows = csv.read_csv(
            io.BytesIO(text), parse_options=csv.ParseOptions(newlines_in_values=True), convert_options=options
        )
    except pa.ArrowInvalid as wrong:
        raise RefusedError("PARSING_ERROR", str(wrong), name) from wrong
    return _File(name, rows.select(names).rename_columns([column.split(":")[0] for column in names]))


def _by_label(file: _File) -> Iterator[tuple[str, pa.Table]]:
    for label in sorted(set(file.rows["~label"].to_pylist())):
        if not label or ";" in label:
            raise NotBuiltError("neptunedata: no label, or several, are not built in the double")
        chosen = pa.compute.equal(file.rows["~label"], label)
        yield label, file.rows.filter(chosen).drop_columns("~label")


def _vertices(engine: Engine, file: str, label: str, rows: pa.Table, replace: bool) -> int:
    there, labels = engine.vertices(label), engine.label_of()
    new: dict[str, dict[str, Any]] = {}
    for nth, row in enumerate(rows.to_pylist(), start=1):
        one = row.pop("~id")
        if one in labels and labels[one] != label:
            raise NotBuiltError("neptunedata: a vertex that gets a second label is not built in the double")
        before = there.get(one) or new.get(one)
        changed = before and any(before.get(k) not in (None, v) for k, v in row.items() if v is not None)
        if changed and not replace:
            raise RefusedError("SINGLE_CARDINALITY_VIOLATION", f"{one} has another value", file, nth)
        if changed and one in there:
            raise NotBuiltError("neptunedata: a changed property of a loaded vertex is not built in the double")
        if one not in there:
            new[one] = {k: v for k, v in row.items() if v is not None} if not before else before | row
    schema = pa.schema([rows.schema.field(name) for name in rows.column_names])
    engine.add_vertices(label, pa.Table.from_pylist([{"~id": one, **row} for one, row in new.items()], schema))
    return rows.num_rows - len(new)


def _edges(engine: Engine, file: str, name: str, rows: pa.Table, replace: bool) -> int:
    there, labels = engine.edges(name), engine.label_of()
    steps: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
    for nth, row in enumerate(rows.to_pylist(), start=1):
        ends = row["~from"], row["~to"]
        if not all(end in labels for end in ends):
            raise RefusedError("FROM_OR_TO_VERTEX_ARE_MISSING", f"{ends} are not both there", file, nth)
        if there.setdefault(row["~id"], ends) != ends:
            raise RefusedError("ID_ASSIGNED_TO_MULTIPLE_EDGES", f"{row['~id']} leads elsewhere too", file, nth)
        steps.setdefault((labels[ends[0]], labels[ends[1]]), {})[row["~id"]] = row
    loaded, before = 0, engine.edges(name)
    for step, found in steps.items():
        new = [row for one, row in found.items() if one not in before]
        loaded += len(new)
        engine.add_edges(name, step, pa.Table.from_pylist(new, rows.schema))
    return rows.num_rows - loaded
