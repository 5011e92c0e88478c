"""Which days of engagement_events are made again: for a column more, for another mapping, for whoever asks."""

from dataclasses import replace
from datetime import date

import dagster as dg
import pyarrow as pa
import pytest

from segment_assets.automation import events_version
from segment_assets.first_party import assets, engagement
from segment_assets.first_party.errors import LandingError
from segment_assets.first_party.event_account import departures
from segment_assets.first_party.formats.choice import format_of
from segment_assets.first_party.tables import ENGAGEMENT_EVENTS, RAW_EVENTS, of_another_mapping
from segment_assets.first_party.vocabulary import NAMES
from segment_assets.segmentation import load
from segment_assets_tests.first_party.loading import PINPOINT, event, load_days, normalise, put
from segment_assets_tests.small_world import SMALL_SEGMENTATION

CONFIG = load(SMALL_SEGMENTATION)
CODE = events_version(CONFIG.landing.events)


def landed(lake, landing, *days):
    for day in days:
        put(landing, day, "a", event(day=day, number=day))
    return load_days(lake, landing)


def made_by(lake, code):
    engagement.update(lake, format_of(PINPOINT), code, "run")


def test_a_column_more_leaves_old_days_as_they_are_until_their_code_asks(lake, landing):
    landed(lake, landing, 1)
    fields = [f for f in ENGAGEMENT_EVENTS.schema if f.name not in ("country", "metrics")]
    narrow = replace(ENGAGEMENT_EVENTS, schema=pa.schema(fields))
    events = format_of(PINPOINT).normalise(lake.read(RAW_EVENTS))
    made_from = engagement.stale_days(lake.state(RAW_EVENTS).versions, {}, "old")
    old = lake.write(narrow, events, "run", partitions=[date(2026, 1, 1)], inputs=made_from)
    landed(lake, landing, 6)
    assert normalise(lake, code="old")[1] == 1
    assert departures(lake, NAMES) == []
    assert lake.state(ENGAGEMENT_EVENTS).versions["2026-01-01"] == old.versions["2026-01-01"]
    assert lake.read(ENGAGEMENT_EVENTS, ["metrics"])["metrics"].null_count == 1
    assert normalise(lake, code="new")[1] == 2
    assert lake.read(ENGAGEMENT_EVENTS, ["metrics"])["metrics"].null_count == 0


def test_days_of_another_mapping_are_told_and_only_those_asked_for_are_made(lake, landing):
    landed(lake, landing, 1, 2, 7)
    made_by(lake, "old")
    assert of_another_mapping(lake.inputs(ENGAGEMENT_EVENTS), "new") == ["2026-01-01", "2026-01-02", "2026-01-07"]
    form, run = format_of(PINPOINT), "run"
    _, made = engagement.update(lake, form, "new", run, (date(2026, 1, 2), date.max))
    assert made == 2
    assert of_another_mapping(lake.inputs(ENGAGEMENT_EVENTS), "new") == ["2026-01-01"]
    assert engagement.update(lake, form, "new", run)[1] == 1
    assert of_another_mapping(lake.inputs(ENGAGEMENT_EVENTS), "new") == []
    assert engagement.update(lake, form, "new", run, (date.min, date(2026, 1, 1)))[1] == 1, "asked for, stale or not"


def test_what_is_below_waits_until_every_day_is_of_the_mapping_in_force(lake, landing):
    @dg.asset(deps=["engagement_events"])
    def below() -> None:
        """Something that rests on events."""

    landed(lake, landing, 1, 2)
    made_by(lake, "an earlier one")
    made = [a for a in assets.assets(CONFIG) if isinstance(a, dg.AssetsDefinition) and a.key == assets.EVENTS]

    config = {
        "ops": {"engagement_events": {"config": {"first_day": "2026-01-02"}}},
        "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
    }
    result = dg.materialize([*made, below], resources={"lake": lake}, run_config=config, raise_on_error=False)
    [left] = [c for c in result.get_asset_check_evaluations() if not c.passed]
    assert (left.check_name, result.asset_materializations_for_node("below")) == ("one_mapping", [])
    assert left.description.startswith("1 of 2 arrival days, 2026-01-01 to 2026-01-01, are still of an earlier mapping")


def test_a_day_that_is_no_day_is_refused():
    with pytest.raises(LandingError, match="first_day and last_day are days such as 2026-01-31"):
        assets.Days(first_day="yesterday").asked()
    assert assets.Days(last_day="2026-01-31").asked() == (date.min, date(2026, 1, 31))


def test_a_range_without_an_arrival_day_is_refused_and_says_which_there_are(lake, landing):
    landed(lake, landing, 1, 7)
    made_by(lake, "old")
    with pytest.raises(LandingError, match="name days from 2026-01-01 to 2026-01-07; nothing was made"):
        engagement.update(lake, format_of(PINPOINT), "old", "run", (date(2027, 1, 1), date.max))
