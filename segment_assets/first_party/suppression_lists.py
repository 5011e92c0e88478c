"""Lists of whom not to write to: files of addresses or of their hashes, from which hashes alone are kept."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from segment_assets.first_party import tabular
from segment_assets.first_party.errors import LandingError
from segment_assets.first_party.tables import QUARANTINED_SUPPRESSIONS, SUPPRESSION_ENTRIES, UNREAD
from segment_assets.lake import Lake, ObjectStore, StoredObject, Written
from segment_assets.lake.arrivals import fingerprint
from segment_assets.landing_config import SuppressionList
from segment_assets.people import addresses

_HASH = re.compile(r"[0-9a-fA-F]{64}")
Entry = tuple[str, str, str, bool]  # a row of suppression_entries


class Line(NamedTuple):
    """One line: where it is, what it lists, how many of its addresses are none, and why it lists nobody."""

    key: str
    position: int
    entries: list[Entry]
    unusable: int
    reason: str
    content: bytes


@dataclass(frozen=True)
class Listed:
    """What the lists say.

    Attributes:
        entries: rows of suppression_entries.
        quarantined: rows of quarantined_suppressions.
        counts: list -> its lines, which are entries, duplicates and quarantined; and addresses that are none on lines
            that are entries by another.
        made_from: list -> fingerprint of its files; UNREAD where they can't be read, or are not there.
        problems: a sentence for each of those.
    """

    entries: pa.Table
    quarantined: pa.Table
    counts: Mapping[str, Mapping[str, int]]
    made_from: Mapping[str, str]
    problems: Sequence[str]

    @property
    def nothing_lost(self) -> bool:
        """The law: lines = entries + duplicates + quarantined."""
        return all(c["lines"] == c["entries"] + c["duplicates"] + c["quarantined"] for c in self.counts.values())


def version(store: ObjectStore, where: SuppressionList) -> str:
    """Fingerprint of a list's files; of a list without files it is that of no object."""
    return fingerprint(files_of(store, where))


def read(store: ObjectStore, lists: Mapping[str, SuppressionList], region: str | None) -> Listed:
    """Every line of every list. A list that can't be read whole is not read at all, and its problem is told.

    Args:
        store: the landing place.
        lists: the lists, by name.
        region: country of phone numbers that are written without one.
    """
    entries: dict[Entry, None] = {}
    bad: list[tuple[str, int, str, bytes]] = []
    counts, made_from, problems = {}, {}, []
    for name, where in lists.items():
        objects = files_of(store, where)
        try:
            lines = _lines(store, objects, name, where, region)
        except LandingError as problem:
            made_from[name] = UNREAD
            problems.append(str(problem))
            continue
        made_from[name] = fingerprint(objects)
        counts[name], refused = _taken(lines, entries)
        bad += refused
    return Listed(SUPPRESSION_ENTRIES.of(list(entries)), QUARANTINED_SUPPRESSIONS.of(bad), counts, made_from, problems)


def write(lake: Lake, listed: Listed, run_id: str, before: Written | None = None) -> Written:
    """Replace what is known of the lists; of one that could not be read what was known stays, and it is marked.

    A list that is named no more is marked, too: should it come back, it was not read yet.

    Args:
        lake: to write to.
        listed: what the lists say.
        run_id: recorded in the snapshots.
        before: suppression_entries as it was before the lists were read; default: as it is now.

    Raises:
        CommitFailedException: another run wrote it since, perhaps from newer lists.
    """
    before = before or lake.state(SUPPRESSION_ENTRIES)
    unread = [name for name, version in listed.made_from.items() if version == UNREAD]
    there = lake.read(SUPPRESSION_ENTRIES)
    kept = there.filter(pc.is_in(there["list_name"], value_set=pa.array(unread, pa.string())))
    lake.refuse_if_overtaken({SUPPRESSION_ENTRIES: before})
    lake.write(QUARANTINED_SUPPRESSIONS, listed.quarantined, run_id)
    rows = pa.concat_tables([listed.entries, kept.cast(SUPPRESSION_ENTRIES.schema)])
    made_from = dict.fromkeys(lake.inputs(SUPPRESSION_ENTRIES), UNREAD) | dict(listed.made_from)
    return lake.write(SUPPRESSION_ENTRIES, rows, run_id, inputs=made_from, replacing=before)


