"""Names that last: laws over random histories, and the stories they must tell."""

from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from segment_assets.identity.clusters import Clusters
from segment_assets.identity.stable_ids import settle
from segment_assets.identity.tables import PERSON_ALIAS

# A day: member -> number of its cluster; whoever is not in it has left.
days = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 3))
History = list[Mapping[str, int]]


class Names:
    """Runs one after the other, each reading what the one before wrote."""

    def __init__(self) -> None:
        self.ids: dict[str, str] = {}
        self.aliases = PERSON_ALIAS.empty()

    def run(self, day: Mapping[str, int], *, killed: bool = False) -> dict[str, str]:
        members = sorted(day)
        order = list(dict.fromkeys(day[m] for m in members))
        labels = np.array([order.index(day[m]) for m in members], np.int64)
        clusters = Clusters(pa.array(members, pa.string()), labels, np.zeros(len(members), np.bool_))
        previous = pa.table(
            {"member": pa.array(list(self.ids), pa.string()), "id": pa.array(list(self.ids.values()), pa.string())}
        )
        seeds = {m: f"~{m}" if m == "h" else f"1eml_{m}" for m in members}
        settled = settle("per_", clusters, seeds, previous, self.aliases)
        self.aliases = settled.aliases
        if not killed:
            self.ids = dict(zip(members, settled.ids, strict=True))
        return dict(zip(members, settled.ids, strict=True))

    @property
    def became(self) -> dict[str, str | None]:
        return {row["old_id"]: row["new_id"] for row in self.aliases.to_pylist()}


def after(*history: Mapping[str, int]) -> Names:
    names = Names()
    for day in history:
        names.run(day)
    return names


def together(day: Mapping[str, int], number: int) -> frozenset[str]:
    return frozenset(m for m, n in day.items() if n == number)


def clusters(day: Mapping[str, int]) -> Iterable[frozenset[str]]:
    return {together(day, number) for number in day.values()}


@given(st.lists(days, min_size=1, max_size=4))
def test_an_id_is_of_one_cluster_and_a_cluster_has_one_id(history: History):
    names = after(*history)
    assert {frozenset(m for m, i in names.ids.items() if i == one) for one in names.ids.values()} == set(
        clusters(history[-1])
    )


@given(st.lists(days, min_size=1, max_size=4))
def test_the_same_input_again_changes_nothing(history: History):
    names = after(*history)
    ids, aliases = names.ids, names.aliases
    names.run(history[-1])
    assert names.ids == ids
    assert names.aliases.equals(aliases)


@given(st.lists(days, max_size=3), days, days)
def test_a_cluster_with_the_same_members_keeps_its_id_whatever_happens_to_others(history, before, now):
    names = after(*history, before)
    ids = names.ids
    names.run(now)
    for members in set(clusters(before)) & set(clusters(now)):
        assert {names.ids[m] for m in members} == {ids[m] for m in members}


@given(st.lists(days, min_size=2, max_size=5))
def test_an_id_that_ended_is_never_given_again_and_is_explained(history: History):
    names, ever, ended = Names(), set(), set()
    for day in history:
        now = set(names.run(day).values())
        ever |= now
        assert not now & ended
        ended |= ever - now
        assert set(names.became) == ended
        assert {new for new in names.became.values() if new} <= now


@given(st.lists(days, max_size=3), days, days)
def test_a_kill_between_aliases_and_ids_leaves_no_trace(history, planned, happened):
    killed, calm = after(*history), after(*history)
    killed.run(planned, killed=True)
    killed.run(happened)
    calm.run(happened)
    assert killed.ids == calm.ids
    assert killed.aliases.equals(calm.aliases)


@given(days)
def test_a_rebuild_from_nothing_gives_the_first_build_s_ids(day):
    assert after(day).ids == after(day).ids


def test_a_merge_keeps_the_larger_name_and_writes_an_alias():
    names = after({"a": 0, "b": 0, "c": 1})
    old = names.ids
    names.run({"a": 0, "b": 0, "c": 0})
    assert set(names.ids.values()) == {old["a"]}
    assert names.aliases.to_pylist() == [
        {"old_id": old["c"], "became": old["a"], "new_id": old["a"], "reason": "merged"}
    ]


def test_chains_of_merges_lead_to_the_id_of_today():
    names = after({"a": 0, "b": 1, "c": 2, "d": 2, "e": 2}, {"a": 0, "b": 0, "c": 2, "d": 2, "e": 2})
    middle = names.ids["a"]
    names.run(dict.fromkeys("abcde", 0))
    assert len(names.became) == 2
    assert set(names.became.values()) == {names.ids["a"]}
    assert middle in names.became


def test_a_split_keeps_the_name_with_the_larger_part():
    names = after(dict.fromkeys("abc", 0))
    old = names.ids["a"]
    names.run({"a": 0, "b": 1, "c": 1})
    assert (names.ids["b"], names.ids["c"]) == (old, old)
    assert names.ids["a"] != old
    assert names.aliases.num_rows == 0


def test_the_smallest_member_leaving_renames_nobody():
    names = after(dict.fromkeys("abc", 0))
    old = names.ids["c"]
    assert names.run({"b": 0, "c": 0}) == {"b": old, "c": old}


def test_whoever_left_and_comes_back_is_new():
    names = after({"a": 0, "b": 1}, {"b": 1})
    gone = set(names.became)
    names.run({"a": 0, "b": 1})
    assert names.ids["a"] not in gone
    assert names.aliases["reason"].to_pylist() == ["gone"]


@given(days, st.data())
def test_what_is_taken_apart_and_joined_again_has_its_id_again(day: Mapping[str, int], data: st.DataObject):
    names = Names()
    before = names.run(day)
    apart = {m: n * 4 + data.draw(st.integers(0, 3)) for m, n in day.items()}
    names.run(apart)
    assert names.run(day) == before
