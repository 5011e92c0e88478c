"""`segment-assets explain`: why one customer is in each segment, or is not."""

import io

import dagster as dg
import pytest
from rich.console import Console

from segment_assets.first_party.tables import CUSTOMER_ENDPOINTS, ENGAGEMENT_EVENTS, SUPPRESSION_ENTRIES
from segment_assets.landing_config import SuppressionList
from segment_assets.operations.explain_command import show
from segment_assets.operations.explained import ExplainError, explained
from segment_assets.segments.assets import assets
from segment_assets_tests.segments.world import build, config, endpoint, unsubscribe, write


@pytest.fixture
def told(lake, instance):
    """What is printed of a customer of the small world, on one line."""
    build(lake)

    def tell(customer: str, **segment) -> str:
        asked = config(**segment)
        dg.materialize(assets(asked), resources={"lake": lake}, instance=instance)
        screen = Console(file=io.StringIO(), width=110)
        show(screen, asked, customer, explained(lake, asked, customer))
        return " ".join(screen.file.getvalue().split())

    return tell


@pytest.mark.parametrize(
    ("customer", "why"),
    [
        ("anna", "win_back: in asked for, and may be reached by email"),
        ("bo", "win_back: out, no_consent no channel of the segment has consent"),
        ("cleo", "win_back: out, suppressed no channel is left: email is closed by unsubscribe since 2026-09-20 12:00"),
        ("finn", "win_back: out, below_threshold scored, and not asked for"),
        ("gus", "win_back: out, not_eligible has no score"),
        ("hal", "win_back: out, unreachable there is consent, but no active address"),
    ],
)
def test_every_decision_is_said_in_a_sentence(told, customer, why):
    assert why in told(customer)


def test_a_control_is_told_its_draw_beside_the_share_that_is_kept_out(told):
    assert "out, holdout asked for, and kept out to measure the effect: the household's draw 0." in told(
        "dan", holdout=0.5, top=0.99, where=None
    )


def test_what_says_so_stands_beside_consent_and_closed_channels(told):
    assert "email denied (test) no yes" in told("bo")
    assert "email granted (test) yes, by unsubscribe since 2026-09-20 12:00 yes" in told("cleo")
    assert "email granted (test) no no" in told("hal")


def test_whoever_shares_the_address_of_one_who_unsubscribed_is_told_so_and_a_list_by_its_name(told, lake):
    shared = endpoint("cleo")["address_sha256"]
    told("anna")
    write(lake, CUSTOMER_ENDPOINTS, endpoint("anna") | {"address_sha256": shared}, endpoint("cleo"), endpoint("dan"))
    entry = {"list_name": "stop", "kind": "customer", "entry": "dan", "everywhere": True}
    write(lake, SUPPRESSION_ENTRIES, entry)
    assert "yes, by what suppresses another customer with the same address yes" in told("anna")
    asked = config()
    asked.landing.suppression["stop"] = SuppressionList(path="stop.csv", customer="1")
    [email] = explained(lake, asked, "dan").reached
    assert (email.suppressed, email.closed_by) == (True, "list stop")


def test_a_score_stands_beside_the_lowest_that_is_asked_for_and_what_the_condition_looks_at(told):
    said = told("finn", where="probability >= 0.5 AND purchase_count_28d < 100")
    assert "the segment asks for where probability >= 0.5 AND purchase_count_28d < 100" in said
    assert "score 0.2000 of churn_28d as of 2026-09-22, decile 8 of 10 (1 is the highest)" in said
    assert "the lowest asked for and reachable is 0.5000" in said
    assert "what else the segment looks at: purchase_count_28d = 5" in said


def test_a_destination_that_was_never_told_is_said_to_be_so(told):
    assert "handoff was told nothing yet" in told("anna")


def test_a_segment_that_is_not_built_yet_is_named(lake):
    build(lake)
    assert explained(lake, config(), "anna").unbuilt == ["win_back"]


def test_a_customer_that_is_not_there_is_answered_with_the_nearest_that_is(lake):
    with pytest.raises(ExplainError, match="there are no customers yet"):
        explained(lake, config(), "anna")
    build(lake)
    with pytest.raises(ExplainError, match=r'no customer is called "Annna" \(did you mean "anna"'):
        explained(lake, config(), "Annna")


def test_who_is_in_by_a_decision_older_than_an_opt_out_is_said_to_be(lake, told):
    assert "since then" not in told("anna")
    write(lake, ENGAGEMENT_EVENTS, unsubscribe("cleo"), unsubscribe("anna"))
    screen = Console(file=io.StringIO(), width=110)
    show(screen, config(), "anna", explained(lake, config(), "anna"))
    said = " ".join(screen.file.getvalue().split())
    assert "win_back: in asked for" in said
    assert "since then email is closed by unsubscribe since 2026-09-20" in said
