import gzip
import json
from pathlib import Path

import dagster as dg
import pytest

from segment_assets.first_party import assets, sensors
from segment_assets.first_party.errors import LandingError
from segment_assets.first_party.tables import ARRIVAL_DAYS, ENGAGEMENT_EVENTS, QUARANTINED_CUSTOMERS, RAW_EVENTS
from segment_assets.first_party.watch import WHY
from segment_assets.landing_config import EventsLanding, EventTable
from segment_assets.segmentation import load
from segment_assets_tests.first_party.loading import event, put
from segment_assets_tests.small_world import SMALL_SEGMENTATION

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class World:
    """The first party's assets on an instance of their own, and what the daemon would do with its sensors."""

    def __init__(self, tmp_path, lake, landing, config=None):
        config = config or load(SMALL_SEGMENTATION)
        self.lake, self.landing = lake, landing
        self.resources = {"lake": lake, "landing": landing}
        self.defs = dg.Definitions(
            assets=assets.assets(config),
            sensors=sensors.sensors(config),
            resources=self.resources,
            executor=dg.in_process_executor,
        )
        home = tmp_path / "dagster"
        home.mkdir()
        self.instance = dg.DagsterInstance.local_temp(str(home))
        self.cursors = {}
        self.said = []

    def listen(self):
        """Evaluate the sensors once; the partitions and versions that they reported."""
        reported = {}
        for sensor in self.defs.sensors:
            with dg.build_sensor_context(
                instance=self.instance,
                cursor=self.cursors.get(sensor.name),
                definitions=self.defs,
                resources=self.resources,
            ) as context:
                result = sensor(context)
            if isinstance(result, dg.SkipReason):
                self.said.append(result.skip_message)
                continue
            for request in result.dynamic_partitions_requests or ():
                # Dagster writes a line about every day that it knows already.
                assert not {*request.partition_keys} & {*self.instance.get_dynamic_partitions("arrival_days")}
                self.instance.add_dynamic_partitions(request.partitions_def_name, list(request.partition_keys))
            for found in result.asset_events:
                self.instance.report_runless_asset_event(found)
                reported[found.asset_key.to_user_string(), found.partition] = found.tags["dagster/data_version"]
            self.cursors[sensor.name] = result.cursor
        return reported

    def run(self, *keys, days=()):
        job = self.defs.resolve_implicit_global_asset_job_def()
        start, end = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
        return job.execute_in_process(
            instance=self.instance,
            asset_selection=[dg.AssetKey(key) for key in keys],
            tags={start: days[0], end: days[-1]} if days else {},
            run_config=QUIET,
            raise_on_error=False,
        )

    def versions(self):
        records = self.instance.fetch_materializations(dg.AssetKey("raw_events"), limit=100).records
        return [(r.partition_key, r.asset_materialization.tags["dagster/data_version"]) for r in records]


@pytest.fixture
def world(tmp_path, lake, landing):
    return World(tmp_path, lake, landing)


def test_sensors_report_each_changed_day_once(world):
    put(world.landing, 1, "a", event(number=1))
    put(world.landing, 2, "b", event(number=2))
    first = world.listen()
    assert list(first) == [("landing_events", "2026-01-01"), ("landing_events", "2026-01-02")]
    assert world.instance.get_dynamic_partitions("arrival_days") == ["2026-01-01", "2026-01-02"]
    assert world.listen() == {}
    put(world.landing, 1, "late", event(number=3))
    assert list(world.listen()) == [("landing_events", "2026-01-01")]


def test_a_sensor_without_a_cursor_asks_for_no_day_that_is_known(world):
    put(world.landing, 1, "a", event(number=1))
    first = world.listen()
    world.cursors.clear()
    put(world.landing, 2, "b", event(number=2))
    assert world.listen().keys() - first.keys() == {("landing_events", "2026-01-02")}


def test_days_to_make_again_that_are_exchanged_are_refused():
    with pytest.raises(LandingError, match="first_day, 2026-02-01, is after last_day, 2026-01-01: exchange them"):
        assets.Days(first_day="2026-02-01", last_day="2026-01-01").asked()


def test_a_touched_object_is_not_a_new_one_and_a_changed_one_is(world):
    put(world.landing, 1, "a", event(number=1))
    world.listen()
    path = next(Path(world.landing.root).rglob("*.gz"))
    path.touch()
    assert world.listen() == {}
    put(world.landing, 1, "a", event(number=2))
    assert list(world.listen()) == [("landing_events", "2026-01-01")]
    path.unlink()
    assert list(world.listen()) == [("landing_events", "2026-01-01")]


def test_the_customers_sensor_reports_a_new_export(world):
    world.landing.write("customers/2026/01/01/endpoints.jsonl", b'{"Id":"a","ChannelType":"EMAIL"}')
    assert list(world.listen()) == [("landing_customers", None)]
    assert world.listen() == {}
    world.landing.write("customers/2026/01/02/endpoints.jsonl", b'{"Id":"a","ChannelType":"EMAIL"}')
    assert list(world.listen()) == [("landing_customers", None)]


