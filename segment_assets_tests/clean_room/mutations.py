"""Does a case notice when a check is switched off? Every place that finds something is silenced once.

    python -m segment_assets_tests.clean_room.mutations

A place is one `at(...)` or `Finding(...)` in the checker's modules. Silenced means: what it finds is dropped, as if the
check were not there. Then a conformance case of our own must disagree, on the verdict or on the reason code. What no
case notices is printed, and the exit code is 1.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import segment_assets.clean_room
from segment_assets.clean_room import conformance, reasons
from segment_assets.clean_room.reasons import Finding, verdict

PACKAGE = Path(segment_assets.clean_room.__file__).parent
CASES = (Path(__file__).parent / "cases_more.yaml", Path(__file__).parent / "cases_structured.yaml")
# Modules that judge no text: results of a run, and the vocabulary itself.
ELSEWHERE = {"reasons.py", "suggest.py", "conformance.py"}
# No case can notice these; each says why, or which test does.
EXCUSED = {
    "checker.py:refusal:DP_POLICY_MISSING": "asked for after a verdict, by whoever wants to run the query",
    "checker.py:refusal:SUBQUERY_OR_CTE": "as the one above",
    "privacy/shape.py:prepared:DP_POLICY_MISSING": "privacy/test_answer.py: limits that are not declared",
    "surface.py:strict:SYNTAX_NOT_ALLOWED": "the last gate: whatever passes the sweep and is on no list",
    "surface.py:_arguments:LIMIT_NOT_ALLOWED": "FETCH: the rules refuse it too, by the same code",
    "checker.py:_structured:SUBQUERY_OR_CTE": "behind the sweep, which refuses the parentheses too",
    "checker.py:check:PARSE_ERROR": "test_attacks.py: a query that is nested too deeply",
    "checker.py:_check:QUERY_TOO_LONG": "test_attacks.py: 500,000 characters",
    "checker.py:_unmeasured:FUNCTION_NOT_ALLOWED": "test_shares.py: a nested query on a table with largest_share",
    "dry_run.py:tried:FUNCTION_NOT_ALLOWED": "test_every_function.py: no check of the rules, but of the engine",
    "custom/check.py:check:QUERY_TOO_LONG": "test_refusals.py: 90,000 characters with noise",
    "custom/check.py:check:TOO_MANY_TABLES": "test_refusals.py: 16 tables",
    "names.py:tables:TOO_MANY_TABLES": "test_refusals.py: 16 tables",
}


@dataclass(frozen=True)
class Place:
    """One place in the code that finds something."""

    path: Path
    function: str
    code: str
    start: int
    end: int

    def __str__(self) -> str:
        return f"{self.path.relative_to(PACKAGE)}:{self.function}:{self.code}"


def places() -> Iterator[Place]:
    """Every place in the checker's modules that makes a finding."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.name in ELSEWHERE:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for function in (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)):
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("at", "Finding"):
                    codes = [a.value for a in node.args if isinstance(a, ast.Constant) and a.value in reasons.ORDER]
                    code = str(codes[0]) if codes else "?"
                    yield Place(path, function.name, code, node.lineno, node.end_lineno or node.lineno)


def judged() -> list[tuple[conformance.Outcome, list[tuple[Finding, tuple[str, int]]], bool]]:
    """Every case with its findings and where in the code each was made."""
    sites: dict[int, tuple[str, int]] = {}
    kept: list[Finding] = []  # so that no id is used twice
    plain = Finding.__init__

    def noting(self: Finding, *args: Any, **kwargs: Any) -> None:
        plain(self, *args, **kwargs)
        frame: FrameType | None = sys._getframe(1)
        while frame and frame.f_code.co_filename == reasons.__file__:
            frame = frame.f_back
        if frame:
            sites[id(self)] = (frame.f_code.co_filename, frame.f_lineno)
            kept.append(self)

    Finding.__init__ = noting  # type: ignore[method-assign]
    try:
        found = []
        for cases in map(conformance.load, CASES):
            for outcome, case in zip(conformance.run(cases), cases.cases, strict=True):
                kept.clear()
                told = cases.check(case).verdict.findings
                found.append((outcome, [(f, sites[id(f)]) for f in told], bool(cases.state(case).strict)))
        return found
    finally:
        Finding.__init__ = plain  # type: ignore[method-assign]


def survivors() -> tuple[list[Place], int]:
    """The places whose absence no case notices, and how many places there are."""
    cases, every = judged(), list(places())
    return [p for p in every if str(p) not in EXCUSED and not any(_notices(p, *case) for case in cases)], len(every)


def _notices(
    place: Place, outcome: conformance.Outcome, found: list[tuple[Finding, tuple[str, int]]], strict: bool
) -> bool:
    def here(site: tuple[str, int]) -> bool:
        return site[0] == str(place.path) and place.start <= site[1] <= place.end

    if not any(here(site) for _, site in found):
        return False
    left = verdict((f for f, site in found if not here(site)), strict=strict)
    return (left.decision, left.code) != outcome.found


def main() -> int:
    left, every = survivors()
    for place in left:
        print(f"{place} (line {place.start}): switched off, and no case notices")  # noqa: T201
    noticed = every - len(left) - len(EXCUSED)
    says = (
        f"{noticed} of {every} places are noticed when they are switched off; {len(EXCUSED)} are excused, each with why"
    )
    print(says)  # noqa: T201
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
