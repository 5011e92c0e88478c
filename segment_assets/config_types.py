"""What the values of segmentation.yaml may be: days, names, prefixes, conditions; each mistake is a sentence."""

import re
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from segment_assets.sql import SqlError, predicate

NAME = r"^[a-z][a-z0-9_]{0,62}$"
LONGEST = 36_500  # days: a hundred years


def _days(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value
    found = re.fullmatch(r"(\d{1,6})\s*(d|day|days|w|week|weeks)", value.strip()) if isinstance(value, str) else None
    days = int(found[1]) * (7 if found[2].startswith("w") else 1) if found else 0
    if not 1 <= days <= LONGEST:
        raise ValueError(f"must be a number of days or weeks, such as 28d or 4w: at least 1d, at most {LONGEST}d")
    return timedelta(days=days)


def _prefix(value: str) -> str:
    if any(part in ("", ".", "..") for part in value.removesuffix("/").split("/")) and value:
        raise ValueError(f'"{value}" must be a path below the place, such as events/: no / before it, no . or .. in it')
    return value


def _condition(value: str) -> str:
    try:
        predicate(value, None)
    except SqlError as bad:
        raise ValueError(str(bad)) from bad
    return value


def _said(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be empty")
    return value


def _top(value: Any) -> Any:
    if isinstance(value, bool):  # yes and on, which would be one customer
        raise ValueError("must be a share below 1, such as 0.3, or a number of customers, such as 500")
    try:
        number = float(value)
    except (TypeError, ValueError):
        return value
    # 1.0 may be meant as everyone, and would be one customer: whoever means a number writes none after a point.
    if 1 <= number < float("inf") and not re.fullmatch(r"\d+", str(value).strip()):
        raise ValueError(f"{value} is neither a share below 1 nor a whole number without a point, such as 0.3 or 500")
    return value


def _share(value: Any) -> Any:
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else None
    if isinstance(value, bool) or (number is not None and not 0 < number <= 1):
        raise ValueError("must be a share above 0 and at most 1, such as 0.3 for 30 %")
    return value


def _number(value: Any) -> Any:
    if isinstance(value, bool):  # yes and on, which would be one
        raise ValueError("must be a number, such as 100, and is " + ("on" if value else "off"))
    return value


def _region(value: str) -> str:
    from phonenumbers import SUPPORTED_REGIONS  # 0.1 s, for the few who need it

    if value not in SUPPORTED_REGIONS:
        raise ValueError(f'"{value}" is no country (ISO 3166 alpha-2), such as DE or GB')
    return value


def _url(value: str) -> str:
    if not re.match(r"https?://[^/\s]", value):
        raise ValueError("must be an address that begins with https:// or http://")
    return value


def _time_format(value: str) -> str:
    some = datetime(2026, 11, 27, tzinfo=UTC)  # a day to write and read back, of a zone for forms that have one
    # Without a year, strptime would take 1900; with a letter that means nothing it would refuse every row.
    try:
        read = datetime.strptime(some.strftime(value), value)  # noqa: DTZ007  the day alone is looked at
    except ValueError:
        read = None
    if read is None or read.date() != some.date() or not re.search("%[Yy]", value):
        raise ValueError(f'"{value}" gives no day of a year: write how times are written, such as %d.%m.%Y %H:%M')
    return value


def _time_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f'"{value}" is no time zone: write its IANA name, such as Europe/Berlin') from None
    return value


Days = Annotated[timedelta, BeforeValidator(_days)]
Name = Annotated[str, Field(pattern=NAME)]
Prefix = Annotated[str, AfterValidator(_prefix)]
Condition = Annotated[str, AfterValidator(_condition)]
Text = Annotated[str, AfterValidator(_said)]
Top = Annotated[float, BeforeValidator(_top)]
Share = Annotated[float, Field(gt=0, le=1), BeforeValidator(_share)]
Number = Annotated[int, BeforeValidator(_number)]
Region = Annotated[str, AfterValidator(_region)]
TimeFormat = Annotated[str, AfterValidator(_time_format)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
Url = Annotated[str, AfterValidator(_url)]


def column_tags(owner: str, permitted_for: Collection[str], keep_for: timedelta | None) -> dict[str, str]:
    """Tags as `segment_assets.lake.tags` names them."""
    tags = {"owner": owner} | ({"purpose": ", ".join(sorted(permitted_for))} if permitted_for else {})
    return tags | ({"retention": f"{keep_for.days}d"} if keep_for else {})


class Model(BaseModel):
    """Unknown keys are refused: a misspelt key must not pass for a default."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
