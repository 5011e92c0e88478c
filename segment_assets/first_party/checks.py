"""What checks of the first party say where they did not pass: each a sentence, with what to look at or to do."""

from collections.abc import Mapping

import dagster as dg

from segment_assets.lake.objects import printable
from segment_assets.people.addresses import without_addresses

SHOWN = 3


def names_somebody(nobody: int) -> dg.AssetCheckResult:
    """Warns of events that should suppress somebody and name nobody."""
    said = f"{nobody:,} of those that unsubscribed, complained or bounced are named by no customer, endpoint or address"
    return _warning("suppressions_name_somebody", f"{said}: nobody is suppressed by them" if nobody else "")


def are_read(unread: int) -> dg.AssetCheckResult:
    """Warns of what should suppress somebody and lies in quarantine."""
    are = "record in quarantine is" if unread == 1 else "records in quarantine are"
    said = (
        f"{unread:,} {are} of an unsubscribe, a complaint or a bounce, by which nobody is suppressed: look at "
        "raw.quarantined_records, whose reason says why, and deliver them anew in their place (docs/quarantine.md)"
    )
    return _warning("suppressions_are_read", said if unread else "")


def suppress_as_they_sound(names: Mapping[str, Mapping[str, int]]) -> dg.AssetCheckResult:
    """Warns of names of one's own that sound as if nobody were to be written to again, and suppress nobody.

    Args:
        names: where a table's mapping stands in segmentation.yaml -> its names, each with how many events have it.
    """
    sentences = []
    for place, its in names.items():
        shown = ", ".join(f'"{name}" ({events:,})' for name, events in list(its.items())[:SHOWN])
        more = f" and {len(its) - SHOWN} more" if len(its) > SHOWN else ""
        said = (
            f"events {shown}{more} sound like an opt-out, a complaint or a bounce, and suppress nobody: say under "
            f"{place}.table.rename what they are, such as {{opted out: unsubscribe}}"
        )
        sentences += [said] if its else []
    return _warning("names_suppress_as_they_sound", "; ".join(sentences))


def no_addresses(ids: Mapping[str, int]) -> dg.AssetCheckResult:
    """Warns of ids that are addresses.

    Args:
        ids: column -> how many of its ids are.
    """
    counted = " and ".join(f"{count:,} of {column}" for column, count in ids.items())
    said = (
        f"ids look like e-mail addresses or telephone numbers ({counted}): they stay readable in every table, in "
        "segments and in what destinations get; call people and endpoints by an id of your own (docs/limits.md)"
    )
    return _warning("ids_are_no_addresses", said if ids else "")


def consent_is_understood(strange: Mapping[str, int]) -> dg.AssetCheckResult:
    """Warns of values of consent that are no word for it: whoever they are of is written to on no channel.

    Args:
        strange: each that may be shown with how many, and under an empty word the rest; most first.
    """
    words = [f'"{word}" ({number:,})' for word, number in strange.items() if word]
    shown = f": {', '.join(words[:SHOWN])}" if words else ""
    said = (
        f"{sum(strange.values()):,} values of consent are no word for it, and so no consent{shown}; say under "
        "landing.customers which mean yes and which no, such as granted: [ja] and denied: [nein]"
    )
    return _warning("consent_is_understood", said if strange else "")


def lines_name_somebody(counts: Mapping[str, Mapping[str, int]]) -> dg.AssetCheckResult:
    """Warns of lines of suppression lists that name nobody.

    Args:
        counts: list -> its lines, and how many of them are quarantined.
    """
    nobody = {name: count for name, count in counts.items() if count["quarantined"]}
    lines = ", ".join(f"{count['quarantined']:,} of {count['lines']:,} lines of {n}" for n, count in nobody.items())
    said = f"{lines} name nobody, and suppress nobody: look at raw.quarantined_suppressions"
    return _warning("lines_name_somebody", said if nobody else "")


def objects_are_there(gone: Mapping[str, int]) -> dg.AssetCheckResult:
    """Warns of objects that are gone, or hold nothing any more, and of which events were there.

    Args:
        gone: each with how many, most first.
    """
    shown = " and ".join(without_addresses(printable(key)) for key in list(gone)[:SHOWN])
    more = f" and {len(gone) - SHOWN:,} more" if len(gone) > SHOWN else ""
    verb, lost = "is" if len(gone) == 1 else "are", sum(gone.values())
    said = (
        f"{shown}{more} {verb} gone, or without any record now: {lost:,} event{'s' * (lost > 1)} less than before. Put "
        "back what should be there; who unsubscribed, complained or bounced in it stays suppressed"
    )
    return _warning("objects_are_there", said if gone else "")


def one_mapping(left: list[str], days: int) -> dg.AssetCheckResult:
    """Every arrival day is of the mapping in force.

    Args:
        left: days that are not, in their order.
        days: how many there are.
    """
    said = (
        f"{len(left)} of {days} arrival days, {left[0]} to {left[-1]}, are still of an earlier mapping: "
        "nothing below is built, and nothing is sent, until engagement_events is materialised for them."
        if left
        else None
    )
    return dg.AssetCheckResult(
        check_name="one_mapping", passed=not left, description=said, metadata={"days_left": len(left)}
    )


def _warning(name: str, said: str) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=name, passed=not said, severity=dg.AssetCheckSeverity.WARN, description=said or None
    )
