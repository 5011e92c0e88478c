"""The query budget: a query is charged once per content, before it runs, however often it is tried again."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from segment_assets.clean_room.tables import QUERY_LOG


class BudgetExhaustedError(Exception):
    """The queries of this day of the data are used up."""


@dataclass(frozen=True)
class Entry:
    """One row of the query log; `QUERY_LOG` says what each field means."""

    content_key: str
    query: str
    as_of: date
    rule_type: str
    tables: str
    query_text: str
    status: str = "STARTED"


def content_key(text: str, rules: str, inputs: Mapping[str, str], *more: str) -> str:
    """Equal when, and only when, the result must be: the query, the rules it rests on, and its inputs' versions."""
    return hashlib.sha256(json.dumps([text, rules, dict(sorted(inputs.items())), *more]).encode()).hexdigest()[:32]


def charge(log: pa.Table, entry: Entry, per_day: int) -> pa.Table:
    """The log with the query in it; unchanged where this content was charged before.

    Raises:
        BudgetExhaustedError: the day's queries are used up.
    """
    if status(log, entry.content_key):
        return log
    today = log.filter(pc.equal(log["as_of"], pa.scalar(entry.as_of, pa.date32())))
    if today.num_rows >= per_day:
        raise BudgetExhaustedError(
            f"ACCESS_BUDGET_EXHAUSTED: {today.num_rows} protected queries ran on the data of {entry.as_of}, and "
            f"segmentation.yaml: collaboration.queries_per_day allows {per_day}; wait for newer data, or allow more"
        )
    return _with(log, entry)


def used(log: pa.Table) -> tuple[date | None, int]:
    """The newest day of the data that a query ran on, and how many ran on it."""
    day = pc.max(log["as_of"]).as_py() if log.num_rows else None
    return day, 0 if day is None else pc.sum(pc.equal(log["as_of"], pa.scalar(day, pa.date32()))).as_py()


def close(log: pa.Table, entry: Entry, outcome: str) -> pa.Table:
    """The log with the query's outcome, SUCCESS or FAILED."""
    others = log.filter(pc.not_equal(log["content_key"], entry.content_key))
    charged_on = log.filter(pc.equal(log["content_key"], entry.content_key))["as_of"].to_pylist()
    return _with(others, replace(entry, status=outcome, as_of=(charged_on or [entry.as_of])[0]))


def status(log: pa.Table, key: str) -> str | None:
    """What is known of a content: STARTED, SUCCESS or FAILED; None where it was never charged."""
    found = log.filter(pc.equal(log["content_key"], key))["status"].to_pylist()
    return str(found[0]) if found else None


def _with(log: pa.Table, entry: Entry) -> pa.Table:
    rows = pa.Table.from_pylist([asdict(entry)], QUERY_LOG.schema)
    return pa.concat_tables([log.cast(QUERY_LOG.schema), rows])
