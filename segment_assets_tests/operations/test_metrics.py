"""What a run comes to as numbers and events."""

from datetime import UTC, datetime, timedelta

from segment_assets.operations.metrics import Built, Ended, Metric, batches, measures, notes, standing

START = datetime(2026, 11, 26, 12, tzinfo=UTC)
END = START + timedelta(minutes=3)


def ended(*built: Built, outcome: str = "succeeded", failed: tuple[str, ...] = ()) -> Ended:
    return Ended("run-1", outcome, START, END, built, {b.asset: 4.0 for b in built}, failed)


def built(asset: str, day: str | None = None, **metadata: object) -> Built:
    return Built(asset, START + timedelta(minutes=1), day, metadata)


def values(found: list[Metric]) -> dict[tuple[str, ...], float]:
    return {(m.name, *m.dimensions.values()): m.value for m in found}


def day(number: int, delivered: int, good: int) -> Built:
    counts = {"dagster/partition_row_count": good, "delivered": delivered, "good": good, "objects": 1}
    return built("raw_events", f"2026-11-{number}", **counts, quarantined=delivered - good)


def test_every_run_tells_how_it_ended_and_how_long_it_took() -> None:
    assert values(measures(ended())) == {("RunsFailed",): 0, ("RunsSucceeded",): 1, ("RunSeconds",): 180}
    assert values(measures(ended(outcome="failed")))["RunsFailed",] == 1
    assert values(measures(ended(outcome="canceled")))["RunsFailed",] == 0


def test_rows_of_arrival_days_are_summed_and_the_worst_day_s_share_is_what_the_alarm_reads() -> None:
    found = values(measures(ended(day(20, 100, 100), day(21, 100, 90))))
    assert found["RowsWritten", "raw_events"] == 190
    assert found["RecordsRejected", "raw_events"] == 10
    assert found["QuarantinedShare", "raw_events"] == found["QuarantinedShare",] == 0.1
    assert found["AssetSeconds", "raw_events"] == 4


def test_a_duplicate_is_not_rejected_and_a_partner_s_bad_row_is() -> None:
    customers = built("customers", delivered=10, good=7, duplicates=2, quarantined=1, **{"dagster/row_count": 7})
    partner = built("partner_audience", delivered=10, good=8, bad_address=2)
    found = values(measures(ended(customers, partner)))
    assert found["RecordsRejected", "customers"] == 1
    assert found["RecordsRejected", "partner_audience"] == 2
    assert found["QuarantinedShare",] == 0.2


def test_a_query_tells_its_coverage_its_time_and_its_cost_and_a_segment_its_size() -> None:
    query = built("clean_room_results/matched", coverage=0.42, seconds=31.5, cost_units=0.25, as_of="2026-11-25")
    segment = built("predictive_segments/win_back", members=20, held_out=5)
    found = values(measures(ended(query, segment)))
    assert found["Coverage", "matched"] == 0.42
    assert found["QuerySeconds", "matched"] == 31.5
    assert found["QueryCostUnits", "matched"] == 0.25
    assert found["DataAgeHours", "clean_room_results/matched"] == 36 + 1 / 60
    assert found["SegmentMembers", "win_back"] == 20
    assert found["SegmentHeldOut", "win_back"] == 5


def test_a_metric_has_the_time_of_what_happened() -> None:
    assert {m.at for m in measures(ended(built("customers", **{"dagster/row_count": 1})))} == {
        END,
        START + timedelta(minutes=1),
    }


def test_what_is_no_finite_number_is_no_metric() -> None:
    found = values(measures(ended(built("dashboard", bytes=float("nan"), members=True))))
    assert found.keys() == {("RunsFailed",), ("RunsSucceeded",), ("RunSeconds",), ("AssetSeconds", "dashboard")}


def test_a_run_is_an_event_and_so_is_each_segment_that_was_sent() -> None:
    sent = built("pinpoint_import/win_back", state="COMPLETED", rows_sent=7, joined=7, location="s3://b/k", job_id="j")
    kept = built("file_handoff/coupons", state="NOTHING_SENT", rows_sent=0)
    whole, activated = notes(ended(sent, kept, outcome="failed", failed=("features",)))
    assert whole.kind == "run failed"
    assert whole.detail["failed"] == ["features"]
    assert activated.kind == "segment activated"
    assert activated.detail == {
        "run_id": "run-1",
        "asset": "pinpoint_import/win_back",
        "destination": "pinpoint_import",
        "segment": "win_back",
        "state": "COMPLETED",
        "rows_sent": 7,
        "joined": 7,
    }


def test_every_minute_stale_assets_are_counted_and_the_oldest_data_is_dated() -> None:
    days = [START.date(), None, START.date() - timedelta(days=2)]
    assert values(standing(0, days, START)) == {("StaleAssets",): 0, ("OldestDataHours",): 60}
    assert values(standing(3, [], START)) == {("StaleAssets",): 3}


def test_a_batch_is_bounded_by_number_and_by_size_and_loses_nothing() -> None:
    assert list(batches("abcde", 2, 99, len)) == [["a", "b"], ["c", "d"], ["e"]]
    assert list(batches(["aa", "bb", "c", "dddd"], 9, 3, len)) == [["aa"], ["bb", "c"], ["dddd"]]
    assert list(batches([], 2, 9, len)) == []
