"""The screen at the end of a refresh."""

import io
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
from rich.console import Console

from segment_assets import deployment, segmentation
from segment_assets.activation.tables import ACTIVATION_LEDGER
from segment_assets.first_party.tables import ARRIVAL_DAYS, NO_DAY, QUARANTINED_RECORDS
from segment_assets.landing_config import EventsLanding, EventTable, Landing
from segment_assets.modelling.tables import model_evaluation
from segment_assets.operations import quarantined
from segment_assets.operations.summary import DECISIONS, Summary
from segment_assets.segments.tables import REASONS, predictive_segments
from segment_assets.third_party.tables import partner_audience
from segment_assets_tests.first_party.loading import event, load_days, normalise, put, text

TODAY = datetime.now(UTC).date()


def shown(lake, landing, *days: tuple[date, int], invented: bool = False, good: int = 0) -> str:
    """What the screen says of arrival days with so many objects, of one record each."""
    about = {"good": good, "quarantined": 0}
    rows = [about | {"arrival_date": day, "objects": n, "delivered": n} for day, n in days]
    lake.write(
        ARRIVAL_DAYS, pa.Table.from_pylist(rows, ARRIVAL_DAYS.schema), "run", partitions=[day for day, _ in days]
    )
    config = segmentation.load(segmentation.DEMO_FILE)
    text = io.StringIO()
    Summary(config, deployment.settings(config), lake, landing, invented).show(Console(file=text, width=110))
    return text.getvalue()


def test_what_a_guard_holds_back_stands_below_the_segments(lake, landing):
    config = segmentation.load(segmentation.DEMO_FILE)
    text = io.StringIO()
    summary = Summary(config, deployment.settings(config), lake, landing, held_back=["hot at files is held back"])
    summary.show(Console(file=text, width=110))
    assert text.getvalue().index("Segments") < text.getvalue().index("hot at files is held back")


def test_a_model_that_stays_is_shown_with_its_own_numbers_and_why_another_was_refused(lake, landing):
    about = {"cutoff": "pooled", "metric": "roc_auc", "low": 0.7, "high": 0.9, "examples": 40}
    rows = [
        about | {"contender": "model", "value": 0.811, "why": None},
        about | {"contender": "challenger", "value": 0.899, "why": "The challenger was refused."},
    ]
    table = model_evaluation("churn_28d")
    lake.write(table, pa.Table.from_pylist(rows, table.schema), "run")
    said = shown(lake, landing, (date(2026, 1, 1), 1))
    assert "0.811 ±0.100" in said
    assert "0.899" not in said
    assert "churn_28d: The challenger was refused." in said


def test_without_a_target_that_says_what_spend_is_the_screen_says_how_to_have_one(lake, landing):
    put(landing, 1, "0001", event("purchase", metrics={"amount": 12.5}))
    load_days(lake, landing)
    normalise(lake)
    config = segmentation.load(segmentation.DEMO_FILE)
    none = config.model_copy(update={"targets": {"churn_28d": config.targets["churn_28d"]}})
    text = io.StringIO()
    Summary(none, deployment.settings(none), lake, landing).show(Console(file=text, width=200))
    assert "one of kind value does, with its event and metric." in text.getvalue()
    assert "No past spend" not in shown(lake, landing, (date(2026, 1, 1), 1))


def test_a_day_whose_objects_are_gone_is_no_arrival_day(lake, landing):
    said = shown(lake, landing, (date(2026, 1, 1), 1), (date(2026, 1, 2), 2), (date(2099, 1, 1), 0))
    assert "records delivered  3 on 2 arrival days, the last 2026-01-02" in said
    assert "in the future" not in said


def test_a_time_in_the_future_that_sets_the_clock_is_said(lake, landing):
    said = shown(lake, landing, (TODAY, 1), (TODAY + timedelta(days=40), 1))
    assert f"{TODAY + timedelta(days=40)} is in the future" in said
    assert "in the future" not in shown(lake, landing, (TODAY, 1), (TODAY + timedelta(days=40), 0))


def test_days_that_the_demo_invented_are_not_to_be_mended(lake, landing):
    assert "in the future" not in shown(lake, landing, (TODAY + timedelta(days=40), 1), invented=True)


