"""Who said no keeps saying no, when a file is overwritten, a day deleted, or a run killed; until it is taken back."""

from pathlib import Path

import pytest

from segment_assets.first_party import engagement
from segment_assets.first_party.errors import LandingError
from segment_assets.first_party.formats.choice import format_of
from segment_assets.first_party.heard import forget
from segment_assets.first_party.tables import CUSTOMER_ENDPOINTS, ENGAGEMENT_EVENTS, HEARD_SUPPRESSIONS
from segment_assets.landing_config import EventsLanding, EventTable
from segment_assets.segments.tables import suppressed_channels
from segment_assets_tests.first_party.loading import event, load_days, normalise, put

NEWSLETTER = "events/newsletter_last_90_days.csv"
DAYS = ["1970-01-01", "2026-05-01", "2026-05-02", "2026-05-20"]


def table(**rename):
    mapping = EventTable(customer="who", time="when", event="what", rename=rename)
    return EventsLanding(format="table", table=mapping)


OWN = table()


def land(landing, *rows, key=NEWSLETTER):
    landing.write(key, "\n".join(["who,when,what", *rows]).encode())


def delete(landing, key):
    (Path(landing.root) / key).unlink()


def refresh(lake, landing, where=OWN, code="code", days=DAYS):
    load_days(lake, landing, days, where)
    return normalise(lake, where, code)


def suppressed(lake):
    return sorted({row["customer_id"] for row in suppressed_channels(lake).to_pylist()})


def remembered(lake):
    return [(r["user_id"], r["event_name"], r["object_key"]) for r in lake.read(HEARD_SUPPRESSIONS).to_pylist()]


def test_an_unsubscribe_holds_when_its_file_is_overwritten_by_one_without_it(lake, landing):
    land(landing, "ann,2026-05-01,unsubscribe", "bo,2026-05-02,open")
    refresh(lake, landing)
    land(landing, "bo,2026-05-02,open", "cy,2026-05-20,unsubscribe")
    refresh(lake, landing)
    assert suppressed(lake) == ["ann", "cy"]
    assert remembered(lake) == [("ann", "unsubscribe", NEWSLETTER)]
    assert "ann" not in lake.read(ENGAGEMENT_EVENTS)["user_id"].to_pylist()


def test_a_complaint_holds_when_the_objects_of_its_day_are_deleted(lake, landing):
    put(landing, 1, "a", event("_email.complaint", client={"client_id": "ep-1"}))
    load_days(lake, landing)
    normalise(lake)
    lake.write(CUSTOMER_ENDPOINTS, CUSTOMER_ENDPOINTS.of([("C1", "ep-1", "email", *[None] * 5, True, None, None)]), "r")
    assert suppressed(lake) == ["C1"]
    for stored in landing.list("events/"):
        delete(landing, stored.key)
    load_days(lake, landing, ["2026-01-01"])
    normalise(lake)
    assert lake.read(ENGAGEMENT_EVENTS).num_rows == 0
    assert suppressed(lake) == ["C1"]


def test_soft_bounces_are_counted_over_what_is_there_and_what_is_remembered(lake, landing):
    first, second, third = (f"ann,2026-05-{day},bounce_soft" for day in ("01", "02", "20"))
    land(landing, first, second)
    refresh(lake, landing)
    assert suppressed(lake) == []
    land(landing, second)
    refresh(lake, landing)
    assert suppressed(lake) == []
    land(landing, third)
    refresh(lake, landing)
    assert suppressed(lake) == ["ann"]


def test_a_mended_mapping_withdraws_what_it_reads_otherwise_though_its_file_goes_later(lake, landing):
    land(landing, "ann,2026-05-01,stop", "bo,2026-05-02,stop by")
    wrong = table(stop="unsubscribe", stop_by="unsubscribe")
    refresh(lake, landing, wrong, "wrong")
    assert suppressed(lake) == ["ann", "bo"]
    mended = table(stop="unsubscribe", stop_by="visit")
    refresh(lake, landing, mended, "mended")
    assert (suppressed(lake), remembered(lake)) == (["ann"], [])
    land(landing, "cy,2026-05-20,visit")
    refresh(lake, landing, mended, "mended")
    assert suppressed(lake) == ["ann"]


