"""A query that would be accepted, near to one that was refused: what is shown beside the verdict, never run."""

from collections.abc import Callable
from difflib import get_close_matches

from sqlglot import exp

from segment_assets.clean_room.aws_text import DOCUMENTED
from segment_assets.clean_room.checker import check
from segment_assets.clean_room.circumstances import PLAIN, Circumstances
from segment_assets.clean_room.collaboration import Collaboration
from segment_assets.clean_room.dialect import WRITTEN
from segment_assets.clean_room.program import Program, parse

_TRIES = 4


def rewrite(text: str, collaboration: Collaboration, state: Circumstances = PLAIN) -> str | None:
    """The query with what was wrong mended, where that is known and the result is accepted."""
    try:
        return _mended(text, collaboration, state)
    except RecursionError:  # what is nested so deeply is refused for that, and can't be written anew
        return None


def _mended(text: str, collaboration: Collaboration, state: Circumstances) -> str | None:
    for _ in range(_TRIES):
        verdict = check(text, collaboration, state).verdict
        if verdict.decision == "ACCEPT":
            return text
        program = parse(text)
        mend = _MENDS.get(verdict.code)
        if mend is None or not isinstance(program, Program) or program.cached:
            return None
        mend(program.final, collaboration)
        mended = DOCUMENTED.generate(program.final, pretty=True)
        if mended == text:
            return None
        text = mended
    return None


def _distinct(tree: exp.Expr, collaboration: Collaboration) -> None:
    if isinstance(tree, exp.Select):
        tree.set("distinct", exp.Distinct())


def _unlimited(tree: exp.Expr, collaboration: Collaboration) -> None:
    for query in tree.find_all(exp.Select, exp.SetOperation):
        query.set("limit", None)
        query.set("offset", None)


def _bare(tree: exp.Expr, collaboration: Collaboration) -> None:
    grouped = tree.find(exp.AggFunc) is not None
    for clause in ("distinct",) if grouped else ("order", "group", "having"):
        tree.set(clause, None)


def _inner(tree: exp.Expr, collaboration: Collaboration) -> None:
    for join in tree.find_all(exp.Join):
        if join.args.get("on") is not None:
            join.set("side", None)
            join.set("kind", None)


def _with_on(tree: exp.Expr, collaboration: Collaboration) -> None:
    for join in list(tree.find_all(exp.Join)):
        select = join.parent
        using, start = join.args.get("using"), select.args.get("from_") if select is not None else None
        if not using or start is None:
            continue
        left, right = start.this.alias_or_name, join.this.alias_or_name
        equal = [exp.EQ(this=exp.column(u.name, left), expression=exp.column(u.name, right)) for u in using]
        join.set("using", None)
        join.set("on", exp.and_(*equal))


def _near_column(tree: exp.Expr, collaboration: Collaboration) -> None:
    names = {n.name.lower() for n in tree.find_all(exp.Table)}
    known = {c for n in names if n in collaboration.tables for c in collaboration.tables[n].columns}
    for column in tree.find_all(exp.Column):
        if column.name.lower() not in known and (near := get_close_matches(column.name.lower(), sorted(known), n=1)):
            column.set("this", exp.to_identifier(near[0]))


def _near_table(tree: exp.Expr, collaboration: Collaboration) -> None:
    known = sorted(collaboration.tables)
    for table in tree.find_all(exp.Table):
        if table.name.lower() not in known and (near := get_close_matches(table.name.lower(), known, n=1)):
            table.set("this", exp.to_identifier(near[0]))


def _listed_names(tree: exp.Expr, collaboration: Collaboration) -> None:
    """UPPER for UCASE, COALESCE for NVL: of functions that are the same, the name that AWS's list has."""
    for call in tree.find_all(exp.Func):
        call.meta.pop(WRITTEN, None)


_MENDS: dict[str, Callable[[exp.Expr, Collaboration], None]] = {
    "DISTINCT_REQUIRED": _distinct,
    "LIMIT_NOT_ALLOWED": _unlimited,
    "DP_LIMIT_IN_CTE": _unlimited,
    "CLAUSE_NOT_ALLOWED": _bare,
    "JOIN_TYPE_NOT_ALLOWED": _inner,
    "JOIN_CONDITION_INVALID": _with_on,
    "DP_USING_NATURAL": _with_on,
    "SCALAR_FUNCTION_NOT_ALLOWED": _listed_names,
    "COLUMN_UNKNOWN": _near_column,
    "TABLE_NOT_ASSOCIATED": _near_table,
}
