"""How often the resolution is right, where the truth is known; and that without its guards it would not be."""

from dataclasses import replace

import pytest

from segment_assets.identity.guards import LIMITS
from segment_assets.identity.tables import PERSONS
from segment_assets.lake import Lake
from segment_assets_tests.identity.truth import pairs, town
from segment_assets_tests.identity.worlds import households, persons, resolve

UNCAPPED = replace(LIMITS, person_cap=10**6, household_cap=10**6, person_maximum=10**6, household_maximum=10**6)


@pytest.mark.parametrize("seed", [1, 2])
def test_persons_and_households_are_right(lake: Lake, seed: int):
    world, person_of, household_of = town(1_000, seed)
    resolve(lake, world)
    precision, recall = pairs(persons(lake), person_of)
    assert precision >= 0.98, precision
    assert recall >= 0.75, recall
    assert max(lake.read(PERSONS)["customers"].to_pylist()) <= LIMITS.person_maximum
    # Half of the accounts have no postal address, and nothing else joins most spouses: this is what there is to find.
    precision, recall = pairs(households(lake), household_of)
    assert precision >= 0.95, precision
    assert recall >= 0.6, recall


def test_a_mailbox_of_the_family_makes_one_person_of_them_and_strangers_of_nobody(lake: Lake):
    world, person_of, household_of = town(1_000, 1, families=0.08)
    resolve(lake, world)
    precision, recall = pairs(persons(lake), person_of)
    assert 0.8 < precision < 0.95, precision  # below what docs/identity.md asks for, as it says there
    assert recall >= 0.75, recall
    assert pairs(persons(lake), household_of)[0] >= 0.98
    assert pairs(households(lake), household_of)[0] >= 0.95


def test_without_guards_strangers_become_one_person(lake: Lake):
    world, person_of, household_of = town(1_000, seed=1)
    resolve(lake, world, UNCAPPED)
    assert pairs(persons(lake), person_of)[0] < 0.8
    assert pairs(households(lake), household_of)[0] < 0.05
