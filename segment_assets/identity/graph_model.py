"""The graph: what its nodes and edges are, and one consistent set of them.

The same files can feed any store: every id is a string that is unique in the whole graph (`cus_`, `per_`, `hh_`,
`dev_`, `eml_`, `phn_`, `adr_`), every property a string or a whole number, times are seconds since 1970.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from segment_assets.lake import combined, content_hash

_TEXT, _NUMBER = pa.string(), pa.int64()
_IDENTIFIER = pa.schema([("id", _TEXT), ("degree", _NUMBER), ("guard", _TEXT)])

NODES: Mapping[str, pa.Schema] = {
    "Household": pa.schema([("id", _TEXT), ("persons", _NUMBER)]),
    "Person": pa.schema([("id", _TEXT), ("customers", _NUMBER)]),
    "Customer": pa.schema([("id", _TEXT)]),
    "Device": pa.schema([("id", _TEXT), ("kind", _TEXT), ("degree", _NUMBER), ("guard", _TEXT)]),
    "Email": _IDENTIFIER,
    "Phone": _IDENTIFIER,
    "Address": _IDENTIFIER,
}


@dataclass(frozen=True)
class EdgeType:
    """What an edge leads from and to, and its one attribute."""

    start: str
    end: str
    attribute: str
    type: pa.DataType

    @property
    def schema(self) -> pa.Schema:
        """Columns of the edge's rows."""
        return pa.schema([("start_id", _TEXT), ("end_id", _TEXT), (self.attribute, self.type)])


EDGES: Mapping[str, EdgeType] = {
    "SAME_AS": EdgeType("Customer", "Person", "rule", _TEXT),
    "MEMBER_OF": EdgeType("Person", "Household", "rule", _TEXT),
    "USES_DEVICE": EdgeType("Customer", "Device", "since", _NUMBER),
    "HAS_EMAIL": EdgeType("Customer", "Email", "since", _NUMBER),
    "HAS_PHONE": EdgeType("Customer", "Phone", "since", _NUMBER),
    "HAS_ADDRESS": EdgeType("Customer", "Address", "since", _NUMBER),
}


class DanglingEdgeError(Exception):
    """An edge names a node that is not in the snapshot."""


@dataclass(frozen=True)
class Snapshot:
    """Every node and edge of one graph, by label.

    Attributes:
        nodes: label -> rows in the order of their id.
        edges: type -> rows in the order of their ends.
        as_of: the oldest data time the graph rests on.
    """

    nodes: Mapping[str, pa.Table]
    edges: Mapping[str, pa.Table]
    as_of: date | None = None

    @property
    def version(self) -> str:
        """Hash of everything in it."""
        return combined({label: content_hash(rows) for label, rows in (*self.nodes.items(), *self.edges.items())})

    @property
    def counts(self) -> dict[str, int]:
        """Rows by label and type."""
        return {label: rows.num_rows for label, rows in (*self.nodes.items(), *self.edges.items())}

    def refuse_dangling(self) -> None:
        """Check that every edge leads from a node to a node.

        Raises:
            DanglingEdgeError: with the type, the end and how many; no id.
        """
        for name, rows in self.edges.items():
            for end, label in (("start_id", EDGES[name].start), ("end_id", EDGES[name].end)):
                known = pc.is_in(rows[end], value_set=self.nodes[label]["id"].combine_chunks())
                if unknown := rows.num_rows - (pc.sum(known).as_py() or 0):
                    raise DanglingEdgeError(
                        f"{name}: {unknown} of {rows.num_rows} edges have a {end} that is no {label}; "
                        "materialise identity_edges, persons and households again, in this order."
                    )
