"""A user's own tables, in the forms they come in, and with the mistakes people make."""

import gzip
import io
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pyiceberg.catalog.sql import SqlCatalog

from segment_assets.first_party.tables import ENGAGEMENT_EVENTS
from segment_assets_tests.end_to_end.own_data import (
    EVENT_COLUMNS,
    SHORT_TARGET,
    Folder,
    as_arrow,
    as_csv,
    customers_csv,
    events,
    events_csv,
    started,
)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return started(tmp_path / "own")


def parquet(folder: Folder) -> None:
    into = io.BytesIO()
    pq.write_table(as_arrow(events()), into)
    folder.put("events/all.parquet", into.getvalue())


def iceberg(folder: Folder) -> None:
    """A table of the user's own, written by Iceberg in their landing folder: data/ and metadata/."""
    place = folder.path / "landing"
    catalog = SqlCatalog("theirs", uri=f"sqlite:///{folder.path}/theirs.db", warehouse=place.as_uri())
    catalog.create_namespace("shop")
    rows = as_arrow(events())
    table = catalog.create_table("shop.events", rows.schema, location=(place / "events").as_uri())
    table.append(rows.slice(0, 100))
    table.append(rows.slice(100))
    catalog.close()


def gzipped(folder: Folder) -> None:
    folder.put("events/all.csv.gz", gzip.compress(events_csv().encode()))


@pytest.mark.parametrize("form", [parquet, iceberg, gzipped])
def test_every_form_of_the_same_events_gives_the_same_events(folder: Folder, form: Callable[[Folder], None]) -> None:
    form(folder)
    folder.read_events()
    read = folder.rows(ENGAGEMENT_EVENTS.name, "occurred_at, user_id, event_name, metrics")
    landed = [(datetime.fromisoformat(t), customer, name, [("amount", n)]) for t, customer, name, n in events()]
    assert read == sorted(landed, key=str)


def test_without_a_partner_a_graph_and_a_dashboard_everything_else_is_built(folder: Folder) -> None:
    folder.put("events/all.csv", events_csv())
    folder.put("customers/customers.csv", customers_csv())
    folder.edit(identity_graph=False, dashboard=False)
    assert folder.refresh(), folder.printed
    assert folder.built - {"data_age"} == folder.assets
    assert folder.built.isdisjoint({"identity_graph", "dashboard", "partner_audience", "collaboration"})
    assert {"persons", "households", "features", "customer_scores/churn_28d"} <= folder.built
    [told] = folder.handed_off
    assert len(told.read_text().splitlines()) > 3
    assert "index.html" not in folder.printed


def test_an_empty_landing_place_is_said_so(folder: Folder) -> None:
    assert folder.refresh()
    assert "No events have landed in" in folder.printed
    assert "No customers have landed in" in folder.printed
    assert folder.built == set()


def test_a_partner_of_whom_nothing_landed_is_said_so(folder: Folder) -> None:
    folder.put("events/all.csv", events_csv())
    folder.put("customers/customers.csv", customers_csv())
    lists = {"join_columns": ["email_sha256"], "list_columns": ["age"]}
    theirs = {"table": "partner_audience", "allowed_columns": ["email_sha256", "age"], "list": lists}
    ours = {
        "table": "customers",
        "allowed_columns": ["email_sha256", "country"],
        "list": lists | {"list_columns": ["country"]},
    }
    text = "SELECT DISTINCT t.age FROM ours o JOIN theirs t ON o.email_sha256 = t.email_sha256"
    together: dict[str, object] = {"name": "us", "runner": "shop", "provider": "partner"}
    together |= {"configured_tables": {"ours": ours, "theirs": theirs}}
    together |= {"queries": {"ages": {"description": "Ages.", "sql": text}}}
    audience = {"place": "nowhere", "attributes": {"age": "age"}}
    folder.edit(identity_graph=False, dashboard=False, audience=audience, collaboration=together)
    assert folder.refresh(), folder.printed
    assert "No files of the partner have landed in" in folder.printed
    assert "audience.place" in folder.printed


def test_without_customers_nobody_is_reached_and_it_is_said_why(folder: Folder) -> None:
    folder.put("events/all.csv", events_csv())
    assert folder.refresh(), folder.printed
    assert "No events have landed" not in folder.printed
    assert "No customers have landed" in folder.printed
    assert folder.handed_off == []


