"""Whom a segment asks for: `where`, a condition over scores and features, and `top`, the highest scores."""

from collections.abc import Collection

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from segment_assets import sql
from segment_assets.lake import Table
from segment_assets.modelling.tables import FEATURES
from segment_assets.segmentation import ConfigError, Segment, Target
from segment_assets.sql.running import operands, refuse_no_condition, running

EVERYONE = 2**62


def columns(target: Target, features: Collection[str]) -> list[str]:
    """What `where` may name, all at the newest cutoff.

    `score`, and the same number as `probability` (absence, presence) or `value` (value); `decile`, 1 is the highest
    tenth; `percentile`, the percentage of scored customers with this score or a lower one, 100 is the highest, both
    among customers alone; and every feature. A name of a score hides a feature of the same name.
    """
    named = "value" if target.kind == "value" else "probability"
    own = ["score", named, "decile", "percentile"]
    return own + sorted(set(features) - set(own) - set(FEATURES.schema.names))


def condition(name: str, segment: Segment, target: Target, features: Collection[str]) -> exp.Expr:
    """`where` as a tree in which every column names its side: `s` the scores, `f` the features.

    Raises:
        ConfigError: it does not parse, names an unknown column (the nearest is given), or uses what it may not.
    """
    if segment.where is None:
        return exp.true()
    known = columns(target, features)
    try:
        tree = sql.predicate(segment.where, known)
    except sql.SqlError as bad:
        raise ConfigError(f"segmentation.yaml: segments.{name}.where: {bad}") from bad
    scored = set(known[:4])
    return tree.transform(lambda node: _on_its_side(node, scored))


def ranked_scores(db: duckdb.DuckDBPyConnection, scores: Table, name: str) -> pa.Table:
    """`customer_id`, `score`, `as_of`, `decile`, `percentile` of every customer who was scored, by customer.

    Args:
        db: sees the target's scores and `customers`.
        scores: the target's scores: also those of ids that are no customers.
        name: the segment's, by which ties go.
    """
    tree = sql.load(__package__, "ranked_scores")
    for table in tree.find_all(exp.Table):
        if table.name == "customer_scores":
            table.set("this", exp.to_identifier(scores.short_name))
    return db.sql(sql.to_duckdb(sql.bind(tree, {"salt": _salt(name)}))).to_arrow_table()


def query(where: exp.Expr, top: float | None, name: str) -> exp.Expr:
    """The query for the customers asked for, in order.

    Args:
        where: from `condition`.
        top: a share below 1 (rounded up to a whole customer), a number of customers, or None for all.
        name: the segment's, by which ties go.
    """
    number, share = (EVERYONE, 1.0) if top is None else (int(top), 1.0) if top >= 1 else (EVERYONE, top)
    tree = sql.load(__package__, "selection")
    for node in list(tree.find_all(exp.Placeholder)):
        if node.name == "condition":
            node.replace(exp.paren(where))
    return sql.bind(tree, {"share": share, "number": number, "salt": _salt(name)})


def select(db: duckdb.DuckDBPyConnection, name: str, segment: Segment, target: Target) -> pa.Table:
    """Customers the segment asks for, whether or not they may be reached: `customer_id`, `score`, `tied`, in order.

    `tied` is how many of those that `where` leaves have the very same score. Which of them `top` takes goes by a hash
    of segment and customer: the same day after day, and another for each segment.

    Args:
        db: sees `ranked_scores` and `features`.
        name: the segment's name, for the error.
        segment: whom to ask for.
        target: what was scored.

    Raises:
        ConfigError: `where` is no condition over these columns.
    """
    where = condition(name, segment, target, db.table("features").columns)
    tree = query(where, segment.top, name)
    try:
        with running(segment.where or "TRUE"):
            refuse_no_condition(db, _operands(where), segment.where or "TRUE")
            return db.sql(sql.to_duckdb(tree)).to_arrow_table()
    except sql.SqlError as bad:
        raise ConfigError(f"segmentation.yaml: segments.{name}.where: {bad}") from None


def drawn_by_lot(asked: pa.Table) -> str | None:
    """That most of the places of `top` were drawn by lot; None where scores tell customers apart.

    Args:
        asked: from `select`.
    """
    if not asked.num_rows:
        return None
    edge = asked.filter(pc.equal(asked["score"], pc.min(asked["score"])))
    tied, taken = edge["tied"][0].as_py(), edge.num_rows
    if taken == tied or tied <= asked.num_rows:
        return None
    return (
        f"{taken:,} of the {asked.num_rows:,} customers that `top` asks for were drawn by lot from {tied:,} with the "
        "same score: the model does not tell them apart"
    )


def _salt(name: str) -> str:
    return f"ties of {name}: "


def _operands(where: exp.Expr) -> exp.Expr:
    """The query that tells of each customer who was scored what the parts of the condition are."""
    tree = sql.load(__package__, "selection")
    asked = next(cte.this for cte in tree.find_all(exp.CTE) if cte.alias == "asked")
    asked.set("expressions", operands(where))
    asked.set("where", None)
    tree.set("expressions", [exp.Star()])
    tree.set("where", None)
    tree.set("order", None)
    return tree


def _on_its_side(node: exp.Expr, scored: Collection[str]) -> exp.Expr:
    if isinstance(node, exp.Column):
        return exp.column(exp.to_identifier(node.name, quoted=True), table="s" if node.name in scored else "f")
    return node
