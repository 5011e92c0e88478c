"""Made-up rows in the form of the partner's deliveries, from declaration and contract alone, never from data.

Each says so in its column `synthetic`; addresses end in example.invalid, which nobody can own (RFC 2606).
"""

import math
import random
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta

from segment_assets.audience_config import (
    Attribute,
    Audience,
    BandAttribute,
    BooleanAttribute,
    CategoryAttribute,
    DateAttribute,
    TextAttribute,
    folded,
)
from segment_assets.contract_config import AudienceColumn
from segment_assets.people.addresses import sha256
from segment_assets.third_party.attributes import reader
from segment_assets.third_party.cleaning import columns
from segment_assets.third_party.contract import breaks

SYNTHETIC = "synthetic"  # the column that marks made-up rows
_ADDRESS = re.compile(r"synthetic-[0-9]+@example\.invalid", re.IGNORECASE)
_NO = ("false", "no", "n", "0", "f")
FIRST_DAY, DAYS = date(2020, 1, 1), 1461
PHONES = 8_000_000
Text = str | None
Maker = Callable[[int, random.Random], str]
_FIRST = ("Ada", "Ben", "Cleo", "Dov", "Eve", "Finn", "Gia", "Hal")


class SynthesisError(Exception):
    """What can't be made up, which key of segmentation.yaml asks for it, and how to mend it."""


def rows(audience: Audience, number: int, seed: int) -> Iterator[dict[str, Text]]:
    """Rows that keep the contract and lose nothing in cleaning: every one about somebody else, who is nobody.

    Args:
        audience: as declared, with its contract.
        number: of rows.
        seed: the same seed makes the same rows.

    Raises:
        SynthesisError: contract and declaration allow no value in common, or not as many.
    """
    contract = audience.contract
    if contract and contract.rows and not contract.rows.least <= number <= (contract.rows.most or number):
        most = f", at most {contract.rows.most:,}" if contract.rows.most else ""
        raise SynthesisError(
            f"segmentation.yaml: audience.contract.rows: a delivery has at least {contract.rows.least:,}{most} rows, "
            f"and {number:,} are asked for"
        )
    if audience.identified_by == "phone" and number > PHONES:
        raise SynthesisError(f"{number:,} rows are asked for, and there are {PHONES:,} made-up phone numbers")
    promises = dict(contract.columns) if contract else {}
    makers = {name: _maker(name, audience, promises.get(name)) for name in [*columns(audience), *promises]}
    luck = random.Random(seed)  # noqa: S311  it draws test data
    empty = {name: _empties(name, audience, promises.get(name), number, luck) for name in makers}
    for at in range(number):
        row: dict[str, Text] = {name: None if at in empty[name] else make(at, luck) for name, make in makers.items()}
        yield row | {SYNTHETIC: "true"}


def is_synthetic(row: Mapping[str, Text], audience: Audience) -> bool:
    """Whether a delivered row is made up: it says so, or its address does.

    Spreadsheets write the mark as TRUE, programs as True or 1: every word counts that does not say no.
    """
    said = row.get(SYNTHETIC)
    if said is not None and said.lower() not in _NO:
        return True
    return bool(audience.email and _ADDRESS.fullmatch(row[audience.email] or ""))


def _empties(
    name: str, audience: Audience, promise: AudienceColumn | None, number: int, luck: random.Random
) -> frozenset[int]:
    """Which rows are empty: half of what may be, and none where it tells people apart or says what they permit."""
    home = [audience.postal.street, audience.postal.code] if audience.postal else []
    telling: dict[str, list[str | None]] = {
        "email": [audience.email],
        "phone": [audience.phone],
        "name_and_postal": [*audience.name, *home],
    }
    share = 0.0 if promise is None or name in telling[audience.identified_by] else promise.nulls / 2
    return frozenset(luck.sample(range(number), math.floor(share * number)))


