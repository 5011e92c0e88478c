"""What must be true of the written tables, whatever the resolution did."""

import pyarrow as pa
import pyarrow.compute as pc

from segment_assets import sql
from segment_assets.first_party.tables import CUSTOMERS
from segment_assets.identity.tables import HOUSEHOLDS, PERSONS
from segment_assets.lake import Lake, Table

# Times as many pairs as in the run before, or as few, and more than a few in difference, are no usual day.
JUMP, FEW = 5, 100
# A household that is one in truth is in quarantine now and then; a share of all is there because of an identifier.
SHARE, SOME = 0.01, 20
_KEYED = r"^(eml|phn|dev|adr)_[0-9a-f]{32}$"


def only_keyed(edges: pa.Table) -> bool:
    """Every identifier is a keyed hash: nothing readable, no plain SHA-256."""
    keyed = pc.match_substring_regex(edges["identifier"], _KEYED)
    return bool(pc.all(keyed, min_count=0).as_py())


def customers_not_in_one_person(lake: Lake) -> int:
    """How many customers are in no person or several, or persons of unknown customers."""
    return _count(lake, "customers_not_in_one_person", CUSTOMERS, PERSONS)


def persons_not_in_one_household(lake: Lake) -> int:
    """How many persons are in no household or several, or households of unknown persons."""
    return _count(lake, "persons_not_in_one_household", PERSONS, HOUSEHOLDS)


def largest(lake: Lake, table: Table, cluster: str) -> int:
    """Rows of the largest cluster, counted from the table; `cluster` names the column with its id."""
    return int(pc.max(_sizes(lake, table, cluster)).as_py() or 0)


def pairs(lake: Lake, table: Table, cluster: str) -> int | None:
    """How many pairs of rows are in one cluster: what a wrong identifier that joins strangers makes many of.

    None where the table has no rows.
    """
    if not lake.state(table).rows:
        return None
    sizes = _sizes(lake, table, cluster)
    return int(pc.sum(pc.multiply(sizes, pc.subtract(sizes, 1))).as_py() or 0) // 2


def jumped(before: int | None, now: int | None) -> bool:
    """Whether so many more or fewer pairs are joined than by the run before that an identifier may join strangers.

    Many fewer, because a cluster that has become too large is taken apart. None is said of nothing: there was no run.
    """
    if before is None or now is None:
        return False
    return max(before, now) > JUMP * min(before, now) and abs(now - before) > FEW


def many(quarantined: int, members: int) -> bool:
    """Whether so many are in quarantine that an identifier joins strangers, whatever the run before had."""
    return quarantined >= SOME and quarantined > SHARE * members


def _sizes(lake: Lake, table: Table, cluster: str) -> pa.ChunkedArray:
    return lake.read(table, [cluster, *table.key]).group_by(cluster).aggregate([([], "count_all")])["count_all"]


def _count(lake: Lake, query: str, *tables: Table) -> int:
    with lake.connect(*tables) as db:
        return int(db.sql(sql.to_duckdb(sql.load("segment_assets.identity", query))).fetchall()[0][0])
