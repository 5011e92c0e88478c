"""Control households last, whatever becomes of them."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from segment_assets.segments.holdout import draws, former, fresh_draw

NOBODY = pa.table({"old_id": pa.array([], pa.string()), "new_id": pa.array([], pa.string())})
BEFORE = pa.schema([("customer_id", pa.string()), ("household_id", pa.string()), ("holdout_draw", pa.float64())])
PEOPLE = [f"c{i}" for i in range(5)]
HOMES = [f"hh_{i}" for i in range(4)]
living = st.lists(st.sampled_from(HOMES), min_size=5, max_size=5)


def customers(homes):
    return pa.table({"customer_id": pa.array(PEOPLE[: len(homes)]), "household_id": pa.array(homes)})


def drawn(homes, previous=None, aliases=NOBODY):
    before = (
        previous if previous is not None else customers([]).append_column("holdout_draw", pa.array([], pa.float64()))
    )
    return customers(homes).append_column("holdout_draw", draws("win_back", customers(homes), cast(before), aliases))


def cast(table):
    return table.cast(
        pa.schema([("customer_id", pa.string()), ("household_id", pa.string()), ("holdout_draw", pa.float64())])
    )


def control(table, share=0.5):
    return {r["customer_id"] for r in table.to_pylist() if r["holdout_draw"] < share}


def test_a_control_that_an_export_left_out_is_one_when_it_comes_back():
    first = drawn(HOMES)
    lowest = min(first.to_pylist(), key=lambda row: row["holdout_draw"])
    stayed = pa.array([p for p in PEOPLE[:4] if p != lowest["customer_id"]])
    gone = former(stayed, cast(pa.concat_tables([first, first])))
    assert gone.to_pylist() == [lowest]
    back = customers(["hh_new"]).set_column(0, "customer_id", pa.array([lowest["customer_id"]]))
    assert draws("win_back", back, gone, NOBODY).to_pylist() == [lowest["holdout_draw"]]


def test_about_the_share_asked_for_is_held_out():
    held = sum(fresh_draw("win_back", f"hh_{i}") < 0.1 for i in range(20_000))
    assert 1_850 < held < 2_150  # 2,000 expected, standard deviation 42


def test_each_segment_has_a_control_of_its_own():
    both = sum(fresh_draw("a", f"hh_{i}") < 0.5 and fresh_draw("b", f"hh_{i}") < 0.5 for i in range(20_000))
    assert 4_750 < both < 5_250


def test_a_household_is_treated_or_not_as_a_whole():
    table = drawn(["hh_0", "hh_0", "hh_1", "hh_1", "hh_1"])
    assert len(set(table["holdout_draw"].to_pylist()[:2])) == 1
    assert len(set(table["holdout_draw"].to_pylist()[2:])) == 1


def test_a_merge_keeps_a_control_in_control():
    alone = [fresh_draw("win_back", h) for h in HOMES]
    lowest, highest = HOMES[alone.index(min(alone))], HOMES[alone.index(max(alone))]
    merged = drawn([highest, highest], drawn([lowest, highest]))
    assert merged["holdout_draw"].to_pylist() == [min(alone)] * 2


def test_a_merged_household_is_remembered_by_its_alias_though_its_customers_are_gone():
    before = pa.table({"customer_id": ["gone"], "household_id": ["hh_old"], "holdout_draw": [0.01]})
    table = drawn(["hh_0"], before, pa.table({"old_id": ["hh_old"], "new_id": ["hh_0"]}))
    assert table["holdout_draw"].to_pylist() == [0.01]


def test_a_household_that_is_gone_without_an_heir_leaves_nothing():
    before = pa.table({"customer_id": ["gone"], "household_id": ["hh_old"], "holdout_draw": [0.01]})
    aliases = pa.table({"old_id": ["hh_old"], "new_id": pa.array([None], pa.string())})
    assert drawn(["hh_0"], before, aliases)["holdout_draw"].to_pylist() == [fresh_draw("win_back", "hh_0")]


def test_what_is_split_off_keeps_what_it_was():
    before = drawn(["hh_0", "hh_0", "hh_0"])
    after = drawn(["hh_0", "hh_0", "hh_new"], before)
    assert after["holdout_draw"].to_pylist() == before["holdout_draw"].to_pylist()


@given(living, living)
def test_who_is_in_control_stays_in_control_through_any_regrouping(before, after):
    first = drawn(before)
    assert control(first) <= control(drawn(after, first))


@given(living, living)
def test_deciding_again_changes_nothing(before, after):
    once = drawn(after, drawn(before))
    assert drawn(after, once) == once
