"""A contract bites where a promise is broken: it names the column, what was measured and what is allowed."""

import gzip
import json
from datetime import date, timedelta

import dagster as dg
import duckdb
import pytest
from sqlglot import exp

from segment_assets.contract_config import (
    ColumnPromise,
    CustomersContract,
    EventsContract,
    RowsPromise,
    VolumePromise,
)
from segment_assets.first_party import assets, contract_customers, contract_events, customer_exports
from segment_assets.first_party import customers as customer_records
from segment_assets.first_party.event_account import account
from segment_assets.landing_config import CustomersLanding, EventsLanding, EventTable, Landing
from segment_assets.promises import broken, fresh, volume
from segment_assets.segmentation import ConfigError, Segmentation, Target
from segment_assets.sql import load
from segment_assets_tests.first_party.loading import event, load_days, normalise, put

DAY = date(2026, 1, 2)
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
EXPORT = "customers/2026/01/{:02}/endpoints.jsonl.gz"
MAPPING = EventTable(customer="who", time="when", event="what", metrics={"amount": "paid"}, properties={"shop": "shop"})
OWN = EventsLanding(format="table", table=MAPPING)


def config(**landing):
    target = Target(kind="absence", event="purchase", horizon="28d")
    return Segmentation(name="small", landing=Landing(**landing), targets={"churn": target})


def broken_of(lake, contract, today=DAY):
    return [f for f in contract_events.findings(lake, contract, today) if not f.kept]


def own(lake, landing, *rows):
    landing.write("events/o.csv", "\n".join(["who,when,what,paid,shop", *rows]).encode())
    load_days(lake, landing, where=OWN)
    normalise(lake, OWN)


def test_an_empty_column_is_named_with_its_worst_day_and_the_ids_of_some_events(lake, landing):
    own(lake, landing, "C1,2026-01-01,buy,1,A", "C2,2026-01-02,buy,2,B", "C3,2026-01-02,buy,3,", "C4,2026-01-02,buy,4,")
    contract = EventsContract(columns={"properties.shop": ColumnPromise(nulls=0.5), "user_id": ColumnPromise()})
    [found] = broken_of(lake, contract)
    assert found.sentence.startswith("properties.shop: 2 of 3 of 2026-01-02 are empty (66.67%), allowed is 50.00% (for")
    assert len(found.examples) == 2
    assert all(len(e.removeprefix("event_id ")) == 32 for e in found.examples)
    assert "C3" not in found.sentence
    assert broken_of(lake, EventsContract(columns={"properties.shop": ColumnPromise(nulls=0.7)})) == []
    assert contract_events.findings(lake, EventsContract(), DAY) == [], "what is not promised is not looked at"


@pytest.mark.parametrize("key", ["_currency", "cartId", "x.y", "it's {0}?", "A-1"])
def test_a_property_or_metric_may_be_called_as_its_source_calls_it(lake, landing, key):
    put(landing, 2, "a", event(attributes={key: "7"}, metrics={key: 1.0}), event(attributes={key: "x"}, number=1))
    load_days(lake, landing)
    normalise(lake)
    promised = {f"properties.{key}": ColumnPromise(type="number"), f"metrics.{key}": ColumnPromise()}
    contract = EventsContract(columns=promised)
    assert assets.assets(config(events=EventsLanding(contract=contract)))
    assert [f.measured for f in broken_of(lake, contract)] == [
        "1 of 2 of 2026-01-02 are no number (50.00%)", "1 of 2 of 2026-01-02 are empty (50.00%)",
    ]  # fmt: skip


def test_a_map_without_a_name_is_no_column():
    contract = EventsContract(columns={"metrics.": ColumnPromise()})
    with pytest.raises(ConfigError, match=r'"metrics\." says none of the metrics: write metrics\.NAME'):
        assets.assets(config(events=EventsLanding(contract=contract)))


def test_a_property_is_of_its_type_or_the_contract_is_broken(lake, landing):
    mapping = EventTable(customer="who", time="when", event_name="buy", properties={n: n for n in ("a", "b", "c")})
    where = EventsLanding(format="table", table=mapping)
    rows = [
        "who,when,a,b,c",
        "C1,2026-01-01,1.5,-12,2026-01-01T10:00:00Z",
        'C2,2026-01-01,"1,5",1.5,soon',
        "C3,2026-01-01,,,",
    ]
    landing.write("events/o.csv", "\n".join(rows).encode())
    load_days(lake, landing, where=where)
    normalise(lake, where)
    types = {"a": "number", "b": "whole number", "c": "time"}
    promised = {f"properties.{name}": ColumnPromise(nulls=1, type=kind) for name, kind in types.items()}
    found = broken_of(lake, EventsContract(columns=promised))
    assert [f.of for f in found] == list(promised)
    for finding, kind in zip(found, types.values(), strict=True):
        assert (
            f"1 of 3 of 2026-01-01 are no {kind} (33.33%), allowed is 0.00% (for example event_id" in finding.sentence
        )
        assert not any(value in finding.sentence for value in ("1,5", "1.5", "soon"))


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("number", ["1.5", "-2", "1e3"], ["1_000", "nan", "infinity", "1,5"]),
        ("time", ["2026-01-01", "2026-01-01 10:00:00 UTC", "2026-01-01T10:00:00+01:00", "1790000000", "1790000000123",
          "1790000000.25", "1790000000123456", "1790000000123456789"],
         ["infinity", "epoch", "2026-02-01 (BC)", "179000000", "soon"]),
    ],
)  # fmt: skip
def test_a_type_takes_what_events_may_hold_and_no_more(kind, good, bad):
    for text in (*good, *bad):
        fits = contract_events._FITS[kind].format("written")
        found = duckdb.execute(f"SELECT {fits} FROM (SELECT ? AS written)", [text]).fetchall()
        assert found == [(text in good,)], text


