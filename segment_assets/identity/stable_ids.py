"""Names for clusters that stay from run to run.

A cluster keeps the id that most of its members had. Only what has really merged or split changes its name, and what
an old name became is written down. Hashing the smallest member instead renamed 4.4 % of a million customers after a
day with 10 % more links, some because the smallest member had left.
"""

import uuid
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from segment_assets.identity.clusters import Clusters

_NAMESPACE = uuid.UUID("0d6e7b64-3c0e-5f6a-9a39-6f2b5f1f7c11")


@dataclass(frozen=True)
class Settled:
    """Ids, and what became of the ones before.

    Attributes:
        ids: id of each member, in the order of the clusters' members.
        aliases: every id that is no more: `old_id`, `became`, `new_id`, `reason`.
    """

    ids: list[str]
    aliases: pa.Table


def settle(prefix: str, clusters: Clusters, seeds: Mapping[str, str], previous: pa.Table, aliases: pa.Table) -> Settled:
    """Give each cluster an id.

    Laws: the same clusters keep their ids; a cluster whose members are those of an old one keeps its id, whatever
    happens to others; one that is taken apart and joined again has its id again; an id that is no more is never given
    again; equal input gives equal ids, also from nothing.

    Args:
        prefix: what ids begin with.
        clusters: today's clusters.
        seeds: member -> what a new id may be made from, which the id can be found from: nothing unkeyed. The smallest
            of a cluster is used.
        previous: `member` and `id` of the last run; a member may have had several, when it is two that merged.
        aliases: what the last run returned. It may stem from a run that was killed before its ids were written: ids
            that are in use are dropped from it.
    """
    members, labels = clusters.members.to_pylist(), clusters.labels.tolist()
    label_of = dict(zip(members, labels, strict=True))
    before = list(zip(previous["member"].to_pylist(), previous["id"].to_pylist(), strict=True))
    overlaps = Counter((label_of[member], old) for member, old in before if member in label_of)
    first: dict[tuple[int, str], str] = {}
    for member, old in sorted(before):
        if member in label_of:
            first.setdefault((label_of[member], old), member)
    ids: dict[int, str] = {}
    given: set[str] = set()
    # The largest overlap first; then that of the smallest member: a cluster that was taken apart for a day gives its id
    # to the part from which it takes it again.
    for (label, old), _ in sorted(overlaps.items(), key=lambda entry: (-entry[1], first[entry[0]], entry[0])):
        if label not in ids and old not in given:
            ids[label] = old
            given.add(old)
    known = {old for _, old in before} | set(aliases["old_id"].to_pylist())
    for label, seed in enumerate(_cluster_seeds(clusters.count, members, labels, seeds)):
        if label not in ids:
            ids[label] = _new_id(prefix, seed, known)
            known.add(ids[label])
    ended = _ended({old for _, old in before} - given, overlaps, ids)
    return Settled([ids[label] for label in labels], _aliases(aliases, ended, set(ids.values())))


def _cluster_seeds(count: int, members: list[str], labels: list[int], seeds: Mapping[str, str]) -> list[str]:
    smallest = [""] * count
    for member, label in zip(members, labels, strict=True):
        seed = seeds[member]
        if not smallest[label] or seed < smallest[label]:
            smallest[label] = seed
    return smallest


def _new_id(prefix: str, seed: str, known: set[str]) -> str:
    attempt = 0
    while (new := f"{prefix}{uuid.uuid5(_NAMESPACE, f'{prefix}{seed}#{attempt}')}") in known:
        attempt += 1
    return new


def _ended(
    dead: set[str], overlaps: Mapping[tuple[int, str], int], ids: Mapping[int, str]
) -> dict[str, tuple[str | None, str]]:
    heirs: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for (label, old), shared in overlaps.items():
        if old in dead:
            heirs[old].append((-shared, ids[label]))
    ended: dict[str, tuple[str | None, str]] = dict.fromkeys(dead - heirs.keys(), (None, "gone"))
    for old, found in heirs.items():
        ended[old] = (min(found)[1], "merged" if len(found) == 1 else "split")
    return ended


def _aliases(before: pa.Table, ended: Mapping[str, tuple[str | None, str]], alive: set[str]) -> pa.Table:
    direct = {row["old_id"]: (row["became"], row["reason"]) for row in before.to_pylist()} | dict(ended)
    direct = {old: entry for old, entry in sorted(direct.items()) if old not in alive}
    final: dict[str, str | None] = {}
    for old in direct:
        chain: list[str] = []
        new: str | None = old
        while new is not None and new in direct and new not in final:
            chain.append(new)
            new = direct[new][0]
        new = final.get(new, new) if new is not None else None
        final |= dict.fromkeys(chain, new)
    columns = {
        "old_id": list(direct),
        "became": [became for became, _ in direct.values()],
        "new_id": [final[old] for old in direct],
        "reason": [reason for _, reason in direct.values()],
    }
    return pa.table(columns, pa.schema([(name, pa.string()) for name in columns]))
