"""What the newest file of each landing place lacks: told before anything is built, in the words of whoever reads it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from segment_assets.first_party import customer_exports, suppression_lists, tabular
from segment_assets.first_party.contents import content_of
from segment_assets.first_party.deliveries import event_objects, is_event
from segment_assets.first_party.errors import LandingError
from segment_assets.first_party.formats import own_customers
from segment_assets.first_party.formats.own_table import OwnTable
from segment_assets.first_party.tables import QUARANTINED_RECORDS, RAW_EVENTS
from segment_assets.first_party.tabular import Rows
from segment_assets.lake import FolderStore, Lake, ObjectStore, StoredObject
from segment_assets.lake.objects import printable
from segment_assets.operations.words import counted
from segment_assets.people.addresses import without_addresses
from segment_assets.segmentation import Audience, Segmentation
from segment_assets.third_party import cleaning, delivery
from segment_assets.third_party.errors import DeliveryError

LOOKED_AT = 100  # files of which nothing is known, at most


class _ByTime(FolderStore):
    """The files of a folder by the time they were written: to hash what they hold takes as long as to read them."""

    def _describe(self, path: Path, key: str) -> StoredObject:
        stat = path.stat()
        return StoredObject(key, stat.st_size, f"{stat.st_mtime_ns:020}")


def misfits(config: Segmentation, resources: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for each landing place whose newest file has not the columns that segmentation.yaml names.

    Of a table on this machine its beginning is read; where nothing landed yet there is nothing to tell, and buckets
    are not asked.
    """
    landing, partner = resources["landing"], resources.get("partner_landing")
    looks = list(_first_party(config, _ByTime(landing.root))) if isinstance(landing, FolderStore) else []
    if config.audience and isinstance(partner, FolderStore):
        looks.append(partial(_partner, config.audience, _ByTime(partner.root)))
    for look in looks:
        try:
            look()
        except (LandingError, DeliveryError) as misfit:
            yield str(misfit)


def _first_party(config: Segmentation, store: FolderStore) -> Iterator[Callable[[], None]]:
    events, customers = config.landing.events, config.landing.customers
    found = event_objects(store, events)
    for place, source in events.by_place.items():
        if source.table:
            its = [stored for stored in found if events.source_of(stored.key) is source]
            yield partial(_begin, store, its, OwnTable(source.table, f"{place}.table").pieces)
    if customers.table:
        exported, _ = customer_exports.latest_objects(store, customers)
        yield partial(_begin, store, exported, partial(own_customers.read, mapping=customers.table))
    for name, where in config.landing.suppression.items():
        place = f"landing.suppression.{name}"
        read = partial(tabular.read, wanted=[*where.columns.values()], place=place, header=where.header)
        yield partial(_begin, store, suppression_lists.files_of(store, where), read)


def without_records(config: Segmentation, landing: ObjectStore, lake: Lake) -> str:
    """A sentence about files of events that hold no record, of a table of one's own on this machine."""
    events = config.landing.events
    tables = {path: OwnTable(one.table) for path, one in events.by_path.items() if one.table}
    if not tables or not isinstance(landing, FolderStore):
        return ""
    store = _ByTime(landing.root)
    with lake.connect(RAW_EVENTS, QUARANTINED_RECORDS) as db:
        known = "SELECT object_key FROM raw_events UNION SELECT object_key FROM quarantined_records"
        held = {key for (key,) in db.sql(known).fetchall()}
    # `is_event` leaves out what is empty, which is what is looked for.
    every = [(stored, table) for path, table in tables.items() for stored in store.list(path)]
    named = [(o, t) for o, t in every if is_event(replace(o, size=o.size or 1), events) and o.key not in held]
    bare = [stored.key for stored, table in named[:LOOKED_AT] if _is_bare(store, stored, table.pieces)]
    if not bare:
        return ""
    others = f" and {counted(len(bare) - 1, 'more file')}" if len(bare) > 1 else ""
    verb = "hold" if others else "holds"
    name = without_addresses(printable(bare[0]))
    return f"{name}{others} of events {verb} no record: empty, or a header alone. Deliver again what should have some"


def _is_bare(store: FolderStore, stored: StoredObject, read: Callable[..., Iterator[Rows]]) -> bool:
    """Whether there is no record at its beginning: what could not be read at all is told by whoever reads it."""
    try:
        with content_of(store, stored) as content:
            return not any(rows.good or rows.bad for rows in islice(read(stored.key, content), 2))
    except LandingError:
        return False


def _begin(store: FolderStore, objects: list[StoredObject], read: Callable[..., Iterator[object]]) -> None:
    """Read the newest as far as its first rows."""
    if filled := [stored for stored in objects if stored.size]:
        newest = max(filled, key=lambda stored: stored.etag)
        with content_of(store, newest) as content:
            next(read(newest.key, content), None)


def _partner(audience: Audience, store: FolderStore) -> None:
    latest = delivery.latest(store.list(audience.path))
    if latest.objects:
        newest = max(latest.objects, key=lambda stored: stored.etag)
        next(delivery.rows(store, delivery.Delivery((newest,), latest.as_of), cleaning.columns(audience)), None)
