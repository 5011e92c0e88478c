"""Landing objects to committed, normalised, deduplicated, quarantined Iceberg tables, beside two peers in the same run.

    python -m benchmarks.ingest [RECORDS...] [--skewed] [--alone]

The floor: the same bytes decompressed and cut into lines, with as many processes. The peer: the same work in pandas.
Every way runs in a process of its own, in an empty folder.
"""

import argparse
import gzip
import hashlib
import json
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from datetime import date, timedelta
from functools import partial
from os import cpu_count
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import events
from benchmarks.watch import measured


def ours(landing: Path, out: Path) -> int:
    """The pipeline's own code, as the assets call it."""
    from segment_assets.first_party import engagement, raw_events
    from segment_assets.first_party.deliveries import event_objects, landing_days
    from segment_assets.first_party.formats.choice import format_of
    from segment_assets.first_party.loading import load
    from segment_assets.first_party.tables import RAW_EVENTS
    from segment_assets.lake import FolderStore, Lake
    from segment_assets.lake.embedded import open_catalog
    from segment_assets.landing_config import EventsLanding

    where = EventsLanding(format="pinpoint")
    form, store = format_of(where), FolderStore(landing)
    lake = Lake(partial(open_catalog, out / "lake"), out / "scratch")
    objects = event_objects(store, where)
    days = [date.fromisoformat(day) for day in landing_days(form, objects, {})]
    for loaded in load(store, form, objects, days, lake.scratch):
        raw_events.write(lake, loaded, "benchmark", "1")
        assert all(count.nothing_lost for count in raw_events.verify(lake, loaded).values())
    written, _ = engagement.update(lake, form, "1", "benchmark")
    assert lake.state(RAW_EVENTS).rows >= written.rows
    return written.rows


def floor(landing: Path, out: Path) -> int:
    """Decompress and cut into lines, and nothing else."""
    with ProcessPoolExecutor(cpu_count()) as pool:
        return sum(pool.map(_lines, sorted(landing.rglob("*.gz"))))


def _lines(path: Path) -> int:
    from isal import igzip

    return len(igzip.decompress(path.read_bytes()).split(b"\n"))


def in_pandas(landing: Path, out: Path) -> int:
    """The same work as one would write it in pandas: day by day, with the same event_id."""
    import pandas as pd

    kept, rows = pd.DataFrame({"event_id": [], "arrival_date": []}, dtype=str), 0
    for day, paths in _days(landing).items():
        good, bad = [], []
        for path in paths:
            for position, line in enumerate(gzip.decompress(path.read_bytes()).split(b"\n")):
                if line:
                    _one(line, day, str(path), position, good, bad)
        frame = pd.DataFrame(good)
        _parquet(frame[["arrival_date", "object_key", "position", "event_id", "record"]], out / "raw" / day)
        if bad:
            _parquet(pd.DataFrame(bad), out / "quarantined" / day)
        recent = kept[kept["arrival_date"] >= str(date.fromisoformat(day) - timedelta(days=4))]
        frame = frame.drop_duplicates("event_id").loc[lambda f, seen=recent["event_id"]: ~f["event_id"].isin(seen)]
        kept = pd.concat([recent, frame[["event_id", "arrival_date"]]])
        _parquet(_normalised(frame), out / "events" / day)
        rows += len(frame)
    return rows


def _days(landing: Path) -> dict[str, list[Path]]:
    days: dict[str, list[Path]] = {}
    for path in sorted(landing.rglob("*.gz")):
        days.setdefault("-".join(path.parts[-5:-2]), []).append(path)
    return days


