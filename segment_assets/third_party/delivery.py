"""The partner's latest delivery: which files it is, and their rows of text with their place."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from segment_assets.config_file import nearest_column
from segment_assets.lake import ObjectStore, StoredObject
from segment_assets.lake.arrivals import arrival_day
from segment_assets.third_party.errors import DeliveryError
from segment_assets.third_party.formats import opened, text_of

Columns = dict[str, str | None]
# A day in a file's name: 2026-11-20, 2026_11_20, 20261120, also with a time of six digits behind it.
_DAY = re.compile(r"(?<!\d)(20\d\d)([-_.]?)(\d\d)\2(\d\d)(?:\d{6})?(?!\d)")


@dataclass(frozen=True)
class Row:
    """One delivered row.

    Attributes:
        object_key: the file.
        position: ordinal of the row in its file, from 0.
        values: column -> text, only of the columns asked for; None where the row could not be read.
        line: of the file, from 1, where it has lines.
    """

    object_key: str
    position: int
    values: Columns | None
    line: int | None = None

    @property
    def place(self) -> str:
        """Where to look for it, for people."""
        where = f"row {self.position + 1}" if self.line is None else f"line {self.line}"
        return f"{where} of {self.object_key}"


@dataclass(frozen=True)
class Delivery:
    """The files of the newest day.

    Attributes:
        objects: files, by key.
        as_of: the day their keys name; None where they name none.
    """

    objects: tuple[StoredObject, ...]
    as_of: date | None


@dataclass
class Seen:
    """What reading a delivery tells beside its rows.

    Attributes:
        held: rows that its files hold, counted by their lines (or told by Parquet's footer), not by reading rows.
        missing: file and column, where a file lacks a promised one.
    """

    held: int = 0
    missing: list[tuple[str, str]] = field(default_factory=list)


def latest(objects: Iterable[StoredObject]) -> Delivery:
    """The delivery with the newest date in its keys; where no key has a date, all of them."""
    found = files(objects)
    day = max((d for o in found if (d := day_of(o.key))), default=None)
    return Delivery(tuple(o for o in found if day_of(o.key) == day), day)


def files(objects: Iterable[StoredObject]) -> list[StoredObject]:
    """Objects that are files of a delivery, by key: no marks, nothing hidden."""
    # A key that ends in / is what S3's console leaves where somebody made a folder.
    return [o for o in sorted(objects) if not o.key.rpartition("/")[2].startswith(("_", ".")) and o.key[-1] != "/"]


def day_of(key: str) -> date | None:
    """The day that a file's folders name, or else the last one in its name: a period is delivered when it is over."""
    if day := arrival_day(key):
        return day
    for year, _, month, of_month in reversed(_DAY.findall(key.rpartition("/")[2])):
        try:
            return date(int(year), int(month), int(of_month))
        except ValueError:
            continue
    return None


def rows(
    store: ObjectStore,
    delivery: Delivery,
    columns: Mapping[str, str],
    promised: Iterable[str] = (),
    seen: Seen | None = None,
) -> Iterator[Row]:
    """Every row of a delivery, with the columns asked for.

    Args:
        store: the partner's landing place.
        delivery: from `latest`.
        columns: the partner's column -> where segmentation.yaml names it.
        promised: further columns; one that a file lacks is empty.
        seen: gets what is told beside the rows.

    Raises:
        DeliveryError: a file lacks a column, or can't be read to its end.
    """
    seen = seen or Seen()
    names = list(dict.fromkeys([*columns, *promised]))
    for stored in delivery.objects:
        file = opened(stored.key, store.read(stored.key), names)
        if file.header is not None:
            _refuse_missing(stored.key, file.header, columns)
            seen.missing += [(stored.key, name) for name in names if name not in file.header]
        for position, (line, record) in enumerate(file.records):
            values = None if record is None else {name: text_of(record.get(name)) for name in names}
            yield Row(stored.key, position, values, line)
        seen.held += file.held()


def _refuse_missing(key: str, header: list[str], columns: Mapping[str, str]) -> None:
    for name, place in columns.items():
        if name not in header:
            if not "".join(header).isprintable():  # UTF-16, as Excel calls Unicode text; such names can't be shown
                raise DeliveryError(f"{key}: is no UTF-8 in its first line; deliver it in UTF-8")
            near = nearest_column(name, header, columns)
            raise DeliveryError(f'{key}: there is no column "{name}" {near}; segmentation.yaml: {place} names it')
        if header.count(name) > 1:
            raise DeliveryError(f'{key}: the column "{name}" is there {header.count(name)} times; name it once')
