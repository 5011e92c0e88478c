"""The screen at the end of a refresh."""

import io
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
from rich.console import Console

from segment_assets import deployment, segmentation
from segment_assets.activation.tables import ACTIVATION_LEDGER
from segment_assets.first_party.tables import ARRIVAL_DAYS
from segment_assets.operations.summary import Summary
from segment_assets.third_party.tables import partner_audience

TODAY = datetime.now(UTC).date()


def shown(lake, landing, *days: tuple[date, int]) -> str:
    """What the screen says of arrival days with so many objects, of one record each."""
    about = {"good": 0, "quarantined": 0}
    rows = [about | {"arrival_date": day, "objects": n, "delivered": n} for day, n in days]
    lake.write(
        ARRIVAL_DAYS, pa.Table.from_pylist(rows, ARRIVAL_DAYS.schema), "run", partitions=[day for day, _ in days]
    )
    config = segmentation.load(segmentation.DEMO_FILE)
    text = io.StringIO()
    Summary(config, deployment.settings(config), lake, landing).show(Console(file=text, width=110))
    return text.getvalue()


def test_a_day_whose_objects_are_gone_is_no_arrival_day(lake, landing):
    said = shown(lake, landing, (date(2026, 1, 1), 1), (date(2026, 1, 2), 2), (date(2099, 1, 1), 0))
    assert "records delivered  3 on 2 arrival days, the last 2026-01-02" in said
    assert "in the future" not in said


def test_a_time_in_the_future_that_sets_the_clock_is_said(lake, landing):
    said = shown(lake, landing, (TODAY, 1), (TODAY + timedelta(days=40), 1))
    assert f"{TODAY + timedelta(days=40)} is in the future" in said
    assert "in the future" not in shown(lake, landing, (TODAY, 1), (TODAY + timedelta(days=40), 0))


def test_what_a_destination_holds_is_of_its_last_activation_and_not_all_that_was_ever_sent(lake, landing):
    about = {"segment": "win_back", "content_key": "k", "purpose": "p", "as_of": TODAY, "joined": 0, "left": 0}
    about |= {"stayed": 0, "location": "x", "state": "SUCCEEDED"}
    told = [("files", 1, 90, 90), ("files", 3, 86, 92), ("pinpoint", 1, 40, 80)]
    rows = [about | {"destination": d, "sequence": n, "members": m, "rows_sent": s} for d, n, m, s in told]
    lake.write(ACTIVATION_LEDGER, pa.Table.from_pylist(rows, ACTIVATION_LEDGER.schema), "run")
    said = shown(lake, landing, (TODAY, 1))
    assert "held by" in said
    assert "files 86, pinpoint 40" in said


def test_that_no_path_of_the_partner_names_a_day_is_said(lake, landing):
    table = partner_audience(segmentation.load(segmentation.DEMO_FILE).audience)
    empty = dict.fromkeys(table.schema.names)
    for person, as_of, told in (("a", None, True), ("b", TODAY, False)):
        lake.write(table, pa.Table.from_pylist([empty | {"email_sha256": person}], table.schema), "run", as_of=as_of)
        said = " ".join(shown(lake, landing, (TODAY, 1)).split())
        assert "1 people; 0 duplicates" in said
        assert ("no path of the partner's files names a day, so all of them are one delivery" in said) is told


def test_a_partner_who_has_not_delivered_yet_is_no_mistake(lake, landing):
    """The demo's file names a partner, and its table was never written."""
    assert "0 people; 0 duplicates, 0 rows quarantined" in shown(lake, landing, (TODAY, 1))
