"""Signs that a training set knows the answer: a detector, to stand beside the proof in the features' own checks.

A feature that saw the future shows in one of these ways, whatever let it in:
- by itself it ranks the outcomes almost perfectly, in either direction, by its bins, or by being missing;
- it is there for customers with the outcome, and for them alone; or for none of them;
- it comes from a table whose facts carry no time of their own.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from segment_assets.modelling.matrix import feature_columns
from segment_assets.sql import Lineage

# No honest single feature comes near: on the Complete Journey data the best reaches 0.84 for each demo target. One that
# does (accounts closed before the cutoff, say) is better taken out of `eligible` than learned from.
HIGHEST_AUC = 0.98
# Fewer customers than this have a feature in common by chance.
FEWEST_CUSTOMERS = 20
# How unlikely it must be, under the base rate, that all customers with a feature are of one outcome.
CHANCE = 1e-9
# Under chance the standard error of an AUC is 0.09 for this many against many, 0.13 for as many: 0.98 is far out.
FEWEST_OUTCOMES = 10
_BINS = 20

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, order=True)
class Leak:
    """A feature that looks as if it knew the answer.

    Attributes:
        feature: its name.
        reason: `ranks_outcomes`, `only_positives`, `only_negatives` or `untimed_source`.
        detail: what was seen, for a person.
    """

    feature: str
    reason: str
    detail: str


def leaks(examples: pa.Table, *, of_absence: bool = False) -> list[Leak]:
    """Features that give the label away; none for a clean set.

    What leaks is written because the event happens, so who has it all had the event: the outcome, or, where that is the
    event's absence, those without it. Of an event the other side is no leak: who has unsubscribed clicks no more.

    Args:
        examples: a matrix as `matrix.examples` gives it. Values count as outcomes by being above 0, and by lying
            above their median.
        of_absence: the outcome is that an event did not happen.
    """
    label = examples["label"].to_numpy()
    if not len(label):
        return []
    customers = examples["customer_id"].combine_chunks().dictionary_encode().indices.to_numpy()
    numeric, categorical = feature_columns(examples)
    found: list[Leak] = []
    for outcome in _outcomes(label):
        for name in numeric:
            found += _suspect(name, _numbers(examples[name]), outcome, customers, both_sides=of_absence)
        for name in categorical:
            found += _suspect_category(name, examples[name], outcome, customers, both_sides=of_absence)
    return sorted({(leak.feature, leak.reason): leak for leak in found}.values())


def untimed_sources(lineage: Lineage, timed: Collection[str]) -> list[Leak]:
    """Features computed from a table that is not among those whose facts are cut by their own known time."""
    return sorted(
        Leak(name, "untimed_source", f"comes from {source.table}.{source.column}, which has no known time")
        for name, sources in lineage.items()
        for source in sources
        if source.table not in timed
    )


def rankdata(values: Floats) -> Floats:
    """Ranks from 1, ties by their mean."""
    # scipy.stats has it, and takes a second to import in every process that loads the definitions.
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((2 * ends - counts + 1) / 2, np.float64)[place]


def auc(values: Floats, outcome: Flags) -> float:
    """Probability that a positive ranks above a negative, ties half: the Mann-Whitney statistic."""
    positives = int(outcome.sum())
    negatives = len(outcome) - positives
    ranks = rankdata(values)
    return float((ranks[outcome].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def _outcomes(label: Floats) -> list[Flags]:
    candidates = [label > 0] if set(np.unique(label)) <= {0.0, 1.0} else [label > 0, label > np.median(label)]
    return [o for o in candidates if min(o.sum(), (~o).sum()) >= FEWEST_OUTCOMES]


def _suspect(
    name: str, values: Floats, outcome: Flags, customers: npt.NDArray[np.int64], *, both_sides: bool
) -> list[Leak]:
    known = ~np.isnan(values)
    found: list[Leak] = []
    if not known.any():
        return found
    low, high = np.nanmin(values) - 1, np.nanmax(values) + 1
    ranked = [auc(np.where(known, values, fill), outcome) for fill in (low, high)]
    binned = auc(_encoded(_bins(values, known), outcome, customers), outcome)
    best = max(binned, *(max(a, 1 - a) for a in ranked))
    if best > HIGHEST_AUC:
        found.append(Leak(name, "ranks_outcomes", f"alone it ranks the outcomes with an AUC of {best:.3f}"))
    for present, how in ((known, "known"), (known & (values != 0), "not zero")):
        found += _one_sided(name, present, how, outcome, customers, both_sides=both_sides)
    return found


def _suspect_category(
    name: str, column: pa.ChunkedArray, outcome: Flags, customers: npt.NDArray[np.int64], *, both_sides: bool
) -> list[Leak]:
    codes = pc.fill_null(column.combine_chunks().dictionary_encode().indices.cast(pa.int64()), -1).to_numpy()
    found = []
    best = auc(_encoded(codes + 1, outcome, customers), outcome)
    if best > HIGHEST_AUC:
        found.append(Leak(name, "ranks_outcomes", f"alone it ranks the outcomes with an AUC of {best:.3f}"))
    return found + _one_sided(name, codes >= 0, "known", outcome, customers, both_sides=both_sides)


def _one_sided(
    name: str, present: Flags, how: str, outcome: Flags, customers: npt.NDArray[np.int64], *, both_sides: bool
) -> list[Leak]:
    # Customers, not rows: a customer's rows at several cutoffs are one piece of evidence.
    n = len(np.unique(customers[present]))
    if n < FEWEST_CUSTOMERS or present.all():
        return []
    sides = [("only_positives", "with", outcome), ("only_negatives", "without", ~outcome)]
    return [
        Leak(name, reason, f"it is {how} for {n} customers, all of them {side} the outcome")
        for reason, side, had in sides[: 1 + both_sides]
        if had[present].all() and had.mean() ** n <= CHANCE
    ]


def _numbers(column: pa.ChunkedArray) -> Floats:
    return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)


def _bins(values: Floats, known: Flags) -> npt.NDArray[np.int64]:
    """0 for missing, else 1 to 20 by rank; every frequent value ends in one bin."""
    bins = np.zeros(len(values), dtype=np.int64)
    bins[known] = 1 + np.minimum((rankdata(values[known]) - 1) / known.sum() * _BINS, _BINS - 1).astype(np.int64)
    return bins


def _encoded(codes: npt.NDArray[np.int64], outcome: Flags, customers: npt.NDArray[np.int64]) -> Floats:
    """Each code's share of positives among the *other* half of customers: what a code says, not what it memorised."""
    half = customers % 2 == 0
    encoded = np.full(len(codes), outcome.mean())
    size = int(codes.max()) + 1
    for this in (half, ~half):
        other = ~this
        seen = np.bincount(codes[other], minlength=size)
        share = np.bincount(codes[other], weights=outcome[other].astype(float), minlength=size) / np.maximum(seen, 1)
        encoded[this] = np.where(seen[codes[this]] > 0, share[codes[this]], outcome.mean())
    return encoded
