"""What the differencing monitor noticed, in sentences for the owner of the data."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def sentences(releases: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """One paragraph per pair of populations that are too close, and a last line with how many were compared.

    Args:
        releases: rows of the owner's record, with `conditions` and `close_to` read.
    """
    for row in releases:
        for close in row["close_to"]:
            one = f"{row['query']} of {_day(row['as_of'])} ({close['population']}, {close['people']:,} people)"
            other = f"{close['other']} of {_day(close['other_as_of'])} ({close['other_population']})"
            yield (
                f"{one} and {other} differ by {close['difference']} people of {row['source']}.{row['identity']}, fewer "
                f"than {row['minimum']}: {row['runner']} may subtract one from the other"
            )
            for word, conditions in (("the first", close["only_here"]), ("the second", close["only_there"])):
                if conditions:
                    yield f"  only {word} asks: {'; '.join(conditions)}"
            if close.get("one_result"):
                yield "  both are rows of one result"
            elif not close["only_here"] and not close["only_there"]:
                yield (
                    "  no condition is another one: the data changed in between, one of them kept small groups "
                    "back, or they ask in another form"
                )
        if row["warnings"] > len(row["close_to"]):
            yield f"  and {row['warnings'] - len(row['close_to']):,} more of {row['query']}"
        if row["state"] != "watched":
            yield f"{row['query']} of {_day(row['as_of'])}: {row['state']}"
    yield f"{len(releases):,} releases compared, {sum(r['warnings'] for r in releases):,} warnings"


def _day(as_of: str) -> str:
    return as_of or "undated data"
