"""A day's records on their way through a stream: which of them have not arrived, and how long to wait for them."""

import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from isal import igzip

from segment_assets.demo.firehose import key_day
from segment_assets.demo.source import DemoError
from segment_assets.lake import ObjectStore, StoredObject

# https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecordBatch.html
RECORDS, BYTES, RECORD_BYTES = 500, 4 * 1024 * 1024, 1_000 * 1024
LOOK_EVERY = 1.0  # seconds
ANY = 1_000_000  # objects


class Stream(ABC):
    """Takes records and delivers them as objects, some time later, at least once each.

    Attributes:
        name: what it is called.
    """

    name: str

    @abstractmethod
    def send(self, records: Sequence[bytes]) -> None:
        """Hand records over; when it returns the stream has every one of them."""

    @abstractmethod
    def longest_wait(self) -> float:
        """Seconds after which what was sent lies in the landing place, or never will."""


def batches(records: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Records as they go into calls: as many as one call takes.

    Raises:
        DemoError: a record is larger than a stream takes.
    """
    batch: list[bytes] = []
    held = 0
    for record in records:
        if len(record) > RECORD_BYTES:
            raise DemoError(f"a record of {len(record):,} bytes: a stream takes at most {RECORD_BYTES:,}; split it")
        if batch and (len(batch) == RECORDS or held + len(record) > BYTES):
            yield batch
            batch, held = [], 0
        batch.append(record)
        held += len(record)
    if batch:
        yield batch


def lines(content: bytes) -> Counter[bytes]:
    """Records in an object, whether they end with a newline or with nothing; how often each is there."""
    return Counter(line for line in content.replace(b"}{", b"}\n{").split(b"\n") if line)


class Outbox:
    """Sends what has not arrived, and waits until it has.

    Args:
        landing: where the stream delivers to.
        stream: what is sent through.
        since: arrival days from this one on are looked at.
    """

    def __init__(self, landing: ObjectStore, stream: Stream, since: date) -> None:
        self.landing, self.stream, self.since = landing, stream, since
        self.arrived: Counter[bytes] = Counter()
        self._seen: set[StoredObject] = set()

    def objects(self) -> list[StoredObject]:
        """What was delivered since the last call; its records count as arrived."""
        found = self.landing.after("events/", f"events/{self.since:%Y/%m/%d}", ANY)
        new = [o for o in found if o not in self._seen and key_day(o.key)]
        for stored in new:
            self.arrived += lines(igzip.decompress(self.landing.read(stored.key)))
        self._seen |= set(new)
        return new

    def missing(self, records: Iterable[bytes]) -> list[bytes]:
        """Records of which not all have arrived, in their order; one that was sent twice must arrive twice."""
        left, found = Counter(self.arrived), []
        for record in records:
            wanted = lines(record)
            if all(left[line] >= times for line, times in wanted.items()):
                left.subtract(wanted)
            else:
                found.append(record)
        return found

    def deliver(self, records: Sequence[bytes]) -> list[StoredObject]:
        """Send what has not arrived, each record on a line of its own, and wait; the objects that brought it.

        Raises:
            DemoError: not all of it arrived in time.
        """
        missing = self.missing(records)
        if not missing:
            return []
        self.stream.send([record if record.endswith(b"\n") else record + b"\n" for record in missing])
        end = time.monotonic() + self.stream.longest_wait()
        brought = self.objects()
        while missing := self.missing(records):
            if time.monotonic() > end:
                raise DemoError(
                    f"{len(missing)} of {len(records)} records have not arrived in {self.landing.uri('events/')}: "
                    "look for them under the stream's error prefix and in its log, then run the same command again"
                )
            time.sleep(LOOK_EVERY)
            brought += self.objects()
        return brought
