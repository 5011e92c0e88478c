"""The clean room's own cost: judging a query, tracing it, and running it under rules beside the plain SQL.

    python -m benchmarks.clean_room [CUSTOMERS AUDIENCE]

Judging: every case of the test suite, median and slowest. Running: 5 million customers and 1 million of the partner's
by default; the peer is the same SELECT as one writes it, in DuckDB with the same threads and memory, on the same Arrow
tables. The two are run in turn, and the best of each counts.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import duckdb
import pyarrow as pa
from rich.console import Console
from rich.table import Table

from segment_assets.clean_room import conformance
from segment_assets.clean_room.checker import check
from segment_assets.clean_room.collaboration import Collaboration, ConfiguredTable
from segment_assets.clean_room.embedded import EmbeddedCleanRoom
from segment_assets.clean_room.rewrite import ANY_DAY, rewrite
from segment_assets.clean_room.rules import from_aws
from segment_assets.sql import parse, trace

CASES = Path("segment_assets_tests/clean_room")
SIZES = (5_000_000, 1_000_000)
ROUNDS = 5
THREADS, MEMORY = 2, "2GB"
QUERIES = {
    "overlap, counted": "SELECT p.age_band, p.income_band, COUNT(DISTINCT c.email) AS customers "
    "FROM customers c JOIN audience p ON c.email = p.email GROUP BY p.age_band, p.income_band",
    "overlap, summed": "SELECT p.age_band, SUM(c.spend) AS spend, COUNT(DISTINCT c.email) AS customers "
    "FROM customers c JOIN audience p ON c.email = p.email WHERE p.income_band <> 'b3' GROUP BY p.age_band",
}
MINIMUM = {"columnName": "email", "minimum": 100, "type": "COUNT_DISTINCT"}


def judging() -> Table:
    """Milliseconds to check a case, and to rewrite it where it is accepted."""
    table = _table("Check and rewrite, ms", "file", "cases", "median", "95 %", "slowest")
    for path in sorted(CASES.glob("cases_*.yaml")):
        cases = conformance.load(path)
        cases.check(cases.cases[0])  # whatever is set up at the first use
        took = sorted(_milliseconds(lambda cases=cases, case=case: _judge(cases, case)) for case in cases.cases)
        numbers = (median(took), took[int(len(took) * 0.95)], took[-1])
        table.add_row(path.name, str(len(took)), *(f"{n:.1f}" for n in numbers))
    return table


def tracing(columns: int = 100) -> Table:
    """Seconds to trace a hundred columns through a nested query and a join."""
    wide = {name: {f"c{i}": "INT" for i in range(columns)} for name in ("t", "u")}
    inner = ", ".join(f"c{i} + c{(i + 1) % columns} AS d{i}" for i in range(columns))
    outer = ", ".join(f"MAX(q.d{i}) AS e{i}" for i in range(columns))
    tree = parse(f"SELECT {outer} FROM (SELECT c0 AS k, {inner} FROM t) q JOIN u ON q.k = u.c0 WHERE u.c1 > 0")
    took = median(_milliseconds(lambda: trace(tree, wide)) for _ in range(ROUNDS))
    table = _table("Lineage, ms", "columns", "median")
    table.add_row(str(columns), f"{took:.0f}")
    return table


def running(customers: int, audience: int) -> Table:
    """Seconds under the rules, and of the plain SQL."""
    data = {"customers": _people(customers, spend=True), "audience": _people(audience, spend=False)}
    collaboration = _collaboration()
    headers = ("query", "plain, s", "under the rules, s", "ratio", "CPU ratio")
    table = _table(f"Run: {customers:,} x {audience:,}", *headers)
    with tempfile.TemporaryDirectory() as scratch:
        room = EmbeddedCleanRoom(Path(scratch), MEMORY, THREADS)
        for name, text in QUERIES.items():
            resolved = check(text, collaboration).accepted()
            plain, ours = [], []
            for _ in range(ROUNDS):
                plain.append(_took(lambda text=text: _plainly(text, data)))
                ours.append(_took(lambda query=resolved: room.run(query, lambda t: data[t.name])))
            (wall, cpu), (our_wall, our_cpu) = (map(min, zip(*taken, strict=True)) for taken in (plain, ours))
            numbers = (wall / 1000, our_wall / 1000, our_wall / wall, our_cpu / cpu)
            table.add_row(name, *(f"{n:.2f}" for n in numbers))
    return table


def _judge(cases: conformance.Cases, case: dict) -> None:
    checked = cases.check(case)
    if checked.resolved is not None:
        rewrite(checked.resolved, ANY_DAY)


def _plainly(text: str, data: dict[str, pa.Table]) -> pa.Table:
    with duckdb.connect(config={"threads": THREADS, "memory_limit": MEMORY}) as db:
        for name, rows in data.items():
            db.register(name, rows)
        return db.sql(text).to_arrow_table()


def _people(rows: int, *, spend: bool) -> pa.Table:
    """Customers 0, 1, 2, ... and every second of them the partner's too."""
    step, extra = (1, "(i * 7919 % 100000) / 100.0 AS spend") if spend else (2, "NULL AS unused")
    with duckdb.connect() as db:
        return db.sql(
            f"SELECT sha256(CAST(i * {step} AS VARCHAR)) AS email, 'a' || (i * 31 % 6) AS age_band, "
            f"'b' || (i * 17 % 9) AS income_band, {extra} FROM range({rows}) t(i)"
        ).to_arrow_table()


def _collaboration() -> Collaboration:
    def table(name: str, owner: str, columns: dict[str, str], **rule: object) -> ConfiguredTable:
        policy = {"joinColumns": ["email"], "scalarFunctions": [], "outputConstraints": [MINIMUM], **rule}
        return ConfiguredTable(name, name, owner, columns, from_aws("AGGREGATION", policy))

    counted = {"columnNames": ["email"], "function": "COUNT_DISTINCT"}
    ours = table(
        "customers",
        "us",
        {"email": "STRING", "spend": "DOUBLE"},
        aggregateColumns=[counted, {"columnNames": ["spend"], "function": "SUM"}],
        dimensionColumns=[],
    )
    theirs = table(
        "audience",
        "them",
        {"email": "STRING", "age_band": "STRING", "income_band": "STRING"},
        aggregateColumns=[counted],
        dimensionColumns=["age_band", "income_band"],
    )
    return Collaboration("bench", "us", "them", {t.name: t for t in (ours, theirs)}, {}, {})


def _milliseconds(work: Callable[[], object]) -> float:
    return _took(work)[0]


def _took(work: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds on the wall, and of all processors."""
    started, spent = time.perf_counter(), time.process_time()
    work()
    return (time.perf_counter() - started) * 1000, (time.process_time() - spent) * 1000


def _table(title: str, *headers: str) -> Table:
    table = Table(title=title, title_justify="left", box=None)
    for header in headers:
        table.add_column(header, justify="left" if header == headers[0] else "right")
    return table


def main() -> None:
    """Print the three tables."""
    sizes = [int(a) for a in sys.argv[1:]] or SIZES
    console = Console(width=110)
    for table in (judging(), tracing(), running(*sizes)):
        console.print(table)


if __name__ == "__main__":
    main()
