"""The screen at the end of a refresh."""

import io
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
from rich.console import Console

from segment_assets import deployment, segmentation
from segment_assets.activation.tables import ACTIVATION_LEDGER
from segment_assets.first_party.tables import ARRIVAL_DAYS
from segment_assets.operations.summary import Summary

TODAY = datetime.now(UTC).date()


def shown(lake, landing, *days: tuple[date, int], days_ahead_are_meant: bool = False) -> str:
    """What the screen says of arrival days with so many objects, of one record each."""
    about = {"good": 0, "quarantined": 0}
    rows = [about | {"arrival_date": day, "objects": n, "delivered": n} for day, n in days]
    lake.write(
        ARRIVAL_DAYS, pa.Table.from_pylist(rows, ARRIVAL_DAYS.schema), "run", partitions=[day for day, _ in days]
    )
    config = segmentation.load(segmentation.DEMO_FILE)
    text = io.StringIO()
    screen = Summary(config, deployment.settings(config), lake, landing, days_ahead_are_meant)
    screen.show(Console(file=text, width=110))
    return text.getvalue()


def test_a_day_whose_objects_are_gone_is_no_arrival_day(lake, landing):
    said = shown(lake, landing, (date(2026, 1, 1), 1), (date(2026, 1, 2), 2), (date(2099, 1, 1), 0))
    assert "records delivered  3 on 2 arrival days, the last 2026-01-02" in said
    assert "in the future" not in said


def test_a_time_in_the_future_that_sets_the_clock_is_said(lake, landing):
    said = shown(lake, landing, (TODAY, 1), (TODAY + timedelta(days=40), 1))
    assert f"{TODAY + timedelta(days=40)} is in the future" in said
    assert "in the future" not in shown(lake, landing, (TODAY, 1), (TODAY + timedelta(days=40), 0))


def test_days_that_the_demo_itself_put_ahead_are_no_mistake(lake, landing):
    said = shown(lake, landing, (TODAY, 1), (TODAY + timedelta(days=2), 1), days_ahead_are_meant=True)
    assert f"the last {TODAY + timedelta(days=2)}" in said
    assert "in the future" not in said


def test_what_a_destination_holds_is_of_its_last_activation_and_not_all_that_was_ever_sent(lake, landing):
    about = {"segment": "win_back", "content_key": "k", "purpose": "p", "as_of": TODAY, "joined": 0, "left": 0}
    about |= {"stayed": 0, "location": "x", "state": "SUCCEEDED"}
    told = [("files", 1, 90, 90), ("files", 3, 86, 92), ("pinpoint", 1, 40, 80)]
    rows = [about | {"destination": d, "sequence": n, "members": m, "rows_sent": s} for d, n, m, s in told]
    lake.write(ACTIVATION_LEDGER, pa.Table.from_pylist(rows, ACTIVATION_LEDGER.schema), "run")
    said = shown(lake, landing, (TODAY, 1))
    assert "held by" in said
    assert "files 86, pinpoint 40" in said


def test_a_partner_who_has_not_delivered_yet_is_no_mistake(lake, landing):
    """The demo's file names a partner, and its table was never written."""
    assert "0 people; 0 duplicates, 0 rows quarantined" in shown(lake, landing, (TODAY, 1))