def test_a_file_without_any_day_is_none_of_1970(lake, landing):
    assert "records delivered  3 on 1 arrival day, the last 2026-01-01" in shown(
        lake, landing, (NO_DAY, 2), (date(2026, 1, 1), 1)
    )
    lake.catalog.drop_table(ARRIVAL_DAYS.name)
    assert "records delivered  2 and none of them says its day" in shown(lake, landing, (NO_DAY, 2))


def test_records_whose_events_were_not_made_yet_are_no_duplicates(lake, landing):
    said = shown(lake, landing, (date(2026, 1, 1), 1), good=1)
    assert "0; 0 duplicates and probes dropped" in said
    assert "events of 1 record on 1 arrival day" in said


def test_a_row_of_a_segment_adds_up_to_all_customers(lake, landing):
    assert set(DECISIONS) == set(REASONS)
    decided = ["in"] * 3 + ["unreachable"] * 5
    rows = [
        {"customer_id": f"C{i}", "household_id": "h", "state": "out", "reason": reason, "as_of": TODAY}
        for i, reason in enumerate(decided)
    ]
    table = predictive_segments("win_back")
    filled = [dict.fromkeys(table.schema.names) | row | {"channels": [], "holdout_draw": 0.5} for row in rows]
    lake.write(table, pa.Table.from_pylist(filled, table.schema), "run")
    [row] = [line.split() for line in shown(lake, landing, (TODAY, 1)).splitlines() if line.startswith("win_back")]
    assert row[1:8] == ["3", "0", "0", "5", "0", "0", "0"]


GERMAN = "who;when;paid\nC1;01.02.2026 05:22;14,90\nC2;02.02.2026 05:22;1,50\n"
TABLE = EventTable(customer="who", time="when", event_name="purchase", metrics={"amount": "paid"})


def test_the_screen_tells_the_reasons_and_a_delivery_of_which_nothing_was_read(lake, landing):
    landing.write("events/good.csv", b"who;when;paid\nC1;2026-02-01;1.5\nC1;2026-02-02;many\n")
    landing.write("events/german.csv", GERMAN.encode())
    where = Landing(events=EventsLanding(format="table", table=TABLE))
    load_days(lake, landing, where=where.events)
    assert quarantined.reasons(lake, QUARANTINED_RECORDS) == ["2 of 3: bad_time", "1 of 3: not_a_number"]
    assert list(quarantined.warnings(lake, where)) == [
        "Nothing of events/german.csv could be read: all 2 records are in quarantine, most as bad_time. To mend it, "
        "say how they are written under landing.events.table.time_format; to look at them: segment-assets sql "
        '"SELECT * FROM raw.quarantined_records"'
    ]


def test_a_file_of_which_nothing_was_read_is_told_though_its_day_has_good_records(lake, landing):
    landing.write("events/2026/02/01/good.jsonl", text(event(), b"{broken", event(number=1)))
    landing.write("events/2026/02/01/first.jsonl", text(b"{broken", event(number=2)))
    landing.write("events/2026/02/01/bad.jsonl", text(b"{broken\n", b"[]"))
    load_days(lake, landing)
    assert [(one.object_key, one.records) for one in quarantined.unread(lake)] == [("events/2026/02/01/bad.jsonl", 2)]


def test_a_file_whose_good_rows_tell_other_days_than_its_key_was_read(lake, landing):
    landing.write("events/2026/02/03/o.csv", b"who;when;paid\nC1;never;1\nC1;2026-02-01;1\n")
    where = Landing(events=EventsLanding(format="table", table=TABLE))
    load_days(lake, landing, where=where.events)
    assert lake.read(QUARANTINED_RECORDS).num_rows == 1
    assert list(quarantined.warnings(lake, where)) == []


def activated(lake, *told, joined=0, left=0):
    """Activations of a segment at a destination: their number, members and rows sent."""
    about = {"content_key": "k", "purpose": "p", "as_of": TODAY, "joined": joined, "left": left}
    about |= {"stayed": 0, "location": "x", "state": "SUCCEEDED"}
    names = ("segment", "destination", "sequence", "members", "rows_sent")
    rows = [about | dict(zip(names, one, strict=True)) for one in told]
    lake.write(ACTIVATION_LEDGER, pa.Table.from_pylist(rows, ACTIVATION_LEDGER.schema), "run")


