"""Which persons live together."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segment_assets import sql
from segment_assets.identity.clusters import bounded_clusters
from segment_assets.identity.guards import LIMITS, Limits
from segment_assets.identity.persons import Resolved
from segment_assets.identity.stable_ids import settle
from segment_assets.identity.tables import HOUSEHOLD_ALIAS, HOUSEHOLDS, IDENTITY_EDGES, PERSON_ALIAS, PERSONS
from segment_assets.lake import Lake


def resolve_households(lake: Lake, limits: Limits = LIMITS) -> Resolved:
    """Rows of HOUSEHOLDS: persons who share any identifier that no more than a household shares.

    Args:
        lake: where PERSONS, IDENTITY_EDGES and the households of the last run are.
        limits: the largest household that can be true.
    """
    with lake.connect(IDENTITY_EDGES, PERSONS, PERSON_ALIAS, HOUSEHOLDS) as db:
        links = db.sql(sql.to_duckdb(sql.load("segment_assets.identity", "household_links"))).to_arrow_table()
        before = db.sql(sql.to_duckdb(sql.load("segment_assets.identity", "household_before"))).to_arrow_table()
    persons = pc.unique(lake.read(PERSONS, ["person_id", "customer_id"])["person_id"])
    clusters = bounded_clusters(persons, links, limits.household_maximum)
    # A person's own id is the strongest identifier there is, and it lasts.
    seeds = {person: f"~{person}" for person in persons.to_pylist()}
    settled = settle("hh_", clusters, seeds, before, lake.read(HOUSEHOLD_ALIAS))
    rules = np.where(clusters.sizes == 1, "alone", "shared_identifier")
    rows = {
        "person_id": clusters.members,
        "household_id": pa.array(settled.ids, pa.string()),
        "rule": pa.array(np.where(clusters.quarantined, "quarantined", rules), pa.string()),
        "persons": clusters.sizes,
    }
    return Resolved(pa.table(rows), settled.aliases, clusters)
