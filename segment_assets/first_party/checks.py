"""What checks of the first party say where they did not pass: each a sentence, with what to look at or to do."""

from collections.abc import Mapping

import dagster as dg

SHOWN = 3


def names_somebody(nobody: int) -> dg.AssetCheckResult:
    """Warns of events that should suppress somebody and name nobody."""
    said = f"{nobody:,} of those that unsubscribed, complained or bounced are named by no customer, endpoint or address"
    return _warning("suppressions_name_somebody", f"{said}: nobody is suppressed by them" if nobody else "")


def are_read(unread: int) -> dg.AssetCheckResult:
    """Warns of what should suppress somebody and lies in quarantine."""
    are = "record in quarantine is" if unread == 1 else "records in quarantine are"
    said = (
        f"{unread:,} {are} of an unsubscribe, a complaint or a bounce, and suppress nobody: look at "
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


def lines_name_somebody(counts: Mapping[str, Mapping[str, int]]) -> dg.AssetCheckResult:
    """Warns of lines of suppression lists that name nobody.

    Args:
        counts: list -> its lines, and how many of them are quarantined.
    """
    nobody = {name: count for name, count in counts.items() if count["quarantined"]}
    lines = ", ".join(f"{count['quarantined']:,} of {count['lines']:,} lines of {n}" for n, count in nobody.items())
    said = f"{lines} name nobody, and suppress nobody: look at raw.quarantined_suppressions"
    return _warning("lines_name_somebody", said if nobody else "")


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
