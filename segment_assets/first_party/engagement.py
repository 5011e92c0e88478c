"""Engagement events from raw events: only days are made again whose outcome can differ."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from math import ceil
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from segment_assets.first_party import staged_events
from segment_assets.first_party.engagement_days import Again, Finer, Share, divide, finish, stage
from segment_assets.first_party.errors import LandingError
from segment_assets.first_party.formats import Format
from segment_assets.first_party.heard import remember
from segment_assets.first_party.tables import ARRIVAL_DAYS, ENGAGEMENT_EVENTS, RAW_EVENTS
from segment_assets.lake import Lake, Written, combined
from segment_assets.lake.parts import Part, joined
from segment_assets.lake.private import private_folder
from segment_assets.lake.workers import one_ahead, spread
from segment_assets.sql import bind, load, to_duckdb

# Copies are searched in the 96 hours before: 72 for carriers' receipts, 24 for Firehose's retries.
WINDOW = 4
# Records whose days are written in one commit: they wait on disk.
CHUNK = 500_000
# Records that are looked at for nothing, rather than that the days before and behind them have a commit each.
IN_VAIN = 50_000
# Records that are read again at a time, and of which more are worth a second process.
PART = 6_000
# Events that are put in order at once: they take 1 KB each, several times over.
WHOLE_DAY = 20_000
# Records among which copies are looked for at once: DuckDB holds 200 bytes of each. Each time all ids are read.
AT_ONCE = 250_000


def stale_days(raw: Mapping[str, str], made_from: Mapping[str, str], code: str) -> dict[str, str]:
    """Days whose events can differ from those in the table, with the version of what they are to be made from.

    Args:
        raw: day -> content version of raw_events.
        made_from: the same as this function gave it, for the days in the table.
        code: version of the code and configuration.
    """
    wanted = {day: _made_from(raw, date.fromisoformat(day), code) for day in sorted(raw)}
    return {day: version for day, version in wanted.items() if made_from.get(day) != version}


def _within(days: Mapping[str, str], asked: tuple[date, date]) -> dict[str, str]:
    found = {day: version for day, version in days.items() if str(asked[0]) <= day <= str(asked[1])}
    if not found:
        there = f"name days from {min(days)} to {max(days)}" if days else "materialise raw_events first"
        raise LandingError(
            f"engagement_events: nothing arrived on the days from first_day to last_day: {there}; nothing was made"
        )
    return found


def days_to_make(lake: Lake, code: str, asked: tuple[date, date] | None = None) -> dict[str, str]:
    """Days that `update` makes again, with what they are to be made from; arguments and what it raises as there."""
    return _to_make(lake, lake.state(RAW_EVENTS).versions, code, asked)


def _to_make(lake: Lake, raw: Mapping[str, str], code: str, asked: tuple[date, date] | None) -> dict[str, str]:
    stale = stale_days(raw, {} if asked else lake.inputs(ENGAGEMENT_EVENTS), code)
    return _within(stale, asked) if asked else stale


def update(
    lake: Lake, form: Format, code: str, run_id: str, asked: tuple[date, date] | None = None
) -> tuple[Written, int]:
    """Make the stale days again: the table as it is then, and how many days were made.

    Args:
        lake: with raw events.
        form: what their records mean.
        code: version of the code and configuration.
        run_id: recorded in the snapshots.
        asked: first and last of the days that are to be made again, stale or not, and no other.

    Raises:
        LandingError: no day is among those that are asked for.
        CommitFailedException: another run made one of them meanwhile, perhaps from newer raw events.
    """
    before, raw = lake.state(ENGAGEMENT_EVENTS), lake.state(RAW_EVENTS).versions
    stale = _to_make(lake, raw, code, asked)
    as_of = lake.as_of(RAW_EVENTS)
    if not stale and not before.versions:
        lake.write(ENGAGEMENT_EVENTS, ENGAGEMENT_EVENTS.empty(), run_id, partitions=[], as_of=as_of)
    fields = lake.file_schema(ENGAGEMENT_EVENTS)
    good = _good_records(lake)
    with private_folder(lake.scratch) as folder:
        made = (
            _Chunk(lake, form, code, raw, good, fields, folder / str(days[0])).made(days)
            for days in _chunks(good, [date.fromisoformat(day) for day in stale])
        )
        with closing(one_ahead(made)) as ahead:
            for parts in ahead:
                made_from = {str(day): stale[str(day)] for day in parts}
                # First, so that a kill between the two loses nobody's no.
                remember(lake, parts, run_id)
                lake.replace(ENGAGEMENT_EVENTS, parts, run_id, inputs=made_from, as_of=as_of, replacing=before)
                staged_events.forget(lake.scratch, list(parts))
                shutil.rmtree(folder / str(next(iter(parts))))
    return lake.state(ENGAGEMENT_EVENTS), len(stale)


@dataclass(frozen=True)
class _Chunk:
    """Some days on their way from raw events to files for the table.

    Attributes:
        lake: with raw events.
        form: what their records mean.
        code: version of the code and configuration.
        raw: content version of each day of raw events.
        good: records of each day.
        fields: columns of engagement_events, with field ids.
        folder: private, for the files; made here.
    """

    lake: Lake
    form: Format
    code: str
    raw: Mapping[str, str]
    good: Mapping[date, int]
    fields: pa.Schema
    folder: Path

    def made(self, days: list[date]) -> dict[date, Part]:
        """Files of each day."""
        self.folder.mkdir()
        staged = {day: self._staged(day) for day in days}
        copied = copies(self.lake, days, self.good)
        found = {day: self._ready(day, staged[day], copied) for day in days}
        rest = [day for day in days if not found[day]]
        shares = [share for day in rest for share in self._shares(day, staged[day], copied)]
        for day, part in spread(finish, shares, worthwhile=sum(self.good.get(day, 0) for day in rest) > PART):
            found[day].append(part)
        return {day: joined(ENGAGEMENT_EVENTS.schema, parts) for day, parts in found.items()}

    def _staged(self, day: date) -> list[Path]:
        """The day's events as they were kept when its records were read; else the records are read again."""
        if kept := staged_events.kept(self.lake.scratch, day, self.raw[str(day)], self.code):
            return kept
        records = self.good.get(day, 0)
        shares = min(max(ceil(records / WHOLE_DAY), 1), staged_events.SHARES)
        parts = (
            Again(rows, self.folder / f"{day}-{number:06}.arrow", shares)
            for number, rows in enumerate(_records(self.lake, day))
        )
        return list(spread(partial(stage, self.form), parts, worthwhile=records > PART))

    def _ready(self, day: date, staged: list[Path], copied: pa.Table) -> list[Part]:
        """The day's file as it was written when the day was read whole; none where a copy came on an earlier day.

        Copies within the day were left out then.
        """
        from_before = pc.and_(
            pc.equal(copied["arrival_date"], pa.scalar(day, pa.date32())),
            pc.less(copied["copied_from"], copied["arrival_date"]),
        )
        whole = staged_events.whole(staged[0]) if len(staged) == 1 else None
        return [whole] if whole and not pc.any(from_before).as_py() else []

    def _shares(self, day: date, staged: list[Path], copied: pa.Table) -> Iterator[Share]:
        its = copied.filter(pc.equal(copied["arrival_date"], pa.scalar(day, pa.date32())))
        batches = self._batches(day, staged) if staged else []
        shares = len(batches)
        for number, (files, batch) in enumerate(batches):
            start, end = (staged_events.floor(n, shares) for n in (number, number + 1))
            mine = pc.and_(pc.greater_equal(its["event_id"], start), pc.less(its["event_id"], end))
            few = its.filter(mine).combine_chunks()
            yield Share(day, number, shares, files, batch, few, self.fields, self.folder)

    def _batches(self, day: date, staged: list[Path]) -> list[tuple[list[Path], int]]:
        """Where each share of the day lies: in which batch of which files. Too large ones are divided."""
        shares, events = staged_events.shares_of(staged[0]), self.good.get(day, 0)
        into = ceil(events / shares / WHOLE_DAY)
        if into <= 1:
            return [(staged, share) for share in range(shares)]
        # As many files as hold about as many events of a share as are put in order at once.
        each = ceil(WHOLE_DAY * shares * len(staged) / events)
        some = [staged[start : start + each] for start in range(0, len(staged), each)]
        finer = (
            Finer(files, share, into, into * shares, self.folder / f"{day}-{share:03}-{number:03}.arrow")
            for share in range(shares)
            for number, files in enumerate(some)
        )
        made = list(spread(divide, finer, worthwhile=events > PART))
        by_share = [made[start : start + len(some)] for start in range(0, len(made), len(some))]
        return [(files, batch) for files in by_share for batch in range(into)]


