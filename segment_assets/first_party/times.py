"""Times as people and tools write them, in one place: sensors and loads must agree on the day of a row."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(written: str | None, form: str | None = None) -> int | None:
    """Microseconds since 1970, UTC; None where the text is no time.

    Args:
        written: ISO 8601 with or without a time and a zone (naive times are UTC), or Unix seconds (10 digits) or
            milliseconds (13).
        form: how it is written instead, such as `%d.%m.%Y %H:%M`.
    """
    if not written:
        return None
    text = written.strip() if form else written.strip().removesuffix(" UTC")
    if not form and text.isdecimal() and text.isascii() and len(text) in (10, 13):
        return int(text) * (1_000_000 if len(text) == 10 else 1_000)
    try:
        time = datetime.strptime(text, form) if form else datetime.fromisoformat(text)  # noqa: DTZ007  naive is UTC
        return ((time if time.tzinfo else time.replace(tzinfo=UTC)) - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError):
        return None
