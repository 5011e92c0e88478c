"""A folder as `segment-assets init` writes it, with small tables of one's own, refreshed in this process."""

import csv
import io
import os
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import yaml
from click.testing import CliRunner
from rich.console import Console

from segment_assets import deployment, segmentation
from segment_assets.automation import arrival_days
from segment_assets.cli import main
from segment_assets.definitions import platform
from segment_assets.lake.embedded import lake
from segment_assets.operations import starter
from segment_assets.operations.instance import opened
from segment_assets.operations.refresh import Refresh
from segment_assets.operations.summary import Summary

FIRST_DAY, DAYS, CUSTOMERS = datetime(2026, 1, 1), 126, 60
EVENT_COLUMNS = ("time", "customer_id", "event", "amount")
# Half the starter's times: the small tables are four months long.
SHORT_TARGET = {"kind": "absence", "event": "purchase", "horizon": "14d", "cutoffs": "14d", "history": "84d"}


@dataclass
class Folder:
    """A user's project folder, and what the last refresh printed."""

    path: Path
    printed: str = ""

    def edit(self, **changes: Any) -> None:
        """Change top-level keys of segmentation.yaml."""
        file = self.path / "segmentation.yaml"
        file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | changes))

    def put(self, key: str, content: str | bytes) -> None:
        """Put a file into landing/."""
        path = self.path / "landing" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    def refresh(self) -> bool:
        """`segment-assets refresh` in this folder: whether it ended with exit code 0; its output is in `printed`."""
        with _working_in(self.path):
            ended = CliRunner().invoke(main, ["refresh"], env={"COLUMNS": "160"})
        if ended.exception and not isinstance(ended.exception, SystemExit):
            raise ended.exception
        self.printed = ended.output
        return ended.exit_code == 0

    def read_events(self) -> None:
        """Build raw_events and engagement_events alone, and print the summary: where no more than reading is shown."""
        with _working_in(self.path):
            defs = self._definitions()
            with opened(deployment.home()) as instance:
                refresh = Refresh(defs, instance, deployment.home() / "state")
                refresh.listen()
                days = instance.get_dynamic_partitions(str(arrival_days.name))
                for key, of in (("raw_events", days), ("engagement_events", [])):
                    assert refresh.execute([dg.AssetKey(key)], of).success
            config, text = segmentation.load(), io.StringIO()
            resources = defs.resources or {}
            summary = Summary(config, deployment.settings(config), resources["lake"], resources["exports"])
            summary.show(Console(file=text, width=110))
            self.printed = text.getvalue()

    @property
    def assets(self) -> set[str]:
        """Everything that segmentation.yaml leads to."""
        with _working_in(self.path):
            keys = self._definitions().resolve_asset_graph().executable_asset_keys
        return {key.to_user_string() for key in keys}

    def _definitions(self) -> dg.Definitions:
        config = segmentation.load()
        return platform(config, deployment.settings(config))

    @property
    def built(self) -> set[str]:
        """Assets that the last refresh began to build."""
        return {line.split()[1] for line in self.printed.splitlines() if line.startswith("  building ")}

    def rows(self, table: str, columns: str) -> list[tuple[Any, ...]]:
        """Columns of a table, sorted."""
        with _working_in(self.path):
            catalog = lake(deployment.settings(segmentation.load())).catalog
        found = catalog.load_table(table).scan(selected_fields=tuple(columns.split(", "))).to_arrow()
        return sorted(zip(*(found[c].to_pylist() for c in columns.split(", ")), strict=True), key=str)

    @property
    def handed_off(self) -> list[Path]:
        """Files that were handed off, in order."""
        return sorted((self.path / ".home/exports/handoff").glob("**/part-*"))


def started(path: Path) -> Folder:
    """A folder from `segment-assets init`, with a target that small tables can carry."""
    starter.write(Console(file=io.StringIO()), path)
    folder = Folder(path)
    folder.edit(targets={"churn_28d": SHORT_TARGET})
    return folder


def events(*, customers: int = CUSTOMERS, days: int = DAYS, per_customer: int | None = None) -> list[tuple[Any, ...]]:
    """Rows of purchases on every third day, for 42 arrival days alone; a third of the customers leave."""
    rng = random.Random(3)  # noqa: S311
    rows: list[tuple[Any, ...]] = []
    for number in range(customers):
        every, leaves = rng.uniform(3, 18), rng.choice([days, days, rng.uniform(40, days)])
        if per_customer:
            every, leaves = days / per_customer, days
        day = rng.uniform(0, 12)
        while day < leaves and day < days:
            time = FIRST_DAY + timedelta(days=int(day) // 3 * 3, minutes=rng.randrange(1440))
            rows.append((time.isoformat(), f"c{number:03}", "purchase", round(rng.uniform(2, 80), 2)))
            day += rng.expovariate(1 / every)
    return sorted(rows)


def people(customers: int = CUSTOMERS) -> list[tuple[str, str, str]]:
    """Rows of customers, of whom every fourth denied."""
    named = [f"c{number:03}" for number in range(customers)]
    return [(c, f"{c}@example.org", "denied" if number % 4 == 0 else "granted") for number, c in enumerate(named)]


def as_csv(header: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    """The text of a CSV file."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue()


def events_csv() -> str:
    return as_csv(EVENT_COLUMNS, events())


def customers_csv() -> str:
    return as_csv(("customer_id", "email", "email_consent"), people())


def as_arrow(rows: list[tuple[Any, ...]]) -> pa.Table:
    """Events with types of their own, as a warehouse would export them."""
    time, customer, event, amount = zip(*rows, strict=True)
    return pa.table(
        {
            "time": pa.array([datetime.fromisoformat(t) for t in time], pa.timestamp("us")),
            "customer_id": pa.array(customer),
            "event": pa.array(event),
            "amount": pa.array(amount, pa.float64()),
        }
    )


@contextmanager
def _working_in(path: Path) -> Iterator[None]:
    """The working directory and the environment of a shell in that folder."""
    before: tuple[Path, Mapping[str, str]] = Path.cwd(), dict(os.environ)
    for name in (segmentation.CONFIG_VARIABLE, deployment.HOME_VARIABLE):
        os.environ.pop(name, None)
    os.chdir(path)
    try:
        yield
    finally:
        os.chdir(before[0])
        os.environ.clear()
        os.environ.update(before[1])