def copies(lake: Lake, days: list[date], good: Mapping[date, int]) -> pa.Table:
    """Which records of the days are copies of earlier ones: arrival_date, event_id, object_key, position, copied_from.

    Args:
        lake: with raw events.
        days: neighbours.
        good: records of each day, to know how many can be looked at at once.
    """
    first, last = min(days) - timedelta(days=WINDOW), max(days)
    shares = max(ceil(sum(count for day, count in good.items() if first <= day <= last) / AT_ONCE), 1)
    wanted, tree = pa.table({"arrival_date": pa.array(days, pa.date32())}), load("segment_assets.first_party", "copies")
    found = []
    with lake.connect(RAW_EVENTS, between=(first, last), wanted_days=wanted) as db:
        for share in range(shares):
            start, end = (staged_events.floor(number, shares) for number in (share, share + 1))
            bound = bind(tree, {"first": first, "last": last, "window": WINDOW, "from_id": start, "to_id": end})
            found.append(db.sql(to_duckdb(bound)).to_arrow_table())
    return pa.concat_tables(found)


def _records(lake: Lake, day: date) -> Iterator[pa.Table]:
    """Rows of raw_events of a day, some at a time; none at least."""
    tree = bind(load("segment_assets.first_party", "records_of_day"), {"day": day})
    with lake.connect(RAW_EVENTS, between=(day, day)) as db:
        held, rows = [RAW_EVENTS.empty()], 0
        for batch in db.sql(to_duckdb(tree)).to_arrow_reader(PART):
            held.append(pa.Table.from_batches([batch]).cast(RAW_EVENTS.schema))
            rows += batch.num_rows
            if rows >= PART:
                yield pa.concat_tables(held).combine_chunks()
                held, rows = [RAW_EVENTS.empty()], 0
        yield pa.concat_tables(held).combine_chunks()


