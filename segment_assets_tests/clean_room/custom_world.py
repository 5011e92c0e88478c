"""The demo's collaboration with custom rules beside it: free text, a template, receivers, access budgets."""

from typing import Any

import yaml

from segment_assets import segmentation
from segment_assets.segmentation import Segmentation

TABLES = """
customers_custom:
  table: customers
  allowed_columns: [email_sha256, customer_id, country]
  custom: {allowed_analyses: [ANY_QUERY], allowed_authors: [grocer], disallowed_output_columns: [email_sha256]}
audience_custom:
  table: partner_audience
  allowed_columns: [email_sha256, age_band, kids_count]
  result_receivers: [grocer]
  access_budget: [{budget: 3, type: CALENDAR_MONTH}, {budget: 100, type: LIFETIME}]
  custom:
    allowed_analyses: [ANY_QUERY]
    allowed_authors: [grocer]
    disallowed_output_columns: [email_sha256]
    minimum_identities: {column: email_sha256, minimum: 25, any_expression: true}
customers_reviewed:
  table: customers
  allowed_columns: [email_sha256, customer_id]
  custom: {allowed_analyses: [by_age]}
audience_reviewed:
  table: partner_audience
  allowed_columns: [email_sha256, age_band]
  custom:
    allowed_analyses: [by_age]
    minimum_identities: {column: email_sha256, minimum: 25}
"""
TEMPLATES = """
by_age:
  author: demographics partner
  parameters: {age: {type: VARCHAR, default: none}}
  sql: |
    WITH known AS (SELECT p.age_band AS age, c.customer_id FROM customers_reviewed c
                   JOIN audience_reviewed p ON c.email_sha256 = p.email_sha256)
    SELECT age, COUNT(DISTINCT customer_id) AS customers FROM known WHERE age <> :age GROUP BY age
"""
QUERIES = """
age_ranks:
  description: Age bands by how many customers are in them.
  sql: |
    WITH known AS (
      SELECT p.age_band, COUNT(DISTINCT c.customer_id) AS customers, SUM(CAST(p.kids_count AS INT)) AS kids
      FROM customers_custom c JOIN audience_custom p ON c.email_sha256 = p.email_sha256
      GROUP BY p.age_band
    )
    SELECT age_band, customers, kids, RANK() OVER (ORDER BY customers DESC) AS place FROM known ORDER BY place
ages_reviewed:
  description: Customers by age, as the partner reviewed it.
  template: by_age
  parameters: {age: 26-99}
"""


def config(**tables: Any) -> Segmentation:
    """The demo's file with these tables and queries; `tables` changes settings of configured tables."""
    content = yaml.safe_load(segmentation.DEMO_FILE.read_text(encoding="utf-8"))
    offered = content["collaboration"]
    added = yaml.safe_load(TABLES)
    for name, changes in tables.items():
        added[name] |= changes
    offered["configured_tables"] |= added
    offered["templates"] = yaml.safe_load(TEMPLATES)
    offered["queries"] |= yaml.safe_load(QUERIES)
    return Segmentation.model_validate(content)
