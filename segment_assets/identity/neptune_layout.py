"""How one version of the graph lies in Neptune beside others: its ids, labels and files, and the queries it answers.

Neptune is one live graph: it has no second file to swap in, and its loader only adds. So every version has a tag, and
its vertices have ids and labels of their own: `Customer` of version `ab12` in the deployment `dev` has the label
`Customer_dev_ab12`. Edges lead between vertices of one version, so their types need no tag. A query becomes one of a
version by tagging its labels, which stand in our own closed list of queries; what a user gives stays a parameter.

Files are Gremlin CSV: the openCypher format never replaces a property that is there
(https://docs.aws.amazon.com/neptune/latest/userguide/bulk-load-tutorial-format-opencypher.html). Properties are
`(single)`: the default, `set`, makes openCypher choose one of several values as it likes.
"""

import gzip
import hashlib
import re
from collections.abc import Iterator, Mapping

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from segment_assets.identity.graph_model import EDGES, NODES, Snapshot
from segment_assets.identity.queries import Row

# Rows of one file: Neptune reads several files side by side, and very many small ones slowly.
FILE_ROWS = 1_000_000
# Vertices taken out by one statement: it is one transaction, and Neptune keeps it in memory.
REMOVED_AT_ONCE = 500
VERTICES, EDGE_FILES = "vertices", "edges"
_TYPES = {pa.string(): "String", pa.int64(): "Long"}
_LABEL = re.compile(rf"(?<=:)({'|'.join(NODES)})\b")


def short(version: str) -> str:
    """Enough of a version to tell it from others in labels: 48 bits of its hash."""
    return version[:12]


def tag(deployment: str, version: str) -> str:
    """What stands after the labels, and before the ids, of a version."""
    return f"{deployment}_{short(version)}"


def versions(labels: list[str], deployment: str) -> set[str]:
    """The short versions of the deployment that the labels are of; other labels in the graph are not ours."""
    ours = re.compile(rf"(?:{'|'.join(NODES)})_{re.escape(deployment)}_([0-9a-f]{{12}})")
    return {found[1] for label in labels if (found := ours.fullmatch(label))}


def tagged(cypher: str, mark: str) -> str:
    """The query, asked of the version with this tag."""
    return _LABEL.sub(rf"\g<1>_{mark}", cypher)


def left(label: str, mark: str) -> str:
    """A query for ids of a version's vertices that are still there."""
    return f"MATCH (n:{label}_{mark}) RETURN n.id AS id LIMIT {REMOVED_AT_ONCE}"


def removal(label: str, mark: str) -> str:
    """A statement that takes the vertices `$ids` out of a version, with their edges."""
    return f"UNWIND $ids AS one MATCH (n:{label}_{mark} {{id: one}}) DETACH DELETE n"


def in_order(rows: list[Row], cypher: str) -> list[Row]:
    """Rows with their columns as the query names them: they came as JSON objects, which have no order."""
    returned = re.split(r" (?:ORDER BY|LIMIT) ", cypher.rpartition(" RETURN ")[2])[0]
    names = re.findall(r"(\w+)(?=,|$)", returned)
    return [dict(sorted(row.items(), key=lambda item: names.index(item[0]))) for row in rows]


def files(snapshot: Snapshot, mark: str) -> Iterator[tuple[str, bytes]]:
    """The snapshot's files under a tag: keys below `vertices/` and `edges/`, and compressed CSV."""
    for label, rows in snapshot.nodes.items():
        columns = {
            "~id": _prefixed(rows["id"], mark),
            "~label": pa.repeat(f"{label}_{mark}", rows.num_rows),
            **{f"{field.name}:{_TYPES[field.type]}(single)": rows[field.name] for field in NODES[label]},
        }
        yield from _parts(f"{VERTICES}/{label}", columns)
    for name, rows in snapshot.edges.items():
        edge = EDGES[name]
        columns = {
            "~id": _edge_ids(name, rows, mark),
            "~from": _prefixed(rows["start_id"], mark),
            "~to": _prefixed(rows["end_id"], mark),
            "~label": pa.repeat(name, rows.num_rows),
            f"{edge.attribute}:{_TYPES[edge.type]}": rows[edge.attribute],
        }
        yield from _parts(f"{EDGE_FILES}/{name}", columns)


def _prefixed(ids: pa.ChunkedArray, mark: str) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(pa.scalar(mark), ids, "/")


def _edge_ids(name: str, rows: pa.Table, mark: str) -> pa.Array:
    """An edge's id follows from its ends: loaded twice, it is there once."""
    ends = zip(rows["start_id"].to_pylist(), rows["end_id"].to_pylist(), strict=True)
    ids = [hashlib.sha256("\0".join((mark, name, *pair)).encode()).hexdigest()[:32] for pair in ends]
    return pa.array(ids, pa.string())


def _parts(key: str, columns: Mapping[str, pa.Array | pa.ChunkedArray]) -> Iterator[tuple[str, bytes]]:
    rows = pa.table(dict(columns))
    for nth, start in enumerate(range(0, rows.num_rows, FILE_ROWS)):
        body = pa.BufferOutputStream()
        # Texts are quoted and nulls are blank, which Neptune tells apart: `""` is an empty text, nothing is no value.
        csv.write_csv(rows.slice(start, FILE_ROWS), body, csv.WriteOptions(include_header=False))
        content = ",".join(rows.column_names).encode() + b"\n" + body.getvalue().to_pybytes()
        yield f"{key}-{nth:04}.csv.gz", gzip.compress(content, compresslevel=5, mtime=0)
