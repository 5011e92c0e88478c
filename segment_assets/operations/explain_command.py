"""What `segment-assets explain` does: why one customer is in each segment, or is not."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from segment_assets import deployment, segmentation
from segment_assets.operations.explained import Decided, Explained, Reached, Row, explained
from segment_assets.segmentation import Segmentation

# Reason of a decision -> the sentence behind it.
_WHY = {
    "in": "asked for, and may be reached by {channels}",
    "below_threshold": "scored, and not asked for",
    "not_eligible": "has no score: `eligible` of the target left the customer out",
    "no_consent": "no channel of the segment has consent",
    "suppressed": "no channel is left: {closed}",
    "unreachable": "there is consent, but no active address on a channel that has it",
    "quarantined": "identity took too many for one person or household to believe it, or does not know them yet",
    "holdout": "asked for, and kept out to measure the effect: the household's draw {draw:.3f} is below {holdout:g}",
}
_HOLDS = {True: "holds the customer as in", False: "does not hold the customer", None: "was told nothing yet"}


def explain(console: Console, customer: str) -> bool:
    """Print what each segment decided of a customer, and why.

    Raises:
        ExplainError: there is no such customer.
    """
    config = segmentation.load()
    found = explained(deployment.resource(deployment.settings(config), "lake"), config, customer)
    show(console, config, customer, found)
    return True


def show(console: Console, config: Segmentation, customer: str, found: Explained) -> None:
    """Print it."""
    console.print(Text(_who(customer, found)), soft_wrap=True)
    console.print(_reach(found.reached))
    for decided in found.decided:
        console.print()
        for number, line in enumerate(_lines(decided, found.reached, config.targets[decided.asked.target].kind)):
            console.print(Text(("  " if number else "") + line, style="" if number else "bold"), soft_wrap=True)
    if found.unbuilt:
        console.print(Text(f"\nNot decided yet: {', '.join(found.unbuilt)}. Run `segment-assets refresh`."))


def _who(customer: str, found: Explained) -> str:
    if not found.person:
        return f"customer {customer}, whom identity does not know yet"
    who = f"customer {customer}: {_of('person', found.person['person_id'], found.person['customers'], 'customers')}"
    if "household_id" in found.person:
        who += f", {_of('household', found.person['household_id'], found.person['persons'], 'persons')}"
    return who


def _of(what: str, name: str, members: int, called: str) -> str:
    return f"{what} {name}" + (f" of {members:,} {called}" if members > 1 else "")


def _reach(reached: Sequence[Reached]) -> Grid:
    grid = Grid(box=None, pad_edge=False, header_style="bold")
    for header in ("channel", "consent", "closed", "active address"):
        grid.add_column(header)
    for at in reached:
        said = f" since {at.since:%Y-%m-%d %H:%M}" if at.since else ""
        grid.add_row(
            at.channel,
            Text(f"{at.consent}{said}" + (f" ({at.source})" if at.source else "")),
            Text(f"yes, by {at.closed_by}" if at.suppressed else "no"),
            "yes" if at.address else "no",
        )
    return grid


def _lines(decided: Decided, reached: Sequence[Reached], kind: str) -> Iterator[str]:
    row, asked = decided.decision, decided.asked
    here = [at for at in reached if at.closed_by and at.channel in asked.channels]
    closed = [f"{at.channel} is closed by {at.closed_by}" for at in here]
    yield f"{decided.segment}: {row['state']}" + ("" if row["reason"] == "in" else f", {row['reason']}")
    why = _WHY[row["reason"]]
    told = {"channels": " and ".join(row["channels"]), "closed": " and ".join(closed)}
    yield why.format(**told, draw=row["holdout_draw"], holdout=asked.holdout)
    if row["reason"] == "in" and {*row["channels"]} <= {at.channel for at in here}:
        yield f"since then {told['closed']}: `segment-assets refresh` decides anew"
    top = "" if asked.top is None else f"top {asked.top:g}"
    yield "the segment asks for " + ", ".join(part for part in (asked.where and f"where {asked.where}", top) if part)
    if decided.score:
        yield from _score(decided, decided.score, kind)
    yield "; ".join(f"{name} {_HOLDS[holds]}" for name, holds in decided.told.items())


def _score(decided: Decided, score: Row, kind: str) -> Iterator[str]:
    row = decided.decision
    lowest = f"; the lowest asked for and reachable is {decided.lowest:.4f}" if decided.lowest is not None else ""
    tenth = "" if row["decile"] is None else f", decile {row['decile']} of 10 (1 is the highest)"
    yield f"score {score['score']:.4f} of {decided.asked.target} as of {score['as_of']}{tenth}{lowest}"
    # The reasons of a probability add up on the scale of its log-odds, those of a value on its own.
    scale = "" if kind == "value" else ", in log-odds"
    moved = [(score[f"reason_{n}"], score[f"contribution_{n}"]) for n in (1, 2, 3) if score[f"reason_{n}"]]
    if moved:
        yield f"what moved it most{scale}:"
    for name, by in moved:
        yield f"  {by:+.3f}  {name} = {_value(decided.known.get(name))}"
    if named := [name for name in decided.known if name not in {name for name, _ in moved}]:
        yield "what else the segment looks at: " + ", ".join(f"{n} = {_value(decided.known[n])}" for n in named)


def _value(value: object) -> str:
    return "nothing known" if value is None else f"{value:,.10g}" if isinstance(value, float | Decimal) else str(value)
