"""What `segment-assets changes` does: how each segment's decisions differ from the ones before, by reason."""

from collections import Counter
from collections.abc import Iterator, Sequence

import pyarrow as pa
from rich.console import Console
from rich.table import Table as Grid

from segment_assets import deployment, segmentation
from segment_assets.lake import Lake
from segment_assets.lake.history import last_two
from segment_assets.operations.words import counted
from segment_assets.segmentation import Segmentation, nearest
from segment_assets.segments.tables import predictive_segments

NOBODY = "no customer"
# A reason then and now -> how many customers.
Moves = Counter[tuple[str, str]]


class ChangesError(Exception):
    """Why changes can't be told, and what to do."""


def changes(console: Console, names: Sequence[str]) -> bool:
    """Print for each segment, or those that are named, how many customers moved from which reason to which.

    Raises:
        ChangesError: no segment has such a name.
    """
    config = segmentation.load()
    lake: Lake = deployment.resource(deployment.settings(config), "lake")
    show(console, lake, config, names)
    return True


def show(console: Console, lake: Lake, config: Segmentation, names: Sequence[str]) -> None:
    """Print it; all segments where none is named."""
    for name in names:
        if name not in config.segments:
            raise ChangesError(f'changes: no segment is named "{name}" {nearest(name, config.segments)}')
    for name in names or config.segments:
        console.print(*_told(lake, name), sep="\n")


def moves(lake: Lake, segment: str) -> tuple[Moves, str] | None:
    """Customers by their reason before and now, and when both were decided; None where only one is known."""
    versions = last_two(lake, predictive_segments(segment), ["customer_id", "reason"])
    if len(versions) < 2:
        return None
    (now_at, now), (then_at, then) = versions
    is_, was = _reasons(now), _reasons(then)
    found = Counter((was.get(who, NOBODY), is_.get(who, NOBODY)) for who in is_.keys() | was.keys())
    return found, f"decided {now_at:%Y-%m-%d %H:%M} UTC, and before that {then_at:%Y-%m-%d %H:%M}"


def _reasons(rows: pa.Table) -> dict[str, str]:
    return dict(zip(rows["customer_id"].to_pylist(), rows["reason"].to_pylist(), strict=True))


def _told(lake: Lake, segment: str) -> Iterator[str | Grid]:
    found = moves(lake, segment)
    if found is None:
        yield f"[bold]{segment}[/]: decided once at most, or always alike: nothing to compare"
        return
    counts, when = found
    same = sum(many for (was, is_), many in counts.items() if was == is_)
    yield f"[bold]{segment}[/]: {when}; {counted(same, 'customer')} as before"
    if same == counts.total():
        return
    grid = Grid(box=None, pad_edge=False, header_style="bold")
    grid.add_column("customers", justify="right")
    grid.add_column("was")
    grid.add_column("is")
    for (was, is_), many in sorted(counts.items(), key=lambda move: (-move[1], move[0])):
        if was != is_:
            grid.add_row(f"{many:,}", was, is_)
    yield grid
