"""Several sources in one landing place: tables of one's own beside streams, each read as what it is."""

import base64
import json
from datetime import date
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from segment_assets.cli import main
from segment_assets.first_party import watch
from segment_assets.first_party.contract_events import of_every_source
from segment_assets.first_party.failed_deliveries import replay
from segment_assets.first_party.formats.choice import format_of
from segment_assets.first_party.tables import ARRIVAL_DAYS, ENGAGEMENT_EVENTS, QUARANTINED_RECORDS, RAW_EVENTS
from segment_assets.first_party.watch import Known, Look
from segment_assets.landing_config import EventsLanding, Landing
from segment_assets.operations import quarantined
from segment_assets.segmentation import CONFIG_VARIABLE, ConfigError, load
from segment_assets_tests.first_party.loading import load_days, normalise
from segment_assets_tests.small_world import SMALL_SEGMENTATION

ORDERS = {"customer": "customer_id", "time": "ordered_at", "event_name": "purchase", "metrics": {"amount": "total"}}
WEB = {"customer": "user", "time": "at", "event": "action"}
SOURCES = {
    "orders": {"path": "events/orders/", "format": "table", "table": ORDERS},
    "web": {"path": "events/web/", "format": "table", "table": WEB},
    "mail": {"path": "ses/", "format": "ses", "errors_path": "errors/ses/"},
}
SEVERAL = EventsLanding.model_validate({"sources": SOURCES})
JANUARY = b"customer_id,ordered_at,total\nc1,2026-01-01,5\nc2,2026-01-02,7\nc3,soon,9\n"
VISITS = b'{"user":"c1","at":"2026-01-02T10:00:00Z","action":"visit"}\n' * 2
MAIL = {"timestamp": "2026-01-02T12:00:00Z", "messageId": "m1", "destination": ["dana@example.org"]}
SENT = json.dumps({"eventType": "Send", "mail": MAIL}).encode()


def landed(store):
    store.write("events/orders/january.csv", JANUARY)
    store.write("events/web/2026/01/03/log.jsonl", VISITS)
    store.write("ses/2026/01/02/12/a", SENT + b"{broken")


def test_each_object_is_read_as_its_source_says_and_every_record_is_accounted_for(lake, landing):
    landed(landing)
    load_days(lake, landing, where=SEVERAL)
    account, _, _ = normalise(lake, SEVERAL)
    columns = ["arrival_date", "source", "event_name", "source_event_type", "user_id"]
    found = [(str(day), *rest) for day, *rest in map(dict.values, lake.read(ENGAGEMENT_EVENTS, columns).to_pylist())]
    assert sorted(found, key=str) == [
        ("2026-01-01", "custom", "purchase", "purchase", "c1"),
        ("2026-01-02", "custom", "app", "visit", "c1"),
        ("2026-01-02", "custom", "purchase", "purchase", "c2"),
        ("2026-01-02", "ses", "send", "Send", None),
    ]
    days = lake.read(ARRIVAL_DAYS).to_pylist()
    assert [(d["arrival_date"].day, d["objects"], d["delivered"], d["quarantined"]) for d in days] == [
        (1, 1, 2, 1),
        (2, 3, 5, 1),
    ]
    assert (account.good, account.events, account.duplicates) == (5, 4, 1)
    assert sorted(lake.read(QUARANTINED_RECORDS)["reason"].to_pylist()) == ["bad_time", "not_json"]


def test_a_day_of_several_sources_is_in_the_order_of_its_objects(lake, landing):
    landed(landing)
    first = EventsLanding.model_validate({"sources": SOURCES | {"first": {"path": "events/a/", "format": "ses"}}})
    landing.write("events/a/2026/01/02/12/b", SENT)
    load_days(lake, landing, where=first)
    rows = lake.read(RAW_EVENTS).to_pylist()
    assert [(r["object_key"], r["position"]) for r in rows if r["arrival_date"] == date(2026, 1, 2)] == [
        ("events/a/2026/01/02/12/b", 0),
        ("events/orders/january.csv", 1),
        ("events/web/2026/01/03/log.jsonl", 0),
        ("events/web/2026/01/03/log.jsonl", 1),
        ("ses/2026/01/02/12/a", 0),
    ]
    account, _, _ = normalise(lake, first)
    assert (account.good, account.events, account.duplicates) == (6, 4, 2), "one mail by two streams is one event"


def looked(store, known, where=SEVERAL):
    look = Look(store, where, format_of(where), known)
    look.again()
    look.around(date(2026, 1, 5))
    return list(look.changed())