def test_shares_are_those_of_the_account_day_by_day(lake, landing):
    late = event("_unheard.of", number=1, event_timestamp=event()["event_timestamp"] - 2 * 86_400_000)
    future = event(number=2, event_timestamp=event()["event_timestamp"] + 3_600_000)
    put(landing, 1, "a", late, future, event(number=3), event(number=3), b"{broken")
    put(landing, 2, "a", event(day=2, number=4))
    load_days(lake, landing)
    normalise(lake)
    limits = {"duplicates": 0, "late": 0, "unknown_types": 0, "in_future": 0, "quarantined": 0}
    said = {f.of: f.measured for f in broken_of(lake, EventsContract(**limits))}
    assert said == {
        "duplicates": "1 of 4 of 2026-01-01 are copies or probes (25.00%)",
        "late": "1 of 3 of 2026-01-01 are late (33.33%)",
        "unknown_types": "1 of 3 of 2026-01-01 are unknown types (33.33%)",
        "in_future": "1 of 3 of 2026-01-01 are in future (33.33%)",
        "quarantined": "1 of 5 of 2026-01-01 are no valid record (20.00%)",
    }
    counted = account(lake)
    assert (counted.duplicates, counted.late, counted.unknown_types, counted.in_future) == (1, 1, 1, 1)
    assert broken_of(lake, EventsContract(over="1d", **limits)) == [], "the older day is not looked at"


def test_age_is_told_by_the_clock():
    assert fresh(DAY, DAY + timedelta(days=3), timedelta(days=3)).kept
    late = fresh(DAY, DAY + timedelta(days=4), timedelta(days=3))
    assert late.sentence == "fresh_within: the newest day, 2026-01-02, is 4 days old, allowed is 3 days"
    assert fresh(DAY, DAY - timedelta(days=1), timedelta(days=3)).kept, "it may have begun elsewhere"
    early = fresh(DAY, DAY - timedelta(days=2), timedelta(days=3))
    assert early.sentence == "fresh_within: the newest day, 2026-01-02, is in the future, allowed is 3 days"


def test_a_day_is_measured_against_the_28_before_and_one_that_is_not_over_cannot_have_too_little():
    amounts = {DAY - timedelta(days=back): 100 for back in range(1, 60)} | {DAY: 40}
    promise = VolumePromise(least=0.5, most=2)
    assert all(f.kept for f in volume(amounts, DAY, promise, "records"))
    [few] = [f for f in volume(amounts, DAY + timedelta(days=1), promise, "records") if not f.kept]
    assert few.sentence == (
        "volume: 40 records of 2026-01-02 are 0.40 times the average of the 28 days before, "
        "allowed is at least 0.5 times"
    )
    [many] = [f for f in volume(amounts | {DAY: 500}, DAY, promise, "records") if not f.kept]
    assert "5.00 times" in many.sentence
    young = {day: n for day, n in amounts.items() if day >= DAY - timedelta(days=6)}
    assert all(f.kept for f in volume(young, DAY + timedelta(days=1), promise, "records"))


def test_what_is_broken_is_one_sentence_that_ends_with_the_mend():
    said = broken([fresh(DAY, DAY, timedelta(1)), fresh(DAY, date.max, timedelta(1))], "landing.events.contract")
    assert said.count("fresh_within") == 1
    assert said.endswith("Mend the source and let the days land again, or allow more in landing.events.contract.")


def test_a_column_that_is_not_there_is_refused_with_the_nearest():
    columns = {"user_idd": ColumnPromise()}
    with pytest.raises(
        ConfigError, match=r'landing\.events\.contract\.columns: no column is named "user_idd" \(did you'
    ):
        assets.assets(config(events=EventsLanding(contract=EventsContract(columns=columns))))
    typed = {"user_id": ColumnPromise(type="number")}
    with pytest.raises(ConfigError, match="user_id has a type already"):
        assets.assets(config(events=EventsLanding(contract=EventsContract(columns=typed))))


def endpoint(name, address=None):
    return {"Id": f"ep-{name}", "ChannelType": "EMAIL", "Address": address, "User": {"UserId": name}}


def exported(landing, day, *records):
    lines = b"\n".join(r if isinstance(r, bytes) else json.dumps(r).encode() for r in records)
    landing.write(EXPORT.format(day), gzip.compress(lines))


