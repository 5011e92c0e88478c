"""Several rows about one person: which one stands, by the declared rule.

Neither the order of reading nor that of rows changes what stands, but under the rule `first`, which is about places.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from segment_assets.people.consent import State
from segment_assets.third_party.attributes import Value
from segment_assets.third_party.identifiers import FORMS
from segment_assets.third_party.newness import When
from segment_assets.third_party.permissions import Purposes, shared, strictest

Rule = Literal["agreeing", "latest", "first", "most_complete", "drop_attribute"]


class Usable(NamedTuple):
    """A row whose person is known.

    Attributes:
        digest: the hash that tells people apart.
        plain: that of an e-mail address without its plus-tag.
        form: how the identifier came: one of `identifiers.FORMS`.
        values: other identifiers, then attributes.
        state: of consent; None where the partner delivers none.
        purposes: permitted; None where the partner names none.
        when: how new the row is, for the rule `latest`.
        object_key: its file.
        position: its ordinal in the file.
    """

    digest: str
    plain: str | None
    form: str
    values: tuple[Value, ...]
    state: State | None
    purposes: Purposes | None
    when: When
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
    if rule == "latest":
        state, purposes = _latest_state(ordered), _latest_purposes(ordered)
    else:
        state, purposes = strictest(row.state for row in ordered), shared(row.purposes for row in ordered)
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
    "latest": lambda row: (-row.when.earliest, _content(row), _place(row)),
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
    """The latest that was said; an unknown is the absence of a statement, and replaces none.

    A grant has to be newer for sure: a denial without a time is newer than every grant, one of a day than all of that
    day.
    """
    denied = [row.when.latest for row in rows if row.state == "denied"]
    granted = [row.when.earliest for row in rows if row.state == "granted"]
    if denied and granted:
        return "denied" if max(denied) >= max(granted) else "granted"
    return strictest(row.state for row in rows)


def _latest_purposes(rows: Sequence[Usable]) -> Purposes | None:
    """What the newest row permits, and every other that may be as new."""
    newest = max(row.when.earliest for row in rows)
    return shared(row.purposes for row in rows if row.when.latest >= newest)