def test_what_comes_late_from_one_source_changes_its_own_day_alone(landing):
    known = Known()
    landed(landing)
    assert looked(landing, known) == ["2026-01-01", "2026-01-02"]
    landing.write("events/orders/late.csv", b"customer_id,ordered_at,total\nc9,2026-01-01,3\n")
    assert looked(landing, known) == ["2026-01-01"]
    landing.write("ses/2026/01/04/12/b", SENT)
    assert looked(landing, known) == ["2026-01-04"]
    assert looked(landing, known) == []


def test_in_a_large_place_a_new_file_of_a_table_is_found_at_once_whatever_lies_behind_it(landing, monkeypatch):
    monkeypatch.setattr(watch, "STRETCH", 5)
    known = Known()
    landed(landing)
    for n in range(20):
        landing.write(f"ses/2026/01/02/12/s{n:02}", SENT)
    while looked(landing, known):
        pass
    assert not known.is_small
    landing.write("events/orders/march.csv", b"customer_id,ordered_at,total\nc9,2026-03-01,3\n")
    landing.write("events/web/more.jsonl", b'{"user":"c1","at":"2026-03-02","action":"visit"}')
    assert looked(landing, known) == ["2026-03-01", "2026-03-02"]


def test_one_section_becomes_several_and_its_events_stay_the_same(lake, landing):
    one = EventsLanding.model_validate({"format": "table", "table": ORDERS, "path": "events/orders/"})
    landing.write("events/orders/2026/01/05/january.csv", JANUARY)
    known = Known()
    assert looked(landing, known, one) == ["2026-01-01", "2026-01-02"]
    load_days(lake, landing, where=one)
    normalise(lake, one)
    before = lake.read(ENGAGEMENT_EVENTS)
    assert looked(landing, known) == []
    load_days(lake, landing, where=SEVERAL)
    assert normalise(lake, SEVERAL, "another code")[1] == 2
    assert lake.read(ENGAGEMENT_EVENTS).equals(before)


def test_an_object_of_no_source_is_in_quarantine_and_the_screen_names_it(lake, landing):
    landed(landing)
    landing.write("events/new/2026/01/02/x.gz", SENT)
    landing.write("events/readme.txt", b"dana@example.org")
    load_days(lake, landing, where=SEVERAL)
    assert normalise(lake, SEVERAL)[0].events == 4
    bad = [r for r in lake.read(QUARANTINED_RECORDS).to_pylist() if r["reason"] == "no_source"]
    assert [(r["object_key"], str(r["arrival_date"]), r["record"]) for r in bad] == [
        ("events/readme.txt", "1970-01-01", b""),
        ("events/new/2026/01/02/x.gz", "2026-01-02", b""),
    ]
    [first, second] = quarantined.warnings(lake, Landing(events=SEVERAL))
    assert "events/new/2026/01/02/x.gz" in first
    assert "name its path under landing.events.sources, or move it away" in second


def test_a_table_that_can_t_be_read_names_its_own_mapping(lake, landing):
    landing.write("events/web/a.csv", b"user,when,action\nc1,2026-01-01,visit\n")
    landing.write("events/orders/a.csv", b"customer_id,ordered_at,total\nc1,01.02.2026,3\n")
    landing.write("ses/2026/01/02/12/a", SENT)
    known = Known()
    look = Look(landing, SEVERAL, format_of(SEVERAL), known)
    look.sweep(date(2026, 1, 5))
    assert look.refused == [
        'segmentation.yaml: landing.events.sources.web.table: events/web/a.csv has no column "at" (one of: action, user'
        ", when)"
    ]
    (Path(landing.root) / "events/web/a.csv").unlink()
    load_days(lake, landing, where=SEVERAL)
    [said] = quarantined.warnings(lake, Landing(events=SEVERAL))
    assert "written under landing.events.sources.orders.table.time_format" in said


def test_what_firehose_could_not_deliver_goes_to_the_source_whose_error_prefix_it_lies_under(landing):
    raw = base64.b64encode(SENT).decode()
    told = {"arrivalTimestamp": 1767355200000, "errorCode": "x", "rawData": raw}
    for key in ("errors/ses/2026/a", "errors/other/2026/b"):
        landing.write(key, json.dumps(told).encode())
    found = replay(landing, SEVERAL)
    assert [key.rpartition("/")[0] for key in found.written] == ["ses/2026/01/02/12"]
    [((key, why), records)] = found.unreadable.items()
    assert (key, records) == ("errors/other/2026/b", 1)
    assert "no source has this error prefix" in why


def test_files_from_anywhere_are_read_as_the_source_whose_path_is_part_of_theirs(tmp_path):
    config = tmp_path / "segmentation.yaml"
    config.write_text(yaml.safe_dump(small(SOURCES)))
    for name, content in (("events/orders/a.csv", JANUARY), ("ses/2026/01/02/12/b", SENT), ("else/c", SENT)):
        path = tmp_path / "copy" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    named = ["events", "normalise", str(tmp_path / "copy"), "--out", str(tmp_path / "out.parquet")]
    told = CliRunner().invoke(main, named, env={CONFIG_VARIABLE: str(config)})
    assert told.exit_code == 0, told.output
    assert "5 records in 3 files = 3 events + 1 duplicate + 0 probes + 1 quarantined" in told.output
    assert "read as      auto (1 file), mail (1 file), orders (1 file), as " in told.output


