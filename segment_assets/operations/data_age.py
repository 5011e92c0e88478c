"""How old the data is that an asset rests on. A freshness policy sees runs; this sees data."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True)
class Age:
    """The age of one asset's data.

    Attributes:
        asset: the asset's key, as text.
        as_of: its oldest upstream data time; None where it is not known.
        allowed: how old that may be.
        days: how old it is.
    """

    asset: str
    as_of: date | None
    allowed: timedelta
    days: int | None

    @property
    def passed(self) -> bool:
        """Unknown is not old: what has no data time can't be late."""
        return self.days is None or self.days <= self.allowed.days

    @property
    def sentence(self) -> str:
        """For people."""
        if self.as_of is None:
            return "the age of its data is not known"
        word = "within" if self.passed else "beyond"
        return f"rests on data of {self.as_of}, {_old(self.days or 0)}: {word} the {self.allowed.days} days allowed"


def _old(days: int) -> str:
    """The demo's days run ahead of the clock."""
    if days < 0:
        return "from tomorrow" if days == -1 else f"{-days} days ahead of the clock"
    return f"{days} days old"


def ages(as_of: Mapping[str, date | None], allowed: Mapping[str, timedelta], today: date) -> list[Age]:
    """The age of each asset that was built, by asset."""
    return [
        Age(asset, day, allowed[asset], (today - day).days if day else None) for asset, day in sorted(as_of.items())
    ]


def below(start: str, parents: Mapping[str, Iterable[str]]) -> set[str]:
    """The asset and everything downstream of it."""
    found = {start}
    while True:
        more = {child for child, above in parents.items() if child not in found and not found.isdisjoint(above)}
        if not more:
            return found
        found |= more