def _one(line: bytes, day: str, key: str, position: int, good: list, bad: list) -> None:
    try:
        record = json.loads(line)
        kind, at = record["event_type"], record["event_timestamp"]
        arrived = record["arrival_timestamp"]
        if not isinstance(at, int) or not isinstance(arrived, int):
            raise TypeError
    except (ValueError, KeyError, TypeError) as why:
        bad.append(
            {"arrival_date": day, "object_key": key, "position": position, "reason": type(why).__name__, "record": line}
        )
        return
    canonical = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    custom = (record.get("client_context") or {}).get("custom") or {}
    endpoint = json.loads(custom["endpoint"]) if "endpoint" in custom else {}
    happened = ((record.get("facets") or {}).get("email_channel") or {}).get("mail_event") or {}
    mail, user, place = happened.get("mail") or {}, endpoint.get("User") or {}, endpoint.get("Location") or {}
    to = mail.get("destination") or [endpoint.get("Address")]
    attributes = record.get("attributes") or {}
    good.append(
        {
            "arrival_date": day, "object_key": key, "position": position, "record": line.decode(),
            "event_id": hashlib.sha256(canonical.encode()).hexdigest()[:32], "event_type": kind,
            "event_timestamp": at, "arrival_timestamp": arrived, "address": to[0],
            "app_id": record["application"].get("app_id"), "endpoint_id": record["client"].get("client_id"),
            "user_id": user.get("UserId"), "country": place.get("Country"), "message_id": mail.get("message_id"),
            "outcome": (happened.get("delivery") or {}).get("smtp_response"),
            "campaign_id": attributes.get("campaign_id"), "treatment_id": attributes.get("treatment_id"),
            "activity_id": attributes.get("campaign_activity_id"),
            "properties": [(k, v) for k, v in attributes.items() if not k.startswith(("campaign", "treatment"))],
            "metrics": list((record.get("metrics") or {}).items()),
        }
    )  # fmt: skip


def _normalised(frame):
    import pandas as pd

    from segment_assets.first_party.formats.pinpoint_events import EVENT_NAMES
    from segment_assets.first_party.vocabulary import ENGAGEMENT, SUPPRESSION

    name = frame["event_type"].map(EVENT_NAMES).fillna("app")
    email = frame["event_type"].str.startswith("_email.")
    occurred = frame["event_timestamp"].where(~email | (name == "send"), frame["arrival_timestamp"])
    address = ("email:" + frame["address"].str.strip().str.lower()).map(
        lambda text: hashlib.sha256(text.encode()).hexdigest(), na_action="ignore"
    )
    return frame.drop(columns=["record", "address", "event_timestamp", "arrival_timestamp"]).assign(
        event_name=name,
        channel=email.map({True: "email", False: "app"}),
        occurred_at=pd.to_datetime(occurred, unit="ms"),
        received_at=pd.to_datetime(frame["arrival_timestamp"], unit="ms"),
        address_hash=address,
        is_engagement=name.isin(ENGAGEMENT),
        is_suppression=name.isin(SUPPRESSION),
    )


def _parquet(frame, folder: Path) -> None:
    import pyarrow as pa

    folder.mkdir(parents=True, exist_ok=True)
    # Lists of pairs need to be told what they are.
    maps = {"properties": pa.map_(pa.string(), pa.string()), "metrics": pa.map_(pa.string(), pa.float64())}
    guessed = pa.Schema.from_pandas(frame.drop(columns=maps, errors="ignore"), preserve_index=False)
    fields = [pa.field(c, maps[c]) if c in maps else guessed.field(c) for c in frame.columns]
    frame.to_parquet(folder / "part-0.parquet", compression="snappy", index=False, schema=pa.schema(fields))


WAYS = {"decompress and split": floor, "ours": ours, "pandas": in_pandas}


def main() -> None:
    """Measure the three in turn and print them, with the ratios."""
    asked = _arguments().parse_args()
    if asked.way:
        way, landing, out = asked.way
        print(WAYS[way](Path(landing), Path(out)))
        return
    wanted = ["ours"] if asked.alone else list(WAYS)
    for records in asked.records or [1_000_000]:
        with tempfile.TemporaryDirectory() as folder:
            landing = Path(folder) / "landing"
            size = events.write(landing, records, skewed=asked.skewed)
            here = [sys.executable, "-m", "benchmarks.ingest", "--way"]
            found = {way: measured([*here, way, str(landing), f"{folder}/{way}"]) for way in wanted}
        table = Table(title=f"{records:,} records, {size / 1e9:.2f} GB", title_justify="left", box=None)
        for header in ("", "seconds", "CPU s", "us of CPU each", "peak MB", "events", "to ours"):
            table.add_column(header, justify="right" if header else "left")
        for way, m in found.items():
            cells = (f"{m.seconds:.1f}", f"{m.cpu:.1f}", f"{m.cpu / records * 1e6:.1f}", f"{m.peak:,}", m.told)
            table.add_row(way, *cells, f"{m.seconds / found['ours'].seconds:.2f}")
        Console(width=110).print(table)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ingest", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("records", type=int, nargs="*", help="how many; several are measured in turn")
    parser.add_argument("--skewed", action="store_true", help="most of them on one day")
    parser.add_argument("--alone", action="store_true", help="ours, without floor and peer")
    parser.add_argument("--way", nargs=3, metavar=("WAY", "LANDING", "OUT"), help="one way, in this process")
    return parser


if __name__ == "__main__":
    main()