def test_an_export_of_customers_keeps_its_contract_or_says_what_it_breaks(lake, landing):
    where = CustomersLanding()
    exported(landing, 1, *(endpoint(f"C{n}", f"c{n}@example.org") for n in range(50)))
    exported(landing, 2, endpoint("C1", "c1@example.org"), endpoint("C2"), b"{broken")
    export = customer_exports.read(landing, where)
    customer_records.write(lake, export, None, "run")
    contract = CustomersContract(
        columns={"email_sha256": ColumnPromise(nulls=0.1)},
        volume=VolumePromise(least=0.5),
        fresh_within="2d",
        quarantined=0.1,
        duplicates=0,
    )
    sizes = customer_exports.export_sizes(landing, where)
    found = contract_customers.findings(lake, contract, export, sizes, DAY + timedelta(days=9))
    said = {f.of: f.sentence for f in found if not f.kept}
    assert list(said) == ["fresh_within", "volume", "quarantined", "email_sha256"]
    assert said["email_sha256"].startswith("email_sha256: 1 of 2 customers are without it (50.00%), allowed is 10.00%")
    assert "C2" not in said["email_sha256"]
    assert "1 of 3 records are no valid record" in said["quarantined"]


def test_a_promise_that_the_exports_path_does_not_let_be_looked_at_is_not_kept(lake, landing):
    where, contract = CustomersLanding(), CustomersContract(fresh_within="1d", volume=VolumePromise(least=0.5))

    def broken():
        export = customer_exports.read(landing, where)
        sizes = customer_exports.export_sizes(landing, where)
        return [f.sentence for f in contract_customers.findings(lake, contract, export, sizes, DAY) if not f.kept]

    customer_records.write(lake, customer_exports.read(landing, where), None, "run")
    assert broken() == [], "where nothing lies there nothing is promised of it"
    landing.write("customers/endpoints.jsonl", json.dumps(endpoint("C1")).encode())
    assert broken() == [
        f"{of}: the export's path names no day, such as 2026/01/31, allowed is a day in the path of each"
        for of in ("fresh_within", "volume")
    ]


def test_a_least_above_the_most_is_refused():
    with pytest.raises(ValueError, match="least is above most"):
        VolumePromise(least=2, most=1)
    with pytest.raises(ValueError, match="least is above most"):
        RowsPromise(least=2, most=1)


def test_a_broken_contract_blocks_what_is_below_and_a_mended_day_lets_it_go_on(lake, landing):
    @dg.asset(deps=["engagement_events"])
    def below_events() -> None:
        """Something that rests on events."""

    @dg.asset(deps=["customers"])
    def below_customers() -> None:
        """Something that rests on customers."""

    settings = config(
        events=EventsLanding(contract=EventsContract(columns={"user_id": ColumnPromise()})),
        customers=CustomersLanding(contract=CustomersContract(columns={"email_sha256": ColumnPromise()})),
    )
    made = [a for a in assets.assets(settings) if isinstance(a, dg.AssetsDefinition) and a.key != assets.RAW]

    def built():
        result = dg.materialize(
            [*made, below_events, below_customers],
            resources={"lake": lake, "landing": landing},
            run_config=QUIET,
            raise_on_error=False,
        )
        failed = {
            c.asset_key.to_user_string(): (c.check_name, c.description.split("%")[0])
            for c in result.get_asset_check_evaluations()
            if not c.passed
        }
        return [k for k in ("below_events", "below_customers") if result.asset_materializations_for_node(k)], failed

    exported(landing, 1, endpoint("C1"))
    put(landing, 1, "a", event(number=1))
    load_days(lake, landing)
    assert built() == (
        [],
        {
            "engagement_events": ("contract", "user_id: 1 of 1 of 2026-01-01 are empty (100.00"),
            "customers": ("contract", "email_sha256: 1 of 1 customers are without it (100.00"),
        },
    )
    exported(landing, 2, endpoint("C1", "c1@example.org"))
    put(landing, 1, "a", event(number=1, attributes={"customer_context": '{"customerId": "C1"}'}))
    load_days(lake, landing)
    assert built() == (["below_events", "below_customers"], {})


def test_a_contract_is_no_part_of_the_mapping():
    plain, strict = EventsLanding(), EventsLanding(contract=EventsContract(late=0.1))
    versions = [{a.key: a.code_versions_by_key[a.key] for a in assets.assets(config(events=landing))
                 if isinstance(a, dg.AssetsDefinition)} for landing in (plain, strict)]  # fmt: skip
    changed = [key.to_user_string() for key in versions[0] if versions[0][key] != versions[1][key]]
    assert changed == ["engagement_events"]


def test_what_the_account_counts_and_what_a_contract_limits_is_counted_alike():
    def counted(name):
        found = load("segment_assets.first_party", name).find_all(exp.Alias)
        return {
            a.alias: a.this.sql()
            for a in found
            if a.alias in contract_events.LIMITS and isinstance(a.this, exp.CountIf)
        }

    assert counted("event_account") == counted("event_days")
    assert counted("event_days").keys() == set(contract_events.LIMITS)
