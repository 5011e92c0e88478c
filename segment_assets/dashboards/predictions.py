"""What came out: models beside their baselines, segments, and what is where."""

import math
from dataclasses import replace
from datetime import timedelta
from typing import Any

from segment_assets.activation.tables import ACTIVATION_LEDGER
from segment_assets.dashboards.datasets import DataSet, Reader, Row
from segment_assets.dashboards.disclosure import MINIMUM, breakdown, part, people
from segment_assets.dashboards.verdict import (
    CALIBRATION,
    CANDIDATES,
    CHALLENGER,
    CHAMPION,
    CONTENDERS,
    METRICS,
    MODEL,
    Estimate,
    against_champion,
    judged_by,
    off_calibration,
    refused,
    verdict,
)
from segment_assets.first_party.tables import CUSTOMERS
from segment_assets.lake import Table
from segment_assets.modelling.tables import GAIN, customer_scores, model_evaluation
from segment_assets.segmentation import Target
from segment_assets.segments.tables import REASONS, predictive_segments

POOLED, UNSEEN = "pooled", "unseen"
# The ledger carries the cutoff of the decisions, which is the day after the last day of their data.
DAY = timedelta(days=1)
# Shown in this order. What is blurred first is told nowhere else: scored customers give away who was not eligible.
REASON_LABELS = {
    "in": "In the segment",
    "holdout": "Held out to measure the effect",
    "suppressed": "Suppressed: unsubscribed, complained, bounced or on a suppression list",
    "unreachable": "Unreachable: consent, but no active address",
    "quarantined": "Quarantined: taken for one person or household with too many others, or not known to identity yet",
    "no_consent": "No consent for the channels",
    "below_threshold": "Below the threshold",
    "not_eligible": "Not eligible: can't be scored",
}
BLUR = ("below_threshold", "no_consent", "not_eligible")


def target(reader: Reader, name: str, spec: Target) -> dict[str, DataSet]:
    """One model beside its baselines, and what it expects."""
    table = model_evaluation(name)
    rows = [_known(r) for r in reader.lake.read(table).to_pylist()]
    pooled = [r for r in rows if r["cutoff"] == POOLED and r["value"] is not None]
    metric, second = judged_by(spec.kind)
    verdicts = _verdicts(rows, pooled, (metric, second))
    headline = sorted(
        (r for r in pooled if r["metric"] == metric),
        key=lambda r: (r["contender"] != MODEL, r["contender"] in (CHAMPION, CHALLENGER), -r["value"], r["contender"]),
    )
    rank = {r["contender"]: i for i, r in enumerate(headline)}
    order = list(METRICS)
    known = [
        _labelled(r)
        for r in sorted(
            (r for r in pooled if r["metric"] in METRICS),
            key=lambda r: (order.index(r["metric"]), rank.get(r["contender"], len(rank)), r["contender"]),
        )
    ]
    calibration = [_labelled(r) for r in pooled if r["contender"] == MODEL and r["metric"] in CALIBRATION]
    by_cutoff = [
        _labelled(r)
        for r in sorted(rows, key=lambda r: (r["cutoff"], rank.get(r["contender"], len(rank)), r["contender"]))
        if r["cutoff"] not in (POOLED, UNSEEN) and r["metric"] == metric
    ]
    return {
        f"verdict/{name}": reader.dataset(verdicts, table),
        f"contenders/{name}": reader.dataset([_labelled(r) for r in headline], table),
        f"metrics/{name}": reader.dataset(known, table),
        f"calibration/{name}": reader.dataset(calibration, table),
        f"cutoffs/{name}": reader.dataset(by_cutoff, table),
        f"deciles/{name}": _deciles(reader, customer_scores(name)),
    }


