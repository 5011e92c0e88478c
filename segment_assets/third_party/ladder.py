"""Why partner rows do not join, and what each mend would gain.

It needs the hashes of both sides, and gives counts alone. On one machine both lie in one lake; on AWS no party may
compute it, and an aggregation query takes its place (docs/partner.md).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from segment_assets.audience_config import Audience
from segment_assets.people.consent import State
from segment_assets.people.forms import Mistake
from segment_assets.third_party.permissions import permits
from segment_assets.third_party.tables import KEYS

RUNGS = ("not_permitted", "not_normalisable", "wrong_hash", "case", "plus_address", "absent", "matched")
ROWS = pa.schema(
    [
        ("digest", pa.string()),
        ("plain", pa.string()),
        ("form", pa.string()),
        ("given", pa.string()),
        ("permitted", pa.bool_()),
    ]
)


@dataclass(frozen=True)
class Rung:
    """One reason on the ladder.

    Attributes:
        reason: one of RUNGS.
        rows: partner rows that stand here; the rungs sum to the partner's rows.
        gain: rows of these that would join if the reason were mended; None where nobody can know.
        mended: of `matched` rows that join since their case and spaces were mended here; of `wrong_hash` rows whose
            hash is the SHA-256 of something else than the normalised address.
    """

    reason: str
    rows: int
    gain: int | None
    mended: int = 0


def rows(good: pa.Table, set_aside: pa.Table, audience: Audience, purpose: str) -> pa.Table:
    """Every delivered row, with what the ladder looks at: columns of ROWS.

    Args:
        good: `partner_audience`.
        set_aside: `QUARANTINED_AUDIENCE`: duplicates and conflicts stand where their address stands.
        audience: as declared.
        purpose: what the rows are to be used for.
    """
    key = KEYS[audience.identified_by]
    kept = [
        (row[key], row.get("email_sha256_plain") if key == "email_sha256" else row[key], row["identifier_form"], None,
         _permits(row, audience, purpose))
        for row in good.to_pylist()
    ]  # fmt: skip
    for row in set_aside.to_pylist():
        usable = row["identifier_form"] not in ("wrong_hash", "unusable")
        digest, given = (row["identifier"], None) if usable else (None, row["identifier"])
        # A row that can't be read says nothing of what it permits; that it can't be read comes first.
        permitted = row["reason"] == "malformed" or _permits(row, audience, purpose)
        kept.append((digest, row["identifier_plain"], row["identifier_form"], given, permitted))
    columns = zip(*kept, strict=True) if kept else [()] * len(ROWS)
    return pa.table({f.name: pa.array(c, f.type) for f, c in zip(ROWS, columns, strict=True)})


def unmatched_hashes(partner: pa.Table, known: pa.Array) -> set[str]:
    """Hashes that the partner made, and that join nothing: where they come from has to be looked for."""
    usable = partner.filter(partner["permitted"])
    loose = usable.filter(pc.and_(pc.equal(usable["form"], "hashed"), pc.invert(pc.is_in(usable["digest"], known))))
    return set(loose["digest"].to_pylist()) | set(usable["given"].drop_null().to_pylist())


def ladder(
    partner: pa.Table, known: pa.Array, known_plain: pa.Array, mistakes: Mapping[str, Mistake] | None = None
) -> list[Rung]:
    """Sort every partner row to the first reason that explains it.

    Args:
        partner: from `rows`.
        known: the hashes that our customers are joined by.
        known_plain: the same without plus-tags.
        mistakes: hash -> the mistake it is made with, from `people.forms.mistaken`.
    """
    made = dict(mistakes or {})
    cased = pa.array([h for h, m in made.items() if m == "case"], pa.string())
    wrong = pa.array([h for h, m in made.items() if m == "wrong_hash"], pa.string())
    digest, form = partner["digest"], partner["form"]
    tests: dict[str, pa.ChunkedArray] = {
        "not_permitted": pc.invert(partner["permitted"]),
        "not_normalisable": pc.equal(form, "unusable"),
        "wrong_hash/ours": pc.and_(
            pc.equal(form, "wrong_hash"), pc.is_in(partner["given"], pa.array(list(made), pa.string()))
        ),
        "wrong_hash/other": pc.equal(form, "wrong_hash"),
        "matched/mended": pc.and_(pc.is_in(digest, known), pc.equal(form, "mended")),
        "matched/normal": pc.is_in(digest, known),
        "plus_address": pc.is_in(partner["plain"], known_plain),
        "case": pc.is_in(digest, cased),
        "wrong_hash/sha256": pc.is_in(digest, wrong),
    }
    reasons = pc.case_when(pc.make_struct(*tests.values(), field_names=list(tests)), *tests, "absent")
    counts = {pair["values"]: pair["counts"] for pair in pc.value_counts(reasons).to_pylist()}
    return [_rung(reason, counts) for reason in RUNGS]


def _rung(reason: str, counts: Mapping[str, int]) -> Rung:
    def of(*names: str) -> int:
        return sum(counts.get(name, 0) for name in names)

    if reason == "wrong_hash":
        ours, confused = of("wrong_hash/ours"), of("wrong_hash/sha256")
        return Rung(reason, ours + confused + of("wrong_hash/other"), ours + confused, confused)
    if reason == "matched":
        mended = of("matched/mended")
        return Rung(reason, mended + of("matched/normal"), 0, mended)
    number = of(reason)
    gain = {"case": number, "plus_address": number, "absent": 0}
    return Rung(reason, number, gain.get(reason))


def total(rungs: Iterable[Rung]) -> int:
    """The partner's rows."""
    return sum(rung.rows for rung in rungs)


def _permits(row: Mapping[str, str | None], audience: Audience, purpose: str) -> bool:
    given = row.get("permitted_purposes")
    said = row.get("consent") if audience.consent else None
    state: State | None = None if not audience.consent else "granted" if said == "granted" else "unknown"
    return permits(state, (given or "").split(",") if audience.purposes else None, purpose)
