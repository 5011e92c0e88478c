"""What `segment-assets aws smoke-test` does: looks at the live account, and says what it saw."""

import json
from collections.abc import Collection

from rich.console import Console

from segment_assets import deployment, segmentation
from segment_assets.operations.smoke.check import At, Seen, SmokeError, looked
from segment_assets.operations.smoke.table import CHECKS
from segment_assets.segmentation import nearest

_MARKS = {"passed": ("✓", "green"), "failed": ("✗", "red"), "skipped": ("-", "dim")}


def smoke_test(console: Console, only: Collection[str] = (), *, with_cost: bool = False, as_json: bool = False) -> bool:
    """Look, check by check; whether none failed."""
    names = [check.name for check in CHECKS]
    if unknown := sorted(set(only) - set(names)):
        raise SmokeError(f'--only: no check is named "{unknown[0]}" {nearest(unknown[0], names)}')
    at = At(deployment.settings(segmentation.load()))
    chosen = [check for check in CHECKS if check.name in only] if only else list(CHECKS)
    _ = at.aws  # a file without a section aws is said before anything is looked at
    seen: list[Seen] = []
    for one in looked(chosen, at, with_cost=with_cost):
        seen.append(one)
        if not as_json:
            mark, style = _MARKS[one.outcome]
            console.print(f"{mark} {one.check.name}: {one.says}", style=style, markup=False, soft_wrap=True)
    counts = {outcome: sum(one.outcome == outcome for one in seen) for outcome in _MARKS}
    if as_json:
        told = [{"check": s.check.name, "outcome": s.outcome, "says": s.says, "proves": s.check.proves} for s in seen]
        console.print(json.dumps({"checks": told, **counts}, indent=2), markup=False, soft_wrap=True)
    else:
        console.print(", ".join(f"{n} {outcome}" for outcome, n in counts.items()) + ".")
    return not counts["failed"]