def _verdicts(rows: list[dict[str, Any]], pooled: list[dict[str, Any]], metrics: tuple[str, str]) -> list[Row]:
    """The model beside its baselines, by both metrics; then beside the model before, or the challenger refused."""
    told: list[Row] = []
    loss = metrics[1]
    model = next((r["examples"] for r in pooled if r["contender"] == MODEL), None)
    why = next((r["why"] for r in pooled if r["contender"] == CHALLENGER and r.get("why")), None)
    for judged in metrics:
        estimates = [_estimate(r) for r in pooled if r["metric"] == judged]
        gains = [_estimate(r) for r in pooled if r["metric"] == f"{judged}{GAIN}" and r["contender"] not in CANDIDATES]
        text, tone = verdict(estimates, judged, gains)
        told += [{"text": text, "tone": tone}] if estimates and not (why and model is None) else []
    if off := off_calibration({r["metric"]: _estimate(r) for r in pooled if r["contender"] == MODEL}):
        told.append({"text": off, "tone": "unclear"})
    if why:
        told.append({"text": refused(why, model), "tone": "plain"})
    before = next((r for r in rows if r["contender"] == CHAMPION and r["metric"] == f"{loss}{GAIN}"), None)
    if before:
        told.append({"text": against_champion(_estimate(before), loss, before["examples"]), "tone": "plain"})
    return told


def _estimate(row: dict[str, Any]) -> Estimate:
    return Estimate(row["contender"], row["value"], row["low"], row["high"])


def segment(reader: Reader, name: str, target_name: str) -> dict[str, DataSet]:
    """Who is in, who is out, and what moved the members' scores."""
    table, scores = predictive_segments(name), customer_scores(target_name)
    counts = {r["reason"]: r["customers"] for r in reader.ask("decisions", decisions=table)}
    shown = breakdown(counts, BLUR)
    order = [*REASON_LABELS, *(r for r in REASONS if r not in REASON_LABELS), *sorted(set(counts) - set(REASONS))]
    decisions: list[Row] = [
        {"reason": REASON_LABELS.get(r, r), "customers": shown.get(r, people(0))}
        for r in dict.fromkeys(order)
        if r in counts or r in REASON_LABELS
    ]
    channels: list[Row] = [
        {"channel": r["channel"], "members": part(r["members"], counts["in"])}
        for r in reader.ask("channels", decisions=table)
    ]
    reasons: list[Row] = [
        {
            "feature": r["feature"],
            "members": part(r["members"], counts["in"]),
            "contribution": round(float(r["mean_contribution"]), 6) if r["members"] >= MINIMUM else None,
        }
        for r in reader.ask("reasons", decisions=table, scores=scores)
    ]
    return {
        f"decisions/{name}": reader.dataset(decisions if counts else [], table),
        f"channels/{name}": reader.dataset(channels, table),
        f"reasons/{name}": reader.dataset(reasons, table, scores),
    }


def activations(reader: Reader) -> DataSet:
    """What each destination holds.

    Not how many rows it was sent: those are its members and whoever left, so the difference would tell how many did.
    """
    rows: list[Row] = [
        row
        | {
            "as_of": row["as_of"] - DAY,
            "members": people(row["members"]),
            "joined": part(row["joined"], row["members"]),
            "left": people(row["left"]),
        }
        for row in reader.ask("activations", activation_ledger=ACTIVATION_LEDGER)
    ]
    found = reader.dataset(rows, ACTIVATION_LEDGER)
    return replace(found, as_of=found.as_of - DAY if found.as_of else None)


def _deciles(reader: Reader, scores: Table) -> DataSet:
    rows: list[Row] = [
        {
            "decile": f"{r['decile']}{' (highest)' if r['decile'] == 1 else ''}",
            "customers": people(r["customers"]),
            "mean_score": round(float(r["mean_score"]), 6) if r["customers"] >= MINIMUM else None,
        }
        for r in reader.ask("deciles", scores=scores, customers=CUSTOMERS)
    ]
    return reader.dataset(rows, scores, CUSTOMERS)


def _known(row: dict[str, Any]) -> dict[str, Any]:
    """An estimate that could not be made, such as an AUC without positives, is unknown."""
    return row | {name: None if _unknown(row[name]) else row[name] for name in ("value", "low", "high")}


def _unknown(value: float | None) -> bool:
    return value is None or math.isnan(value)


def _labelled(row: dict[str, Any]) -> Row:
    metric, contender = str(row["metric"]), str(row["contender"])
    label = METRICS[metric][0] if metric in METRICS else CALIBRATION.get(metric, metric)
    who = CONTENDERS.get(contender, contender.replace("_", " "))
    baseline = contender not in CANDIDATES
    return row | {"metric": label, "contender": who, "is_model": contender == MODEL, "is_baseline": baseline}
