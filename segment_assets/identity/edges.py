"""Which identifier each customer uses, keyed, counted and guarded."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from segment_assets import sql
from segment_assets.config_types import LONGEST
from segment_assets.first_party.tables import CUSTOMER_ENDPOINTS, CUSTOMERS
from segment_assets.identity.guards import LIMITS, Limits, placeholders
from segment_assets.identity.keys import GraphKey
from segment_assets.identity.tables import IDENTITY_EDGES
from segment_assets.lake import Lake

_STEP = "segment_assets.identity"


def identity_edges(lake: Lake, key: GraphKey, limits: Limits = LIMITS, nobodys: pa.Table | None = None) -> pa.Table:
    """Rows of IDENTITY_EDGES from the customers and their endpoints.

    Args:
        lake: where CUSTOMERS and CUSTOMER_ENDPOINTS are.
        key: what identifiers are keyed with.
        limits: how many customers may share an identifier before it says nothing, and how long it says something.
        nobodys: what is nobody's own, of `placeholders`; default: what is so everywhere.
    """
    query = sql.to_duckdb(sql.bind(sql.load(_STEP, "identity_edges"), reach(limits)))
    nobodys = placeholders() if nobodys is None else nobodys
    with lake.connect(CUSTOMERS, CUSTOMER_ENDPOINTS, placeholders=nobodys) as db:
        links = db.sql(query).to_arrow_table()
    return links.append_column("identifier", _keyed(links["kind"], links["hashed"], key))


def reach(limits: Limits) -> dict[str, int]:
    """The limits as parameters of the query."""
    days = limits.window.days if limits.window else LONGEST
    return {"person_cap": limits.person_cap, "household_cap": limits.household_cap, "window": days}


def guarded_identifiers(lake: Lake) -> list[dict[str, Any]]:
    """Per kind: how many identifiers there are, how many each guard holds back, and the most shared one's degree."""
    with lake.connect(IDENTITY_EDGES) as db:
        rows = db.sql(sql.to_duckdb(sql.load(_STEP, "guarded_identifiers"))).to_arrow_table()
    return [dict(row) for row in rows.to_pylist()]


def _keyed(kinds: pa.ChunkedArray, hashed: pa.ChunkedArray, key: GraphKey) -> pa.Array:
    # Once per distinct value: most of the cost is in the HMAC, and shared identifiers repeat.
    pairs = pc.binary_join_element_wise(kinds, hashed, ":").combine_chunks().dictionary_encode()
    keyed = [key.identifier(*pair.split(":", 1)) for pair in pairs.dictionary.to_pylist()]
    return pa.array(keyed, pa.string()).take(pairs.indices)
