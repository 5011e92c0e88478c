"""docs/first_segment.md, run as it is written."""

import csv
import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from segment_assets_tests.end_to_end.page import Shell, Step, missing, steps

DOCS = Path(__file__).parents[2] / "docs"


@dataclass
class Walk:
    """The page, walked through once."""

    shell: Shell
    steps: list[Step]

    def after(self, text: str) -> Step:
        return next(step for step in self.steps if text in step.body)

    @property
    def refreshes(self) -> list[str]:
        return [step.printed for step in self.steps if "segment-assets refresh" in step.body]

    @property
    def handoffs(self) -> list[Path]:
        return sorted((self.shell.folder / ".home/exports/handoff/files/win_back").iterdir())


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    shell = Shell(tmp_path_factory.mktemp("first"))
    walked = Walk(shell, list(steps(DOCS / "first_segment.md")))
    for step in walked.steps:
        shell.run(step)
    return walked


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "part-000.csv").open() as file:
        return list(csv.DictReader(file))


def consent(walk: Walk) -> dict[str, str]:
    with next(walk.shell.folder.glob("landing/customers/**/customers.csv")).open() as file:
        return {row["customer_id"]: row["email_consent"] for row in csv.DictReader(file)}


def test_the_page_shows_what_is_seen(walk: Walk) -> None:
    differing = {step.body: gap for step in walk.steps if (gap := missing(step.seen, step.printed))}
    assert differing == {}


def test_the_page_quotes_the_file_that_init_writes(walk: Walk) -> None:
    [excerpt] = [step.body for step in walk.steps if step.language == "yaml"]
    assert excerpt in (walk.shell.folder / "segmentation.yaml").read_text()


def test_the_first_segment_has_members_and_all_of_them_consented(walk: Walk) -> None:
    told = rows(walk.handoffs[0])
    assert len(told) >= 10
    assert {consent(walk)[row["customer_id"]] for row in told} == {"granted"}


def test_the_manifest_counts_the_rows_of_its_file(walk: Walk) -> None:
    for folder in walk.handoffs:
        manifest = json.loads((folder / "manifest.json").read_text())
        assert sum(file["rows"] for file in manifest["files"]) == len(rows(folder))


def test_a_new_day_builds_only_what_it_changed(walk: Walk) -> None:
    built = {line.split()[1] for line in walk.refreshes[1].splitlines() if line.startswith("  building ")}
    assert {"raw_events", "engagement_events", "features", "customer_scores/churn_28d"} <= built
    assert built.isdisjoint({"customers", "persons", "households", "trained_model/churn_28d"})


def test_no_mistake_prints_a_stack(walk: Walk) -> None:
    assert [step.body for step in walk.steps if "Traceback" in step.printed] == []


def test_no_address_leaves_the_raw_zone(walk: Walk) -> None:
    exported = [p for p in (walk.shell.folder / ".home/exports").rglob("*") if p.is_file()]
    assert exported
    assert [p for p in exported if b"@example.org" in p.read_bytes()] == []


@pytest.fixture
def ui(walk: Walk) -> Iterator[str]:
    """`segment-assets dev` on a free port; ended with everything it started."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with subprocess.Popen(
        ["segment-assets", "dev", "--port", str(port)],
        executable=walk.shell.root / "bin" / "segment-assets",
        cwd=walk.shell.folder,
        env=walk.shell.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as dev:
        yield f"http://127.0.0.1:{port}"
        os.killpg(dev.pid, signal.SIGTERM)
        try:
            dev.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(dev.pid, signal.SIGKILL)


def test_the_ui_opens_on_the_same_instance(ui: str) -> None:
    query = json.dumps({"query": "{ assetNodes { assetKey { path } assetMaterializations(limit: 1) { runId } } }"})
    request = urllib.request.Request(f"{ui}/graphql", query.encode(), {"Content-Type": "application/json"})  # noqa: S310
    for _ in range(120):
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                nodes = json.load(answer)["data"]["assetNodes"]
        except OSError:
            nodes = []
        if nodes:
            break
        time.sleep(0.5)
    built = {"/".join(n["assetKey"]["path"]) for n in nodes if n["assetMaterializations"]}
    assert {"raw_events", "predictive_segments/win_back", "dashboard"} <= built