def test_one_run_loads_many_days_each_with_its_own_version(world):
    for day in range(1, 6):
        put(world.landing, day, "a", event(day=day, number=day), b"{broken")
    days = [day for _, day in world.listen()]
    result = world.run("raw_events", days=days)
    assert result.success
    assert [c.passed for c in result.get_asset_check_evaluations()] == [True]
    first = dict(world.versions())
    assert len(set(first.values())) == 5
    assert world.lake.read(ARRIVAL_DAYS)["quarantined"].to_pylist() == [1] * 5
    world.run("raw_events", days=days[:2])
    assert dict(world.versions()[:2]) == {day: first[day] for day in days[:2]}


def test_events_and_customers_are_built_with_their_checks(world):
    put(world.landing, 1, "a", event(number=1), event(number=1))
    export = [{"Id": "ep-1", "ChannelType": "EMAIL", "Address": "a@example.org", "User": {"UserId": "C1"}}]
    lines = b"\n".join([json.dumps(e).encode() for e in export] + [b"{broken"])
    world.landing.write("customers/2026/01/01/endpoints.jsonl.gz", gzip.compress(lines))
    days = [day for _, day in world.listen() if day]
    world.run("raw_events", days=days)
    result = world.run("engagement_events", "customers")
    assert result.success
    checks = {(c.asset_key.to_user_string(), c.check_name): c.passed for c in result.get_asset_check_evaluations()}
    assert checks == {
        ("engagement_events", "nothing_lost"): True,
        ("engagement_events", "keys_unique"): True,
        ("engagement_events", "schema"): True,
        ("engagement_events", "one_mapping"): True,
        ("engagement_events", "objects_are_there"): True,
        ("engagement_events", "suppressions_name_somebody"): True,
        ("engagement_events", "suppressions_are_read"): True,
        ("engagement_events", "ids_are_no_addresses"): True,
        ("customers", "ids_are_no_addresses"): True,
        ("engagement_events", "names_suppress_as_they_sound"): True,
        ("customers", "nothing_lost"): True,
        ("customers", "no_readable_address"): True,
        ("customers", "consent_is_understood"): True,
    }
    events = result.asset_materializations_for_node("engagement_events")[0]
    assert events.metadata["duplicates"].value == 1
    assert events.metadata["as_of"].value == "2026-01-01"
    assert world.lake.read(QUARANTINED_CUSTOMERS).num_rows == 1


@pytest.mark.parametrize(("to", "named"), [("nobody", False), ("Dana <dana@example.org>", True)])
def test_a_bounce_that_names_nobody_warns(world, to, named):
    part = {"bounce": {"bounce_type": "Permanent", "bounced_recipients": [{"email_address": to}]}}
    facets = {"email_channel": {"mail_event": part}}
    put(world.landing, 1, "a", event("_email.hardbounce", client=None, facets=facets))
    world.run("raw_events", days=[day for _, day in world.listen() if day])
    result = world.run("engagement_events")
    [check] = [c for c in result.get_asset_check_evaluations() if c.check_name == "suppressions_name_somebody"]
    assert (check.passed, check.severity) == (named, dg.AssetCheckSeverity.WARN)
    assert (check.description or "").startswith("1 of those") is not named


@pytest.mark.parametrize(("given", "sounds"), [({}, True), ({"OPTED-OUT": "unsubscribe", "bounce": "bounce"}, False)])
def test_a_name_that_sounds_like_an_opt_out_and_suppresses_nobody_warns(tmp_path, lake, landing, given, sounds):
    table = EventTable(customer="who", time="when", event="what", rename=given)
    config = load(SMALL_SEGMENTATION)
    landings = config.landing.model_copy(update={"events": EventsLanding(format="table", table=table)})
    own = World(tmp_path, lake, landing, config.model_copy(update={"landing": landings}))
    landing.write("events/o.csv", b"who,when,what\nC1,2026-01-01,Opted Out\nC2,2026-01-01,bounce\n")
    days = [day for _, day in own.listen() if day]
    own.run("raw_events", days=days)
    result = own.run("engagement_events")
    [check] = [c for c in result.get_asset_check_evaluations() if c.check_name == "names_suppress_as_they_sound"]
    assert (not check.passed, check.severity) == (sounds, dg.AssetCheckSeverity.WARN)
    assert ('"Opted Out" (1), "bounce" (1) sound like an opt-out' in (check.description or "")) is sounds


NO_COLUMN = b"who,wehn\nC9,2026-01-03\n"
NO_DAY = "1970-01-01"


@pytest.fixture
def tables(tmp_path, lake, landing):
    config = load(SMALL_SEGMENTATION)
    events = EventsLanding(format="table", table=EventTable(customer="who", time="when", event_name="purchase"))
    landings = config.landing.model_copy(update={"events": events})
    return World(tmp_path, lake, landing, config.model_copy(update={"landing": landings}))


def held(world):
    return sorted((r["object_key"], str(r["arrival_date"])) for r in world.lake.read(RAW_EVENTS).to_pylist())


