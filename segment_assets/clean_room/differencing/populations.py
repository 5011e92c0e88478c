"""What was released of whom, remembered on the owner's side: sketches of populations, and the warnings they gave.

SQLite in a folder of the owner. A bounded number of populations is kept for each table and identity: the oldest go.
"""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from segment_assets.clean_room.differencing.sketch import Sketch, apart
from segment_assets.clean_room.sqlite_file import transaction

EVERYBODY = "all"  # the population of a whole result
_LAST = 2**63 - 1
MOST_REMEMBERED = 1000  # 25 MB for minimums up to 256
_SCHEMA = """
CREATE TABLE IF NOT EXISTS population (
  id INTEGER PRIMARY KEY, place TEXT NOT NULL, content_key TEXT NOT NULL, query TEXT NOT NULL, as_of TEXT NOT NULL,
  name TEXT NOT NULL, people INTEGER NOT NULL, conditions TEXT NOT NULL, sketch BLOB NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS population_place ON population (place, people);
"""


@dataclass(frozen=True)
class Release:
    """A query whose result is about to leave.

    Attributes:
        content_key: of the query, its rules and its data.
        query: its name.
        as_of: day of the data.
        conditions: normalised.
    """

    content_key: str
    query: str
    as_of: str
    conditions: tuple[str, ...]


@dataclass(frozen=True)
class Close:
    """Two populations that differ by fewer people than the minimum.

    Attributes:
        population: of the new release: `all`, or a row.
        people: in it.
        other: the earlier query; the same one where both are rows of one result.
        other_as_of: day of its data.
        other_population: of the earlier release.
        difference: people who are in one of them alone.
        only_here: conditions of the new query that the earlier one had not.
        only_there: the reverse.
        one_result: both are rows of one result, by UNION for example.
    """

    population: str
    people: int
    other: str
    other_as_of: str
    other_population: str
    difference: int
    only_here: tuple[str, ...]
    only_there: tuple[str, ...]
    one_result: bool = False


@dataclass(frozen=True)
class Populations:
    """The memory of the monitor.

    Attributes:
        path: the SQLite file; its folder is made, for the owner alone.
    """

    path: Path

    def compared(self, place: str, minimum: int, release: Release, sketches: dict[str, Sketch]) -> list[Close]:
        """What is too close to an earlier release, or to another row of the new one, which is remembered.

        Says the same when it is asked again.

        Args:
            place: collaboration, runner, table and identity.
            minimum: people that two different populations must differ by.
            release: the new one.
            sketches: its populations by name.
        """
        with transaction(self.path, _SCHEMA) as db:
            known = db.execute(
                "SELECT min(id) FROM population WHERE place = ? AND content_key = ?", (place, release.content_key)
            ).fetchone()[0]
            before = _LAST if known is None else int(known)
            found = list(_within(minimum, release, sketches))
            found += [c for n, s in sketches.items() for c in _near(db, place, minimum, release, n, s, before)]
            if known is None:
                _remember(db, place, release, sketches)
        return found


def _remember(db: sqlite3.Connection, place: str, release: Release, sketches: dict[str, Sketch]) -> None:
    told = (place, release.content_key, release.query, release.as_of)
    conditions = json.dumps(release.conditions)
    db.executemany(
        "INSERT INTO population (place, content_key, query, as_of, name, people, conditions, sketch)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [(*told, name, sketch.people, conditions, sketch.packed()) for name, sketch in sketches.items()],
    )
    db.execute(
        "DELETE FROM population WHERE place = ? AND id NOT IN"
        " (SELECT id FROM population WHERE place = ? ORDER BY id DESC LIMIT ?)",
        (place, place, MOST_REMEMBERED),
    )


def _within(minimum: int, release: Release, sketches: dict[str, Sketch]) -> Iterator[Close]:
    """Rows of one result: two queries that UNION puts together tell as much as they do one by one."""
    rows = [(name, sketch) for name, sketch in sketches.items() if name != EVERYBODY]
    for (name, sketch), (other, theirs) in combinations(rows, 2):
        if difference := apart(sketch, theirs, minimum):
            yield Close(name, sketch.people, release.query, release.as_of, other, difference, (), (), one_result=True)


def _near(
    db: sqlite3.Connection, place: str, minimum: int, release: Release, name: str, sketch: Sketch, before: int
) -> Iterator[Close]:
    near = db.execute(
        "SELECT query, as_of, name, conditions, sketch FROM population WHERE place = ? AND id < ?"
        " AND people BETWEEN ? AND ? ORDER BY id",
        (place, before, sketch.people - minimum + 1, sketch.people + minimum - 1),
    )
    for query, as_of, other, conditions, packed in near.fetchall():
        if difference := apart(sketch, Sketch.unpacked(packed), minimum):
            mine, theirs = set(release.conditions), set(json.loads(conditions))
            yield Close(
                name, sketch.people, query, as_of, other, difference, tuple(sorted(mine - theirs)),
                tuple(sorted(theirs - mine)),
            )  # fmt: skip
