"""ID mapping tables: which id of one member is which id of the other.

Here they are resolved anew for each query from what both tables hold of people, and nothing of them is kept: on AWS,
Entity Resolution does that, and nobody sees the rows there either (docs/decisions/0013). Each id of the source has one
partner at most. The first rule that finds anybody decides; where it finds several, who is meant is unknown, and nobody
is.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow as pa
from sqlglot import exp

from segment_assets.clean_room.custom_rule import IdMapping
from segment_assets.id_mapping_config import IdMappingSide
from segment_assets.lake import column

SOURCE, TARGET = "source_id", "target_id"
_ENGINE: dict[str, str | bool | int | float | list[str]] = {"memory_limit": "1GB", "threads": 2}  # it spills beyond


@dataclass(frozen=True)
class Side:
    """One side: a catalog table, the column its id comes from, and whether queries may show it."""

    table: str
    id: str
    shown: bool = False


@dataclass(frozen=True)
class Bridge:
    """Two sides, and how their people are matched.

    Attributes:
        source: each of its ids has one partner at most.
        target: where the partners are.
        match: rules, the surest first: pairs of a source's and a target's column that must all be equal.
    """

    source: Side
    target: Side
    match: tuple[tuple[tuple[str, str], ...], ...]

    @property
    def columns(self) -> Mapping[str, list[str]]:
        """Catalog table -> the columns of it that decide who is whom."""
        pairs = [pair for rule in self.match for pair in rule]
        return {
            self.source.table: sorted({self.source.id, *(one for one, _ in pairs)}),
            self.target.table: sorted({self.target.id, *(other for _, other in pairs)}),
        }

    @property
    def rule(self) -> IdMapping:
        """The rule that AWS gives such a table: an id that may not be shown must be joined."""
        sides = {SOURCE: self.source, TARGET: self.target}
        hidden = [name for name, side in sides.items() if not side.shown]
        return IdMapping(
            join_columns=[SOURCE, TARGET],
            query_constraints=[{"require_overlap": {"columns": hidden}}] if hidden else [],
            dimension_columns=[name for name, side in sides.items() if side.shown] or None,
        )

    def described(self) -> dict[str, Any]:
        """As plain JSON, for the declaration."""
        sides = {"source": self.source, "target": self.target}
        told = {name: {"table": s.table, "id": s.id, "mayBeShown": s.shown} for name, s in sides.items()}
        return {**told, "match": [dict(rule) for rule in self.match]}


def side(of: IdMappingSide, table: str) -> Side:
    """A side of segmentation.yaml, over the catalog table that its purpose permits."""
    return Side(table, of.id, of.may_be_shown)


def schema(bridge: Bridge, catalog: Mapping[str, pa.Schema]) -> pa.Schema:
    """The columns of an ID mapping table.

    Args:
        bridge: the two sides.
        catalog: catalog table -> its schema.
    """

    def field(name: str, of: Side) -> pa.Field:
        told = catalog[of.table].field(of.id)
        return column(name, told.type, (told.metadata or {}).get(b"doc", of.id.encode()).decode())

    return pa.schema([field(SOURCE, bridge.source), field(TARGET, bridge.target)])


def resolved(bridge: Bridge, source: pa.Table, target: pa.Table) -> pa.Table:
    """Who is whom: columns `source_id` and `target_id`, one row per id of the source that has a partner.

    Args:
        bridge: the two sides.
        source: at least the columns that `Bridge.columns` names of it.
        target: likewise.
    """
    with TemporaryDirectory() as spill, duckdb.connect(config=_ENGINE | {"temp_directory": spill}) as db:
        db.register("source", source)
        db.register("target", target)
        pairs = " UNION ALL ".join(_pairs(bridge))
        # A source's rule is the first that finds anybody, of all its rows.
        return db.sql(
            f"""WITH pairs AS ({pairs}),
            first AS (SELECT {SOURCE}, MIN(rule) AS rule FROM pairs GROUP BY {SOURCE})
            SELECT {SOURCE}, MIN({TARGET}) AS {TARGET} FROM pairs JOIN first USING ({SOURCE}, rule)
            GROUP BY {SOURCE} HAVING COUNT(DISTINCT {TARGET}) = 1 AND NOT BOOL_OR(several) ORDER BY {SOURCE}"""
        ).to_arrow_table()


def _pairs(bridge: Bridge) -> Iterator[str]:
    """Per rule: every row of the source with the one it matches, or the mark that these are several.

    The target is grouped first: a hash that thousands share on both sides would make millions of pairs.
    """
    for number, rule in enumerate(bridge.match):
        keys = ", ".join(f"{_name(other)} AS k{i}" for i, (_, other) in enumerate(rule))
        groups = ", ".join(f"k{i}" for i in range(len(rule)))
        on = " AND ".join(f"s.{_name(one)} = t.k{i}" for i, (one, _) in enumerate(rule))
        yield (
            f"SELECT s.{_name(bridge.source.id)} AS {SOURCE}, t.id AS {TARGET}, t.several, {number} AS rule "
            f"FROM source s JOIN (SELECT {groups}, MIN(id) AS id, COUNT(DISTINCT id) > 1 AS several FROM "
            f"(SELECT {keys}, {_name(bridge.target.id)} AS id FROM target) WHERE id IS NOT NULL GROUP BY {groups}) t "
            f"ON {on} WHERE s.{_name(bridge.source.id)} IS NOT NULL"
        )


def _name(of: str) -> str:
    return exp.to_identifier(of, quoted=True).sql(dialect="duckdb")