def _maker(name: str, audience: Audience, promise: AudienceColumn | None) -> Maker:
    kind = promise.type if promise else None
    if name == audience.email:
        return _sha256_of(_email) if kind == "sha256" else _email
    if name == audience.phone:
        return _sha256_of(_phone) if kind == "sha256" else _phone
    attributes = [a for a in audience.attributes.values() if a.column == name]
    fits = _fit(promise, attributes, audience)
    if promise and promise.values:
        fitting = [v for v in promise.values if fits(v)]
        if not fitting:
            raise SynthesisError(
                f"segmentation.yaml: audience.contract.columns.{name}.values: none of them is of its type, within its "
                "limits and known to its attribute"
            )
        return lambda _, luck: luck.choice(fitting)
    if name in audience.name:
        return lambda at, _: f"{_FIRST[at % len(_FIRST)]} Synthetic{at}"
    if audience.postal and name in (audience.postal.street, audience.postal.code):
        return (lambda at, _: f"{at + 1} Synthetic Street") if name == audience.postal.street else (
            lambda at, _: f"{at % 100_000:05}")  # fmt: skip
    if name == audience.consent:
        return lambda _, luck: luck.choices(["granted", "denied"], [9, 1])[0]
    if audience.purposes and name == audience.purposes.column:
        purposes = sorted(audience.purposes.values) or ["marketing"]
        return lambda at, luck: ";".join(luck.sample(purposes, luck.randint(1, len(purposes))))
    for attribute in attributes:
        if not isinstance(attribute, TextAttribute):
            made = _attribute(attribute, promise)
            return made if promise is None and len(attributes) == 1 else _checked(name, made, fits)
    if name == audience.duplicates.by and kind in (None, "text", "date"):
        return lambda at, _: _written(_day(at), audience.duplicates.format)
    return _of_type(promise)


def _attribute(attribute: Attribute, promise: AudienceColumn | None) -> Maker:
    if isinstance(attribute, CategoryAttribute):
        spellings = [s for value, others in attribute.values.items() for s in (value, *others)]
        return lambda _, luck: luck.choice(spellings)
    if isinstance(attribute, BandAttribute):
        return _number(promise, attribute.edges)
    if isinstance(attribute, DateAttribute):
        form = attribute.format or (promise.format if promise else None)
        return lambda _, luck: _written(_day(luck.randrange(DAYS)), form)
    if isinstance(attribute, BooleanAttribute):
        words = [*attribute.when_true, *attribute.when_false]
        said = frozenset(folded(w) for w in ("true", "yes", "y", "1", "t", "false", "no", "n", "0", "f"))
        plain = [w for w in words if folded(w) in said and w.lower() == folded(w)]
        return lambda _, luck: luck.choice(plain or words)
    return _of_type(promise)


def _of_type(promise: AudienceColumn | None) -> Maker:
    match promise.type if promise else "text":
        case "number" | "whole number":
            return _number(promise, [0, 100])
        case "date":
            form = promise.format if promise else None
            return lambda _, luck: _written(_day(luck.randrange(DAYS)), form)
        case "boolean":
            return lambda _, luck: luck.choice(["true", "false"])
        case "email":
            return _email
        case "phone":
            return _phone
        case "sha256":
            return _sha256_of(_email)
    return lambda _, luck: f"synthetic {luck.choice('abcde')}"


def _number(promise: AudienceColumn | None, edges: list[float]) -> Maker:
    reach = max(edges[-1] - edges[0], 10.0) / 4
    low, high = max(min(0.0, edges[0] - reach) if edges[0] <= 0 else 0.0, -1e15), edges[-1] + reach
    if promise and promise.least is not None:
        low, high = promise.least, max(high, promise.least)
    if promise and promise.most is not None:
        low, high = min(low, promise.most), promise.most
    first, last = math.ceil(low), math.floor(high)
    if first <= last:
        return lambda _, luck: str(luck.randint(first, last))
    if promise and promise.type == "whole number":
        raise SynthesisError(
            f"segmentation.yaml: audience.contract: no whole number lies between {low:g} and {high:g} (least and most)"
        )
    return lambda _, luck: repr(luck.uniform(low, high))


def _checked(name: str, make: Maker, fits: Callable[[str], bool]) -> Maker:
    """Only values that contract and attribute both take; where chance finds none, they contradict each other."""

    def made(at: int, luck: random.Random) -> str:
        for _ in range(1_000):
            if fits(text := make(at, luck)):
                return text
        raise SynthesisError(
            f"segmentation.yaml: audience.contract.columns.{name}: nothing that its attribute knows keeps it: see "
            "type, format, least and most, or list values"
        )

    return made


def _fit(promise: AudienceColumn | None, attributes: list[Attribute], audience: Audience) -> Callable[[str], bool]:
    readers, allowed = [reader(a) for a in attributes], frozenset(promise.values if promise else ())

    def fits(text: str) -> bool:
        keeps = promise is None or breaks(text, promise, allowed, audience.phone_region) is None
        return keeps and text == text.strip() and all(read(text).known for read in readers)

    return fits


def _email(at: int, _: random.Random) -> str:
    return f"synthetic-{at:07}@example.invalid"


def _phone(at: int, _: random.Random) -> str:
    # 555 is the exchange of fiction.
    return f"+1{200 + at // 10_000 % 800}555{at % 10_000:04}"


def _sha256_of(make: Maker) -> Maker:
    return lambda at, luck: sha256(make(at, luck))


def _day(at: int) -> date:
    return FIRST_DAY + timedelta(days=at % DAYS)


def _written(day: date, form: str | None) -> str:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).strftime(form) if form else day.isoformat()
