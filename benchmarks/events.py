"""Made-up deliveries of a Pinpoint event stream, of any number: what the ingest benchmark loads.

Records of about 2 KB, as e-mail events are; 1 % are delivered twice, 0.1 % are broken in one of five ways, 2 % arrive
up to three days late. The same arguments give the same bytes.
"""

import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from os import cpu_count
from pathlib import Path
from random import Random

import msgspec
from isal import igzip

FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
PER_DAY = 20_000
PER_OBJECT = 2_600  # 5 MB before compression: Firehose's default buffer
SKEWED = 0.8  # of all records, on one day
_BROKEN = (
    lambda r: r[: len(r) // 2],
    lambda r: b"not json at all",
    lambda r: r.replace(b"{", b"[", 1),
    lambda r: r.replace(b'"event_type"', b'"kind"', 1),
    lambda r: r.replace(b'"arrival_timestamp":', b'"arrival_timestamp":"soon","at":', 1),
)
_TYPES = (
    "_email.send", "_email.delivered", "_email.open", "_email.click", "_session.start", "cart.add", "_SMS.SUCCESS",
)  # fmt: skip


def write(folder: Path, records: int, *, skewed: bool = False, seed: int = 0) -> int:
    """Objects below `events/` of a folder; the bytes before compression.

    Args:
        folder: a landing place.
        records: how many are generated; copies come on top.
        skewed: most of them on one day, instead of PER_DAY on each.
        seed: of everything drawn.
    """
    days = max(records // PER_DAY, 1)
    big = int(records * SKEWED) if skewed and days > 1 else 0
    each = (records - big) // days
    objects, first = [], 0
    for day in range(days):
        end = first + each + (big if day == days // 2 else 0) + (records - big - each * days if day == days - 1 else 0)
        objects += [(day, start, min(start + PER_OBJECT, end)) for start in range(first, end, PER_OBJECT)]
        first = end
    with ProcessPoolExecutor(cpu_count()) as pool:
        return sum(pool.map(partial(_object, folder, seed), objects, chunksize=8))


def _object(folder: Path, seed: int, which: tuple[int, int, int]) -> int:
    day, first, end = which
    at = FIRST_DAY + timedelta(days=day)
    path = folder / f"events/{at:%Y/%m/%d}/12/events-1-{at:%Y-%m-%d}-12-00-00-{first:09}.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    content = b"\n".join(_records(day, first, end, Random(f"{seed} {first}"))) + b"\n"
    path.write_bytes(igzip.compress(content, 1, mtime=0))
    return len(content)


def _records(day: int, first: int, end: int, chance: Random) -> Iterator[bytes]:
    for n in range(first, end):
        record = _record(day, n, chance)
        draw = chance.random()
        if draw < 0.001:
            yield _BROKEN[n % len(_BROKEN)](record)
            continue
        yield record
        if draw < 0.011:
            yield record


def _record(day: int, n: int, chance: Random) -> bytes:
    arrived = FIRST_DAY + timedelta(days=day, seconds=chance.randrange(86_400), milliseconds=n % 1000)
    late = timedelta(hours=chance.randrange(1, 72)) if chance.random() < 0.02 else timedelta(seconds=2)
    customer, kind = chance.randrange(550_000), _TYPES[n % len(_TYPES)]
    at, then = int(arrived.timestamp() * 1000), int((arrived - late).timestamp() * 1000)
    to = f"customer{customer}@example.org"
    endpoint = {
        "ChannelType": "EMAIL", "Address": to, "EndpointStatus": "ACTIVE", "OptOut": "NONE",
        "EffectiveDate": arrived.isoformat(), "Location": {"Country": "US", "City": "Springfield"},
        "Demographic": {"Platform": "iOS", "Locale": "en_US", "Make": "Apple"}, "User": {"UserId": f"C{customer:07}"},
    }  # fmt: skip
    message = f"0100019a{n:012x}"
    mail = {
        "mail": {
            "message_id": message, "message_send_timestamp": then, "from_address": "offers@example.com",
            "destination": [to], "headers_truncated": False,
            "headers": [{"name": h, "value": f"{h} of {message}"} for h in ("From", "To", "Subject", "Reply-To")],
            "common_headers": {"from": "offers@example.com", "to": [to], "subject": "Offers"},
        },
        "delivery": {"smtp_response": "250 ok", "reporting_mta": "mta.example.net", "processing_time_millis": n % 900},
    }  # fmt: skip
    record = {
        "event_type": kind, "event_timestamp": then, "arrival_timestamp": at, "event_version": "3.1",
        "application": {"app_id": "7f3c1d2e4b5a69788796a5b4c3d2e1f0", "sdk": {}},
        "client": {"client_id": f"ep-{customer:07}"}, "device": {"platform": {}}, "session": {},
        "attributes": {
            "campaign_id": f"cmp-{n % 40}", "campaign_activity_id": f"act-{n % 9}", "treatment_id": "0",
            "feedback": "delivered", "category": f"c{n % 30}", "note": "lorem ipsum dolor sit amet " * 20,
        },
        "metrics": {"quantity": float(n % 5), "unit_price": 9.5 + n % 70},
        "client_context": {"custom": {"endpoint": json.dumps(endpoint), "legacy_identifier": "7f3c1d2e"}},
        "facets": {"email_channel": {"mail_event": mail}} if kind.startswith("_email") else None,
        "awsAccountId": "111122223333",
    }  # fmt: skip
    return msgspec.json.encode({k: v for k, v in record.items() if v is not None})