def test_of_files_one_that_cannot_be_read_keeps_no_other_waiting_and_is_told_until_it_is_mended(tables):
    tables.landing.write("events/bad.csv", NO_COLUMN)
    tables.landing.write("events/good.csv", b"who,when\nC1,2026-01-01\nC2,2026-01-02\n")
    days = [day for _, day in tables.listen()]
    assert days == [NO_DAY, "2026-01-01", "2026-01-02"]
    result = tables.run("raw_events", days=days)
    assert not result.success, "it is told, and nothing below is built on the rest"
    assert 'events/bad.csv has no column "when"' in str(result.all_node_events)
    assert held(tables) == [("events/good.csv", "2026-01-01"), ("events/good.csv", "2026-01-02")]
    assert sorted(day for day, _ in tables.versions()) == days[1:]
    assert tables.listen() == {}
    said = 'can\'t be read: segmentation.yaml: landing.events.table: events/bad.csv has no column "when"'
    assert said in " ".join(tables.said)

    tables.landing.write("events/bad.csv", NO_COLUMN.replace(b"wehn", b"when"))
    days = [day for _, day in tables.listen()]
    assert days == [NO_DAY, "2026-01-03"]
    assert tables.run("raw_events", days=days).success
    assert held(tables)[0] == ("events/bad.csv", "2026-01-03")
    tables.said.clear()
    tables.listen()
    assert "can't be read" not in " ".join(tables.said)


def test_of_many_files_that_cannot_be_read_the_cursor_keeps_few_reasons_and_forgets_none(tables):
    for number in range(WHY + 5):
        tables.landing.write(f"events/{number:03}.csv", NO_COLUMN)
    tables.listen()
    assert tables.listen() == {}
    cursor = next(c for c in tables.cursors.values() if "no column" in (c or ""))
    assert cursor.count("has no column") == WHY
    assert f"(and {WHY + 4} more)" in " ".join(tables.said)
    for number in range(WHY):
        tables.landing.write(f"events/{number:03}.csv", NO_COLUMN.replace(b"wehn", b"when"))
    tables.listen()
    tables.said.clear()
    tables.listen()
    assert f"(and 4 more): events/{WHY:03}.csv, as the run of raw_events says" in " ".join(tables.said)


def test_what_a_file_delivered_stays_while_it_cannot_be_read(tables):
    tables.landing.write("events/a.csv", b"who,when\nC1,2026-01-01\n")
    tables.run("raw_events", days=[day for _, day in tables.listen()])
    tables.landing.write("events/a.csv", NO_COLUMN)
    tables.landing.write("events/b.csv", b"who,when\nC1,2026-01-01\nC1,2026-01-02\n")
    days = [day for _, day in tables.listen()]
    assert days == [NO_DAY, "2026-01-01", "2026-01-02"]
    # Dagster knows the days in the order in which they came.
    assert not any(tables.run("raw_events", days=[day]).success for day in days)
    assert held(tables) == [("events/a.csv", "2026-01-01"), ("events/b.csv", "2026-01-02")]
    (tables.landing.root / "events/a.csv").unlink()
    days = [day for _, day in tables.listen()]
    assert days == [NO_DAY, "2026-01-01"]
    assert all(tables.run("raw_events", days=[day]).success for day in days)
    assert held(tables) == [("events/b.csv", "2026-01-01"), ("events/b.csv", "2026-01-02")]


def test_what_an_earlier_mapping_could_not_read_is_read_by_the_next(tables, tmp_path, lake):
    tables.landing.write("events/bad.csv", NO_COLUMN)
    tables.landing.write("events/worse.csv", NO_COLUMN)
    result = tables.run("raw_events", days=[day for _, day in tables.listen()])
    assert '(did you mean "wehn"?); 1 more can' in str(result.all_node_events)
    config = load(SMALL_SEGMENTATION)
    events = EventsLanding(format="table", table=EventTable(customer="who", time="wehn", event_name="purchase"))
    landings = config.landing.model_copy(update={"events": events})
    tables.defs = dg.Definitions(sensors=sensors.sensors(config.model_copy(update={"landing": landings})))
    assert [day for _, day in tables.listen()] == [NO_DAY, "2026-01-03"]


def test_a_lost_record_blocks(world):
    put(world.landing, 1, "a", event(number=1), event(number=2))
    days = [day for _, day in world.listen()]
    world.run("raw_events", days=days)
    world.run("engagement_events")
    rows = world.lake.read(ENGAGEMENT_EVENTS)
    partition = rows["arrival_date"][0].as_py()
    world.lake.write(ENGAGEMENT_EVENTS, rows.slice(0, 1), "run", partitions=[partition])
    result = world.run("engagement_events")
    failed = [c.check_name for c in result.get_asset_check_evaluations() if not c.passed]
    assert failed == ["nothing_lost"]
    assert not result.success


def test_an_empty_landing_place_gives_empty_tables(world):
    assert world.listen() == {}
    assert world.run("engagement_events", "customers").success
    assert world.lake.read(RAW_EVENTS).num_rows == 0
    assert world.lake.read(ENGAGEMENT_EVENTS).num_rows == 0
