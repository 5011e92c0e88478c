"""Partner rows cleaned: what identifies people hashed, attributes read, duplicates and conflicts resolved by rule.

The law: every delivered row is kept, a duplicate, or in quarantine, once. The order of reading changes nothing.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import pyarrow as pa

from segment_assets.audience_config import Audience
from segment_assets.lake import Table
from segment_assets.people.consent import State, state_of
from segment_assets.third_party import attributes, identifiers, newness
from segment_assets.third_party.attributes import Value
from segment_assets.third_party.contract import Watch
from segment_assets.third_party.delivery import Row
from segment_assets.third_party.newness import UNKNOWN, When
from segment_assets.third_party.permissions import BETWEEN, Purposes, purposes_reader
from segment_assets.third_party.resolution import Usable, resolve
from segment_assets.third_party.tables import KEYS, QUARANTINED_AUDIENCE, REASONS, others, partner_audience


@dataclass(frozen=True)
class Cleaned:
    """What became of a delivery.

    Attributes:
        good: rows of `partner_audience`.
        set_aside: rows of `QUARANTINED_AUDIENCE`: duplicates, and what can't be used.
        delivered: rows that came in.
        reasons: reason -> rows set aside for it.
        unknown: attribute -> delivered values that its declaration does not know.
        values: attribute -> delivered values that are not empty.
        dated: usable rows that say how new they are, where the rule `latest` asks for it.
        undated: those that do not.
    """

    good: pa.Table
    set_aside: pa.Table
    delivered: int
    reasons: Mapping[str, int]
    unknown: Mapping[str, int] = field(default_factory=dict)
    values: Mapping[str, int] = field(default_factory=dict)
    dated: int = 0
    undated: int = 0

    @property
    def duplicates(self) -> int:
        """Rows about a person whom the row that stands is about."""
        return self.reasons["duplicate"]

    @property
    def quarantined(self) -> int:
        """Rows that can't be used."""
        return sum(number for reason, number in self.reasons.items() if reason != "duplicate")

    @property
    def nothing_lost(self) -> bool:
        """Delivered = kept + duplicates + quarantined."""
        aside = self.duplicates + self.quarantined
        return bool(self.delivered == self.good.num_rows + aside and aside == self.set_aside.num_rows)


def columns(audience: Audience) -> dict[str, str]:
    """The partner's columns that are read, each with the place in segmentation.yaml that names it."""
    found: dict[str, str] = {}
    if audience.email:
        found[audience.email] = "audience.email"
    if audience.phone:
        found[audience.phone] = "audience.phone"
    found |= dict.fromkeys(audience.name, "audience.name")
    if audience.postal:
        found[audience.postal.street] = "audience.postal.street"
        found |= {audience.postal.code: "audience.postal.code"} if audience.postal.code else {}
    found |= {a.column: f"audience.attributes.{name}" for name, a in audience.attributes.items()}
    if audience.consent:
        found[audience.consent] = "audience.consent"
    if audience.purposes:
        found[audience.purposes.column] = "audience.purposes"
    if audience.duplicates.by:
        found[audience.duplicates.by] = "audience.duplicates.by"
    return found


def clean(rows: Iterable[Row], audience: Audience, watch: Watch | None = None) -> Cleaned:
    """Sort delivered rows into those that stand, duplicates and quarantine.

    Args:
        rows: the delivery, with `columns(audience)`.
        audience: as declared.
        watch: sees every row that could be read, for the contract.
    """
    sorting = _Sorting(audience)
    for row in rows:
        sorting.add(row, watch)
    return sorting.done()


