"""The engine behind the double of Neptune: ladybug, made to bear what Neptune bears.

Neptune has no schema: a label, a property or an edge that nothing has is not an error, it matches nothing. ladybug has
tables. So tables and columns are made when rows come with them, or when a query names them.
"""

import re
import tempfile
import threading
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

# Bytes. As it is, each database reserves 8 TiB of addresses, and a process has room for 15 at a time.
LARGEST = 2**34
_TYPES = {pa.string(): "STRING", pa.int64(): "INT64"}
_NODE = r"\((?P<{0}>\w*)(?::(?P<{0}_label>\w+))?[^()]*\)"
_VERTEX = re.compile(_NODE.format("n"))
# Looked ahead for, so that the node at the end of one step is seen again at the beginning of the next.
_STEP = re.compile(rf"(?={_NODE.format('a')}(?P<back><?)-\[\w*:(?P<type>\w+)[^\]]*\]->?{_NODE.format('b')})")


class Engine:
    """Vertices by label and edges by type, asked in openCypher."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._labels: set[str] = set()
        self._steps: dict[str, set[tuple[str, str]]] = {}
        # Property -> type, over all labels: what an empty table's column is made as.
        self._properties: dict[str, str] = {"id": "STRING"}
        self._columns: dict[str, set[str]] = {}

    @cached_property
    def _connection(self) -> Any:
        import ladybug

        # One thread: ladybug 0.22 may stand still where two threads load texts as keys.
        return ladybug.Connection(ladybug.Database(buffer_pool_size=2**28, max_num_threads=1, max_db_size=LARGEST))

    def ask(self, cypher: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Rows as Neptune answers them.

        Raises:
            RuntimeError: what ladybug has against it.
        """
        with self.lock:
            for step in self._named_steps(cypher):
                self._make_edge(*step)
            return self._run(cypher, parameters)

    def vertices(self, label: str) -> dict[str, dict[str, Any]]:
        """What the label's vertices have, by `~id`."""
        if label not in self._labels:
            return {}
        columns = sorted(self._columns[label])
        told = "".join(f", n.`{name}` AS `{name}`" for name in columns)
        rows = self._run(f"MATCH (n:{label}) RETURN n.`~id` AS `~id`{told}")
        return {row["~id"]: {name: row[name] for name in columns} for row in rows}

    def label_of(self) -> dict[str, str]:
        """Every vertex's label, by `~id`."""
        return {vertex: label for label in sorted(self._labels) for vertex in self.vertices(label)}

    def edges(self, name: str) -> dict[str, tuple[str, str]]:
        """Where the type's edges lead from and to, by `~id`."""
        if name not in self._steps:
            return {}
        rows = self._run(f"MATCH (a)-[r:{name}]->(b) RETURN r.`~id` AS id, a.`~id` AS start, b.`~id` AS finish")
        return {row["id"]: (row["start"], row["finish"]) for row in rows}

    def counts(self) -> tuple[dict[str, int], dict[str, int]]:
        """Vertices by label and edges by type, of those there are."""
        nodes = {label: self._run(f"MATCH (n:{label}) RETURN count(*) AS n")[0]["n"] for label in sorted(self._labels)}
        edges = {name: len(self.edges(name)) for name in sorted(self._steps)}
        return {k: n for k, n in nodes.items() if n}, {k: n for k, n in edges.items() if n}

    def add_vertices(self, label: str, rows: pa.Table) -> None:
        """New vertices of one label: `~id`, and properties."""
        self._properties |= {field.name: _TYPES[field.type] for field in rows.schema}
        self._make_label(label, set(rows.column_names) - {"~id"})
        order = [row["name"] for row in self._run(f"CALL table_info('{label}') RETURN name AS name")]
        lacking = [n for n in order if n not in rows.column_names]
        for name in lacking:
            rows = rows.append_column(name, pa.nulls(rows.num_rows, pa.string()))
        self._copy(label, rows.select(order))

    def add_edges(self, name: str, step: tuple[str, str], rows: pa.Table) -> None:
        """New edges of one type between two labels: `~from`, `~to`, `~id`, and properties."""
        self._properties |= {field.name: _TYPES[field.type] for field in rows.schema}
        self._make_edge(name, *step, properties=set(rows.column_names) - {"~from", "~to", "~id"})
        order = [row["name"] for row in self._run(f"CALL table_info('{name}') RETURN name AS name")]
        self._copy(name, rows.select(["~from", "~to", *order]), f" (from='{step[0]}', to='{step[1]}')")

    def _named_steps(self, cypher: str) -> Iterator[tuple[str, str, str]]:
        """Make the labels and the properties that a query names, and tell its edges."""
        for part in re.split(r"\bUNION ALL\b", cypher):
            labels = {v["n"]: v["n_label"] for v in _VERTEX.finditer(part) if v["n"] and v["n_label"]}
            for found in _VERTEX.finditer(part):
                if label := found["n_label"]:
                    inline = set(re.findall(r"[{,] *(\w+):", found[0]))
                    named = set(re.findall(rf"\b{found['n']}\.(\w+)", part)) if found["n"] else set()
                    self._make_label(label, inline | named)
            for step in _STEP.finditer(part):
                ends = [step[f"{end}_label"] or labels[step[end]] for end in "ab"]
                properties = {p for r in re.findall(r"\[(\w+):", part) for p in re.findall(rf"\b{r}\.(\w+)", part)}
                self._make_edge(step["type"], *(reversed(ends) if step["back"] else ends), properties=properties)
                yield (step["type"], *(reversed(ends) if step["back"] else ends))

    def _make_label(self, label: str, properties: set[str]) -> None:
        if label not in self._labels:
            self._run(f"CREATE NODE TABLE {label}(`~id` STRING, PRIMARY KEY (`~id`))")
            self._labels.add(label)
        self._make_columns(label, properties)

    def _make_edge(self, name: str, start: str, finish: str, properties: set[str] = frozenset()) -> None:
        for label in (start, finish):
            self._make_label(label, set())
        if name not in self._steps:
            self._run(f"CREATE REL TABLE {name}(FROM {start} TO {finish}, `~id` STRING)")
            self._steps[name] = {(start, finish)}
        elif (start, finish) not in self._steps[name]:
            self._run(f"ALTER TABLE {name} ADD FROM {start} TO {finish}")
            self._steps[name].add((start, finish))
        self._make_columns(name, properties)

    def _make_columns(self, table: str, properties: set[str]) -> None:
        there = self._columns.setdefault(table, set())
        for name in sorted(properties - there):
            self._run(f"ALTER TABLE {table} ADD `{name}` {self._properties.get(name, 'STRING')}")
            there.add(name)

    def _copy(self, table: str, rows: pa.Table, options: str = "") -> None:
        if rows.num_rows:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "rows.parquet"
                pq.write_table(rows, path)
                self._run(f"COPY {table} FROM '{path}'{options}")

    def _run(self, cypher: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        result = self._connection.execute(cypher, dict(parameters or {}))
        try:
            names = result.get_column_names()
            return [dict(zip(names, row, strict=True)) for row in result.get_all()]
        finally:
            result.close()
