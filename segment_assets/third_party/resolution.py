"""Several rows about one person: which one stands, by the declared rule.

Neither the order of reading nor that of rows changes what stands, but under the rule `first`, which is about places.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from segment_assets.people.consent import State
from segment_assets.third_party.attributes import Value
from segment_assets.third_party.identifiers import FORMS
from segment_assets.third_party.permissions import Purposes, shared, strictest

Rule = Literal["agreeing", "latest", "first", "most_complete", "drop_attribute"]
NEVER = float("-inf")


class Usable(NamedTuple):
    """A row whose person is known.

    Attributes:
        digest: the hash that tells people apart.
        plain: that of an e-mail address without its plus-tag.
        form: how the identifier came: one of `identifiers.FORMS`.
        values: other identifiers, then attributes.
        state: of consent; None where the partner delivers none.
        purposes: permitted; None where the partner names none.
        at: how new the row is, for the rule `latest`.
        object_key: its file.
        position: its ordinal in the file.
    """

    digest: str
    plain: str | None
    form: str
    values: tuple[Value, ...]
    state: State | None
    purposes: Purposes | None
    at: float
    object_key: str
    position: int


def resolve(same: Sequence[Usable], rule: Rule) -> tuple[Usable | None, list[Usable]]:
    """The row that stands, and those that are set aside, all of them with what the person permits.

    Args:
        same: rows of one person.
        rule: as declared.

    Returns:
        None and every row where they contradict each other under the rule `agreeing`.
    """
    ordered = sorted(same, key=_ORDER[rule])
    first = ordered[0]
    values: tuple[Value, ...] | None = first.values
    if rule == "agreeing":
        values = first.values if all(_says_no_more(row.values, first.values) for row in ordered) else None
    elif rule == "drop_attribute":
        values = tuple(_agreed(column) for column in zip(*(row.values for row in ordered), strict=True))
    newest = [row for row in ordered if row.at == first.at] if rule == "latest" else ordered
    state = _latest_state(ordered) if rule == "latest" else strictest(row.state for row in ordered)
    purposes = shared(row.purposes for row in newest)
    # A hash alone does not say whether there is a plus-tag; a readable row of the same person does.
    form = min((row.form for row in ordered), key=FORMS.index)
    plain = next((row.plain for row in ordered if row.form == form), first.plain)
    known = [row._replace(plain=plain, state=state, purposes=purposes) for row in ordered]
    if values is None:
        return None, known
    return known[0]._replace(values=values, form=form), known[1:]


def _place(row: Usable) -> tuple[str, int]:
    return row.object_key, row.position


def _content(row: Usable) -> tuple[int, tuple[str, ...], int]:
    """The fullest first, and of equally full ones always the same."""
    said = tuple("" if value is None else f"={value}" for value in row.values)
    return sum(value is None for value in row.values), said, FORMS.index(row.form)


_ORDER = {
    "agreeing": lambda row: (_content(row), _place(row)),
    "latest": lambda row: (-row.at, _content(row), _place(row)),
    "first": _place,
    "most_complete": lambda row: (_content(row), _place(row)),
    "drop_attribute": lambda row: (_content(row), _place(row)),
}


def _says_no_more(values: tuple[Value, ...], than: tuple[Value, ...]) -> bool:
    return all(value is None or value == other for value, other in zip(values, than, strict=True))


def _agreed(column: tuple[Value, ...]) -> Value:
    said = {value for value in column if value is not None}
    return said.pop() if len(said) == 1 else None


def _latest_state(rows: Sequence[Usable]) -> State | None:
    """The latest that was said; an unknown is the absence of a statement, and replaces none."""
    said = [row for row in rows if row.state not in (None, "unknown")]
    newest = max((row.at for row in said), default=NEVER)
    return strictest(row.state for row in (said or rows) if not said or row.at == newest)
