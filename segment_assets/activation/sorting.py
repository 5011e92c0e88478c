"""Whom a destination would refuse: left out and counted, so that everybody else is told, and whoever left."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from segment_assets.activation.pinpoint_rules import Verdict
from segment_assets.activation.plan import WANTED
from segment_assets.activation.port import ActivationError, Sorted

NEWEST = "newest"  # column: 1 is the customer's newest endpoint
SHOWN = 3  # customers that a sentence names, by hash


def by_verdict(rows: pa.Table, verdict: Verdict, file: str) -> Sorted:
    """Part the rows by what the service would say of their file.

    Args:
        rows: `WANTED` and more columns, in the order of the file's rows.
        verdict: what it would say.
        file: the file's name, for the error.

    Raises:
        ActivationError: it would refuse the file as a whole.
    """
    if verdict.file:
        raise ActivationError(f"{file} would be refused as a whole, so nothing was sent: {verdict.file}")
    wrong = {problem.row - 1: problem.message for problem in verdict.refused}
    refused = defaultdict(list)
    for row, message in wrong.items():
        refused[message].append(rows["customer_id"][row].as_py())
    fine = [row not in wrong for row in range(rows.num_rows)]
    return Sorted(rows.filter(pa.array(fine, pa.bool_())).select(WANTED.names), dict(refused))


def newest(rows: pa.Table, most: int) -> tuple[pa.Table, dict[str, list[str]]]:
    """The newest endpoints of each customer, and of whom there were more, by the reason.

    Args:
        rows: with a column `newest` (see endpoints.sql); without one, all of them.
        most: endpoints of one customer that the service takes.
    """
    if NEWEST not in rows.column_names:
        return rows, {}
    few = pc.less_equal(rows[NEWEST], most)
    surplus = rows.filter(pc.invert(few))["customer_id"].to_pylist()
    reason = f"the customer has more than {most} endpoints, of which the newest {most} are told"
    return rows.filter(few), {reason: surplus} if surplus else {}


def sentence(destination: str, segment: str, refused: Mapping[str, list[str]]) -> str:
    """Who was left out and why, by hash: a customer's id may be a name. Empty where nobody was."""
    if not refused:
        return ""
    reasons = "; ".join(f"{reason} ({_who(customers)})" for reason, customers in sorted(refused.items()))
    return (
        f"{destination} would refuse {_count(sum(map(len, refused.values())), 'row')} of {segment}, so these were left "
        f"out and everything else was told: {reasons}. Mend them in the landing place; a number in brackets is the "
        "beginning of sha256(customer_id)"
    )


def _who(customers: list[str]) -> str:
    rows = Counter(hashlib.sha256(customer.encode()).hexdigest()[:12] for customer in customers)
    shown = ", ".join(sorted(rows)[:SHOWN]) + (", ..." if len(rows) > SHOWN else "")
    return f"{_count(len(customers), 'row')} of {_count(len(rows), 'customer')}: {shown}"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")