def files_of(store: ObjectStore, where: SuppressionList) -> list[StoredObject]:
    """The list's files: no marks, nothing hidden."""
    below = where.path.endswith("/")
    found = [o for o in store.list(where.path) if below or o.key == where.path]
    return [o for o in found if not o.key.rpartition("/")[2].startswith(("_", "."))]


def _lines(
    store: ObjectStore, objects: list[StoredObject], name: str, where: SuppressionList, region: str | None
) -> list[Line]:
    place = f"landing.suppression.{name}"
    if not objects or not all(o.size for o in objects):
        raise LandingError(
            f"segmentation.yaml: {place}.path: {where.path} is not in the landing place, or is an empty file: nothing "
            "is sent until it is there; a list of nobody is a header alone"
        )
    found: list[Line] = []
    columns = list(where.columns.values())
    for stored in objects:
        own: list[Line] = []
        for rows in tabular.read(stored.key, store.read(stored.key), columns, place, header=where.header):
            _whole(stored.key, rows, place)
            for position, values in rows.good:
                row = dict(zip(rows.names, values, strict=True))
                own.append(_line(stored.key, position, row, name, where, region))
        if own and not any(line.entries for line in own):
            raise LandingError(
                f"segmentation.yaml: {place}: {stored.key}: of its {len(own)} lines not one names anybody: nothing is "
                "sent until they do; look whether the columns are the right ones, or leave a header alone"
            )
        found += own
    return found


def _whole(key: str, rows: tabular.Rows, place: str) -> None:
    """Refuse a list of which a line can't be read: nobody knows whom it names.

    A line break inside a text is most often what follows a quote too many: lines that became one.
    """
    for position, piece in rows.bad:
        raise LandingError(
            f"segmentation.yaml: {place}: {key} can't be read to its end ({piece.reason}, row {position + 1}): nothing "
            "is sent until it is delivered again, whole and with the same columns in each row"
        )
    broken = [position + 1 for position, values in rows.good if any(map(_has_line_break, values))]
    if broken or any(map(_has_line_break, rows.names)):
        where = f"row {broken[0]}" if broken else "the header"
        raise LandingError(
            f"segmentation.yaml: {place}: {key} has a text with a line break in {where}, which may be several lines "
            "behind a quote that was not closed: nothing is sent until it is closed, or the line break is taken out"
        )


def _has_line_break(text: str | None) -> bool:
    return text is not None and ("\n" in text or "\r" in text)


def _line(
    key: str, position: int, row: Mapping[str, str | None], name: str, where: SuppressionList, region: str | None
) -> Line:
    said = {kind: text for kind, column in where.columns.items() if (text := row[column])}
    hashed = {kind: _entry(kind, text.strip(), region) for kind, text in said.items()}
    entries = [(name, kind, entry, where.everywhere) for kind, entry in hashed.items() if entry]
    reason = "" if entries else "bad_address" if said else "missing_address"
    raw = b"" if entries else json.dumps(row, sort_keys=True, ensure_ascii=False).encode()
    return Line(key, position, entries, len(said) - len(entries), reason, raw)


def _entry(kind: str, text: str, region: str | None) -> str | None:
    if kind == "customer":
        return text
    if _HASH.fullmatch(text):
        return text.lower()
    if kind == "email":
        return addresses.email_sha256(addresses.normalise_email(addresses.mailbox(text)))
    return addresses.phone_sha256_e164(addresses.normalise_phone(text, region))


def _taken(lines: list[Line], entries: dict[Entry, None]) -> tuple[dict[str, int], list[tuple[str, int, str, bytes]]]:
    """How the lines of one list count, and those that list nobody; what they list is added to the entries."""
    count = {"lines": len(lines), "entries": 0, "duplicates": 0, "quarantined": 0, "unusable_addresses": 0}
    refused = []
    for line in lines:
        new = [entry for entry in line.entries if entry not in entries]
        entries |= dict.fromkeys(new)
        count["quarantined" if line.reason else "entries" if new else "duplicates"] += 1
        count["unusable_addresses"] += line.unusable if line.entries else 0
        if line.reason:
            refused.append((line.key, line.position, line.reason, line.content))
    return count, refused
