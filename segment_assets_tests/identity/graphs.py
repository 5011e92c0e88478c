"""A small graph with everything that is hard: hubs, parallel paths, nulls, unicode, nodes without edges."""

import pyarrow as pa

from segment_assets.identity.graph_model import EDGES, NODES, Snapshot


def hard_snapshot(households: int = 12, kiosk_users: int = 40) -> Snapshot:
    """Households of one to four persons of one to three customers each, and a kiosk that many of them use."""
    nodes: dict[str, list[dict]] = {label: [] for label in NODES}
    edges: dict[str, list[dict]] = {name: [] for name in EDGES}

    def edge(name: str, start: str, end: str, value: str | int | None) -> None:
        edges[name].append({"start_id": start, "end_id": end, EDGES[name].attribute: value})

    nodes["Device"].append({"id": "dev_kiosk", "kind": "kiosk", "degree": kiosk_users, "guard": "shared"})
    nodes["Device"].append({"id": "dev_zero", "kind": None, "degree": 2, "guard": "placeholder"})
    nodes["Device"].append({"id": "dev_nobody's", "kind": "naïve 📱", "degree": 0, "guard": None})
    nodes["Address"].append({"id": "adr_tower", "degree": 11, "guard": "household_only"})
    customers = 0
    for home in range(households):
        size = home % 4 + 1
        nodes["Household"].append({"id": f"hh_{home}", "persons": size})
        nodes["Device"].append({"id": f"dev_tablet ü {home}", "kind": "ios" if home % 2 else None, "degree": 2})
        for nth in range(size):
            person, accounts = f"per_{home}_{nth}", (home + nth) % 3 + 1
            nodes["Person"].append({"id": person, "customers": accounts})
            nodes["Email"].append({"id": f"eml_{home}_{nth}", "degree": accounts})
            edge("MEMBER_OF", person, f"hh_{home}", "shared_identifier" if size > 1 else "alone")
            for account in range(accounts):
                customers += 1
                customer = f"cus_{home}_{nth}_{account} 'quoted\" \\ 日本"
                nodes["Customer"].append({"id": customer})
                edge("SAME_AS", customer, person, "same_email" if accounts > 1 else "alone")
                if customers % 7:
                    edge("HAS_EMAIL", customer, f"eml_{home}_{nth}", None if account else 1_772_366_400)
                if customers % 3 == 0:
                    edge("USES_DEVICE", customer, f"dev_tablet ü {home}", None)
                if customers <= kiosk_users:
                    edge("USES_DEVICE", customer, "dev_kiosk", customers)
                if customers % 11 == 0:
                    edge("HAS_ADDRESS", customer, "adr_tower", None)
    edge("USES_DEVICE", edges["SAME_AS"][0]["start_id"], "dev_zero", 1)
    edge("USES_DEVICE", edges["SAME_AS"][1]["start_id"], "dev_zero", 2)
    return Snapshot(
        {label: pa.Table.from_pylist(rows, NODES[label]) for label, rows in nodes.items()},
        {name: pa.Table.from_pylist(rows, EDGES[name].schema) for name, rows in edges.items()},
    )


def large_snapshot(customers: int) -> Snapshot:
    """Many customers, each alone with an address: enough to be killed in the middle of."""
    ids = [str(n) for n in range(customers)]

    def prefixed(prefix: str) -> pa.Array:
        return pa.array([prefix + i for i in ids], pa.string())

    ones = pa.array([1] * customers, pa.int64())
    alone = pa.array(["alone"] * customers, pa.string())
    rows = {
        "Customer": {"id": prefixed("cus_")},
        "Person": {"id": prefixed("per_"), "customers": ones},
        "Household": {"id": prefixed("hh_"), "persons": ones},
        "Email": {"id": prefixed("eml_"), "degree": ones, "guard": pa.nulls(customers, pa.string())},
        "SAME_AS": {"start_id": prefixed("cus_"), "end_id": prefixed("per_"), "rule": alone},
        "MEMBER_OF": {"start_id": prefixed("per_"), "end_id": prefixed("hh_"), "rule": alone},
        "HAS_EMAIL": {"start_id": prefixed("cus_"), "end_id": prefixed("eml_"), "since": ones},
    }
    return Snapshot(
        {label: pa.table(rows[label]) if label in rows else s.empty_table() for label, s in NODES.items()},
        {name: pa.table(rows[name]) if name in rows else e.schema.empty_table() for name, e in EDGES.items()},
    )
