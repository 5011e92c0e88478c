"""A project with a table of its own, a table in other columns, and an SES stream: one segment from all of them."""

import json
from pathlib import Path

from segment_assets_tests.end_to_end.own_data import as_csv, customers_csv, events, started

COLUMNS = {"customer": "customer_id", "email": "email", "email_consent": "email_consent"}
ORDERS = {"customer": "buyer", "time": "ordered_at", "event_name": "purchase", "metrics": {"amount": "total"}}
LETTER = {"customer": "customer_id", "time": "when", "event": "what"}
LANDING = {
    "place": "landing",
    "events": {
        "sources": {
            "orders": {"path": "events/orders/", "format": "table", "table": ORDERS},
            "newsletter": {"path": "events/newsletter/", "format": "table", "table": LETTER},
            "mail": {"path": "events/ses/", "format": "ses"},
        }
    },
    "customers": {"format": "table", "table": COLUMNS},
}


def complaint(address: str) -> bytes:
    time = "2026-04-20T12:00:00.000Z"
    mail = {"timestamp": time, "messageId": "m1", "destination": [address]}
    who = [{"emailAddress": address}]
    told = {"eventType": "Complaint", "mail": mail, "complaint": {"complainedRecipients": who, "timestamp": time}}
    return json.dumps(told).encode()


def test_purchases_of_a_table_choose_and_complaints_of_a_stream_and_opt_outs_of_another_table_suppress(
    tmp_path: Path,
) -> None:
    folder = started(tmp_path / "own")
    folder.edit(landing=LANDING, identity_graph=False, dashboard=False)
    orders = [(time, customer, amount) for time, customer, _, amount in events()]
    folder.put("events/orders/all.csv", as_csv(("ordered_at", "buyer", "total"), orders))
    folder.put("events/newsletter/log.jsonl", '{"customer_id":"c002","when":"2026-04-21","what":"Opted out"}')
    folder.put("events/ses/2026/04/20/12/a", complaint("c001@example.org"))
    folder.put("customers/customers.csv", customers_csv())
    assert folder.refresh(), folder.printed
    decided = dict(folder.rows("segments.predictive_segments_win_back", "customer_id, reason"))
    assert decided["c001"] == "suppressed"
    assert decided["c002"] != "suppressed"
    assert "in" in decided.values()
    assert 'events "Opted out" (1) sound like an opt-out' in folder.printed
    assert "under landing.events.sources.newsletter.table.rename" in folder.printed

    renamed = LETTER | {"rename": {"opted out": "unsubscribe"}}
    sources = LANDING["events"]["sources"] | {"newsletter": {"path": "events/newsletter/", "format": "table"}}
    sources["newsletter"]["table"] = renamed
    folder.edit(landing=LANDING | {"events": {"sources": sources}})
    folder.put("events/unknown.bin", b"?")
    assert folder.refresh(), folder.printed
    decided = dict(folder.rows("segments.predictive_segments_win_back", "customer_id, reason"))
    assert (decided["c001"], decided["c002"]) == ("suppressed", "suppressed")
    assert "Nothing of events/unknown.bin could be read" in folder.printed

    assert folder.refresh()
    assert "Nothing is new" in folder.printed