def test_who_is_left_behind_where_segmentation_yaml_has_a_segment_no_more_is_said(lake, landing):
    known = next(iter(segmentation.load(segmentation.DEMO_FILE).segments["win_back"].destinations))
    activated(lake, ("win_back", known, 1, 90, 90))
    assert "Still in" not in shown(lake, landing, (TODAY, 1))
    activated(lake, ("win_back", known, 1, 90, 90), ("win_back", "old", 1, 80, 80), ("gone", known, 1, 70, 70))
    said = " ".join(shown(lake, landing, (TODAY, 1)).split())
    assert f"customers gone {known} 70 win_back old 80 Put a segment that is gone back" in said
    assert 'Give win_back that destination alone (destinations: [old]) with where: "FALSE", refresh, and' in said
    activated(lake, ("gone", known, 1, 70, 70), ("gone", known, 2, 0, 70))
    assert "Still in" not in shown(lake, landing, (TODAY, 1))


def test_what_a_destination_holds_is_of_its_last_activation_and_not_all_that_was_ever_sent(lake, landing):
    first, second = segmentation.load(segmentation.DEMO_FILE).segments["win_back"].destinations
    told = [(first, 1, 90, 90), (first, 3, 86, 92), (second, 1, 40, 80), ("old", 1, 30, 30)]
    activated(lake, *(("win_back", *one) for one in told), joined=2, left=6)
    said = [line.split() for line in shown(lake, landing, (TODAY, 1)).splitlines()]
    at = said.index(["segment", "destination", "in", "joined", "left", "data", "of"])
    expected = [["win_back", name, n, "2", "6", str(TODAY)] for name, n in ((first, "86"), (second, "40"))]
    assert said[at + 1 : at + 3] == sorted(expected)


def test_no_word_of_the_segments_is_cut_in_a_pipe(lake, landing):
    said = shown(lake, landing, (TODAY, 1)).partition("Segments")[2].partition("Where")[0]
    assert all(word in said for word in ("suppressed", "unreachable", "not eligible"))
    assert "…" not in said


def test_repeated_rows_of_customers_are_said(lake, landing):
    config, text = segmentation.load(segmentation.DEMO_FILE), io.StringIO()
    summary = Summary(config, deployment.settings(config), lake, landing, repeated_customers=3)
    summary.show(Console(file=text, width=110))
    assert "3 rows more, of customers whom another row is of" in text.getvalue()


def test_that_no_path_of_the_partner_names_a_day_is_said(lake, landing):
    table = partner_audience(segmentation.load(segmentation.DEMO_FILE).audience)
    empty = dict.fromkeys(table.schema.names)
    for person, as_of, told in (("a", None, True), ("b", TODAY, False)):
        lake.write(table, pa.Table.from_pylist([empty | {"email_sha256": person}], table.schema), "run", as_of=as_of)
        said = " ".join(shown(lake, landing, (TODAY, 1)).split())
        assert "1 people; 0 duplicates" in said
        assert ("no path of the partner's files names a day, so all of them are one delivery" in said) is told


def test_people_whom_the_partner_delivered_readable_are_counted(lake, landing):
    table = partner_audience(segmentation.load(segmentation.DEMO_FILE).audience)
    empty = dict.fromkeys(table.schema.names)
    forms = {"a": "normal", "b": "mended", "c": "hashed"}
    rows = [empty | {"email_sha256": person, "identifier_form": form} for person, form in forms.items()]
    lake.write(table, pa.Table.from_pylist(rows, table.schema), "run")
    said = " ".join(shown(lake, landing, (TODAY, 1)).split())
    assert "3 people; 0 duplicates, 0 rows quarantined 2 of them readable, not hashed" in said


def test_a_partner_who_has_not_delivered_yet_is_no_mistake(lake, landing):
    """The demo's file names a partner, and its table was never written."""
    assert "0 people; 0 duplicates, 0 rows quarantined" in shown(lake, landing, (TODAY, 1))
