"""What deliveries promise, and what they keep of it: each promise with what was measured and what is allowed."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import pyarrow as pa

from segment_assets.contract_config import ColumnPromise, VolumePromise
from segment_assets.segmentation import ConfigError, nearest

BEFORE = 28  # days whose average a day's volume is measured against
FEWEST = 7  # a volume measured against fewer days says nothing


@dataclass(frozen=True)
class Finding:
    """One promise, and whether it was kept.

    Attributes:
        of: the column, or what else was promised.
        measured: in words, with the day.
        allowed: in words.
        kept: whether it was.
        examples: hashes of some rows that break it; never a value that was delivered.
    """

    of: str
    measured: str
    allowed: str
    kept: bool
    examples: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What is broken, for people."""
        such = f" (for example {', '.join(self.examples)})" if self.examples else ""
        return f"{self.of}: {self.measured}, allowed is {self.allowed}{such}"


def broken(findings: Collection[Finding], place: str) -> str:
    """One sentence on what was broken; empty where everything was kept.

    Args:
        findings: every promise.
        place: where in segmentation.yaml they stand, such as `landing.events.contract`.
    """
    said = "; ".join(f.sentence for f in findings if not f.kept)
    return f"{said}. Mend the source and let the days land again, or allow more in {place}." if said else ""


def worst(of: str, what: str, shares: Mapping[date, tuple[int, int]], allowed: float) -> tuple[Finding, date | None]:
    """The day with the largest share, as a finding, and the day.

    Args:
        of: the column, or what else was promised.
        what: what the counted rows are, such as `empty`.
        shares: day -> how many of how many.
        allowed: the share that may be.
    """
    measured = {day: part / whole for day, (part, whole) in shares.items() if whole}
    limit = f"{allowed:.2%}"
    if not measured:
        return Finding(of, "nothing arrived", limit, kept=True), None
    day = max(measured, key=lambda d: (measured[d], d))
    part, whole = shares[day]
    found = Finding(of, f"{part} of {whole} of {day} are {what} ({measured[day]:.2%})", limit, measured[day] <= allowed)
    return found, day


def share(of: str, unit: str, what: str, part: int, whole: int, allowed: float) -> Finding:
    """A share of one delivery.

    Args:
        of: the column, or what else was promised.
        unit: what is counted, such as `rows`.
        what: what the counted ones are, such as `empty`.
        part: how many are.
        whole: of how many.
        allowed: the share that may be.
    """
    measured = part / whole if whole else 0.0
    return Finding(of, f"{part} of {whole} {unit} are {what} ({measured:.2%})", f"{allowed:.2%}", measured <= allowed)


def fresh(newest: date | None, today: date, allowed: timedelta) -> Finding:
    """How old the newest day is, by the clock."""
    limit = f"{allowed.days} days"
    if newest is None:
        return Finding("fresh_within", "nothing arrived yet", limit, kept=True)
    age = (today - newest).days
    if age < -1:  # a day may have begun elsewhere that here is tomorrow
        return Finding("fresh_within", f"the newest day, {newest}, is in the future", limit, kept=False)
    age = max(age, 0)
    return Finding("fresh_within", f"the newest day, {newest}, is {age} days old", limit, age <= allowed.days)


def untold(of: str, where: str) -> Finding:
    """A promise about days that can't be looked at, and so is not kept.

    Args:
        of: what was promised.
        where: what names no day.
    """
    return Finding(of, f"{where} names no day, such as 2026/01/31", "a day in the path of each", kept=False)


def volume(
    amounts: Mapping[date, int], today: date, promise: VolumePromise, unit: str, fewest: int = FEWEST
) -> list[Finding]:
    """The newest day against the average of the days before it that something arrived on.

    A day that is not over yet can have too much, and not too little. Where one day is enough to compare with, and none
    of the 28 before has anything, it is the newest that has: who delivers by the month is compared with that.

    Args:
        amounts: what arrived on each day.
        today: by the clock.
        promise: the shares of the average that are allowed.
        unit: what amounts are counted in.
        fewest: days before, below which nothing is said.
    """
    days = sorted(day for day, amount in amounts.items() if amount)
    over = [day for day in days if day < today]
    found = []
    if promise.least and over:
        found.append(_against(amounts, over[-1], promise.least, 1, f"at least {promise.least:g} times", unit, fewest))
    if promise.most is not None and days:
        found.append(_against(amounts, days[-1], promise.most, -1, f"at most {promise.most:g} times", unit, fewest))
    return found


def _against(
    amounts: Mapping[date, int], day: date, limit: float, sign: int, allowed: str, unit: str, fewest: int
) -> Finding:
    before = [n for d, n in amounts.items() if n and timedelta() < day - d <= timedelta(days=BEFORE)]
    since = f"the average of the {BEFORE} days before"
    earlier = [d for d, n in amounts.items() if n and d < day]
    if not before and earlier and fewest == 1:
        before, since = [amounts[max(earlier)]], f"those of {max(earlier)}"
    if len(before) < fewest:
        return Finding("volume", f"{day} has {len(before)} days before it to compare with", allowed, kept=True)
    average = sum(before) / len(before)
    times = amounts[day] / average
    return Finding(
        "volume",
        f"{amounts[day]:,} {unit} of {day} are {times:.2f} times {since}",
        allowed,
        sign * times >= sign * limit,
    )


def check_columns(columns: Mapping[str, ColumnPromise], described: pa.Schema, place: str) -> None:
    """Refuse a promise about a column that is not there.

    Raises:
        ConfigError: with the nearest column.
    """
    for name, promise in columns.items():
        holder, _, key = name.partition(".")
        of_map = holder in described.names and pa.types.is_map(described.field(holder).type)
        if of_map and not key:
            raise ConfigError(f'{place}.columns: "{name}" says none of the {holder}: write {holder}.NAME')
        if not of_map and name not in described.names:
            raise ConfigError(f'{place}.columns: no column is named "{name}" {nearest(name, described.names)}')
        if promise.type and holder != "properties":
            raise ConfigError(f"{place}.columns.{name}.type: only properties arrive as text; {name} has a type already")
