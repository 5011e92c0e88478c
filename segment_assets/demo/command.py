"""What `make demo` and `make next-day` do."""

import json
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from segment_assets import deployment, segmentation
from segment_assets.lake import ObjectStore
from segment_assets.operations import command
from segment_assets.operations.turn import turn

NEXT = {
    "embedded": "Next: `make dev` opens the Dagster UI on this instance; `make next-day` drops the next day of data.",
    "aws": "Next: `make dev DEPLOYMENT=aws` opens the Dagster UI on this instance; `make next-day DEPLOYMENT=aws` "
    "sends the next day of data; `make aws-stop` ends it all.",
}
BEGIN = {"embedded": "make demo", "aws": "make aws-demo"}


@dataclass(frozen=True)
class Year:
    """What is known of the replay.

    Attributes:
        today: its last day, as ISO text (2026-11-27).
        complete: whether it was written to the end.
    """

    today: str
    complete: bool


def demo(console: Console, home: Path, today: date) -> bool:
    """Replay the year so that its last day is today, then build everything.

    A second time nothing is replayed, and nothing is built that is up to date.

    Raises:
        AtWorkError: another command has the home folder; nothing was done.
    """
    config = segmentation.load()
    with turn(home, "demo"):
        _replay_once(console, deployment.settings(config, under=home), home / "demo.json", today)
        return command.build(console, config, home, NEXT[deployment.chosen()])


def next_day(console: Console, home: Path) -> bool:
    """One more day of data; the daemon, where one is awake, or else this process builds what it asks for.

    Raises:
        AtWorkError: another command has the home folder; nothing was done.
    """
    config = segmentation.load()
    with turn(home, "next-day"):
        dropped = _drop(console, deployment.settings(config, under=home))
        return dropped and command.build(console, config, home, NEXT[deployment.chosen()])


def known(marker: Path, landing: ObjectStore, today: date) -> Year:
    """The replay to go on with: what lies in the landing place says which, and the marker alone proves nothing.

    Args:
        marker: written when a replay was complete; its landing place may have been emptied since.
        landing: the customers' export in it is written first, and carries the last day also after a kill.
        today: the last day of a replay that is yet to begin.
    """
    from segment_assets.demo.replay import replayed_until

    until = replayed_until(landing)
    if until is None:
        return Year(today.isoformat(), complete=False)
    ended = marker.exists() and json.loads(marker.read_text()) == asdict(Year(until.isoformat(), complete=True))
    return Year(until.isoformat(), ended)


def _replay_once(console: Console, settings: deployment.Settings, marker: Path, today: date) -> None:
    from segment_assets.demo.replay import last_day

    landing = _places(settings)[0]
    year = known(marker, landing, today)
    if year.complete:
        console.print(f"The year is already in the landing place (last day {last_day(landing)}).")
        return
    _replay(console, settings, date.fromisoformat(year.today))
    marker.write_text(json.dumps(asdict(Year(year.today, complete=True))))


def _drop(console: Console, settings: deployment.Settings) -> bool:
    """Whether there was a day to follow."""
    from segment_assets.demo.replay import last_day
    from segment_assets.demo.replay import next_day as drop

    landing, partner_landing = _places(settings)
    newest = last_day(landing)
    if newest is None:
        console.print(f"There is no data yet: run `{BEGIN[deployment.chosen()]}` first.")
        return False
    through = deployment.resource(settings, "stream")
    if through:
        console.print(f"Sending through the stream {through.name}, which delivers when its buffer is full or old.")
    dropped = drop(landing, partner_landing, through=through)
    console.print(f"Dropped {dropped.last_day}: {dropped.baskets} baskets in {dropped.objects} objects.")
    return True


def _replay(console: Console, settings: deployment.Settings, today: date) -> None:
    from segment_assets.demo.replay import replay

    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("replaying a year of a real grocer")

        def on_progress(done: int, days: int) -> None:
            bar.update(task, completed=done, total=days)

        replayed = replay(*_places(settings), today, on_progress=on_progress)
    console.print(
        f"Replayed {replayed.first_day} to {replayed.last_day}: {replayed.baskets:,} baskets, {replayed.sends:,} "
        f"campaign sends, {replayed.redemptions:,} coupon redemptions; among them {replayed.duplicates:,} duplicates, "
        f"{replayed.late:,} late and {replayed.malformed:,} malformed records."
    )


def _places(settings: deployment.Settings) -> tuple[ObjectStore, ObjectStore]:
    """Where the first party's data lands, and the partner's."""
    return deployment.resource(settings, "landing"), deployment.resource(settings, "partner_landing")
