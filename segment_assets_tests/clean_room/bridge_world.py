"""The demo's collaboration with an ID mapping table: customers known by customer_id, the audience by hashed e-mail."""

from typing import Any

import yaml

from segment_assets import segmentation
from segment_assets.clean_room import assets as clean_room_assets
from segment_assets.first_party.tables import CUSTOMERS
from segment_assets.lake import Lake
from segment_assets.segmentation import Segmentation
from segment_assets_tests.clean_room import world

TABLES = """
ours_listed:
  table: customers
  allowed_columns: [customer_id, country]
  list: {join_columns: [customer_id], list_columns: [country]}
theirs_listed:
  table: partner_audience
  allowed_columns: [email_sha256, age_band]
  list: {join_columns: [email_sha256], list_columns: [age_band]}
ours_counted:
  table: customers
  allowed_columns: [customer_id, country]
  aggregation:
    aggregate_columns: [{columns: [customer_id], function: COUNT_DISTINCT}]
    join_columns: [customer_id]
    output_constraints: [{column: customer_id, minimum: 25}]
theirs_counted:
  table: partner_audience
  allowed_columns: [email_sha256, age_band]
  aggregation:
    aggregate_columns: [{columns: [email_sha256], function: COUNT_DISTINCT}]
    join_columns: [email_sha256]
    dimension_columns: [age_band]
    join_required: QUERY_RUNNER
    output_constraints: [{column: email_sha256, minimum: 25}]
ours_free:
  table: customers
  allowed_columns: [customer_id, country]
  custom: {allowed_analyses: [ANY_QUERY], allowed_authors: [grocer]}
theirs_free:
  table: partner_audience
  allowed_columns: [email_sha256, age_band]
  custom:
    allowed_analyses: [ANY_QUERY]
    allowed_authors: [grocer]
    disallowed_output_columns: [email_sha256]
    minimum_identities: {column: email_sha256, minimum: 25}
"""
BRIDGE: dict[str, Any] = {
    "source": {"table": "customers", "id": "customer_id"},
    "target": {"table": "partner_audience", "id": "email_sha256"},
    "match": [{"email_sha256": "email_sha256"}, {"email_sha256_plain": "email_sha256_plain"}],
}
JOINED = "{ours} c JOIN people m ON c.customer_id = m.source_id JOIN {theirs} p ON m.target_id = p.email_sha256"
QUERIES = {
    "ages_listed": "SELECT DISTINCT c.country, p.age_band FROM "
    + JOINED.format(ours="ours_listed", theirs="theirs_listed"),
    "ages_counted": "SELECT p.age_band, COUNT(DISTINCT c.customer_id) AS customers FROM "
    + JOINED.format(ours="ours_counted", theirs="theirs_counted")
    + " GROUP BY p.age_band",
    "ages_ranked": "WITH known AS (SELECT p.age_band, COUNT(DISTINCT c.customer_id) AS customers FROM "
    + JOINED.format(ours="ours_free", theirs="theirs_free")
    + " GROUP BY p.age_band) SELECT age_band, customers, RANK() OVER (ORDER BY customers DESC) AS place FROM known",
    "ages_free": "SELECT p.age_band, COUNT(DISTINCT c.customer_id) AS customers FROM "
    + JOINED.format(ours="ours_free", theirs="theirs_free")
    + " GROUP BY p.age_band",
}  # fmt: skip


def config(**changes: Any) -> Segmentation:
    """The demo's file with the bridge `people`, tables of each rule, and a query through it over each.

    Args:
        changes: to the bridge.
    """
    content = yaml.safe_load(segmentation.DEMO_FILE.read_text(encoding="utf-8"))
    offered = content["collaboration"]
    offered["configured_tables"] |= yaml.safe_load(TABLES)
    offered["id_mapping_tables"] = {"people": BRIDGE | changes}
    offered["queries"] = {name: {"description": name, "sql": sql} for name, sql in QUERIES.items()}
    return Segmentation.model_validate(content)


def fill(lake: Lake, of: Segmentation) -> None:
    """90 customers: 30 known by e-mail, 30 by the address without its tag, 30 unknown to the partner.

    Of those who are known, two thirds are of one age band, and the others of one that is too small.
    """
    known = [f"h{i}" if i < 30 else f"tagged{i}" for i in range(90)]
    plain = [f"plain{i}" for i in range(90)]
    ages = ["19-24" if i % 3 else "65+" for i in range(60)]
    ours = {"customer_id": [f"c{i:02}" for i in range(90)], "country": ["DE"] * 90, "endpoints": [1] * 90}
    theirs = {"email_sha256": [f"h{i}" for i in range(60)], "email_sha256_plain": plain[:60], "age_band": ages}
    world.write(lake, CUSTOMERS, ours | {"email_sha256": known, "email_sha256_plain": plain})
    world.write(lake, clean_room_assets.sources(of)["partner_audience"], theirs)
