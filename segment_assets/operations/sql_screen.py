"""Rows of `segment-assets sql` on a screen: as a table where it fits, else one line per value."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

SHOWN, SHOWN_ONE_BY_ONE = 100, 20
# A column narrower than this, or than its header, folds words into single letters.
READABLE = 16
_GAP = 2


def show(console: Console, names: Sequence[str], found: Iterator[Sequence[Any]], *, whole: bool = False) -> None:
    """Print rows.

    Args:
        console: where.
        names: the headers.
        found: the rows, of which the first are shown.
        whole: a list of ours, such as that of the tables: every row is shown, and its first column is not folded.
    """
    rows = [[text(value) for value in row] for row in (found if whole else islice(found, SHOWN + 1))]
    if whole or _width(names, rows) <= console.width:
        _as_table(console, names, rows, None if whole else SHOWN)
    else:
        _one_by_one(console, names, rows)


def text(value: object) -> str:
    """Bytes, such as a quarantined record, as the text they most often are."""
    return "" if value is None else value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _width(names: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """The least width at which a table of them can be read."""
    longest = (max((len(row[i]) for row in rows), default=0) for i in range(len(names)))
    columns = (max(len(name), min(most, READABLE)) + _GAP for name, most in zip(names, longest, strict=True))
    return sum(columns) - _GAP


def _as_table(console: Console, names: Sequence[str], rows: Sequence[Sequence[str]], shown: int | None) -> None:
    grid = Grid(box=None, pad_edge=False, header_style="bold")
    for number, name in enumerate(names):
        grid.add_column(Text(name), overflow="fold", no_wrap=shown is None and number == 0)
    for row in rows[:shown]:
        grid.add_row(*map(Text, row))
    console.print(grid)
    if shown is not None and len(rows) > shown:
        console.print(f"The first {shown} rows; --csv writes all of them.")


def _one_by_one(console: Console, names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    wide = max(map(len, names))
    for number, row in enumerate(rows[:SHOWN_ONE_BY_ONE], start=1):
        console.print(f"row {number}", style="bold")
        for name, value in zip(names, row, strict=True):
            console.print(f"  {name:<{wide}}  {value}", markup=False, soft_wrap=True)
    console.print("The columns do not fit side by side; name fewer of them for a table.")
    if len(rows) > SHOWN_ONE_BY_ONE:
        console.print(f"The first {SHOWN_ONE_BY_ONE} rows; --csv writes all of them.")
