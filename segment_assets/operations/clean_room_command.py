"""What `segment-assets clean-room check`, `explain`, `budget`, `warnings`, `shares` and `conformance` do."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from segment_assets import collaboration_config, deployment, segmentation
from segment_assets.clean_room import assets as clean_room
from segment_assets.clean_room import budget as budgets
from segment_assets.clean_room import conformance as cases
from segment_assets.clean_room import dry_run, suggest
from segment_assets.clean_room import explain as explained
from segment_assets.clean_room.access_ledger import Standing
from segment_assets.clean_room.checker import Checked
from segment_assets.clean_room.checker import check as judge
from segment_assets.clean_room.circumstances import PLAIN, Circumstances, Run
from segment_assets.clean_room.collaboration import Collaboration, CollaborationError
from segment_assets.clean_room.differencing.told import sentences
from segment_assets.clean_room.port import CleanRoom, QueryFailedError
from segment_assets.clean_room.privacy import report
from segment_assets.clean_room.privacy.ledger import Statement
from segment_assets.clean_room.privacy.service import NoiseService
from segment_assets.clean_room.privacy.template import BudgetTemplate, from_config
from segment_assets.clean_room.reasons import RULE_OF, Finding
from segment_assets.clean_room.shares import sentences as weighed
from segment_assets.clean_room.tables import DIFFERENCING, QUERY_LOG, RELEASED_GROUPS

_STYLES = {"ACCEPT": "green", "WARN": "yellow", "REJECT": "red"}


def check(
    console: Console,
    text: str,
    *,
    runner: str | None = None,
    template: str | None = None,
    values: Mapping[str, str] | None = None,
    strict: bool = False,
    as_json: bool = False,
) -> bool:
    """Judge a query offline; true where it may run: by its rules, and on one machine by the engine too."""
    collaboration, state = _state(runner, template, values or {}, strict=strict)
    found = judge(text, collaboration, state)
    near = suggest.rewrite(text, collaboration, state) if found.verdict.decision == "REJECT" else None
    if deployment.chosen() == "embedded":
        found = dry_run.tried(found)
    if as_json:
        _json(console, {**_verdict(found), "rewrite": near})
    else:
        _tell(console, found)
        if near:
            console.print("This would be accepted; whether it asks what you mean is yours to see:", soft_wrap=True)
            console.print(near, markup=False, soft_wrap=True)
    return found.verdict.decision != "REJECT"


def explain(console: Console, text: str, *, runner: str | None = None, as_json: bool = False) -> bool:
    """Show what would run, what is added to it, and which columns leave."""
    collaboration, state = _state(runner, None, {})
    found = judge(text, collaboration, state)
    if found.verdict.decision == "REJECT":
        _tell(console, found)
        return False
    told = explained.explain(found, _bounds_of(text))
    if as_json:
        _json(console, {**_verdict(found), **told})
        return True
    _tell(console, found)
    for name, lines in told.items():
        console.print(f"{name.replace('_', ' ')}:", markup=False)
        for line in lines if isinstance(lines, list) else [lines]:
            console.print(f"  {line}", markup=False, soft_wrap=True)
    return True


def budget(console: Console, *, as_json: bool = False) -> bool:
    """Tell how many queries the newest day of the data has used, and how many are left."""
    config = segmentation.load()
    offered = _offered(config)
    log = deployment.resource(deployment.settings(config), "lake").read(QUERY_LOG)
    day, used = budgets.used(log)
    left = max(0, offered.queries_per_day - used)
    told: dict[str, Any] = {"day": day and day.isoformat(), "used": used, "left": left, "earlier": log.num_rows - used}
    standing, template = _privacy_budget(config, offered)
    service = _noise(config) if template and not standing else None
    paid_for = service.left() if service else []
    preview = service.preview(template) if service and template else []
    if template:
        of_service = {"label": report.THEIRS, "template": template.to_aws(), "aggregations": paid_for}
        of_service["preview"] = preview
        told["privacy_budget"] = report.statement(standing, template) if standing else of_service
    standings = _access(config, offered)
    if standings:
        told["access_budgets"] = [{**asdict(s), "left": s.left} for s in standings]
    if as_json:
        _json(console, told)
        return True
    of_day = f"on the data of {day}" if day else "so far"
    of_others = f"; {told['earlier']:,} more on the data of other days" if told["earlier"] else ""
    console.print(f"{used:,} of {offered.queries_per_day:,} protected queries used {of_day}, {left:,} left{of_others}")
    for one in standings:
        console.print(
            f"{one.table}: {one.used:,} of {one.budget:,} uses spent ({one.period}), {one.left:,} left", markup=False
        )
    if standing and template:
        for line in report.lines(standing, template):
            console.print(line, markup=False, soft_wrap=True)
    elif template:
        for line in report.of_service(paid_for, template, preview):
            console.print(line, markup=False, soft_wrap=True)
    return True


def _access(config: segmentation.Segmentation, offered: collaboration_config.Collaboration) -> Sequence[Standing]:
    if not any(t.access_budget for t in offered.configured_tables.values()):
        return ()
    room: CleanRoom = deployment.resource(deployment.settings(config), "clean_room")
    return room.access(clean_room.declared(config, offered))


def warnings(console: Console, *, as_json: bool = False) -> bool:
    """Tell the owner of the data what the differencing monitor noticed; true where that is nothing."""
    config = segmentation.load()
    _offered(config)
    found = deployment.resource(deployment.settings(config), "lake").read(DIFFERENCING).to_pylist()
    told = [{**row, **{k: json.loads(row[k]) for k in ("conditions", "close_to")}} for row in found]
    if as_json:
        _json(console, told)
        return not any(row["warnings"] for row in told)
    for line in sentences(told):
        console.print(line, markup=False, soft_wrap=True)
    return not any(row["warnings"] for row in told)


def shares(console: Console, *, as_json: bool = False) -> bool:
    """Tell the owner of the data how much of each row that left is one person, and how much the runner's."""
    config = segmentation.load()
    _offered(config)
    found = deployment.resource(deployment.settings(config), "lake").read(RELEASED_GROUPS).to_pylist()
    if as_json:
        _json(console, found)
        return True
    for line in weighed(found):
        console.print(line, markup=False, soft_wrap=True)
    console.print(f"{len(found):,} rows of results looked at")
    return True


