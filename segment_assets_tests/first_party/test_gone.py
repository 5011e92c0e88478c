"""Objects that are gone since the last run are told, with how many events left with them."""

from datetime import date

from segment_assets.first_party import engagement, gone
from segment_assets.first_party.checks import objects_are_there
from segment_assets_tests.first_party.loading import load_days, normalise
from segment_assets_tests.first_party.test_heard import DAYS, OWN, delete, land, refresh


def left(lake, landing):
    load_days(lake, landing, DAYS, OWN)
    stale = engagement.days_to_make(lake, "code")
    found = gone.leaving(lake, [*map(date.fromisoformat, stale)])
    normalise(lake, OWN)
    return found


def test_an_object_that_is_gone_is_told_once_with_what_left_with_it(lake, landing):
    land(landing, "ann,2026-05-01,open", "bo,2026-05-02,open", key="events/a.csv")
    land(landing, "cy,2026-05-02,open", key="events/b.csv")
    assert left(lake, landing) == {}
    delete(landing, "events/a.csv")
    assert left(lake, landing) == {"events/a.csv": 2}
    assert left(lake, landing) == {}


def test_one_that_holds_a_header_alone_is_as_good_as_gone(lake, landing):
    land(landing, "ann,2026-05-01,open")
    refresh(lake, landing)
    land(landing)
    assert list(left(lake, landing).values()) == [1]


def test_one_whose_records_are_others_now_or_of_other_days_or_in_quarantine_is_there(lake, landing):
    land(landing, "ann,2026-05-01,open", key="events/a.csv")
    land(landing, "bo,2026-05-01,open", key="events/b.csv")
    land(landing, "cy,2026-05-01,open", key="events/c.csv")
    refresh(lake, landing)
    land(landing, "dan,2026-05-01,open", key="events/a.csv")
    land(landing, "bo,2026-05-20,open", key="events/b.csv")
    land(landing, "cy,2026-05-01,", key="events/c.csv")
    assert left(lake, landing) == {}


def test_of_one_that_was_given_another_name_nothing_leaves(lake, landing):
    rows = ["ann,2026-05-01,open", "bo,2026-05-02,open"]
    land(landing, *rows, key="events/a.csv")
    refresh(lake, landing)
    delete(landing, "events/a.csv")
    land(landing, *rows, key="events/orders/a.csv")
    assert left(lake, landing) == {}


def test_the_sentence_names_the_largest_and_no_address():
    assert objects_are_there({}).passed
    said = objects_are_there({"events/orders.csv": 34_824}).description
    assert said.startswith("events/orders.csv is gone, or without any record now: 34,824 events less than before.")
    many = objects_are_there({"events/ann@example.org.csv": 4, "b": 3, "c": 2, "d": 1, "e": 1}).description
    assert "b and c and 2 more are gone" in many
    assert "11 events less than before" in many
    assert "ann@" not in many
