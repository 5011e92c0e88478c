"""The questions the graph answers: a closed list, in the part of openCypher that every store reads alike.

Stores differ silently, so each query keeps to what does not depend on it: labels and edge types always written;
parameters, never text put together; distinct scalars returned, and nulls replaced; where a path goes out and comes
back it excludes where it came from, or starts a second MATCH, because some stores walk an edge twice and some do not.
`sql/graph_<name>.sql` asks the same of the tables, and the tests compare.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field

from segment_assets.identity.graph_model import EDGES, NODES

Value = str | int
Row = dict[str, str | int | None]


class QueryError(Exception):
    """The query asked for is not one, or not with these parameters."""


@dataclass(frozen=True)
class Query:
    """A named question.

    Attributes:
        description: what it answers.
        cypher: openCypher. `UNION ALL` has no order of its own: `sort` says that rows are sorted by what is returned.
        parameters: name -> type of what must be given. Ids are graph ids: keyed, with their prefix.
        sort: rows are sorted after they were fetched.
    """

    description: str
    cypher: str
    parameters: Mapping[str, type[Value]] = field(default_factory=dict)
    sort: bool = False


_USABLE = "coalesce(d.guard, 'none') <> 'shared' AND coalesce(d.guard, 'none') <> 'placeholder'"
_HAS = {"HAS_EMAIL": "Email", "HAS_PHONE": "Phone", "HAS_ADDRESS": "Address", "USES_DEVICE": "Device"}

QUERIES: Mapping[str, Query] = {
    "customer_card": Query(
        "One customer: which person and household, by which rule, and how large they are.",
        "MATCH (c:Customer {id: $customer})-[s:SAME_AS]->(p:Person)-[m:MEMBER_OF]->(h:Household) "
        "RETURN c.id AS customer, p.id AS person, s.rule AS person_rule, p.customers AS person_customers, "
        "h.id AS household, m.rule AS household_rule, h.persons AS household_persons ORDER BY customer",
        {"customer": str},
    ),
    "customer_identifiers": Query(
        "One customer: every identifier used, by how many others too, and what keeps it from merging.",
        " UNION ALL ".join(
            f"MATCH (c:Customer {{id: $customer}})-[:{edge}]->(i:{label}) "
            "RETURN i.id AS identifier, i.degree AS degree, coalesce(i.guard, 'none') AS guard"
            for edge, label in _HAS.items()
        ),
        {"customer": str},
        sort=True,
    ),
    "cross_device_neighbours": Query(
        "Who uses a device that one customer uses, where the device belongs to a household and not to the public.",
        "MATCH (c:Customer {id: $customer})-[:USES_DEVICE]->(d:Device)<-[:USES_DEVICE]-(o:Customer) "
        f"WHERE o.id <> c.id AND {_USABLE} "
        "RETURN DISTINCT o.id AS customer, d.id AS device, coalesce(d.kind, 'unknown') AS device_kind "
        "ORDER BY customer, device",
        {"customer": str},
    ),
    "household_members": Query(
        "Everyone in one customer's household, the customer included.",
        # Two MATCH clauses with nothing between: a WITH there took 1,000 ms at 200,000 customers, this 3 ms.
        "MATCH (c:Customer {id: $customer})-[:SAME_AS]->(p:Person)-[:MEMBER_OF]->(h:Household) "
        "MATCH (h:Household)<-[m:MEMBER_OF]-(q:Person)<-[s:SAME_AS]-(o:Customer) "
        "RETURN DISTINCT o.id AS customer, q.id AS person, s.rule AS person_rule, m.rule AS household_rule "
        "ORDER BY customer",
        {"customer": str},
    ),
    "reach_by_household": Query(
        "From one device to every device of the households that use it.",
        "MATCH (d:Device {id: $device})<-[:USES_DEVICE]-(c:Customer)"
        "-[:SAME_AS]->(p:Person)-[:MEMBER_OF]->(h:Household) "
        "MATCH (h:Household)<-[:MEMBER_OF]-(q:Person)<-[:SAME_AS]-(o:Customer)-[:USES_DEVICE]->(e:Device) "
        f"WHERE {_USABLE} "
        "RETURN DISTINCT h.id AS household, e.id AS device, coalesce(e.kind, 'unknown') AS device_kind "
        "ORDER BY household, device",
        {"device": str},
    ),
    "household_size_distribution": Query(
        "How many households there are of each size.",
        "MATCH (h:Household) RETURN h.persons AS persons, count(*) AS households ORDER BY persons",
    ),
    "devices_per_customer": Query(
        "How many customers use how many devices.",
        "MATCH (c:Customer) OPTIONAL MATCH (c)-[:USES_DEVICE]->(d:Device) "
        "WITH c.id AS customer, count(DISTINCT d.id) AS devices "
        "RETURN devices, count(*) AS customers ORDER BY devices",
    ),
    "shared_device_report": Query(
        "Devices that many customers share: kiosks, or a family's.",
        "MATCH (c:Customer)-[:USES_DEVICE]->(d:Device) "
        "WITH d.id AS device, coalesce(d.kind, 'unknown') AS device_kind, coalesce(d.guard, 'none') AS guard, "
        "count(DISTINCT c.id) AS customers WHERE customers >= $minimum "
        "RETURN device, device_kind, guard, customers ORDER BY customers DESC, device",
        {"minimum": int},
    ),
    "customers_without_identifier": Query(
        "How many customers nothing is known of that could join them to anyone.",
        "MATCH (c:Customer) WHERE "
        + " AND ".join(f"NOT (c)-[:{edge}]->(:{label})" for edge, label in _HAS.items())
        + " RETURN count(*) AS customers",
    ),
    "graph_counts": Query(
        "How many nodes there are of each label, and edges of each type.",
        " UNION ALL ".join(
            # Counted first: beside a label, which is a grouping key, no rows would give no count instead of 0.
            f"MATCH {pattern} WITH count(*) AS rows RETURN '{label}' AS label, rows AS rows"
            for label, pattern in (
                *((label, f"(n:{label})") for label in NODES),
                *((name, f"(a:{edge.start})-[r:{name}]->(b:{edge.end})") for name, edge in EDGES.items()),
            )
        ),
        sort=True,
    ),
}


def query(name: str, parameters: Mapping[str, Value]) -> Query:
    """The named query, once its parameters were checked.

    Raises:
        QueryError: no query has the name, or the parameters are not those it takes.
    """
    if name not in QUERIES:
        close = difflib.get_close_matches(name, QUERIES, n=1)
        hint = f'did you mean "{close[0]}"?' if close else f"one of: {', '.join(QUERIES)}"
        raise QueryError(f'the graph has no query "{name}" ({hint})')
    found = QUERIES[name]
    if set(parameters) != set(found.parameters):
        takes = ", ".join(found.parameters) or "none"
        raise QueryError(f"{name}: the parameters are not those it takes ({takes})")
    for parameter, kind in found.parameters.items():
        if type(parameters[parameter]) is not kind:
            raise QueryError(f"{name}.{parameter}: must be {'a text' if kind is str else 'a whole number'}")
    return found


def ordered(rows: list[Row]) -> list[Row]:
    """Rows by what they say, nulls last."""
    return sorted(rows, key=lambda row: [(value is None, str(type(value)), value) for value in row.values()])
