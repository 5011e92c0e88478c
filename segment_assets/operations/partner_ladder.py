"""The match-rate ladder of the embedded deployment: measured on both sides' hashes, shown as counts that hide few."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow.compute as pc
from rich.table import Table as Grid

from segment_assets import deployment
from segment_assets.dashboards.disclosure import MINIMUM, People, breakdown, people
from segment_assets.deployment import Settings
from segment_assets.first_party import customer_exports
from segment_assets.first_party.tables import CUSTOMERS
from segment_assets.lake import Lake
from segment_assets.people.addresses import AddressType
from segment_assets.people.forms import Mistake, mistaken
from segment_assets.segmentation import Audience
from segment_assets.third_party import ladder
from segment_assets.third_party.ladder import Rung
from segment_assets.third_party.tables import KEYS, QUARANTINED_AUDIENCE, partner_audience

MENDS = {
    "not_permitted": "no mend: whoever does not permit it is left out",
    "not_normalisable": "the partner mends what is no address",
    "wrong_hash": "the partner hashes the normalised address with SHA-256",
    "case": "the partner lower-cases before hashing",
    "plus_address": "both sides join by email_sha256_plain",
    "absent": "no mend: only one side knows them",
    "matched": "",
}


class LadderError(Exception):
    """Why there is no ladder, and what to do."""


@dataclass(frozen=True)
class Line:
    """A rung as it may be shown.

    Attributes:
        reason: one of `ladder.RUNGS`.
        rows: partner rows on it.
        gain: rows that the mend would gain; None where nobody can know.
        mend: in words.
    """

    reason: str
    rows: People
    gain: People | None
    mend: str


def measure(settings: Settings, lake: Lake, purpose: str) -> list[Rung]:
    """Where each row of the partner's latest delivery stands.

    Raises:
        LadderError: there is no partner, another deployment holds the data, or too few rows are there.
    """
    audience = settings.segmentation.audience
    if audience is None:
        raise LadderError("segmentation.yaml: no audience is declared, so there is no partner whose rows could join")
    if deployment.chosen() != "embedded":
        raise LadderError(
            "partner ladder: on AWS no account holds the hashes of both sides: ask the aggregation queries of "
            "docs/partner.md in the clean room"
        )
    known, plain = _columns(audience)
    table = partner_audience(audience)
    unneeded = {*audience.attributes, "record"}  # what people are like says nothing of why they do not join
    good, aside = (
        lake.read(t, [c for c in t.schema.names if c not in unneeded]) for t in (table, QUARANTINED_AUDIENCE)
    )
    partner = ladder.rows(good, aside, audience, purpose)
    compared = partner.filter(partner["permitted"])["digest"]
    if (usable := len(compared) - compared.null_count) < MINIMUM:
        raise LadderError(
            f"partner ladder: {'fewer than ' + str(MINIMUM) if usable else 'no'} rows of the partner have an "
            f"identifier and permit {purpose}, and counts of so few would tell of single people; build "
            "partner_audience from a delivery first"
        )
    customers = lake.read(CUSTOMERS, ["customer_id", *{known, plain}])
    ours, ours_plain = (pc.unique(customers[c]).drop_null() for c in (known, plain))
    wanted = ladder.unmatched_hashes(partner, ours)
    mistakes = _mistakes(settings, audience, set(ours.to_pylist()), wanted) if wanted else {}
    return ladder.ladder(partner, ours, ours_plain, mistakes)


def shown(rungs: list[Rung]) -> list[Line]:
    """The rungs with few people hidden, so that no sum gives them away.

    What the partner knows by itself (not_permitted, not_normalisable, how many hashes are of another kind) can hide
    nothing: parts are blurred among those that only both sides together know.
    """
    by = {rung.reason: rung for rung in rungs}
    wrong, matched = by["wrong_hash"], by["matched"]
    foreign = (wrong.gain or 0) - wrong.mended  # hashes of another kind that are of our customers
    both = breakdown(
        {
            "normal": matched.rows - matched.mended,
            "mended": matched.mended,
            "absent": by["absent"].rows,
            "plus_address": by["plus_address"].rows,
            "case": by["case"].rows,
            "confused": wrong.mended,
        },
        blur=["normal", "mended", "absent"],
    )
    of_another_kind = wrong.rows - wrong.mended
    rows = {
        "not_permitted": people(by["not_permitted"].rows),
        "not_normalisable": people(by["not_normalisable"].rows),
        "wrong_hash": _sum(both["confused"], people(of_another_kind)),
        "case": both["case"],
        "plus_address": both["plus_address"],
        "absent": both["absent"],
        "matched": _sum(both["normal"], both["mended"]),
    }
    gains = {
        "wrong_hash": _sum(both["confused"], _of_known(foreign, of_another_kind)),
        "case": both["case"],
        "plus_address": both["plus_address"],
        "absent": people(0),
        "matched": people(0),
    }
    mends = MENDS | {"matched": f"{both['mended'].text} of them since case and spaces are mended here"}
    return [
        Line(reason, rows[reason], gains.get(reason), mends[reason])
        for reason in ladder.RUNGS
        if reason != "not_permitted" or by[reason].rows
    ]


def as_json(lines: list[Line]) -> dict[str, Any]:
    """For programs: texts as shown, and the number that a chart may draw."""
    return {
        "rungs": [
            {
                "rung": line.reason,
                "rows": asdict(line.rows),
                "share": share(line, lines),
                "would_gain": line.gain and asdict(line.gain),
                "mend": line.mend,
            }
            for line in lines
        ]
    }


def share(line: Line, lines: list[Line]) -> float:
    """Of the partner's rows, as far as they are shown."""
    whole = sum(one.rows.drawn for one in lines)
    return round(line.rows.drawn / whole, 3) if whole else 0.0


