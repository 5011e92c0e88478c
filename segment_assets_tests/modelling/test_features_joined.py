"""What the partner and the household add to features, and from when on."""

from datetime import date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from segment_assets.clean_room.tables import PARTNERS_DAY, result_table
from segment_assets.identity.tables import HOUSEHOLDS, IDENTITY_EDGES, PERSONS
from segment_assets.lake import Lake, column
from segment_assets.modelling import features
from segment_assets.modelling.features import Features, FeaturesError
from segment_assets.segmentation import Segmentation
from segment_assets.sql.lineage import Source
from segment_assets_tests.modelling.small_world import CLOCK, GRID, Event, build, days_before, fill, put, row

TODAY = CLOCK + timedelta(days=1)
EVENTS = [Event(c, "purchase", days_before(GRID, 80)) for c in ("ann", "bob", "cat", "dan")]


def with_partner(select: str = "c.customer_id, p.age_band, p.cars") -> Segmentation:
    rule = {"join_columns": ["email_sha256"], "list_columns": ["customer_id"]}
    return Segmentation.model_validate(
        {
            "name": "test",
            "targets": {"churn": {"kind": "absence", "event": "purchase", "horizon": "28d"}},
            "audience": {"attributes": {"age_band": "age", "cars": "cars"}},
            "collaboration": {
                "name": "c",
                "configured_tables": {"t": {"table": "customers", "allowed_columns": ["customer_id"], "list": rule}},
                "queries": {
                    "enrichment": {
                        "description": "d",
                        "use_as_features": True,
                        "sql": f"SELECT DISTINCT {select} FROM c JOIN p ON c.email_sha256 = p.email_sha256",
                    }
                },
            },
        }
    )


def told(lake: Lake, rows: list[dict[str, Any]], delivered: date | None) -> Features:
    fill(lake, EVENTS)
    fields = [
        column("customer_id", pa.string(), ""),
        column("age_band", pa.string(), ""),
        column("cars", pa.int64(), ""),
    ]
    result = result_table("enrichment", fields, (), "d")
    lake.write(
        result,
        pa.Table.from_pylist(rows, result.schema),
        "run",
        inputs={PARTNERS_DAY: str(delivered or "")},
        as_of=delivered,
    )
    return features.build(lake, with_partner())


ANN = {"customer_id": "ann", "age_band": "35-44", "cars": 2}


def test_what_the_partner_says_is_null_until_the_day_after_it_was_delivered(lake: Lake):
    assert row(told(lake, [ANN], GRID - timedelta(days=1)), "ann", GRID)["age_band"] == "35-44"
    built = told(lake, [ANN], GRID)
    assert row(built, "ann", GRID)["age_band"] is None
    assert (row(built, "ann", TODAY)["age_band"], row(built, "ann", TODAY)["cars"]) == ("35-44", 2)
    assert row(built, "bob", TODAY)["age_band"] is None
    assert built.late_rows == 0


def test_a_delivery_without_a_date_counts_today_alone(lake: Lake):
    built = told(lake, [ANN], None)
    assert row(built, "ann", GRID)["age_band"] is None
    assert row(built, "ann", TODAY)["age_band"] == "35-44"


def test_two_answers_for_one_customer_are_none(lake: Lake):
    built = told(lake, [ANN, {**ANN, "age_band": "45-54"}], GRID - timedelta(days=1))
    assert row(built, "ann", GRID)["age_band"] is None
    assert row(built, "ann", GRID)["cars"] == 2


def test_a_feature_is_traced_to_the_clean_rooms_column(lake: Lake):
    built = told(lake, [ANN], GRID)
    assert built.trace.values["age_band"] == {Source("clean_room_enrichment", "age_band")}
    assert Source("engagement_events", "event_id") in built.trace.values["purchase_count_28d"]
    assert Source("engagement_events", "occurred_at") in built.trace.values["days_since_purchase"]


def test_a_query_for_features_must_name_the_customer(lake: Lake):
    fill(lake, EVENTS)
    with pytest.raises(FeaturesError, match=r"collaboration\.queries\.enrichment\.use_as_features: .* customer_id"):
        features.build(lake, with_partner("p.age_band"))


def test_a_result_that_was_never_computed_is_null_and_typed(lake: Lake):
    fill(lake, EVENTS)
    built = features.build(lake, with_partner())
    assert row(built, "ann", TODAY)["age_band"] is None


def live_together(lake: Lake, links: list[tuple[str, str, datetime | None, str | None]]) -> Features:
    """Ann, Bob and Cat are one household, Ann and Bob one person; Dan lives alone."""
    edges = [
        {"customer_id": c, "kind": "email", "identifier": i, "since": since, "degree": 2, "guard": guard}
        for c, i, since, guard in links
    ]
    put(lake, IDENTITY_EDGES, edges)
    person = {"ann": "per_1", "bob": "per_1", "cat": "per_2", "dan": "per_3"}
    put(lake, PERSONS, [{"customer_id": c, "person_id": p, "rule": "x", "customers": 1} for c, p in person.items()])
    home = {"per_1": "hh_1", "per_2": "hh_1", "per_3": "hh_2"}
    put(lake, HOUSEHOLDS, [{"person_id": p, "household_id": h, "rule": "x", "persons": 1} for p, h in home.items()])
    return build(lake, EVENTS)


def test_a_relative_counts_once_both_ends_of_the_link_were_known(lake: Lake):
    early, late = days_before(GRID, 30), days_before(GRID, -1)
    built = live_together(
        lake,
        [("ann", "i", early, None), ("bob", "i", early, None), ("ann", "j", early, None), ("cat", "j", late, None)],
    )
    then, now = row(built, "ann", GRID), row(built, "ann", TODAY)
    assert (then["household_customers"], then["person_customers"]) == (2, 2)
    assert (now["household_customers"], now["person_customers"]) == (3, 2)
    assert row(built, "dan", TODAY)["household_customers"] == 1
    assert built.late_rows == 0


def test_an_identifier_of_more_than_a_person_links_a_household_and_no_person(lake: Lake):
    early = days_before(GRID, 30)
    built = live_together(lake, [(customer, "device", early, "household_only") for customer in ("ann", "bob", "cat")])
    ann = row(built, "ann", GRID)
    assert (ann["household_customers"], ann["person_customers"]) == (3, 1)


def test_guarded_identifiers_and_other_households_link_nobody(lake: Lake):
    early = days_before(GRID, 30)
    built = live_together(
        lake,
        [
            ("ann", "i", early, "shared"),
            ("bob", "i", early, "shared"),
            ("ann", "j", early, None),
            ("dan", "j", early, None),
        ],
    )
    assert row(built, "ann", TODAY)["household_customers"] == 1


def test_a_link_without_a_time_counts_today_alone(lake: Lake):
    built = live_together(lake, [("ann", "i", None, None), ("bob", "i", None, None)])
    assert row(built, "ann", GRID)["household_customers"] == 1
    assert row(built, "ann", TODAY)["household_customers"] == 2


def test_an_identifier_that_one_of_two_gave_up_links_neither_to_the_other(lake: Lake):
    early = days_before(GRID, 30)
    built = live_together(lake, [("ann", "i", early, None), ("bob", "i", early, "inactive")])
    assert row(built, "ann", TODAY)["household_customers"] == 1
    assert row(built, "bob", TODAY)["household_customers"] == 1