class _Sorting:
    def __init__(self, audience: Audience) -> None:
        self.audience = audience
        self.identify = identifiers.reader(audience)
        self.read = [(a.column, attributes.reader(a)) for a in audience.attributes.values()]
        self.purposes = purposes_reader(audience.purposes) if audience.purposes else None
        self.state = lru_cache(maxsize=1024)(state_of)
        self.when = newness.reader(audience.duplicates)
        self.times = self.numbers = self.undated = 0
        self.people: dict[str, Usable | list[Usable]] = {}
        self.aside: list[tuple[object, ...]] = []
        self.reasons: Counter[str] = Counter()
        self.unknown = [0] * len(self.read)
        self.known = [0] * len(self.read)
        self.delivered = 0
        self.names = [f.name for f in others(audience)] + list(audience.attributes)

    def add(self, row: Row, watch: Watch | None) -> None:
        self.delivered += 1
        if row.values is None:
            self._set_aside(row.object_key, row.position, "malformed", None)
            return
        who, other = self.identify(row.values)
        if watch:
            watch.see(row, who.digest)
        values = other + self._attributes(row.values)
        state, purposes = self._permitted(row.values)
        place = (row.object_key, row.position)
        if who.digest is None:
            reason = "wrong_hash" if who.form == "wrong_hash" else "not_normalisable"
            unusable = Usable(who.given or "", None, who.form, values, state, purposes, UNKNOWN, *place)
            self._set_aside(*place, reason, unusable)
            return
        usable = Usable(who.digest, who.plain, who.form, values, state, purposes, self._when(row.values), *place)
        before = self.people.setdefault(who.digest, usable)
        if isinstance(before, list):
            before.append(usable)
        elif before is not usable:
            self.people[who.digest] = [before, usable]

    def done(self) -> Cleaned:
        standing = []
        for found in self.people.values():
            if not isinstance(found, list):
                standing.append(found)
                continue
            if self.times:  # beside times a number says nothing
                found = [row if row.when.clock else row._replace(when=UNKNOWN) for row in found]
            one, aside = resolve(found, self.audience.duplicates.rule)
            standing += [one] if one else []
            for usable in aside:
                self._set_aside(usable.object_key, usable.position, "duplicate" if one else "conflict", usable)
        return Cleaned(
            self._audience(standing),
            _table(QUARANTINED_AUDIENCE, self.aside),
            self.delivered,
            {reason: self.reasons[reason] for reason in REASONS},
            dict(zip(self.audience.attributes, self.unknown, strict=True)),
            dict(zip(self.audience.attributes, self.known, strict=True)),
            self.times or self.numbers,
            self.undated + (self.numbers if self.times else 0),
        )

    def _when(self, row: Mapping[str, str | None]) -> When:
        by = self.audience.duplicates.by
        if by is None:
            return UNKNOWN
        when = self.when(row[by])
        self.times += when.clock
        self.undated += when is UNKNOWN
        self.numbers += not when.clock and when is not UNKNOWN
        return when

    def _permitted(self, row: Mapping[str, str | None]) -> tuple[State | None, Purposes | None]:
        consent, purposes = self.audience.consent, self.audience.purposes
        return (
            self.state(row[consent]) if consent else None,
            self.purposes(row[purposes.column]) if purposes and self.purposes else None,
        )

    def _attributes(self, row: Mapping[str, str | None]) -> tuple[Value, ...]:
        found: list[Value] = []
        for at, (column, read) in enumerate(self.read):
            text = row[column]
            value, known = read(text)
            found.append(value)
            if text is not None:
                self.known[at] += 1
                if not known:
                    self.unknown[at] += 1
        return tuple(found)

    def _set_aside(self, object_key: str, position: int, reason: str, row: Usable | None) -> None:
        self.reasons[reason] += 1
        if row is None:
            self.aside.append((object_key, position, reason, None, None, None, "unusable", None, None))
            return
        record = json.dumps(dict(zip(self.names, row.values, strict=True)), sort_keys=True, default=str).encode()
        permitted = (row.state, _joined(row.purposes))
        self.aside.append((object_key, position, reason, record, row.digest or None, row.plain, row.form, *permitted))

    def _audience(self, standing: list[Usable]) -> pa.Table:
        table = partner_audience(self.audience)
        held: dict[str, list[object]] = {
            KEYS[self.audience.identified_by]: [row.digest for row in standing],
            "identifier_form": [row.form for row in standing],
        }
        if self.audience.identified_by == "email":
            held["email_sha256_plain"] = [row.plain for row in standing]
        for at, name in enumerate(self.names):
            held[name] = [row.values[at] for row in standing]
        held["consent"] = [row.state for row in standing]
        held["permitted_purposes"] = [_joined(row.purposes) for row in standing]
        return table.conform(pa.table({f.name: pa.array(held[f.name], f.type) for f in table.schema}))


def _joined(purposes: Purposes | None) -> str | None:
    return None if purposes is None else BETWEEN.join(purposes)


def _table(table: Table, rows: list[tuple[object, ...]]) -> pa.Table:
    columns_ = list(zip(*rows, strict=True)) or [()] * len(table.schema)
    arrays = [pa.array(values, f.type) for values, f in zip(columns_, table.schema, strict=True)]
    return table.conform(pa.Table.from_arrays(arrays, schema=table.schema))
