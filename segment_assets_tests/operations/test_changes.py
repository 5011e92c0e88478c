"""`segment-assets changes`: who is decided otherwise than the time before, by reason."""

import io

import dagster as dg
import pytest
from rich.console import Console

from segment_assets.first_party.tables import CONSENT_STATE, CUSTOMERS
from segment_assets.operations.changes_command import NOBODY, ChangesError, moves, show
from segment_assets.segments.assets import assets
from segment_assets_tests.segments.world import PEOPLE, build, config, consent, write


@pytest.fixture
def decide(lake, instance):
    build(lake)
    return lambda: dg.materialize(assets(config()), resources={"lake": lake}, instance=instance)


def screen(lake, *names):
    console = Console(file=io.StringIO(), width=110)
    show(console, lake, config(), names)
    return [" ".join(line.split()) for line in console.file.getvalue().splitlines()]


def test_customers_are_counted_by_the_reason_they_had_and_have(lake, decide):
    decide()
    denied = ("anna", "bo")
    write(lake, CONSENT_STATE, *(consent(p, "denied" if p in denied else "granted") for p in PEOPLE))
    write(lake, CUSTOMERS, *({"customer_id": p, "endpoints": 1} for p in [*PEOPLE, "ina"] if p != "finn"))
    decide()
    assert {move: many for move, many in moves(lake, "win_back")[0].items() if move[0] != move[1]} == {
        ("in", "no_consent"): 1,
        ("below_threshold", NOBODY): 1,
        (NOBODY, "no_consent"): 1,
    }
    first, header, *rows = screen(lake)
    assert first.startswith("win_back: decided 20")
    assert first.endswith("; 6 customers as before")
    assert header == "customers was is"
    assert rows == ["1 below_threshold no customer", "1 in no_consent", "1 no customer no_consent"]


def test_what_comes_out_equal_or_is_compacted_is_no_change(lake, decide):
    decide()
    write(lake, CONSENT_STATE, *(consent(p, "denied" if p == "anna" else "granted") for p in PEOPLE))
    decide()
    before = moves(lake, "win_back")
    decide()
    assert moves(lake, "win_back") == before


def test_what_was_decided_once_has_nothing_to_be_compared_with(lake, decide):
    assert screen(lake) == ["win_back: decided once at most, or always alike: nothing to compare"]
    decide()
    assert screen(lake, "win_back") == ["win_back: decided once at most, or always alike: nothing to compare"]


def test_a_segment_that_is_not_there_is_answered_with_the_nearest(lake):
    with pytest.raises(ChangesError, match=r'no segment is named "winback".*win_back'):
        screen(lake, "winback")
