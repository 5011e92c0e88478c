"""Exports of customers into a real lake, as the assets do it."""

import gzip
import json

from segment_assets.first_party import customer_exports, customers
from segment_assets.first_party.tables import CONSENT_STATE
from segment_assets.landing_config import CustomersLanding, CustomerTable

PINPOINT = CustomersLanding(phone_region="US")


def endpoint(number=1, kind="EMAIL", **more):
    return {
        "Id": f"ep-{number}-{kind.lower()}",
        "ChannelType": kind,
        "Address": f"person{number}@example.org",
        "EndpointStatus": "ACTIVE",
        "OptOut": "NONE",
        "EffectiveDate": f"2026-01-{number:02d}T12:00:00.000Z",
        "User": {"UserId": f"C{number}"},
    } | more


def put(landing, *endpoints, day="2026/02/01", name="endpoints"):
    lines = [e if isinstance(e, bytes) else json.dumps(e).encode() for e in endpoints]
    landing.write(f"customers/{day}/{name}.jsonl.gz", gzip.compress(b"\n".join(lines)))


def build(lake, landing, where=PINPOINT):
    export = customer_exports.read(landing, where)
    written = customers.write(lake, export, where.phone_region, "run")
    assert export.nothing_lost(written)
    assert customers.readable_columns(lake) == []
    return export, written


def consent(lake):
    return {(r["customer_id"], r["channel"]): (r["state"], r["source"]) for r in lake.read(CONSENT_STATE).to_pylist()}


OWN = CustomersLanding(
    format="table",
    phone_region="US",
    table=CustomerTable(
        customer="id", email="mail", phone="tel", country="land", updated="seen",
        email_consent="news", push_consent="app",
    ),
)  # fmt: skip


def own(landing, *rows, day="2026/02/01"):
    landing.write(f"customers/{day}/c.csv", "\n".join(["id,mail,tel,land,seen,news,app", *rows]).encode())
