"""What `make` would do, without doing it."""

import subprocess
from pathlib import Path

import pytest


@pytest.mark.parametrize("goal", ["next-day", "dev"])
@pytest.mark.parametrize(
    ("deployment", "said"),
    [
        ("embedded", ".venv/bin/segment-assets {goal}"),
        ("aws", "-m segment_assets_tests.aws_double .venv/bin/segment-assets {goal}"),
        ("Aws", "DEPLOYMENT=Aws: it is embedded or aws"),
    ],
)
def test_a_deployment_that_is_none_is_refused(goal: str, deployment: str, said: str) -> None:
    command = ["make", "-n", "-o", ".venv/.ready", goal, f"DEPLOYMENT={deployment}"]
    made = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False)
    assert said.format(goal=goal) in made.stdout + made.stderr
    assert (made.returncode == 0) == (deployment != "Aws")