def test_customers_without_a_consent_column_are_all_out(folder: Folder) -> None:
    folder.put("events/all.csv", events_csv())
    folder.put("customers/customers.csv", customers_csv())
    columns = {"customer": "customer_id", "email": "email"}
    landing = {
        "place": "landing",
        "events": {
            "format": "table",
            "table": {"customer": "customer_id", "time": "time", "event": "event", "metrics": {"amount": "amount"}},
        },
        "customers": {"format": "table", "table": columns},
    }
    folder.edit(landing=landing)
    assert folder.refresh(), folder.printed
    assert {reason for (reason,) in folder.rows("segments.predictive_segments_win_back", "reason")} == {"no_consent"}
    assert folder.handed_off == []


def test_a_target_that_the_data_can_t_carry_is_refused_and_the_rest_goes_on(folder: Folder) -> None:
    folder.put("events/all.csv", events_csv())
    folder.put("customers/customers.csv", customers_csv())
    never = SHORT_TARGET | {"eligible": "purchase_count_84d > 1000"}
    folder.edit(targets={"churn_28d": SHORT_TARGET, "never": never})
    assert not folder.refresh()
    said = "training_examples/never was built, and nothing below it, for it did not pass a check: segmentation.yaml: "
    assert said + "targets." in folder.printed
    assert folder.handed_off
    # It is said again as long as it holds, and nothing is trained on refused examples.
    assert not folder.refresh()
    assert "targets.never.eligible: " in folder.printed
    assert folder.built.isdisjoint({"trained_model/never"})
    # Mended, it is built with all that waited for it.
    folder.edit(targets={"churn_28d": SHORT_TARGET, "never": SHORT_TARGET | {"seed": 1}})
    assert folder.refresh(), folder.printed
    assert {"training_examples/never", "customer_scores/never", "dashboard"} <= folder.built


def test_a_withdrawal_is_told_though_the_target_can_not_be_trained_any_more(folder: Folder) -> None:
    folder.put("events/all.csv", events_csv())
    folder.put("customers/2026/01/01/customers.csv", customers_csv())
    assert folder.refresh(), folder.printed
    decided = folder.rows("segments.predictive_segments_win_back", "customer_id, reason")
    who = next(customer for customer, reason in decided if reason == "in")
    folder.edit(targets={"churn_28d": SHORT_TARGET | {"eligible": "purchase_count_84d > 1000"}})
    denied = customers_csv().replace(f"{who}@example.org,granted", f"{who}@example.org,denied")
    folder.put("customers/2026/01/02/customers.csv", denied)
    assert not folder.refresh()
    assert "training_examples/churn_28d was built, and nothing below it" in folder.printed
    assert (who, "no_consent") in folder.rows("segments.predictive_segments_win_back", "customer_id, reason")
    assert f"{who},out" in folder.handed_off[-1].read_text()


def test_who_unsubscribed_is_told_though_no_export_of_customers_can_be_read(folder: Folder) -> None:
    folder.put("events/all.csv", events_csv())
    folder.put("customers/2026/01/01/customers.csv", customers_csv())
    assert folder.refresh(), folder.printed
    decided = folder.rows("segments.predictive_segments_win_back", "customer_id, reason")
    who = next(customer for customer, reason in decided if reason == "in")
    folder.put("customers/2026/01/02/customers.csv", customers_csv().splitlines()[0])
    folder.put("events/no.csv", f"time,customer_id,event,amount\n2026-05-01,{who},unsubscribe,\n")
    assert not folder.refresh()
    assert "customers was not built, and what lies below it goes on with those of the export before" in folder.printed
    assert f"{who},out" in folder.handed_off[-1].read_text()
    folder.put("customers/2026/01/02/customers.csv", customers_csv())
    assert folder.refresh(), folder.printed