def test_a_mapping_that_is_mended_while_the_file_goes_withdraws_nothing(lake, landing):
    land(landing, "ann,2026-05-01,unsubscribe")
    refresh(lake, landing)
    land(landing, "bo,2026-05-02,open")
    refresh(lake, landing, code="another")
    assert suppressed(lake) == ["ann"]


def test_a_record_that_is_there_again_counts_as_it_is_read_now(lake, landing):
    land(landing, "ann,2026-05-01,stop")
    refresh(lake, landing, table(stop="unsubscribe"), "wrong")
    land(landing, "bo,2026-05-02,open")
    refresh(lake, landing, table(stop="unsubscribe"), "wrong")
    land(landing, "ann,2026-05-01,stop")
    refresh(lake, landing, table(stop="visit"), "mended")
    assert (len(remembered(lake)), suppressed(lake)) == (1, [])


def test_a_kill_before_the_days_are_replaced_loses_nothing_and_adds_nothing_twice(lake, landing, monkeypatch):
    land(landing, "ann,2026-05-01,unsubscribe", *(f"bo,2026-05-{day},bounce_soft" for day in ("01", "02")))
    refresh(lake, landing)
    land(landing, "bo,2026-05-20,open")
    load_days(lake, landing, DAYS, OWN)

    def killed(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(type(lake), "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        engagement.update(lake, format_of(OWN), "code", "run")
    monkeypatch.undo()
    assert len(remembered(lake)) == 3
    assert suppressed(lake) == ["ann"], "each of the two soft bounces is in both tables, and counts once"
    normalise(lake, OWN)
    normalise(lake, OWN, "again")
    assert (len(remembered(lake)), suppressed(lake)) == (3, ["ann"])


def test_a_file_that_comes_and_goes_is_remembered_once(lake, landing):
    for rows in (["ann,2026-05-01,unsubscribe"], ["bo,2026-05-02,open"]) * 2:
        land(landing, *rows)
        refresh(lake, landing)
    assert len(remembered(lake)) == 1


def test_a_copy_that_lies_in_another_object_is_not_gone(lake, landing):
    land(landing, "ann,2026-05-01,unsubscribe")
    land(landing, "ann,2026-05-01,unsubscribe", key="events/z.csv")
    refresh(lake, landing)
    delete(landing, NEWSLETTER)
    refresh(lake, landing)
    assert (remembered(lake), suppressed(lake)) == ([], ["ann"])


def test_what_a_wrong_file_said_is_taken_back_on_purpose(lake, landing):
    land(landing, "ann,2026-05-01,unsubscribe", "bo,2026-05-02,complaint")
    land(landing, "cy,2026-05-01,unsubscribe", key="events/right.csv")
    refresh(lake, landing)
    with pytest.raises(LandingError, match="counts as long as it lies there"):
        forget(lake, NEWSLETTER, "run")
    delete(landing, NEWSLETTER)
    delete(landing, "events/right.csv")
    refresh(lake, landing)
    assert forget(lake, NEWSLETTER, "run", dry_run=True) == {"unsubscribe": 1, "complaint": 1}
    assert suppressed(lake) == ["ann", "bo", "cy"]
    assert forget(lake, NEWSLETTER, "run") == {"unsubscribe": 1, "complaint": 1}
    assert suppressed(lake) == ["cy"]
    with pytest.raises(LandingError, match=r"objects of which something is are events/right\.csv"):
        forget(lake, NEWSLETTER, "run")


def test_a_home_of_the_version_before_remembers_from_its_events(lake, landing):
    land(landing, "ann,2026-05-01,unsubscribe")
    refresh(lake, landing)
    assert not lake.catalog.table_exists(HEARD_SUPPRESSIONS.name)
    land(landing, "bo,2026-05-02,open")
    refresh(lake, landing, code="the new version")
    assert suppressed(lake) == ["ann"]
