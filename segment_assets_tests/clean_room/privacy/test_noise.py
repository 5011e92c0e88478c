"""Noise is as large as claimed, costs what is claimed, and shows no group of one person."""

import math
from collections import Counter

import botocore.session
import pytest
from botocore.validate import validate_parameters
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy import stats

from segment_assets.clean_room.privacy import template
from segment_assets.clean_room.privacy.accounting import DELTA, KEYS_DELTA, Price, price, sensitivity
from segment_assets.clean_room.privacy.noise import OpenDpNoise, threshold

DRAWS = 10_000
FALSE_ALARM = 1e-6  # the randomness has no seed: once in a million runs a test of it fails for nothing
BUDGETS = st.builds(template.of, st.integers(1, 20), st.integers(10, 100))


@pytest.mark.parametrize(("kind", "law"), [("zcdp", "gauss"), ("pure", "laplace")])
@pytest.mark.parametrize("by", [1, 7])
def test_over_ten_thousand_draws_the_noise_has_the_scale_that_is_claimed(kind: str, law: str, by: int):
    paid = price(template.of(3, 30), kind)  # type: ignore[arg-type]
    drawn = OpenDpNoise(paid).on([0] * DRAWS, by)
    seen, expected = binned(drawn, weights(law, paid.scale * by))
    assert len(expected) > 5
    assert stats.chisquare(seen, expected).pvalue > FALSE_ALARM
    if law == "gauss":
        # Sum of squares over sigma^2 is chi-square; a discrete Gaussian of this scale differs by less than 1e-9.
        total = sum(x * x for x in drawn) / (paid.scale * by) ** 2
        assert FALSE_ALARM < stats.chi2(DRAWS).cdf(total) < 1 - FALSE_ALARM


def weights(law: str, scale: float) -> dict[int, float]:
    """The definition of a discrete Gaussian and of a discrete Laplace, far enough out."""
    every = range(-int(40 * scale) - 40, int(40 * scale) + 41)
    return {x: math.exp(-(x * x) / (2 * scale**2)) if law == "gauss" else math.exp(-abs(x) / scale) for x in every}


def binned(drawn: list[int], weight: dict[int, float]) -> tuple[list[int], list[float]]:
    """Draws seen and expected between edges with at least 200 expected draws between them."""
    whole, counts = sum(weight.values()), Counter(drawn)
    seen, expected = [0], [0.0]
    for x, w in weight.items():
        if expected[-1] >= 200:
            seen.append(0)
            expected.append(0.0)
        seen[-1] += counts[x]
        expected[-1] += DRAWS * w / whole
    seen[-2:], expected[-2:] = [sum(seen[-2:])], [sum(expected[-2:])]
    return seen, expected


@pytest.mark.parametrize("kind", ["zcdp", "pure"])
def test_99_of_100_answers_are_within_the_number_of_persons_that_was_asked_for(kind: str):
    drawn = OpenDpNoise(price(template.of(3, 30), kind)).on([0] * DRAWS, 1)  # type: ignore[arg-type]
    inside = sum(abs(x) <= 30 for x in drawn)
    # Whole numbers let a little more in: 30.49 counts as 30.
    assert stats.binomtest(inside, DRAWS, 0.99).proportion_ci(1 - FALSE_ALARM).high > 0.99
    assert inside / DRAWS < 0.996


def test_the_test_of_the_scale_would_notice_a_tenth_less():
    paid = price(template.of(3, 30), "zcdp")
    less = OpenDpNoise(Price("zcdp", paid.unit / 0.9**2, paid.total, paid.scale * 0.9)).on([0] * DRAWS, 1)
    assert stats.chi2(DRAWS).cdf(sum(x * x for x in less) / paid.scale**2) < FALSE_ALARM


@given(BUDGETS)
@settings(max_examples=30, deadline=None)
def test_no_budget_pays_for_more_units_than_opendp_says(budget: template.BudgetTemplate):
    import opendp.prelude as dp

    paid = price(budget)
    units = paid.left(0)
    if paid.accountant == "pure" or not units:
        assert units * paid.unit <= budget.epsilon * (1 + 1e-9)
        return
    # All units at once, as one Gaussian of that rho, by OpenDP's conversion, which is tighter than ours.
    whole = (1 / (2 * units * paid.unit)) ** 0.5
    mechanism = dp.m.make_gaussian(dp.atom_domain(T="i64"), dp.absolute_distance(T="i64"), scale=whole)
    assert dp.c.make_zCDP_to_approxDP(mechanism).map(1).epsilon(DELTA) <= budget.epsilon


@pytest.mark.parametrize(
    ("epsilon", "users", "kind", "units"),
    [(3, 30, "zcdp", 27), (3, 100, "zcdp", 305), (5, 50, "zcdp", 203), (20, 30, "zcdp", 907), (1, 10, "pure", 2)],
)
def test_a_budget_has_so_many_units(epsilon: int, users: int, kind: str, units: int):
    paid = price(template.of(epsilon, users))
    assert (paid.accountant, paid.left(0)) == (kind, units)
    assert paid.left(paid.unit * units) == 0
    assert paid.epsilon(paid.total) == pytest.approx(epsilon)


@given(BUDGETS, st.integers(1, 9), st.sampled_from(["zcdp", "pure"]))
@settings(max_examples=20, deadline=None)
def test_one_person_never_shows_a_group(budget: template.BudgetTemplate, groups: int, kind: str):
    paid = price(budget, kind)  # type: ignore[arg-type]
    mechanism, limit = threshold(paid, groups)
    cost, delta = mechanism.map((groups, sensitivity(paid.accountant, groups=groups), 1))
    assert cost <= paid.unit * (1 + 1e-6)
    assert delta <= KEYS_DELTA
    assert limit > 1 + 5 * paid.scale


def test_a_large_group_shows_and_a_small_one_does_not():
    noise = OpenDpNoise(price(template.of(3, 30)))
    for _ in range(20):
        assert noise.keys({"large": 1000, "small": 1}, 1) == ["large"]


def test_sums_beyond_64_bits_stay_exact():
    value = 2**80
    assert abs(OpenDpNoise(price(template.of(3, 30))).on([value], 1)[0] - value) < 1000


def test_the_template_is_what_aws_takes_and_nothing_else():
    shape = botocore.session.get_session().get_service_model("cleanrooms")
    shape = shape.operation_model("CreatePrivacyBudgetTemplate").input_shape
    made = template.of(3, 30, "NONE")
    validate_parameters(made.to_aws() | {"membershipIdentifier": "1" * 36}, shape)
    assert template.BudgetTemplate.model_validate(made.to_aws()) == made
    assert made.to_aws() == {
        "privacyBudgetType": "DIFFERENTIAL_PRIVACY",
        "autoRefresh": "NONE",
        "parameters": {"differentialPrivacy": {"epsilon": 3, "usersNoisePerQuery": 30}},
    }
    for wrong in ((0, 30), (21, 30), (3, 9), (3, 101)):
        with pytest.raises(ValidationError):
            template.of(*wrong)
    with pytest.raises(ValidationError):
        template.BudgetTemplate.model_validate(made.to_aws() | {"autoRefresh": "WEEKLY"})