def test_bad_rows_are_quarantined_and_counted(folder: Folder) -> None:
    bad = [
        ("yesterday", "c001", "purchase", "1"),
        ("2026-01-01T10:00:00", "", "purchase", "1"),
        ("2026-01-01T10:00:00", "c001", "purchase", "a lot"),
        ("2026-01-01T10:00:00", "c001", "", "1"),
        ("1926-01-01T10:00:00", "c001", "purchase", "1"),
    ]
    folder.put("events/all.csv", as_csv(EVENT_COLUMNS, [*events(), *bad]) + "2026-01-01T10:00:00,c001\n")
    folder.read_events()
    reasons = Counter(reason for (reason,) in folder.rows("raw.quarantined_records", "reason"))
    assert reasons == dict.fromkeys(
        ["bad_time", "missing_customer", "not_a_number", "missing_event", "absurd_time", "wrong_columns"], 1
    )
    assert "quarantined        6; 0 duplicates" in folder.printed


MISTAKES = {
    "a column of events": (
        {"events": {"customer": "who", "time": "time", "event": "event"}},
        'landing.events.table: events/all.csv has no column "who"',
    ),
    "a column of customers": (
        {"customers": {"customer": "customer_id", "email": "mail"}},
        'landing.customers.table: customers/customers.csv has no column "mail" (did you mean "email"?)',
    ),
    "an event": (
        {"target": {"event": "purchse"}},
        'targets.churn_28d.event: no event is named "purchse" (did you mean "purchase"?)',
    ),
    "a condition on features": (
        {"target": {"eligible": "purchase_count_84 > 0"}},
        'targets.churn_28d.eligible: "purchase_count_84 > 0": no column is named "purchase_count_84"',
    ),
    "a column in where": (
        {"segment": {"where": "probabilty >= 0.3"}},
        'segments.win_back.where: "probabilty >= 0.3": no column is named "probabilty" (did you mean "probability"?)',
    ),
    "SQL that does not parse": ({"segment": {"where": "probability >="}}, "segments.win_back.where:"),
    "text compared with a number": ({"segment": {"where": "probability = 'high'"}}, "segments.win_back.where:"),
}


def test_every_mistake_found_while_building_is_one_sentence_and_can_be_mended(folder: Folder) -> None:
    """In one folder, one after the other, as a user makes them; in the end all is well without a fresh start."""
    folder.put("events/all.csv", events_csv())
    folder.put("customers/customers.csv", customers_csv())
    events_table = {"customer": "customer_id", "time": "time", "event": "event"}
    people_table = {"customer": "customer_id", "email": "email", "email_consent": "email_consent"}
    segment = {"target": "churn_28d", "purpose": "p", "channels": ["email"], "top": 0.5, "destinations": ["files"]}

    def write(mistake: dict[str, dict[str, str]]) -> None:
        folder.edit(
            landing={
                "place": "landing",
                "events": {"format": "table", "table": mistake.get("events", events_table)},
                "customers": {"format": "table", "table": mistake.get("customers", people_table)},
            },
            targets={"churn_28d": SHORT_TARGET | mistake.get("target", {})},
            segments={"win_back": segment | mistake.get("segment", {})},
            dashboard=False,
        )

    for name, (mistake, sentence) in MISTAKES.items():
        write(mistake)
        ok, said = folder.refresh(), folder.printed
        assert (ok, sentence in said, "Traceback" in said, "unexpected" in said) == (False, True, False, False), (
            f"{name}: {said}"
        )
    write({})
    assert folder.refresh(), folder.printed
    assert folder.handed_off
    folder.refresh()
    assert "Nothing is new: nothing was built again." in folder.printed


def test_what_landed_while_something_failed_is_not_lost(folder: Folder) -> None:
    rows = events()
    folder.put("events/all.csv", as_csv(EVENT_COLUMNS, rows[:-20]))
    folder.put("customers/customers.csv", customers_csv().replace("email,", "mail,", 1))
    assert not folder.refresh()
    folder.put("events/all.csv", as_csv(EVENT_COLUMNS, rows))
    folder.put("customers/customers.csv", customers_csv())
    assert folder.refresh(), folder.printed
    assert len(folder.rows(ENGAGEMENT_EVENTS.name, "event_id")) == len(rows)


def test_a_hundred_thousand_rows_are_read(folder: Folder) -> None:
    """Seconds, not minutes: measured apart, since nothing timed is asserted here."""
    rows = events(customers=1000, days=40, per_customer=130)
    folder.put("events/all.csv", as_csv(EVENT_COLUMNS, rows))
    folder.read_events()
    assert len(rows) > 100_000
    assert len(folder.rows(ENGAGEMENT_EVENTS.name, "event_id")) == len(rows)
