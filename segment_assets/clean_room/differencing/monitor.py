"""The differencing monitor: two accepted queries, each with enough people, whose difference is one person's answer.

No rule stops that, and AWS says so. The monitor warns the owner of the data, and never the runner: the runner's result,
metadata, log and messages are the same with and without a warning, and so is what is written: one row per release in
the owner's namespace, whether there is something to say in it or not.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from datetime import date

import duckdb
import numpy as np
import pyarrow as pa
from sqlglot import exp

from segment_assets.clean_room import custom_engine, rewrite, runnable
from segment_assets.clean_room.collaboration import Collaboration, ConfiguredTable
from segment_assets.clean_room.differencing.nested import Whole
from segment_assets.clean_room.differencing.populations import EVERYBODY, Close, Populations, Release
from segment_assets.clean_room.differencing.sketch import Sketch
from segment_assets.clean_room.differencing.watched import Watched, conditions, watched
from segment_assets.clean_room.locked import Locked
from segment_assets.clean_room.names import Resolved
from segment_assets.clean_room.offered import of_lake
from segment_assets.clean_room.offered import rows as rows_of
from segment_assets.clean_room.port import QueryFailedError
from segment_assets.clean_room.runnable import Runnable
from segment_assets.clean_room.spark import NotExecutableError
from segment_assets.clean_room.tables import DIFFERENCING
from segment_assets.lake import Lake, Table
from segment_assets.lake.changing import changed
from segment_assets.third_party.tables import whole_name

MOST_ROWS = 100  # of a result that are watched one by one; of a larger one, all its people together
MOST_WARNINGS = 100  # that are told of one release
_BATCH = 100_000


@dataclass(frozen=True)
class Leaving:
    """A result that is about to leave.

    Attributes:
        query: accepted.
        rows: of the result.
        name: of the query.
        content_key: hash of the query, its rules and its data.
        day: newest day of the data.
    """

    query: Runnable
    rows: pa.Table
    name: str
    content_key: str
    day: date | None


@dataclass(frozen=True)
class Monitor:
    """The monitor of one collaboration.

    Attributes:
        collaboration: whose rules hold.
        sources: catalog table -> the table.
        lake: where the owner's record is.
        still: the lake in which the query's tables are as it read them.
        engine: in which the people behind a result are looked up.
        populations: what was released before.
        exclusively: one writer of the record at a time.
    """

    collaboration: Collaboration
    sources: Mapping[str, Table]
    lake: Lake
    still: Lake
    engine: Locked
    populations: Populations
    exclusively: Callable[[], AbstractContextManager[None]]

    def watch(self, leaving: Leaving, run_id: str) -> None:
        """Look at what is about to leave, remember whom it is about, and tell the owner what it is close to.

        What was told of the same content stays as it is; killed anywhere, it tells the same when it is done again.
        """
        known = _known(self.lake.read(DIFFERENCING))
        fresh = [
            one
            for one in watched(leaving.query, self.collaboration)
            if (leaving.content_key, one.source, one.identity) not in known
        ]
        if not fresh:
            return
        told = [self._told(one, leaving) for one in fresh]

        def with_told(before: pa.Table) -> pa.Table:
            known = _known(before)
            rows = [t for t in told if (t["content_key"], t["source"], t["identity"]) not in known]
            return pa.concat_tables([before, pa.Table.from_pylist(rows, DIFFERENCING.schema)])

        with self.exclusively():
            changed(self.lake, DIFFERENCING, with_told, run_id)

    def _told(self, one: Watched, leaving: Leaving) -> dict[str, object]:
        # Of two purposes' rows of one delivery the difference is who refuses one of them.
        whole = whole_name(one.source)
        place = json.dumps([self.collaboration.name, self.collaboration.runner, whole, one.identity])
        day = str(leaving.day or "")
        release = Release(leaving.content_key, leaving.name, day, tuple(conditions(leaving.query)))
        found: list[Close] = []
        try:
            found = self.populations.compared(place, one.minimum, release, dict(self._sketches(one, leaving)))
            state = "watched"
        except (duckdb.Error, sqlite3.Error, OSError, pa.ArrowException, NotExecutableError, QueryFailedError):
            # Whether the monitor works must not show to the runner either.
            state = "not watched: the monitor failed"
        return {
            "content_key": release.content_key,
            "source": one.source,
            "identity": one.identity,
            "query": release.query,
            "runner": self.collaboration.runner,
            "as_of": day,
            "minimum": one.minimum,
            "conditions": json.dumps(release.conditions),
            "state": state,
            "warnings": len(found),
            "close_to": json.dumps([asdict(c) for c in found[:MOST_WARNINGS]]),
        }

    def _sketches(self, one: Watched, leaving: Leaving) -> Iterator[tuple[str, Sketch]]:
        rows, behind = leaving.rows, _behind(one, leaving)
        offered = {t.name: self._offered(t, one) for t in runnable.tables(leaving.query)}
        released = {name: rows.column(i) for name, i in behind.places.items()}
        numbered = pa.table(released | {"row_number": pa.array(range(rows.num_rows), pa.int64())})
        on = " AND ".join(f'm."{k}" IS NOT DISTINCT FROM r."{k}"' for k in behind.places) or "TRUE"
        pairs = f"""
            CREATE TEMP TABLE released_people AS
            SELECT DISTINCT r.row_number, {behind.person} AS person FROM ({behind.sql}) m JOIN released r ON {on}"""
        with self.engine.opened({**offered, "released": numbered}) as db:
            db.execute(pairs)
            people = db.sql("SELECT DISTINCT person FROM released_people WHERE person IS NOT NULL")
            yield EVERYBODY, _sketch(people, one.minimum)
            for i in range(rows.num_rows) if behind.groups and rows.num_rows <= MOST_ROWS else ():
                of_row = f"SELECT person FROM released_people WHERE row_number = {i} AND person IS NOT NULL"
                yield f"row {i + 1} of {rows.num_rows}", _sketch(db.sql(of_row), one.minimum)

    def _offered(self, table: ConfiguredTable, one: Watched) -> pa.Table:
        # The owner may look at a column that the query may not.
        hidden = {one.identity} if table.source == one.source else set()
        return rows_of(table, of_lake(self.still, self.sources), hidden)


@dataclass(frozen=True)
class _Behind:
    """How to find who is behind a row.

    Attributes:
        sql: rows of columns of the result, with who is behind them.
        places: these columns, and where they stand in the result.
        person: of the relation `m`.
        groups: a row is more than one person.
    """

    sql: str
    places: Mapping[str, int]
    person: str
    groups: bool


def _behind(one: Watched, leaving: Leaving) -> _Behind:
    query = leaving.query
    if isinstance(query, Resolved):
        members = rewrite.members(query, exp.column(one.identity, table=one.label, quoted=True), leaving.day)
        *keys, identity = members.names
        shown = [i for i, item in enumerate(query.tree.expressions) if not item.find(exp.AggFunc)]
        groups = bool(keys) and query.tree.find(exp.AggFunc) is not None
        person = f'md5_number_lower(CAST(m."{identity}" AS VARCHAR))'
        return _Behind(members.sql, dict(zip(keys, shown, strict=True)), person, groups)
    enforced = custom_engine.enforced(query)
    if one.label not in enforced:
        raise QueryFailedError("FAILED", "the table has no minimum of its own that could be carried")
    found = custom_engine.people(query, leaving.day, Whole)
    return _Behind(
        found.sql, {f"c{i}": i for i in found.compared}, f"UNNEST(m.p{enforced.index(one.label)})", groups=True
    )


def _known(record: pa.Table) -> set[tuple[object, ...]]:
    return {tuple(row.values()) for row in record.select(["content_key", "source", "identity"]).to_pylist()}


def _sketch(people: duckdb.DuckDBPyRelation, minimum: int) -> Sketch:
    made = Sketch.empty(minimum)
    for batch in people.to_arrow_reader(_BATCH):
        made.add(batch.column(0).to_numpy(zero_copy_only=False).astype(np.uint64))
    return made
