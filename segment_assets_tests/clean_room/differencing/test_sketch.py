"""A sketch counts small differences exactly, and takes no large one for a small one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets.clean_room.differencing.sketch import Sketch, apart


def of(*members: int, minimum: int = 25) -> Sketch:
    made = Sketch.empty(minimum)
    made.add(np.array(members, np.uint64))
    return made


@pytest.mark.parametrize("minimum", [2, 25, 300])
@given(st.integers(0, 2**32), st.integers(0, 400), st.integers(0, 400), st.integers(0, 3000))
@settings(max_examples=25, deadline=None)
def test_a_difference_below_the_minimum_is_counted_and_another_is_none(
    minimum: int, seed: int, mine: int, theirs: int, both: int
):
    drawn = np.unique(np.random.default_rng(seed).integers(0, 2**63, mine + theirs + both, dtype=np.uint64))
    one, other = Sketch.empty(minimum), Sketch.empty(minimum)
    one.add(drawn[theirs:])
    other.add(np.concatenate([drawn[:theirs], drawn[theirs + mine :]]))
    difference = min(len(drawn), theirs) + max(0, min(mine, len(drawn) - theirs))
    assert apart(one, other, minimum) == (difference if difference < minimum else None)


@pytest.mark.parametrize("k", [2, 5, 25, 256])
def test_it_sees_one_fewer_than_the_minimum_and_is_silent_at_it(k: int):
    many = range(1, 5000)
    for extra, seen in ((0, 0), (1, 1), (k - 1, k - 1), (k, None), (k + 1, None)):
        other = of(*many, *range(10_000, 10_000 + extra), minimum=k)
        assert apart(of(*many, minimum=k), other, k) == seen


def test_as_many_people_who_are_not_the_same_are_counted_on_both_sides():
    assert apart(of(1, 2, 3, 4), of(1, 2, 5, 6), 25) == 4


def test_its_size_depends_on_the_minimum_and_not_on_the_people():
    packed = [len(of(*range(n)).counts) for n in (0, 10, 100_000)]
    assert packed == [1024, 1024, 1024]
    assert Sketch.unpacked(of(*range(99)).packed()).people == 99
    assert apart(Sketch.unpacked(of(*range(99)).packed()), of(*range(100)), 25) == 1
