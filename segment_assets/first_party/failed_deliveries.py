"""Records that Firehose could not deliver, put where they would have gone.

Firehose writes them below its error prefix, one JSON object each, with the record in base64 and the time it arrived:
https://docs.aws.amazon.com/firehose/latest/dev/retry.html
"""

import base64
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from isal import igzip

from segment_assets.first_party.compression import Content
from segment_assets.first_party.contents import content_of, records_in
from segment_assets.first_party.vocabulary import EARLIEST, LATEST
from segment_assets.lake import ObjectStore
from segment_assets.landing_config import EventsLanding

_NOBODYS = "no source has this error prefix: name it under landing.events.sources, as errors_path of the stream's"


@dataclass
class Replay:
    """What was found below the error prefix.

    Attributes:
        records: records that can be replayed, by the code of Firehose's error.
        unreadable: error records without a record in them, which stay where they are: how many of an object lack what.
        written: keys of objects that were not there before; with a dry run, that would be written.
        known: objects that an earlier replay wrote.
    """

    records: Counter[str] = field(default_factory=Counter)
    unreadable: Counter[tuple[str, str]] = field(default_factory=Counter)
    written: list[str] = field(default_factory=list)
    known: int = 0


def replay(store: ObjectStore, landing: EventsLanding, *, dry_run: bool = False) -> Replay:
    """Put every record below an error prefix into the prefix of the events, at the hour it arrived.

    Where there are several sources, into the path of the one whose error prefix it is.

    An object's name is the hash of what it came from, so that a second replay, or one after a kill, writes nothing
    twice; a record that was delivered after all is a duplicate there, and dropped as any other. Nothing is removed.
    """
    found = Replay()
    for stored in (o for place in landing.errors_places for o in store.list(place)):
        hours: dict[str, list[bytes]] = {}
        path = landing.replayed_to(stored.key)
        with content_of(store, stored) as content:
            for told in map(_told, _errors(content)):
                if isinstance(told, str):
                    found.unreadable[stored.key, told] += 1
                    continue
                if path is None:
                    found.unreadable[stored.key, _NOBODYS] += 1
                    continue
                code, arrived, raw = told
                found.records[code] += 1
                hours.setdefault(f"{arrived:%Y/%m/%d/%H}", []).append(raw)
        name = sha256(f"{stored.key}\t{stored.etag}".encode()).hexdigest()[:32]
        for hour, records in hours.items():
            key = f"{path}{hour}/replayed-{name}.gz"
            if any(o.key == key for o in store.list(key)):
                found.known += 1
                continue
            found.written.append(key)
            if not dry_run:
                store.write(key, igzip.compress(b"\n".join(records) + b"\n", 1, mtime=0))
    return found


def _errors(content: Content) -> Iterator[Mapping[str, Any] | str]:
    """Error records, their keys in lower case, or why one is none. Kinds of errors differ in the case of their keys."""
    for piece in records_in(content, lambda value: isinstance(value, dict) and "rawData" in value):
        if piece.reason:
            yield f"it is no JSON object ({piece.reason})"
        else:
            yield {k.lower(): v for k, v in json.loads(piece.content).items()}


def _told(record: Mapping[str, Any] | str) -> tuple[str, datetime, bytes] | str:
    """The error's code, when the record arrived, and the record; or which key is wrong, and how."""
    if isinstance(record, str):
        return record
    for key in ("rawData", "arrivalTimestamp"):
        if key.lower() not in record:
            return f"it has no {key}"
    code, at, written = record.get("errorcode"), record["arrivaltimestamp"], record["rawdata"]
    try:
        raw = base64.b64decode(written if isinstance(written, str) else "?", validate=True)
    except ValueError:
        return "rawData is no base64"
    if not raw:
        return "rawData is empty"
    if not isinstance(at, int):
        return "arrivalTimestamp is no number of milliseconds"
    if not EARLIEST <= at * 1000 < LATEST:
        return f"arrivalTimestamp, {at}, is no time in milliseconds from 2000 to 2100"
    return code if isinstance(code, str) else "unknown", datetime.fromtimestamp(at / 1000, UTC), raw