def conformance(console: Console, path: Path, *, as_json: bool = False) -> bool:
    """Run a file of cases; true where every one agrees."""
    found = cases.run(cases.load(path))
    wrong = [o for o in found if not o.agrees]
    total, agreed = Counter(o.family for o in found), Counter(o.family for o in found if o.agrees)
    if as_json:
        families = {f: {"cases": n, "agree": agreed[f]} for f, n in sorted(total.items())}
        told = {"cases": len(found), "agree": len(found) - len(wrong), "families": families}
        _json(console, {**told, "disagreements": [asdict(o) for o in wrong]})
        return not wrong
    for family, number in sorted(total.items()):
        console.print(f"{family:<8} {agreed[family]:>4} of {number:>4} agree", markup=False)
    for o in wrong:
        line = f"{o.id}: expected {' '.join(o.expected)}, found {' '.join(o.found)}: {o.message}"
        console.print(line, style="red", markup=False, soft_wrap=True)
    console.print(f"{len(found) - len(wrong):,} of {len(found):,} cases agree")
    return not wrong


def _privacy_budget(
    config: segmentation.Segmentation, offered: collaboration_config.Collaboration
) -> tuple[Statement | None, BudgetTemplate | None]:
    if offered.privacy_budget is None:
        return None, None
    template = from_config(offered.privacy_budget)
    try:
        ledger = deployment.resource(deployment.settings(config), "clean_room").ledger
    except QueryFailedError:
        return None, template
    return ledger.statement(offered.name, template), template


def _noise(config: segmentation.Segmentation) -> NoiseService | None:
    room: CleanRoom = deployment.resource(deployment.settings(config), "clean_room")
    return room.noise


def _state(
    runner: str | None, template: str | None, values: Mapping[str, str], *, strict: bool = False
) -> tuple[Collaboration, Circumstances]:
    config = segmentation.load()
    offered = _offered(config)
    collaboration = clean_room.declared(config, offered)
    members = (collaboration.runner, collaboration.provider)
    if runner and runner not in members:
        raise CollaborationError(f'no member is called "{runner}" {segmentation.nearest(runner, members)}')
    collaboration = replace(collaboration, runner=runner or collaboration.runner)
    state = replace(PLAIN, privacy_budget=clean_room.privacy_budget(offered), strict=strict)
    if template is None:
        return collaboration, state
    if (known := collaboration.templates.get(template)) is None:
        hint = segmentation.nearest(template, collaboration.templates)
        raise CollaborationError(f'segmentation.yaml: collaboration.templates: none is called "{template}" {hint}')
    return collaboration, replace(state, run=Run(template, known.creator, values))


def _offered(config: segmentation.Segmentation) -> collaboration_config.Collaboration:
    if config.collaboration is None:
        raise CollaborationError(
            "segmentation.yaml: no collaboration is declared, so there are no rules to check against"
        )
    return config.collaboration


def _bounds_of(text: str) -> Mapping[str, tuple[float, float]]:
    """What is declared beside a query of segmentation.yaml that has this text."""
    queries = _offered(segmentation.load()).queries.values()
    return next((query.bounds for query in queries if (query.sql or "").split() == text.split()), {})


def _verdict(found: Checked) -> dict[str, Any]:
    verdict = found.verdict
    return {
        "verdict": verdict.decision,
        "reason_code": verdict.code,
        "findings": [{**asdict(f), "rule": _rule(f)} for f in verdict.findings],
    }


def _tell(console: Console, found: Checked) -> None:
    verdict = found.verdict
    console.print(f"{verdict.decision} {verdict.code}", style=_STYLES[verdict.decision], markup=False)
    for finding in verdict.findings:
        rule = f" ({_rule(finding)})" if _rule(finding) else ""
        console.print(f"  {finding}{rule}", markup=False, soft_wrap=True)


def _rule(finding: Finding) -> str:
    return finding.rule or RULE_OF.get(finding.code, "")


def _json(console: Console, told: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> None:
    console.print(json.dumps(told, indent=2), markup=False, soft_wrap=True)
