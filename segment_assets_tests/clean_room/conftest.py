"""A small collaboration of two members, rows for its tables, and a room to run queries in."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from segment_assets.clean_room import rules
from segment_assets.clean_room.checker import check
from segment_assets.clean_room.collaboration import Collaboration, ConfiguredTable
from segment_assets.clean_room.embedded import EmbeddedCleanRoom

MINIMUM = 5
_AGGREGATION = {
    "aggregateColumns": [
        {"columnNames": ["person"], "function": "COUNT_DISTINCT"},
        {"columnNames": ["spend"], "function": "SUM"},
        {"columnNames": ["spend"], "function": "COUNT"},
        {"columnNames": ["spend"], "function": "AVG"},
    ],
    "joinColumns": ["person"],
    "dimensionColumns": ["state", "day"],
    "scalarFunctions": ["UPPER", "CAST", "TRUNC", "SUBSTRING"],
    "outputConstraints": [{"columnName": "person", "minimum": MINIMUM, "type": "COUNT_DISTINCT"}],
}
TYPES = {"person": "STRING", "spend": "DOUBLE", "state": "STRING", "day": "DATE", "email": "STRING"}


def table(name: str, owner: str, rule_type: str, policy: dict[str, Any], columns: list[str]) -> ConfiguredTable:
    return ConfiguredTable(name, name, owner, {c: TYPES[c] for c in columns}, rules.from_aws(rule_type, policy))


def aggregation(**changes: Any) -> dict[str, Any]:
    return _AGGREGATION | changes


@pytest.fixture
def collaboration() -> Collaboration:
    offered = ["person", "spend", "state", "day"]
    crm = {"joinColumns": ["person"], "listColumns": ["state"]}
    tables = [
        table("shop", "runner", "AGGREGATION", aggregation(), offered),
        table("panel", "partner", "AGGREGATION", aggregation(joinRequired="QUERY_RUNNER"), offered),
        table("open_panel", "partner", "AGGREGATION", aggregation(), offered),
        table("crm", "runner", "LIST", crm, ["person", "state"]),
        table("traits", "partner", "LIST", crm, ["person", "state"]),
    ]
    return Collaboration("two members", "runner", "partner", {t.name: t for t in tables})


@pytest.fixture
def room(tmp_path: Path) -> EmbeddedCleanRoom:
    return EmbeddedCleanRoom(tmp_path / "scratch", memory_limit="500MB", threads=2, deadline=20)


def people(sizes: Mapping[str, int]) -> pa.Table:
    """As many persons per state as asked for; each spends 0.1 twice. The column email must never be seen."""
    rows = [(f"{state}-{i}", state) for state, size in sizes.items() for i in range(size) for _ in (0, 1)]
    return pa.table(
        {
            "person": pa.array([p for p, _ in rows], pa.string()),
            "spend": pa.array([0.1] * len(rows), pa.float64()),
            "state": pa.array([s for _, s in rows], pa.string()),
            "day": pa.array([None] * len(rows), pa.date32()),
            "email": pa.array(["secret@example.com"] * len(rows), pa.string()),
        }
    )


def ask(text: str, collaboration: Collaboration, room: EmbeddedCleanRoom, rows: pa.Table) -> list[dict[str, Any]]:
    """Check, run, and give back the result's rows."""
    resolved = check(text, collaboration).accepted()
    result: list[dict[str, Any]] = room.run(resolved, lambda _: rows).to_pylist()
    return result
