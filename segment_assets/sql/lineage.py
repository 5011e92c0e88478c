"""Which source columns each output column is computed from."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.lineage import Node, lineage

Lineage = Mapping[str, frozenset["Source"]]


@dataclass(frozen=True, order=True)
class Source:
    """A column of a table."""

    table: str
    column: str


def column_lineage(tree: exp.Expr, schema: Mapping[str, Mapping[str, str]]) -> Lineage:
    """Output column -> the source columns whose values it is computed from (not filters, joins and grouping).

    Args:
        tree: the query.
        schema: table -> column -> SQL type.
    """
    # All columns in one call: one call per column re-qualifies each time (120 columns: 17.4 s against 0.09 s).
    nodes = lineage(
        None, tree.copy(), schema={t: dict(c) for t, c in schema.items()}, dialect="spark", trim_selects=False
    )
    return {name: frozenset(_leaves(node)) for name, node in nodes.items()}


def _leaves(node: Node) -> list[Source]:
    return [
        Source(leaf.source.name, leaf.name.rpartition(".")[2].strip('"'))
        for leaf in node.walk()
        if isinstance(leaf.source, exp.Table) and not leaf.downstream
    ]
