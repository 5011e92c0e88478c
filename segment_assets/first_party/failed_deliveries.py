"""Records that Firehose could not deliver, put where they would have gone.

Firehose writes them below its error prefix, one JSON object each, with the record in base64 and the time it arrived:
https://docs.aws.amazon.com/firehose/latest/dev/retry.html
"""

import base64
import binascii
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


@dataclass
class Replay:
    """What was found below the error prefix.

    Attributes:
        records: records that can be replayed, by the code of Firehose's error.
        unreadable: error records without a record in them: they stay where they are.
        written: keys of objects that were not there before; with a dry run, that would be written.
        known: objects that an earlier replay wrote.
    """

    records: Counter[str] = field(default_factory=Counter)
    unreadable: int = 0
    written: list[str] = field(default_factory=list)
    known: int = 0


def replay(store: ObjectStore, landing: EventsLanding, *, dry_run: bool = False) -> Replay:
    """Put every record below the error prefix into the events' prefix, at the hour it arrived.

    An object's name is the hash of what it came from, so that a second replay, or one after a kill, writes nothing
    twice; a record that was delivered after all is a duplicate there, and dropped as any other. Nothing is removed.
    """
    found = Replay()
    for stored in store.list(landing.errors_path):
        hours: dict[str, list[bytes]] = {}
        with content_of(store, stored) as content:
            for record in _errors(content):
                code, arrived, raw = _told(record)
                if raw is None or arrived is None:
                    found.unreadable += 1
                    continue
                found.records[code] += 1
                hours.setdefault(f"{arrived:%Y/%m/%d/%H}", []).append(raw)
        name = sha256(f"{stored.key}\t{stored.etag}".encode()).hexdigest()[:32]
        for hour, records in hours.items():
            key = f"{landing.path}{hour}/replayed-{name}.gz"
            if any(o.key == key for o in store.list(key)):
                found.known += 1
                continue
            found.written.append(key)
            if not dry_run:
                store.write(key, igzip.compress(b"\n".join(records) + b"\n", 1, mtime=0))
    return found


def _errors(content: Content) -> Iterator[Mapping[str, Any]]:
    for piece in records_in(content, lambda value: isinstance(value, dict) and "rawData" in value):
        yield {} if piece.reason else {k.lower(): v for k, v in json.loads(piece.content).items()}


def _told(record: Mapping[str, Any]) -> tuple[str, datetime | None, bytes | None]:
    """The error's code, when the record arrived, and the record. Kinds of errors differ in the case of their keys."""
    code, at, written = record.get("errorcode"), record.get("arrivaltimestamp"), record.get("rawdata")
    arrived = None
    if isinstance(at, int) and EARLIEST <= at * 1000 < LATEST:
        arrived = datetime.fromtimestamp(at / 1000, UTC)
    try:
        raw = base64.b64decode(written, validate=True) if isinstance(written, str) else None
    except binascii.Error:
        raw = None
    return code if isinstance(code, str) else "unknown", arrived, raw or None
