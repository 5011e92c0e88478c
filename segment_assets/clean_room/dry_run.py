"""Whether the local engine runs an accepted query: asked over tables without rows, so of nobody's data."""

import re
from dataclasses import replace

import duckdb
import pyarrow as pa
from sqlglot import exp

from segment_assets.clean_room import custom_engine, runnable
from segment_assets.clean_room.checker import Checked
from segment_assets.clean_room.custom.privacy import is_private
from segment_assets.clean_room.dialect import SPARK
from segment_assets.clean_room.locked import connected
from segment_assets.clean_room.names import Resolved
from segment_assets.clean_room.port import QueryFailedError
from segment_assets.clean_room.reasons import Finding, verdict
from segment_assets.clean_room.rewrite import ANY_DAY, rewrite
from segment_assets.clean_room.runnable import Runnable
from segment_assets.clean_room.spark import NotExecutableError

_CALLED = re.compile(r"(?:argument types '|with name )\"?(\w+)")


def tried(checked: Checked) -> Checked:
    """A query with its verdict: refused where the engine of one machine does not run it.

    What runs with noise is left as it is: its way to run is another one.
    """
    if checked.custom is not None and any(is_private(t) for t in checked.custom.tables):
        return checked
    query = checked.resolved or checked.custom
    why = unrunnable(query) if query is not None else None
    if why is None:
        return checked
    found = [*checked.verdict.findings, Finding("FUNCTION_NOT_ALLOWED", why)]
    return replace(checked, verdict=verdict(found), resolved=None, custom=None)


def unrunnable(query: Runnable) -> str | None:
    """Why the engine does not run a query; None where it does."""
    empty = {t.name: _without_rows(dict(t.columns)) for t in runnable.tables(query)}
    try:
        made = rewrite(query, ANY_DAY) if isinstance(query, Resolved) else custom_engine.rewritten(query, ANY_DAY)
    except NotExecutableError as bad:
        return str(bad)
    except QueryFailedError as bad:
        return str(bad).removeprefix(f"{bad.code}: ")
    with connected(empty) as db:
        try:
            db.execute(made.sql)
        except duckdb.Error as bad:
            return not_taken(bad)
    return None


def not_taken(bad: duckdb.Error) -> str:
    """What a query over no rows fails for, in our words: the engine's are about its own tree."""
    called = _CALLED.search(str(bad))
    what = f": it has no {called[1].upper()} of values of these types" if called else ""
    return f"the local engine can't run it{what}: see to the types of what it computes with"


def _without_rows(columns: dict[str, str]) -> pa.Table:
    types = {name: exp.DataType.build(kind, dialect=SPARK).sql(dialect="duckdb") for name, kind in columns.items()}
    items = [exp.alias_(exp.cast(exp.Null(), kind), name, quoted=True) for name, kind in types.items()]
    with connected({}) as db:
        return db.sql(exp.select(*items).limit(0).sql(dialect="duckdb")).to_arrow_table()
