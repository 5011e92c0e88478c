"""Times as people and tools write them, in one place: sensors and loads must agree on the day of a row."""

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_UNIX = re.compile(r"([0-9]{10}|[0-9]{13}|[0-9]{16}|[0-9]{19})(?:\.([0-9]+))?")
_DAY = 8  # digits of a day


def microseconds(written: str | None, form: str | None = None, zone: str | None = None) -> int | None:
    """Microseconds since 1970, UTC; None where the text is no time.

    Args:
        written: ISO 8601 with or without a time and a zone, or Unix time in seconds (10 digits), milliseconds (13),
            microseconds (16) or nanoseconds (19), each perhaps with a fraction.
        form: how it is written instead, such as `%d.%m.%Y %H:%M`.
        zone: of times that name none, such as `Europe/Berlin`; default: UTC. Of an hour that comes twice in autumn it
            is the first.
    """
    if not written:
        return None
    text = written.strip()
    if not form and len(text) > _DAY and text[: _DAY + 1].isdecimal():  # more digits than a day has
        found = _UNIX.fullmatch(text)
        return _unix(found[1], found[2] or "") if found else None
    if not form and text.endswith(" UTC"):
        text, zone = text.removesuffix(" UTC"), None
    try:
        time = datetime.strptime(text, form) if form else datetime.fromisoformat(text)  # noqa: DTZ007  see zone
        if not time.tzinfo:
            time = time.replace(tzinfo=ZoneInfo(zone) if zone else UTC)
        return (time - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError):
        return None


def _unix(whole: str, fraction: str) -> int | None:
    digits = len(whole)
    if digits > 13 and _is_a_day(whole[:_DAY]):
        return None  # 2026010112000000 is a time as a clock shows it, and as Unix time one of 2034
    # Six digits behind the seconds, whichever of them stand before the point.
    return int((whole + fraction)[:16].ljust(16, "0"))


def _is_a_day(digits: str) -> bool:
    try:
        return bool(date.fromisoformat(digits))
    except ValueError:
        return False
