"""Objects as Firehose delivers them: gzip, records end to end with nothing between, at most four a day."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from uuid import NAMESPACE_URL, uuid5

from isal import igzip

from segment_assets.lake import ObjectStore

STREAM = "grocer-events"
HOUR = 3_600_000
DAY = 24 * HOUR
BUFFER = 6 * HOUR  # four objects a day; real buffers end after 15 minutes, and a year of those is 35,000 objects


def put(landing: ObjectStore, deliveries: Sequence[int], records: Iterable[bytes]) -> bool:
    """Write one buffer as one object; equal bytes are not written again.

    Args:
        landing: where to.
        deliveries: milliseconds since 1970 when each record came to Firehose, ascending, within one buffer.
        records: the records' bytes, in the same order.

    Returns:
        Whether anything was written.
    """
    # The clock in a gzip header would make equal content differ.
    return put_once(landing, object_key(deliveries[0]), igzip.compress(b"".join(records), 1, mtime=0))


def put_once(store: ObjectStore, key: str, content: bytes) -> bool:
    """Write an object unless it is there with these very bytes; says whether it wrote."""
    try:
        if store.read(key) == content:
            return False
    except FileNotFoundError:
        pass
    store.write(key, content)
    return True


def object_key(oldest: int) -> str:
    """The key Firehose gives an object by the arrival of its oldest record."""
    at = datetime.fromtimestamp(oldest // 1000, UTC)
    unique = uuid5(NAMESPACE_URL, f"{STREAM}/{oldest // BUFFER}")
    return f"events/{at:%Y/%m/%d/%H}/{STREAM}-1-{at:%Y-%m-%d-%H-%M-%S}-{unique}.gz"


def key_day(key: str) -> date | None:
    """The day in a key such as `events/2026/09/21/14/...`; None where there is none."""
    try:
        return date(*(int(part) for part in key.split("/")[1:4]))
    except (TypeError, ValueError):
        return None
