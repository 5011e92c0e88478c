"""The graph on one machine: a ladybug database file, written once, read ever after.

Each build is a new folder. It is loaded with COPY, closed, opened again, counted, renamed to its final name, and only
then does the pointer file `current` name it, replaced by one rename. Killed at any point, the old graph is served.
Never changed in place: every report of damaged ladybug files in 2026 has changes and checkpoints of a long-lived file
(https://github.com/LadybugDB/ladybug/issues/678, /issues/843).
"""

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from segment_assets.identity.graph_model import EDGES, NODES, Snapshot
from segment_assets.identity.port import GraphError, GraphStore, Served
from segment_assets.identity.queries import QUERIES, Row, Value, ordered, query
from segment_assets.lake.processes import is_running, this_process
from segment_assets.settings import Settings

if TYPE_CHECKING:
    import ladybug

_TYPES = {pa.string(): "STRING", pa.int64(): "INT64"}
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "KI": 2**10, "MI": 2**20, "GI": 2**30, "TI": 2**40}
_BUILDING = ".building-"


def graph(settings: Settings) -> "LadybugGraph":
    """The graph under the home folder."""
    return LadybugGraph(settings.home / "graph", memory=_bytes(settings.memory_limit), threads=settings.threads)


class LadybugGraph(GraphStore):
    """Folders of one ladybug file each, and a pointer to the one in service.

    Args:
        root: where the folders are.
        memory: bytes of ladybug's buffer pool.
        threads: of one query.
    """

    def __init__(self, root: Path, memory: int = 10**9, threads: int = 2) -> None:
        self.root = root
        self.memory = memory
        self.threads = threads

    @property
    def engine(self) -> str:
        """Such as `ladybug 0.22.0, storage 49`: another one reads no file of this one, so it builds anew."""
        import ladybug

        return f"ladybug {ladybug.Database.get_version()}, storage {ladybug.Database.get_storage_version()}"

    def served(self) -> Served | None:
        """What the pointer names, if its files are there."""
        try:
            found = Served(**json.loads((self.root / "current").read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        return found if (self.root / found.location).exists() else None

    def build(self, snapshot: Snapshot) -> Served:
        """Load, close, open again, count, and give the folder its final name."""
        snapshot.refuse_dangling()
        self.root.mkdir(parents=True, exist_ok=True)
        self._sweep()
        folder = Path(mkdtemp(prefix=f"{_BUILDING}{this_process()}-", dir=self.root))
        try:
            with self._open(folder / "graph.lbug", read_only=False) as connection:
                _load(connection, snapshot, folder)
            with self._open(folder / "graph.lbug", read_only=True) as connection:
                counts = {str(r["label"]): int(r["rows"] or 0) for r in _rows(connection, _COUNTS)}
            if wrong := sorted(label for label, rows in snapshot.counts.items() if counts.get(label) != rows):
                raise GraphError(
                    f"{self.engine}: {', '.join(wrong)} were not all loaded; the old graph stays in service"
                )
            name = folder.name.removeprefix(_BUILDING)
            folder.rename(self.root / name)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return Served(snapshot.version, self.engine, counts, f"{name}/graph.lbug")

    def publish(self, built: Served) -> None:
        """Replace the pointer by one rename, then remove what nothing points to."""
        beside = self.root / ".current"
        with beside.open("w", encoding="utf-8") as file:
            json.dump(asdict(built), file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.root / "current")
        self._sweep()

    def ask(self, name: str, parameters: Mapping[str, Value] | None = None) -> list[Row]:
        """Answer from the graph in service, opened for reading alone."""
        asked = query(name, parameters or {})
        for _ in range(3):
            now = self.served()
            if now is None:
                break
            if now.engine != self.engine:
                raise GraphError(f"{self.root}: was built by {now.engine}; materialise identity_graph to build it anew")
            try:
                with self._open(self.root / now.location, read_only=True) as connection:
                    rows = _rows(connection, asked.cypher, parameters)
            except RuntimeError as failed:
                if (self.root / now.location).exists():
                    raise GraphError(f"{name}: {self.engine} could not answer from {self.root}") from failed
                continue  # replaced and removed between looking and opening: look again
            return ordered(rows) if asked.sort else rows
        raise GraphError(f"{self.root}: no graph is in service; materialise identity_graph first")

    @contextmanager
    def _open(self, path: Path, *, read_only: bool) -> "Iterator[ladybug.Connection]":
        import ladybug

        # One thread loads: with two, COPY of 150,000 text keys stood still in 3 of 10 attempts (two IndexBuilder
        # threads of ladybug 0.22.0, each waiting for the other); with one in none, and a million keys take 6 s.
        threads = self.threads if read_only else 1
        with (
            ladybug.Database(
                path, read_only=read_only, buffer_pool_size=self.memory, max_num_threads=threads
            ) as database,
            ladybug.Connection(database) as connection,
        ):
            yield connection

    def _sweep(self) -> None:
        """Remove folders that nothing points to, but for those that another process is building now."""
        now = self.served()
        kept = now.location.split("/", 1)[0] if now else ""
        for folder in self.root.iterdir():
            builder = folder.name.removeprefix(_BUILDING).split("-", 1)[0]
            if folder.is_dir() and folder.name != kept and (builder == this_process() or not is_running(builder)):
                shutil.rmtree(folder, ignore_errors=True)


_COUNTS = QUERIES["graph_counts"].cypher


def _load(connection: "ladybug.Connection", snapshot: Snapshot, folder: Path) -> None:
    for label, schema in NODES.items():
        columns = ", ".join(f"{field.name} {_TYPES[field.type]}" for field in schema)
        _run(connection, f"CREATE NODE TABLE {label}({columns}, PRIMARY KEY (id))")
        _copy(connection, label, snapshot.nodes[label], folder)
    for name, edge in EDGES.items():
        ends = f"FROM {edge.start} TO {edge.end}"
        _run(connection, f"CREATE REL TABLE {name}({ends}, {edge.attribute} {_TYPES[edge.type]})")
        _copy(connection, name, snapshot.edges[name], folder)
    _run(connection, "CHECKPOINT")


def _copy(connection: "ladybug.Connection", label: str, rows: pa.Table, folder: Path) -> None:
    # Only COPY: 5,000 edges took 105 s with MERGE, and 0.5 s with COPY.
    if rows.num_rows:
        path = folder / f"{label}.parquet"
        pq.write_table(rows, path)
        _run(connection, f"COPY {label} FROM '{_quoted(path)}'")
        path.unlink()


def _run(connection: "ladybug.Connection", statement: str) -> None:
    _rows(connection, statement)


def _rows(connection: "ladybug.Connection", cypher: str, parameters: Mapping[str, Value] | None = None) -> list[Row]:
    result: Any = connection.execute(cypher, dict(parameters or {}))
    try:
        names = result.get_column_names()
        return [dict(zip(names, row, strict=True)) for row in result.get_all()]
    finally:
        result.close()


def _quoted(path: Path) -> str:
    return str(path).replace("\\", "\\\\").replace("'", "\\'")


def _bytes(text: str) -> int:
    if not (found := re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?I?)B?\s*", text.upper())) or found[2] == "I":
        raise GraphError(f'the memory limit "{text}" is not a size such as 500MB or 1GB')
    return int(float(found[1]) * _UNITS[found[2]])
