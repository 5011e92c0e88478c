"""Partner rows cleaned: addresses normalised and hashed, duplicates and conflicts resolved by rule.

The law: every delivered row is either good or in quarantine, once. The order of rows changes nothing.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from segment_assets.lake import Table
from segment_assets.people.addresses import email_sha256, normalise_email
from segment_assets.third_party.delivery import Row
from segment_assets.third_party.tables import QUARANTINED_AUDIENCE, REASONS

Attributes = tuple[str | None, ...]


@dataclass(frozen=True)
class Cleaned:
    """What became of a delivery.

    Attributes:
        good: rows of `partner_audience`.
        quarantined: rows of `QUARANTINED_AUDIENCE`.
        delivered: rows that came in.
        reasons: reason -> rows in quarantine.
    """

    good: pa.Table
    quarantined: pa.Table
    delivered: int
    reasons: Mapping[str, int]

    @property
    def nothing_lost(self) -> bool:
        """In = good + quarantined."""
        return bool(self.delivered == self.good.num_rows + self.quarantined.num_rows)


@dataclass
class _Sorting:
    names: Sequence[str]
    good: list[dict[str, str | None]] = field(default_factory=list)
    bad: list[dict[str, object]] = field(default_factory=list)

    def refuse(self, row: Row, reason: str, digest: str | None, attributes: Attributes | None) -> None:
        kept = dict(zip(self.names, attributes, strict=True)) if attributes is not None else None
        record = None if kept is None else json.dumps({"email_sha256": digest, **kept}, sort_keys=True).encode()
        self.bad.append({"object_key": row.object_key, "position": row.position, "reason": reason, "record": record})


def clean(rows: Iterable[Row], email: str, attributes: Mapping[str, str], table: Table) -> Cleaned:
    """Sort delivered rows into good ones and quarantine.

    Several rows of one address: where one of them says all that the others say, it is kept and the others are
    duplicates; where they contradict each other, none is kept: nobody can tell which is true.

    Args:
        rows: the delivery.
        email: the partner's column with the address.
        attributes: attribute name -> the partner's column.
        table: `partner_audience`, for its schema.
    """
    delivered = 0
    sorting = _Sorting(list(attributes))
    by_person: dict[str, list[tuple[Row, Attributes]]] = {}
    for row in rows:
        delivered += 1
        if row.values is None:
            sorting.refuse(row, "malformed", None, None)
            continue
        values = tuple(row.values.get(column) for column in attributes.values())
        digest = email_sha256(normalise_email(row.values.get(email)))
        if digest is None:
            sorting.refuse(row, "not_normalisable", None, values)
        else:
            by_person.setdefault(digest, []).append((row, values))
    for digest, same in by_person.items():
        _resolve(digest, same, sorting)
    quarantined = pa.Table.from_pylist(sorting.bad, QUARANTINED_AUDIENCE.schema)
    counts = [row["reason"] for row in sorting.bad]
    return Cleaned(
        table.conform(pa.Table.from_pylist(sorting.good, table.schema)),
        QUARANTINED_AUDIENCE.conform(quarantined),
        delivered,
        {reason: counts.count(reason) for reason in REASONS},
    )


def _resolve(digest: str, same: list[tuple[Row, Attributes]], sorting: _Sorting) -> None:
    # The fullest row first; of equal rows the first delivered, so that quarantine does not depend on the order read.
    same.sort(key=lambda s: (sum(v is None for v in s[1]), s[0].object_key, s[0].position))
    fullest = same[0][1]
    agreed = all(
        value is None or value == full for _, values in same for value, full in zip(values, fullest, strict=True)
    )
    if agreed:
        sorting.good.append({"email_sha256": digest, **dict(zip(sorting.names, fullest, strict=True))})
    for row, values in same[1:] if agreed else same:
        sorting.refuse(row, "duplicate" if agreed else "conflict", digest, values)
