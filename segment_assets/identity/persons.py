"""Which customers are one person."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segment_assets import sql
from segment_assets.first_party.tables import CUSTOMERS
from segment_assets.identity.clusters import Clusters, bounded_clusters
from segment_assets.identity.guards import LIMITS, Limits
from segment_assets.identity.keys import GraphKey
from segment_assets.identity.stable_ids import settle
from segment_assets.identity.tables import IDENTITY_EDGES, PERSON_ALIAS, PERSONS
from segment_assets.lake import Lake


@dataclass(frozen=True)
class Resolved:
    """Who belongs together, under ids that last.

    Attributes:
        rows: rows of PERSONS or HOUSEHOLDS.
        aliases: rows of the alias table beside it: to be written first, so that a kill between loses nothing.
        clusters: what the rows were made from.
    """

    rows: pa.Table
    aliases: pa.Table
    clusters: Clusters

    @property
    def largest(self) -> int:
        """Members of the largest cluster."""
        return int(self.clusters.sizes.max(initial=0))

    @property
    def quarantined(self) -> int:
        """Members that were kept apart because their cluster would have been too large."""
        return int(self.clusters.quarantined.sum())


def resolve_persons(lake: Lake, key: GraphKey, limits: Limits = LIMITS) -> Resolved:
    """Rows of PERSONS: same e-mail address, or a phone and a device in common; ids from the last run where they fit.

    Args:
        lake: where CUSTOMERS, IDENTITY_EDGES and the persons of the last run are.
        key: the key that the identifiers in IDENTITY_EDGES were made with.
        limits: the largest person that can be true.
    """
    with lake.connect(CUSTOMERS, IDENTITY_EDGES) as db:
        links = db.sql(sql.to_duckdb(sql.load("segment_assets.identity", "person_links"))).to_arrow_table()
        seeds = db.sql(sql.to_duckdb(sql.load("segment_assets.identity", "person_seeds"))).to_arrow_table()
    customers = lake.read(CUSTOMERS, ["customer_id"])["customer_id"].combine_chunks()
    clusters = bounded_clusters(customers, links, limits.person_maximum)
    settled = settle(
        "per_",
        clusters,
        _seeds(clusters.members, seeds, key),
        lake.read(PERSONS, ["customer_id", "person_id"]).rename_columns(["member", "id"]),
        lake.read(PERSON_ALIAS),
    )
    rows = {
        "customer_id": clusters.members,
        "person_id": pa.array(settled.ids, pa.string()),
        "rule": _rules(clusters, links),
        "customers": clusters.sizes,
    }
    return Resolved(pa.table(rows), settled.aliases, clusters)


def _seeds(members: pa.Array, seeds: pa.Table, key: GraphKey) -> dict[str, str]:
    """What a new person's id may be made from. A customer's own id, keyed, sorts after every identifier ("~")."""
    found = dict(zip(seeds["member"].to_pylist(), seeds["seed"].to_pylist(), strict=True))
    without = (member for member in members.to_pylist() if member not in found)
    return found | {member: f"~{key.identifier('customer', member)}" for member in without}


def _rules(clusters: Clusters, links: pa.Table) -> pa.Array:
    strong = links.filter(links["strong"])
    ends = pa.concat_arrays([*strong["a"].chunks, *strong["b"].chunks, pa.array([], pa.string())])
    rules = np.where(pc.is_in(clusters.members, value_set=ends), "same_email", "two_identifiers")
    rules = np.where(clusters.sizes == 1, "alone", rules)
    return pa.array(np.where(clusters.quarantined, "quarantined", rules), pa.string())