def _made_from(raw: Mapping[str, str], day: date, code: str) -> str:
    window = (str(day - timedelta(days=back)) for back in range(WINDOW + 1))
    # The code stands apart: which days another mapping made can be told without what they were made from.
    return f"{code}:{combined({d: raw[d] for d in window if d in raw})}"


def _good_records(lake: Lake) -> dict[date, int]:
    good = lake.read(ARRIVAL_DAYS, ["arrival_date", "good"])
    return dict(zip(good["arrival_date"].to_pylist(), good["good"].to_pylist(), strict=True))


def _chunks(good: Mapping[date, int], days: list[date]) -> Iterator[list[date]]:
    """The days some at a time: no more records than wait on disk, and not many between them that are none of theirs."""
    chunk: list[date] = []
    held = 0
    for day in sorted(days):
        if chunk and (held + good.get(day, 0) > CHUNK or _between(good, chunk[-1], day) > IN_VAIN):
            yield chunk
            chunk, held = [], 0
        chunk.append(day)
        held += good.get(day, 0)
    if chunk:
        yield chunk


def _between(good: Mapping[date, int], day: date, next_day: date) -> int:
    """Records of the days between two, but for those in which copies of the second are looked for anyway."""
    first = next_day - timedelta(days=WINDOW)
    return sum(count for other, count in good.items() if day < other < first)
