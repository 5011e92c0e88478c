"""Control households last, whatever becomes of them."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from segment_assets.segments.holdout import astray, draws, former, fresh_draw

NOBODY = pa.table({"old_id": pa.array([], pa.string()), "new_id": pa.array([], pa.string())})
BEFORE = pa.schema([("customer_id", pa.string()), ("household_id", pa.string()), ("own_draw", pa.float64())])
PEOPLE = [f"c{i}" for i in range(5)]
HOMES = [f"hh_{i}" for i in range(4)]
living = st.lists(st.sampled_from(HOMES), min_size=5, max_size=5)


def customers(homes):
    return pa.table({"customer_id": pa.array(PEOPLE[: len(homes)]), "household_id": pa.array(homes)})


def at(*addresses):
    """Which customers are written to at one address: `at("c0 c1", "c1 c2")`."""
    found = [(c, f"address {i}") for i, those in enumerate(addresses) for c in those.split()]
    customer, address = zip(*found, strict=True) if found else ([], [])
    return pa.table({"customer_id": pa.array(customer, pa.string()), "address_sha256": pa.array(address, pa.string())})


def drawn(homes, previous=None, aliases=NOBODY, shared=at()):  # noqa: B008 - a constant
    before = previous.select(BEFORE.names).cast(BEFORE) if previous is not None else BEFORE.empty_table()
    found = draws("win_back", customers(homes), before, aliases, shared)
    own, household = (found[name] for name in ("own_draw", "holdout_draw"))
    return customers(homes).append_column("own_draw", own).append_column("holdout_draw", household)


def control(table, share=0.5):
    return {r["customer_id"] for r in table.to_pylist() if r["holdout_draw"] < share}


def test_a_control_that_an_export_left_out_is_one_when_it_comes_back():
    first = drawn(HOMES).select(BEFORE.names)
    lowest = min(first.to_pylist(), key=lambda row: row["own_draw"])
    stayed = pa.array([p for p in PEOPLE[:4] if p != lowest["customer_id"]])
    gone = former(stayed, pa.concat_tables([first, first]))
    assert gone.to_pylist() == [lowest]
    back = customers(["hh_new"]).set_column(0, "customer_id", pa.array([lowest["customer_id"]]))
    assert draws("win_back", back, gone, NOBODY, at())["holdout_draw"].to_pylist() == [lowest["own_draw"]]


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
    assert merged["own_draw"].to_pylist() == [min(alone), max(alone)]


def test_a_household_joined_by_mistake_for_a_day_moves_nobody_into_control_for_good():
    first = drawn(HOMES)
    mistaken = drawn(["hh_0"] * 4, first)
    assert len(set(mistaken["holdout_draw"].to_pylist())) == 1
    became = pa.table({"old_id": HOMES[1:], "new_id": ["hh_0"] * 3})
    mended = drawn(["hh_0", "hh_9", "hh_8", "hh_7"], mistaken, became)
    assert mended["holdout_draw"].to_pylist() == first["holdout_draw"].to_pylist()


def test_who_is_new_takes_the_draw_of_the_household_they_come_into():
    before = drawn(["hh_0", "hh_1"])
    after = drawn(["hh_0", "hh_0", "hh_0"], before)
    assert after["own_draw"].to_pylist() == [*before["own_draw"].to_pylist(), min(before["own_draw"].to_pylist())]


def test_a_merged_household_is_remembered_by_its_alias_though_its_customers_are_gone():
    before = pa.table({"customer_id": ["gone"], "household_id": ["hh_old"], "own_draw": [0.01]})
    table = drawn(["hh_0"], before, pa.table({"old_id": ["hh_old"], "new_id": ["hh_0"]}))
    assert table["holdout_draw"].to_pylist() == [0.01]


def test_a_household_that_is_gone_without_an_heir_leaves_nothing():
    before = pa.table({"customer_id": ["gone"], "household_id": ["hh_old"], "own_draw": [0.01]})
    aliases = pa.table({"old_id": ["hh_old"], "new_id": pa.array([None], pa.string())})
    assert drawn(["hh_0"], before, aliases)["holdout_draw"].to_pylist() == [fresh_draw("win_back", "hh_0")]


def test_what_is_split_off_keeps_what_it_was():
    before = drawn(["hh_0", "hh_0", "hh_0"])
    after = drawn(["hh_0", "hh_0", "hh_new"], before)
    assert after["holdout_draw"].to_pylist() == before["holdout_draw"].to_pylist()


def test_a_control_far_from_what_is_asked_for_is_told():
    homes = [f"hh_{n // 2}" for n in range(400)]

    def said(held, holdout=0.1):
        of_home = [0.01 + int(h[3:]) / 1e5 + (0.9 if n >= held else 0) for n, h in enumerate(homes)]
        table = pa.table({"household_id": homes, "holdout_draw": of_home})
        return astray(table, holdout)

    assert (said(40), said(72), said(400, holdout=0.0)) == (None, None, None)
    assert said(200).startswith("50.0% of the customers live in control households, where holdout asks for 10.0%")


def test_who_is_written_to_at_one_address_is_held_out_together_and_so_is_who_lives_with_them():
    homes = ["hh_0", "hh_0", "hh_1", "hh_2", "hh_3"]
    table = drawn(homes, shared=at("c1 c2", "c2 c3"))
    once = fresh_draw("win_back", "hh_0")  # one draw for all of them, or next to every busy mailbox would be a control
    assert table["holdout_draw"].to_pylist() == [once] * 4 + [fresh_draw("win_back", "hh_3")]
    assert table["own_draw"].to_pylist() == table["holdout_draw"].to_pylist()


def test_a_mailbox_of_controls_and_others_who_drew_apart_is_a_control_and_nobody_leaves_it():
    apart = drawn(HOMES)
    shared = at("c0 c1 c2 c3")
    together = drawn(HOMES, apart, shared=shared)
    assert together["holdout_draw"].to_pylist() == [min(apart["own_draw"].to_pylist())] * 4
    assert drawn(HOMES, together) == apart  # where the addresses are no longer shared


def test_a_guest_who_comes_back_under_a_new_id_has_the_draw_of_the_mailbox():
    before = drawn(["hh_0", "hh_3"], shared=at("c0 c1"))
    after = drawn(["hh_0", "hh_3", "hh_1"], before, shared=at("c0 c1 c2"))
    assert set(after["holdout_draw"].to_pylist()) == set(before["holdout_draw"].to_pylist())
    assert after["own_draw"].to_pylist()[2] == before["own_draw"].to_pylist()[0]


@given(living, living, st.lists(st.tuples(st.sampled_from(PEOPLE), st.sampled_from(PEOPLE))))
def test_no_address_is_of_a_control_and_of_somebody_who_is_none(first, then, pairs):
    shared = at(*(f"{a} {b}" for a, b in pairs if a != b))
    drew = drawn(first)
    table = drawn(then, drew, shared=shared)
    of = {r["customer_id"]: r["holdout_draw"] for r in table.to_pylist()}
    assert all(of[a] == of[b] for a, b in pairs)
    assert all(len({of[r["customer_id"]] for r in table.to_pylist() if r["household_id"] == h}) == 1 for h in set(then))
    assert control(drew) <= control(table)
    assert drawn(then, table, shared=shared) == table


@given(living, living, living)
def test_who_drew_a_control_stays_one_through_any_regrouping(first, then, last):
    drew = drawn(first)
    assert control(drew) <= control(drawn(then, drew))
    assert control(drew) <= control(drawn(last, drawn(then, drew)))


@given(living, living)
def test_living_as_before_everybody_is_again_what_they_were(before, between):
    first = drawn(before)
    assert drawn(before, drawn(between, first)) == first


@given(living, living)
def test_deciding_again_changes_nothing(before, after):
    once = drawn(after, drawn(before))
    assert drawn(after, once) == once