def grid(lines: list[Line], audience: Audience | None) -> Grid:
    """The ladder as a table for people."""
    by = (audience.identified_by if audience else "email").replace("_", " ")
    found = Grid(
        title=f"Match-rate ladder: the partner's rows by {by}, each on the first rung that explains it",
        title_justify="left", title_style="bold", box=None, pad_edge=False,
    )  # fmt: skip
    for name in ("rung", "rows", "share", "a mend gains", ""):
        found.add_column(name, justify="left" if name in ("rung", "") else "right", no_wrap=bool(name))
    for line in lines:
        gain = "unknown" if line.gain is None else line.gain.text if line.gain.drawn else "-"
        found.add_row(line.reason, line.rows.text, f"{share(line, lines):.1%}", gain, line.mend)
    return found


def _of_known(part: int, whole: int) -> People:
    """A part of a whole that one side knows: where whole or rest are few, it says no more than the whole does."""
    if whole < MINIMUM:
        return people(whole)
    if 0 < whole - part < MINIMUM <= part:
        return People(f"about {whole // 10 * 10:,}", whole // 10 * 10)
    return people(part)


def _sum(one: People, other: People) -> People:
    """Two parts together: no more exact than they are."""
    if not one.drawn or not other.drawn:
        return one if one.drawn else other
    exact = all(part.text == f"{part.drawn:,}" for part in (one, other))
    drawn = one.drawn + other.drawn
    return People(f"{drawn:,}" if exact else f"about {drawn:,.0f}", drawn)


def _columns(audience: Audience) -> tuple[str, str]:
    if audience.identified_by == "name_and_postal":
        raise LadderError(
            "partner ladder: our customers are not known by name and postal address, so nothing can join by it; use "
            "segmentation.yaml: audience.identified_by: email or phone"
        )
    key = KEYS[audience.identified_by]
    return key, "email_sha256_plain" if key == "email_sha256" else key


def _mistakes(settings: Settings, audience: Audience, known: set[str], wanted: set[str]) -> Mapping[str, Mistake]:
    # Our readable addresses are read where they land, and leave this function as nothing but reasons.
    where = settings.segmentation.landing.customers
    export = customer_exports.read(deployment.resource(settings, "landing"), where)
    kind: AddressType = "email" if audience.identified_by == "email" else "phone"
    channel = "email" if kind == "email" else "sms"
    written = (c.address for c in export.contacts if c.channel == channel and c.address)
    return mistaken(written, kind, known, wanted, where.phone_region)