def small(sources, **more):
    written = yaml.safe_load(SMALL_SEGMENTATION.read_text())
    return written | {"landing": written.get("landing", {}) | {"events": {"sources": sources} | more}}


def test_a_source_promises_for_itself(lake, landing):
    strict = {"columns": {"user_id": {}}, "quarantined": 0, "fresh_within": "2d", "over": "36500d"}
    sources = SOURCES | {
        "orders": SOURCES["orders"] | {"contract": strict},
        "web": SOURCES["web"] | {"contract": strict},
    }
    promising = EventsLanding.model_validate({"sources": sources, "contract": {"quarantined": 0.5}})
    assert promising.mapping == SEVERAL.mapping, "no day is made again for it"
    landed(landing)
    load_days(lake, landing, where=promising)
    normalise(lake, promising)
    found, place = of_every_source(lake, promising, date(2026, 1, 4))
    assert [one.sentence for one in found if not one.kept] == [
        "landing.events.sources.orders.contract: quarantined: 1 of 2 of 2026-01-01 are no valid record (50.00%), "
        "allowed is 0.00%"
    ]
    assert place == "landing.events.sources.orders.contract"
    landing.write("events/web/2026/01/03/more.jsonl", b'{"user":"c1","at":"2026-02-02","action":"visit"}')
    load_days(lake, landing, where=promising)
    normalise(lake, promising)
    found, place = of_every_source(lake, promising, date(2026, 2, 3))
    late = [one.of for one in found if not one.kept and one.of.endswith("fresh_within")]
    assert late == ["landing.events.sources.orders.contract: fresh_within"], "the other's newest day is no excuse"


STREAM = {"format": "ses"}


@pytest.mark.parametrize(
    ("sources", "said"),
    [
        (
            {"a": STREAM | {"path": "events/a/"}, "b": STREAM | {"path": "events/a/b/"}},
            "landing.events: sources.b.path, events/a/b/, lies in sources.a.path, events/a/: an object is of one",
        ),
        ({"a": STREAM | {"path": "x/"}, "b": STREAM | {"path": "x/"}}, "sources.a.path, x/, lies in sources.b.path"),
        ({"a": STREAM | {"path": "errors/a/"}}, "sources.a.path, errors/a/, lies in errors_path, errors/"),
        ({"a": STREAM | {"path": "customers/new/"}}, "landing: events: customers/new/ and customers.path, customers/"),
        ({"a": STREAM | {"path": ""}}, "sources.a.path must name a folder below the landing place"),
        ({"a": STREAM}, "landing.events.sources.a.path: is missing"),
        ({"a": {"path": "x/", "format": "table"}}, "landing.events.sources.a: format: table needs a column mapping"),
        ({"a": {"path": "x/", "fromat": "ses"}}, 'landing.events.sources.a.fromat: no such key "fromat" (did you mean'),
        (
            {n: STREAM | {"path": f"{n}/", "errors_path": "errors/"} for n in ("a", "b")},
            "sources.a.errors_path, errors/, lies in sources.b.errors_path",
        ),
    ],
)
def test_sources_that_lie_in_one_another_are_refused_with_a_sentence(tmp_path, sources, said):
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(small(sources)))
    with pytest.raises(ConfigError) as refused:
        load(tmp_path / "s.yaml")
    assert said in str(refused.value)


def test_one_format_and_several_sources_are_not_said_together(tmp_path):
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(small(SOURCES, format="ses")))
    with pytest.raises(ConfigError, match="give format and table here, or under each of sources, and not both"):
        load(tmp_path / "s.yaml")


def test_a_file_of_one_section_has_the_version_it_had_before_there_were_several():
    plain = {"errors_path": "errors/", "format": "auto", "path": "events/", "table": None}
    assert EventsLanding().mapping == plain
    assert EventsLanding.model_validate({"contract": {"late": 0.1}}).mapping == plain
    table = {"customer": "c", "decimal": ".", "event": "e", "event_name": None, "metrics": {}, "properties": {}}
    table |= {"received": None, "rename": {}, "time": "t", "time_format": None, "time_zone": None}
    own = EventsLanding.model_validate({"format": "table", "table": {"customer": "c", "time": "t", "event": "e"}})
    assert own.mapping == plain | {"format": "table", "table": table}
    assert SEVERAL.mapping["sources"]["orders"]["table"]["metrics"] == {"amount": "total"}
