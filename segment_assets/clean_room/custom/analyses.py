"""Who may run what: every table must allow the analysis, by the template's name or by its author."""

from collections.abc import Iterator

from segment_assets.clean_room.circumstances import Circumstances
from segment_assets.clean_room.collaboration import Collaboration, ConfiguredTable
from segment_assets.clean_room.custom_rule import ANY_QUERY, Custom
from segment_assets.clean_room.reasons import Finding


def check(tables: list[ConfiguredTable], collaboration: Collaboration, state: Circumstances) -> Iterator[Finding]:
    """Tables that do not allow this analysis."""
    author = collaboration.account(state.run.creator if state.run else collaboration.runner)
    for name, rule in sorted({t.name: t.rule for t in tables}.items()):
        if isinstance(rule, Custom) and not _allowed(rule, author, collaboration, state):
            yield _refused(name, rule, state)


def receivers(tables: list[ConfiguredTable], collaboration: Collaboration, state: Circumstances) -> Iterator[Finding]:
    """Receivers of the result that a table does not allow."""
    wanted = {collaboration.account(r) for r in state.receivers or (collaboration.runner,)}
    for name, table in sorted({t.name: t for t in tables}.items()):
        rule = table.rule
        lists = [table.result_receivers, rule.allowed_result_receivers if isinstance(rule, Custom) else None]
        for allowed in lists:
            if allowed is not None and not wanted <= {collaboration.account(r) for r in allowed}:
                message = f"{name} does not allow every receiver of this result"
                yield Finding("RESULT_RECEIVER_NOT_ALLOWED", message, rule=f"{name}.allowedResultReceivers")
        if isinstance(rule, Custom) and rule.user_column and collaboration.account(table.owner) in wanted:
            message = f"{name} is under differential privacy, and its owner can't receive results of its own table"
            yield Finding("RESULT_RECEIVER_NOT_ALLOWED", message, rule=f"{name}.differentialPrivacy")


def _allowed(rule: Custom, author: str, collaboration: Collaboration, state: Circumstances) -> bool:
    if state.run and state.run.arn in rule.allowed_analyses:
        return True
    authors = {collaboration.account(p) for p in rule.allowed_analysis_providers or ()}
    return ANY_QUERY in rule.allowed_analyses and author in authors


def _refused(name: str, rule: Custom, state: Circumstances) -> Finding:
    if state.run:
        message = f"{name} does not allow this analysis template"
    elif ANY_QUERY in rule.allowed_analyses:
        message = f"{name} allows queries of other authors than this one"
    else:
        message = f"{name} allows analysis templates alone, and this is free text"
    return Finding("ANALYSIS_NOT_ALLOWED", message, rule=f"{name}.allowedAnalyses")
