"""What the partner promises of its columns, and what a delivery keeps of it."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING

from segment_assets.contract_config import AudienceColumn, AudienceContract
from segment_assets.lake import StoredObject
from segment_assets.people.addresses import normalise_email, normalise_phone
from segment_assets.promises import Finding, fresh, share, untold, volume
from segment_assets.third_party.attributes import day
from segment_assets.third_party.delivery import Row, day_of
from segment_assets.third_party.numbers import number

if TYPE_CHECKING:
    from segment_assets.third_party.cleaning import Cleaned

EXAMPLES = 3
_BOOLEANS = frozenset(("true", "false", "yes", "no", "y", "n", "t", "f", "1", "0"))


@dataclass
class _Column:
    promise: AudienceColumn
    allowed: frozenset[str]
    broken: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)


class Watch:
    """Sees every row of a delivery, and counts what breaks a promise on its column.

    Args:
        contract: the promises.
        region: country of phone numbers written without one.
    """

    def __init__(self, contract: AudienceContract, region: str | None = None) -> None:
        self.contract = contract
        self.region = region
        self.rows = 0
        self._columns = {
            # Cells are read without the blanks around them.
            name: _Column(promise, frozenset(value.strip() for value in promise.values))
            for name, promise in contract.columns.items()
        }

    def see(self, row: Row, digest: str | None) -> None:
        """Look at a row.

        Args:
            row: with the promised columns.
            digest: the hash of whom it is about; None where that is not known.
        """
        self.rows += 1
        for name, column in self._columns.items():
            what = breaks(row.values[name] if row.values else None, column.promise, column.allowed, self.region)
            if what is None:
                continue
            column.broken[what] = column.broken.get(what, 0) + 1
            such = column.examples.setdefault(what, [])
            if len(such) < EXAMPLES:
                such.append(f"SHA-256 of the identifier {digest[:16]}" if digest else row.place)

    def findings(
        self,
        cleaned: "Cleaned",
        missing: Sequence[tuple[str, str]],
        sizes: dict[date, int],
        as_of: date | None,
        today: date,
    ) -> list[Finding]:
        """Every promise that is made, with what was measured.

        Args:
            cleaned: what became of the delivery.
            missing: file and column, where a file lacks a promised one.
            sizes: bytes of the deliveries that lie in the partner's place, by their day.
            as_of: the day of the delivery; None where it has none.
            today: by the clock, UTC.
        """
        contract = self.contract
        undated = [of for of in ("fresh_within", "volume") if as_of is None and getattr(contract, of)]
        found = [untold(of, "the delivery's path") for of in undated]
        if contract.fresh_within and as_of:
            found.append(fresh(as_of, today, contract.fresh_within))
        if contract.rows:
            most = f" and at most {contract.rows.most:,}" if contract.rows.most else ""
            enough = contract.rows.least <= cleaned.delivered <= (contract.rows.most or cleaned.delivered)
            said = f"{cleaned.delivered:,} rows were delivered"
            found.append(Finding("rows", said, f"at least {contract.rows.least:,}{most}", enough))
        if contract.volume and as_of:
            # A delivery is whole when it is there, and one before it is enough to compare with.
            found += volume(sizes, date.max, contract.volume, "bytes", fewest=1)
        for name, what, part, allowed in (
            ("duplicates", "duplicates", cleaned.duplicates, contract.duplicates),
            ("quarantined", "quarantined", cleaned.quarantined, contract.quarantined),
        ):
            if allowed is not None:
                found.append(share(name, "rows", what, part, cleaned.delivered, allowed))
        if (allowed := contract.unknown_values) is not None:
            found += [
                share(f"attributes.{name}", "values", "unknown to its mapping", part, cleaned.values[name], allowed)
                for name, part in cleaned.unknown.items()
            ]
        for name in self._columns:
            found += self._of_column(name, sorted(key for key, column in missing if column == name))
        return found

    def _of_column(self, name: str, lacking: list[str]) -> list[Finding]:
        column = self._columns[name]
        if lacking:
            return [Finding(name, f"is no column of {', '.join(lacking[:EXAMPLES])}", "in every file", kept=False)]
        found = []
        for what, allowed in {"empty": column.promise.nulls, **dict.fromkeys(_asked(column.promise), 0.0)}.items():
            told = share(name, "rows", what, column.broken.get(what, 0), self.rows, allowed)
            found.append(told if told.kept else replace(told, examples=tuple(column.examples[what])))
        return found


def sizes(objects: Iterable[StoredObject]) -> dict[date, int]:
    """Bytes of every delivery that lies in the partner's place, by its day."""
    found: dict[date, int] = {}
    for stored in objects:
        if of := day_of(stored.key):
            found[of] = found.get(of, 0) + stored.size
    return found


def breaks(text: str | None, promise: AudienceColumn, allowed: frozenset[str], region: str | None) -> str | None:
    """What a value breaks, in the words of `_asked`; None where it keeps everything."""
    if text is None:
        return "empty"
    if not _is(text, promise, region):
        return f"no {promise.type}"
    if allowed and text not in allowed:
        return "of a value that is not allowed"
    if (promise.least is not None and float(text) < promise.least) or (
        promise.most is not None and float(text) > promise.most
    ):
        return _outside(promise)
    return None


def _asked(promise: AudienceColumn) -> list[str]:
    """What is asked of a column besides being there."""
    return [
        *([f"no {promise.type}"] if promise.type != "text" else []),
        *(["of a value that is not allowed"] if promise.values else []),
        *([_outside(promise)] if promise.least is not None or promise.most is not None else []),
    ]


def _outside(promise: AudienceColumn) -> str:
    ends = (f"below {promise.least:g}" if promise.least is not None else "",
            f"above {promise.most:g}" if promise.most is not None else "")  # fmt: skip
    return " or ".join(end for end in ends if end)


def _is(text: str, promise: AudienceColumn, region: str | None) -> bool:
    match promise.type:
        case "number":
            return number(text) is not None
        case "whole number":
            return re.fullmatch(r"[+-]?[0-9]+", text) is not None
        case "date":
            return day(text, promise.format) is not None
        case "boolean":
            return text.lower() in _BOOLEANS
        case "email":
            return normalise_email(text) is not None
        case "phone":
            return normalise_phone(text, region) is not None
        case "sha256":
            return re.fullmatch(r"[0-9a-fA-F]{64}", text) is not None
    return True
