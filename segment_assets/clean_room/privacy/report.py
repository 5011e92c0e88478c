"""What is told of a query with noise and of the budget, in AWS's shapes. Nothing of it depends on the data."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlglot import exp

from segment_assets.clean_room.privacy import exact
from segment_assets.clean_room.privacy.accounting import DELTA, UNITS, Price
from segment_assets.clean_room.privacy.ledger import Statement
from segment_assets.clean_room.privacy.plan import Plan
from segment_assets.clean_room.privacy.template import BudgetTemplate
from segment_assets.clean_room.rewrite import ANY_DAY

LABEL = "simulated differential privacy, not AWS's accountant"
THEIRS = "AWS Clean Rooms' own differential privacy: its noise, its limits of one person, its budget"
EITHER = f"with noise: {LABEL}, where it ran on one machine; AWS's own where it ran there"


def sensitivity_parameters(plan: Plan) -> list[dict[str, Any]]:
    """`ProtectedQuery.differentialPrivacy.sensitivityParameters`: how much of one person counts in each aggregate."""
    found = []
    for aggregate in plan.aggregates:
        one: dict[str, Any] = {
            "aggregationType": aggregate.kind,
            "aggregationExpression": aggregate.text,
            "userContributionLimit": plan.limits.groups if aggregate.people else plan.limits.rows or 1,
        }
        if aggregate.bounds is not None:
            one |= {"minColumnValue": aggregate.bounds[0], "maxColumnValue": aggregate.bounds[1]}
        found.append(one)
    return found


def aggregations(price: Price, spent: float) -> list[dict[str, Any]]:
    """How many aggregates of each type the budget pays for in all, and still: as ListPrivacyBudgets tells it."""
    most, left = price.left(0.0), price.left(spent)
    return [{"type": kind, "maxCount": most // n, "remainingCount": left // n} for kind, n in sorted(UNITS.items())]


def statement(standing: Statement, template: BudgetTemplate) -> dict[str, Any]:
    """How a budget stands: AWS's `budget`, and what AWS does not publish."""
    price, spent = standing.price, standing.spent
    return {
        "label": LABEL,
        "template": template.to_aws(),
        "period": standing.period,
        "queries": standing.queries,
        "epsilon_spent": round(price.epsilon(spent), 6),
        # One DELTA is that of the conversion from rho, and one that of all releases of group keys.
        "delta": DELTA if price.accountant == "pure" else 2 * DELTA,
        "accountant": price.accountant,
        "units": {"all": price.left(0.0), "left": price.left(spent)},
        "budget": {
            "differentialPrivacy": {"aggregations": aggregations(price, spent), "epsilon": template.epsilon},
        },
    }


def lines(standing: Statement, template: BudgetTemplate) -> Iterator[str]:
    """The same, to read."""
    price, spent = standing.price, standing.spent
    yield (
        f"privacy budget ({LABEL}): epsilon {price.epsilon(spent):.2f} of {template.epsilon} spent by "
        f"{standing.queries} queries, {standing.period}; noise of {template.users} persons per query; "
        f"{price.left(spent)} of {price.left(0.0)} noisy columns left"
    )
    for one in aggregations(price, spent):
        yield f"  {one['type']:<15} {one['remainingCount']:>6,} of {one['maxCount']:>6,} left"
    yield "  A release of group keys that are not declared takes as much as one COUNT."


def of_service(
    left: Sequence[Mapping[str, Any]], template: BudgetTemplate, preview: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    """How a budget stands that a service keeps.

    Args:
        left: what it holds; empty where there is none yet.
        template: as declared.
        preview: what it would hold as declared, by the service's own word.
    """
    declared = f"epsilon {template.epsilon} and noise of {template.users} persons"
    if not left:
        yield "Clean Rooms has no privacy budget of this collaboration yet: `segment-assets aws apply` makes it."
        yield f"It would pay for this, as declared ({declared}):"
        for one in preview:
            yield f"  {one['type']:<15} {one['maxCount']:>6,}"
        return
    yield f"privacy budget ({THEIRS}): {declared} are declared"
    would = {one["type"]: one["maxCount"] for one in preview}
    for one in left:
        other = would.get(one["type"], one["maxCount"])
        said = "" if other == one["maxCount"] else f"; as declared it would be {other:,}"
        yield f"  {one['type']:<15} {one['remainingCount']:>6,} of {one['maxCount']:>6,} left{said}"


def explained(plan: Plan) -> dict[str, Any]:
    """What is done to a query, for whoever wrote it."""
    rows = plan.limits.rows
    added = [f"at most {rows} rows of one person count"] if rows else []
    added += [f"noise on {p['aggregationType']} of {p['aggregationExpression']}" for p in sensitivity_parameters(plan)]
    added += ["groups show only where enough persons are behind them"] if plan.released_keys else []
    added += [f"{plan.units} noisy columns to pay for; {LABEL}"]
    return {"added": added, "sensitivity_parameters": sensitivity_parameters(plan), "runs": exact.sums(plan, ANY_DAY)}


def asks_for_today(plan: Plan) -> bool:
    """Whether the answer depends on the day of the data."""
    nodes = [n for tree in (plan.rows, plan.outer) for n in tree.walk()]
    return any(isinstance(n, exp.CurrentDate | exp.CurrentTimestamp) or _named(n) in ("GETDATE", "NOW") for n in nodes)


def _named(node: exp.Expr) -> str:
    return node.name.upper() if isinstance(node, exp.Anonymous) else ""
