"""A page of docs/ as something that runs: its code blocks in order, and what it says is seen."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

BLOCK = re.compile(r"^```(?P<language>\w+)(?P<flags>[^\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass
class Step:
    """A block that is run.

    Attributes:
        language: bash, python or console.
        body: its text.
        fails: whether it must end with exit code 1.
        seen: what the page says is printed.
        printed: what was printed.
    """

    language: str
    body: str
    fails: bool
    seen: str = ""
    printed: str = field(default="", repr=False)


def steps(page: Path) -> Iterator[Step]:
    """Blocks in order; a text block belongs to the block before it."""
    step: Step | None = None
    for found in BLOCK.finditer(page.read_text(encoding="utf-8")):
        if found["language"] == "text":
            assert step
            step.seen = found["body"]
            continue
        if step:
            yield step
        step = Step(found["language"], found["body"], "fails" in found["flags"])
    if step:
        yield step


def missing(seen: str, printed: str) -> str | None:
    """The first part of what should be seen that is not printed, in order; blanks and `...` count for anything."""
    text, at = " ".join(printed.split()), 0
    for part in seen.split("..."):
        wanted = " ".join(part.split())
        if (at := text.find(wanted, at)) < 0:
            return wanted
        at += len(wanted)
    return None


@dataclass
class Shell:
    """Runs blocks one after the other, and remembers in which folder it is.

    Attributes:
        root: a folder of its own.
        folder: where the next block runs.
    """

    root: Path
    folder: Path = field(init=False)

    def __post_init__(self) -> None:
        self.folder = self.root
        programs = {"segment-assets": f"{sys.executable} -m segment_assets.cli", "python": sys.executable}
        (self.root / "bin").mkdir()
        for name, program in programs.items():
            path = self.root / "bin" / name
            path.write_text(f'#!/bin/sh\nexec {program} "$@"\n')
            path.chmod(0o755)

    @property
    def environment(self) -> Mapping[str, str]:
        """The caller's, without anything that names a place."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SEGMENT", "DAGSTER", "PYTEST"))}
        return kept | {"PATH": f"{self.root / 'bin'}:{os.environ['PATH']}", "COLUMNS": "120"}

    def run(self, step: Step) -> None:
        """Run a bash block, or save a python block under the name in its first line."""
        if step.language == "python":
            (self.folder / step.body.split("\n", 1)[0].removeprefix("# ")).write_text(step.body)
        if step.language != "bash":
            return
        script = f"{step.body}\nended=$?\npwd > {self.root}/folder\nexit $ended"
        ran = subprocess.run(
            ["bash", "-c", script], cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        step.printed = ran.stdout + ran.stderr
        assert ran.returncode == int(step.fails), f"{step.body}\n{step.printed}"
        self.folder = Path((self.root / "folder").read_text().strip())
