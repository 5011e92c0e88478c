"""From the tables of step 6 to the nodes and edges of the graph."""

import pyarrow as pa
import pyarrow.compute as pc

from segment_assets import sql
from segment_assets.identity.graph_model import EDGES, NODES, Snapshot
from segment_assets.identity.keys import GraphKey
from segment_assets.identity.tables import HOUSEHOLDS, IDENTITY_EDGES, PERSONS
from segment_assets.lake import Lake

_KINDS = {"email": "Email", "phone": "Phone", "device": "Device", "address": "Address"}
_LINKS = {"email": "HAS_EMAIL", "phone": "HAS_PHONE", "device": "USES_DEVICE", "address": "HAS_ADDRESS"}


def take_snapshot(lake: Lake, key: GraphKey) -> Snapshot:
    """The graph as the tables have it now.

    Customers' own ids are keyed too: many a customer id is an e-mail address. So are those of persons and households,
    which outlive a key and were made from identifiers under the key of their time.

    Args:
        lake: where IDENTITY_EDGES, PERSONS and HOUSEHOLDS are.
        key: the key that the identifiers in IDENTITY_EDGES were made with.
    """
    with lake.connect(IDENTITY_EDGES) as db:
        identifiers = db.sql(sql.to_duckdb(sql.load("segment_assets.identity", "graph_identifiers"))).to_arrow_table()
        links = db.sql(sql.to_duckdb(sql.load("segment_assets.identity", "graph_links"))).to_arrow_table()
    persons = _keyed(lake.read(PERSONS), key, person_id="person")
    households = _keyed(lake.read(HOUSEHOLDS), key, person_id="person", household_id="household")
    customers = persons["customer_id"].combine_chunks()
    keyed = pa.array(key.identifiers("customer", customers.to_pylist()), pa.string())
    nodes = {
        "Household": _distinct(households, household_id="id", persons="persons"),
        "Person": _distinct(persons, person_id="id", customers="customers"),
        "Customer": pa.table({"id": keyed}),
    }
    for kind, label in _KINDS.items():
        nodes[label] = identifiers.filter(pc.equal(identifiers["kind"], kind)).drop_columns("kind")
    nodes["Device"] = nodes["Device"].rename_columns({"device_kind": "kind"})
    edges = {
        "SAME_AS": pa.table({"start_id": keyed, "end_id": persons["person_id"], "rule": persons["rule"]}),
        "MEMBER_OF": households.rename_columns({"person_id": "start_id", "household_id": "end_id"}),
    }
    users = keyed.take(pc.index_in(links["customer_id"], value_set=customers))
    links = links.rename_columns({"identifier": "end_id"}).append_column("start_id", users)
    for kind, name in _LINKS.items():
        edges[name] = links.filter(pc.equal(links["kind"], kind))
    return Snapshot(
        {label: _conform(nodes[label], schema, "id") for label, schema in NODES.items()},
        {name: _conform(edges[name], edge.schema, "start_id", "end_id") for name, edge in EDGES.items()},
        lake.as_of(IDENTITY_EDGES, PERSONS, HOUSEHOLDS),
    )


def _keyed(rows: pa.Table, key: GraphKey, **kinds: str) -> pa.Table:
    for name, kind in kinds.items():
        ids = pa.array(key.identifiers(kind, rows[name].to_pylist()), pa.string())
        rows = rows.set_column(rows.schema.get_field_index(name), name, ids)
    return rows


def _distinct(rows: pa.Table, **names: str) -> pa.Table:
    return rows.select(list(names)).group_by(list(names), use_threads=False).aggregate([]).rename_columns(names)


def _conform(rows: pa.Table, schema: pa.Schema, *order: str) -> pa.Table:
    return rows.select(schema.names).cast(schema).sort_by([(name, "ascending") for name in order])
