"""A year of a real grocer, replayed as Pinpoint's event stream and endpoint export, and as a partner's file.

The baskets, campaigns, redemptions and demographics are real (Complete Journey, by 84.51 degrees): 2,469 households
from 2017-01-01 to 2018-01-01. The form they arrive in, and the customers' addresses, devices, consent and links, are
invented: see `people`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from itertools import count

from isal import igzip

from segment_assets.demo import endpoints, firehose, partner, people, source, timeline
from segment_assets.demo.encoder import Encoder, People
from segment_assets.demo.firehose import DAY, put_once
from segment_assets.demo.outbox import Outbox, Stream
from segment_assets.demo.source import LAST_DAY, DemoError, Source
from segment_assets.demo.timeline import AGAIN, BASKET, EXPOSURE, REDEMPTION, Timeline
from segment_assets.lake import ObjectStore

Progress = Callable[[int, int], None]
# Takes one buffer: when each record came to Firehose, and the records; says whether it wrote anything.
Put = Callable[[list[int], Iterable[bytes]], bool]


@dataclass(frozen=True)
class Replayed:
    """What lies in the landing places after a replay, counted.

    Attributes:
        baskets: purchase events, each once.
        sends: campaign exposures, each once.
        redemptions: coupon redemptions, each once.
        duplicates: records delivered a second time.
        malformed: broken records, delivered besides the sound ones.
        late: events that arrived more than an hour after they happened.
        objects: event objects.
        written: objects of any kind that were not there before.
        first_day: first arrival day.
        last_day: last arrival day.
        customers: customers in the endpoint export.
        partner_rows: rows in the partner's file.
    """

    baskets: int
    sends: int
    redemptions: int
    duplicates: int
    malformed: int
    late: int
    objects: int
    written: int
    first_day: date
    last_day: date
    customers: int
    partner_rows: int

    @property
    def delivered(self) -> int:
        """Records in all objects: events, duplicates and broken ones."""
        return self.baskets + self.sends + self.redemptions + self.duplicates + self.malformed


def replay(
    landing: ObjectStore,
    partner_landing: ObjectStore,
    today: date,
    *,
    customers_factor: int = 1,
    on_progress: Progress | None = None,
    data: Source | None = None,
) -> Replayed:
    """Put the whole year into the landing places, shifted so that its last day is `today`.

    Called again with the same arguments it writes nothing, and after a kill it writes the rest.

    Args:
        landing: gets `events/` and `customers/`; the export is dated `today`.
        partner_landing: gets `partner/audience/`, dated the day before the first, so that it is known all year.
        today: the last day of the replay, and its clock.
        customers_factor: as many times the customers: the same households again, with addresses of their own.
        on_progress: called with the days done and all days.
        data: another grocer's year; the package's by default.

    Raises:
        DemoError: the data is not installed, or the landing place holds a replay that ends on another day.
    """
    if (other := replayed_until(landing)) not in (None, today):
        raise DemoError(
            f"the landing place holds a replay that ends on {other}, and this one ends on {today}: "
            "give that day, or an empty landing place"
        )
    data = data or source.read()
    first_day = today - (LAST_DAY - data.first_day)
    customers = _customers(data, customers_factor)
    everyone = [c for copy in customers for c in copy.values()]
    # The customers first: their export's date says which day the replay ends on, even when it is killed half way.
    export = igzip.compress(endpoints.export(everyone, first_day), 1, mtime=0)
    written = int(put_once(landing, f"customers/{today:%Y/%m/%d}/endpoints.jsonl.gz", export))
    known = partner.audience(data.demographics, customers)
    path = f"partner/audience/{first_day - timedelta(days=1):%Y/%m/%d}/audience.csv"
    written += put_once(partner_landing, path, known)
    stream = timeline.year(data, today, customers_factor)
    return _deliver(partial(firehose.put, landing), stream, data, customers, "", written, on_progress)


def next_day(
    landing: ObjectStore,
    partner_landing: ObjectStore,
    today_of_data: date | None = None,
    *,
    customers_factor: int = 1,
    data: Source | None = None,
    through: Stream | None = None,
) -> Replayed:
    """Put the day after the last arrival day into the landing place: one new arrival day, and nothing else.

    The data ends after a year, so the year begins again: the day after the last carries the baskets of the day 364
    days before (the same weekday) by the same customers, with new times and so as new events. About 2 % of them
    happened one or two days before they arrive. If the last day lies there in part, because its writing was killed,
    it is finished instead.

    Args:
        landing: holds a replay.
        partner_landing: not written to; named so that a replay and its next day are called alike.
        today_of_data: the day the replay ended on, where the landing place holds no customers' export that says it.
        customers_factor: as in the replay.
        data: as in the replay.
        through: the stream that the records are sent through, which stamps them by its own clock; without one the
            objects are written as a stream would have, stamped by the data's.

    Raises:
        DemoError: there is no replay to continue, the data is not installed, or what was sent did not arrive.
    """
    last, today = last_day(landing), replayed_until(landing) or today_of_data
    if last is None or today is None or last < today:
        raise DemoError("the landing place holds no whole replay to continue: run the demo first, to its end")
    data = data or source.read()
    customers = _customers(data, customers_factor)

    def drop(day: date, put: Put) -> Replayed:
        stream = timeline.later_day(data, today, day, customers_factor)
        return _deliver(put, stream, data, customers, f".{timeline.laps(data, today, day)}")

    if through:
        return _send(Outbox(landing, through, today), drop, today)
    for day in ([last] if last > today else []) + [last + timedelta(days=1)]:
        done = drop(day, partial(firehose.put, landing))
        if done.written:
            break
    return done


def _send(outbox: Outbox, drop: Callable[[date, Put], Replayed], today: date) -> Replayed:
    """The first day after the replay's last of which not every record has arrived.

    Whatever the stream's clock stamped on them: the records tell what is there.
    """
    outbox.objects()
    for days in count(1):
        records: list[bytes] = []

        def keep(_: list[int], buffer: Iterable[bytes], records: list[bytes] = records) -> bool:
            records.extend(buffer)
            return False

        done = drop(today + timedelta(days=days), keep)
        if brought := outbox.deliver(records):
            return replace(done, objects=len(brought), written=len(brought))
    raise AssertionError("days never end")


def last_day(landing: ObjectStore) -> date | None:
    """The last arrival day that lies in the landing place; None where nothing does."""
    days = (firehose.key_day(found.key) for found in landing.list("events/"))
    return max((day for day in days if day), default=None)


def replayed_until(landing: ObjectStore) -> date | None:
    """The day on which the replay in the landing place ends (later days may have followed); None without a replay."""
    days = (firehose.key_day(found.key) for found in landing.list("customers/"))
    return max((day for day in days if day), default=None)


def _customers(data: Source, factor: int) -> People:
    return [{c.household: c for c in people.invent(data.households, copy)} for copy in range(factor)]


def _deliver(
    put: Put,
    stream: Timeline,
    data: Source,
    customers: People,
    basket_suffix: str,
    written: int = 0,
    on_progress: Progress | None = None,
) -> Replayed:
    encode = Encoder(data, customers, basket_suffix)
    buffers = stream.buffers()
    first, last = (_day(int(buffers[at].delivered[at])) for at in (0, -1))
    for buffer in buffers:
        written += put(buffer.delivered.tolist(), encode(buffer))
        if on_progress:
            on_progress((_day(int(buffer.delivered[0])) - first).days + 1, (last - first).days + 1)
    kinds = [int(((stream.kind == kind) & (stream.flaw == timeline.SOUND)).sum()) for kind in range(3)]
    sound = stream.flaw == timeline.SOUND
    return Replayed(
        baskets=kinds[BASKET],
        sends=kinds[EXPOSURE],
        redemptions=kinds[REDEMPTION],
        duplicates=int((stream.flaw == AGAIN).sum()),
        malformed=int((stream.flaw >= 0).sum()),
        late=int((sound & (stream.arrived - stream.occurred > firehose.HOUR)).sum()),
        objects=len(buffers),
        written=written,
        first_day=first,
        last_day=last,
        customers=sum(len(copy) for copy in customers),
        partner_rows=data.demographics.num_rows * len(customers),
    )


def _day(milliseconds: int) -> date:
    return date(1970, 1, 1) + timedelta(days=milliseconds // DAY)
