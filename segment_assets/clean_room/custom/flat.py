"""Custom queries of one SELECT over configured tables: they can be rewritten and kept as list queries are."""

from sqlglot import exp

from segment_assets.clean_room import names, surface
from segment_assets.clean_room.collaboration import Collaboration
from segment_assets.clean_room.custom import privacy
from segment_assets.clean_room.custom.check import Accepted
from segment_assets.clean_room.names import Resolved

# Beside what list and aggregation rules allow.
_MORE = (exp.Min, exp.Max, exp.Case, exp.If)
_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Neg)
_BY_NAME = ("GETDATE", "TRUNC", "DATE_PART", "ISNULL", "ISNOTNULL")
_RAISE_NOTHING = (
    exp.AggFunc, exp.Connector, exp.Cast, exp.TryCast, exp.Coalesce, exp.Case, exp.If, exp.Round, exp.Ceil, exp.Floor,
)  # fmt: skip


def resolved(accepted: Accepted, collaboration: Collaboration) -> Resolved | None:
    """The canonical form of a flat query; None where it is not flat, or uses what the rewrite does not know."""
    tree = accepted.program.final
    if accepted.program.cached or not isinstance(tree, exp.Select) or not _counts_rows_only(tree):
        return None
    if any(privacy.is_private(table) for table in accepted.tables):
        return None  # nothing of such a table is run without noise
    relations = [c.this for c in (tree.args.get("from_"), *(tree.args.get("joins") or ())) if c is not None]
    if not relations or not all(isinstance(r, exp.Table) and r.name.lower() in collaboration.tables for r in relations):
        return None
    if any(isinstance(n, exp.Query) and n is not tree for n in tree.walk()):
        return None
    if any(j.args.get("using") or j.method for j in tree.args.get("joins") or ()) or tree.args.get("offset"):
        return None
    for node in tree.walk(prune=lambda n: isinstance(n, exp.Hint)):
        if type(node) not in surface.ALLOWED and not isinstance(node, (*_MORE, exp.Hint, exp.Star)):
            return None
        if isinstance(node, exp.Anonymous) and node.name.upper() not in _BY_NAME:
            return None
    if _computes_with_an_alias(tree):
        return None  # the rewrite would take a column of that name
    if any(n.find(exp.AggFunc) for n in tree.find_all(exp.Func, *_ARITHMETIC) if not isinstance(n, _RAISE_NOTHING)):
        return None  # it may raise, and TRY takes no aggregate: it is computed around the groups
    found, wrong = names.resolve(tree, collaboration)
    return None if wrong else found


def _computes_with_an_alias(tree: exp.Select) -> bool:
    aliases = {item.alias.lower() for item in tree.expressions if isinstance(item, exp.Alias)}
    terms = tree.args["order"].expressions if tree.args.get("order") else []
    inside = [c for term in terms for c in term.this.find_all(exp.Column) if c is not term.this and not c.table]
    return any(c.name.lower() in aliases for c in inside)


def _counts_rows_only(tree: exp.Expr) -> bool:
    """Whether every star is that of COUNT(*), and there is no window."""
    return tree.find(exp.Window) is None and all(isinstance(s.parent, exp.Count) for s in tree.find_all(exp.Star))
