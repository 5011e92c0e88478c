"""Customers with identifiers, written as step 2 writes them."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime

import pyarrow as pa

from segment_assets.first_party.tables import CUSTOMER_ENDPOINTS, CUSTOMERS
from segment_assets.identity.edges import identity_edges
from segment_assets.identity.guards import LIMITS, Limits
from segment_assets.identity.households import resolve_households
from segment_assets.identity.keys import GraphKey, graph_key
from segment_assets.identity.persons import resolve_persons
from segment_assets.identity.tables import HOUSEHOLD_ALIAS, HOUSEHOLDS, IDENTITY_EDGES, PERSON_ALIAS, PERSONS
from segment_assets.lake import Lake

# Customer -> its identifiers, each with its kind: `{"ann": ["email:ann@shop.example", "device:d1"]}`.
World = Mapping[str, Iterable[str]]
_SINCE = datetime(2026, 3, 1, 12)
HASHED_AS = {"email": "email:", "phone": "phone:", "device": "device:", "address": "postal:"}
_CHANNELS = {"email": "email", "phone": "sms", "device": "push", "address": "other"}


def write_customers(lake: Lake, world: World) -> None:
    """CUSTOMERS and CUSTOMER_ENDPOINTS, one endpoint per identifier."""
    customers = [
        {"customer_id": c, "endpoints": len(list(identifiers)), "known_at": _SINCE} for c, identifiers in world.items()
    ]
    endpoints = [
        _endpoint(customer, number, *identifier.split(":", 1))
        for customer, identifiers in world.items()
        for number, identifier in enumerate(identifiers)
    ]
    lake.write(CUSTOMERS, pa.Table.from_pylist(customers, CUSTOMERS.schema), "test")
    lake.write(CUSTOMER_ENDPOINTS, pa.Table.from_pylist(endpoints, CUSTOMER_ENDPOINTS.schema), "test")


def resolve(lake: Lake, world: World, limits: Limits = LIMITS, key: GraphKey | None = None) -> None:
    """Everything of step 6 but the graph, as the assets do it."""
    write_customers(lake, world)
    lake.write(IDENTITY_EDGES, identity_edges(lake, key or graph_key(), limits), "test")
    resolve_edges(lake, limits, key)


def resolve_edges(lake: Lake, limits: Limits = LIMITS, key: GraphKey | None = None) -> None:
    """Persons and households of the edges that are there."""
    persons = resolve_persons(lake, key or graph_key(), limits)
    lake.write(PERSON_ALIAS, persons.aliases, "test")
    lake.write(PERSONS, persons.rows, "test")
    households = resolve_households(lake, limits)
    lake.write(HOUSEHOLD_ALIAS, households.aliases, "test")
    lake.write(HOUSEHOLDS, households.rows, "test")


def persons(lake: Lake) -> dict[str, str]:
    """Customer -> person."""
    rows = lake.read(PERSONS, ["customer_id", "person_id"])
    return dict(zip(rows["customer_id"].to_pylist(), rows["person_id"].to_pylist(), strict=True))


def households(lake: Lake) -> dict[str, str]:
    """Customer -> household."""
    rows = lake.read(HOUSEHOLDS, ["person_id", "household_id"])
    home = dict(zip(rows["person_id"].to_pylist(), rows["household_id"].to_pylist(), strict=True))
    return {customer: home[person] for customer, person in persons(lake).items()}


def groups(ids: Mapping[str, str]) -> set[frozenset[str]]:
    """Who is together, whatever it is called."""
    together: dict[str, set[str]] = {}
    for member, name in ids.items():
        together.setdefault(name, set()).add(member)
    return {frozenset(members) for members in together.values()}


def _endpoint(customer: str, number: int, kind: str, value: str) -> dict[str, object]:
    hashed = hashlib.sha256((HASHED_AS[kind] + value).encode()).hexdigest()
    return {
        "customer_id": customer,
        "endpoint_id": f"{customer}-{number}",
        "channel": _CHANNELS[kind],
        "address_sha256": hashed if kind in ("email", "phone") else None,
        "devices": [(hashed, "ios" if number % 2 else None)] if kind == "device" else [],
        "postal_addresses": [(hashed, hashed)] if kind == "address" else [],
        "active": True,
        "effective_at": _SINCE,
    }
