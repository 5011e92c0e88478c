"""Today's customers scored, ranked, and told apart by what moved their score."""

from collections.abc import Collection, Iterable
from datetime import date

import numpy as np
import pyarrow as pa

from segment_assets.modelling.calibration import Floats
from segment_assets.modelling.matrix import feature_columns
from segment_assets.modelling.model import DECIMALS, Model

REASONS = 3
# Rows explained at a time: 16 MB of contributions at 200 features.
_BATCH = 10_000
# Rows asked about at a time, here and in a transform job alike: 64 features of them are 26 MB, and a payload of
# SageMaker's has at most 100.
PART = 50_000
# A few columns may go missing: events that no longer occur, a partner who left. Then they are not known of anybody.
MOST_MISSING = 0.25


class OutgrownError(Exception):
    """The model in service reads features that are no longer there: one sentence that says which."""


def gone(rows: pa.Table, features: Collection[str]) -> list[str]:
    """Features of a model that rows lack."""
    numeric, categorical = feature_columns(rows)
    return sorted(set(features) - {*numeric, *categorical})


def outgrown(rows: pa.Table, features: Collection[str]) -> bool:
    """So many features of a model are gone that what it says would mean something else."""
    return len(gone(rows, features)) > MOST_MISSING * len(features)


def missing_features(rows: pa.Table, model: Model, target: str) -> list[str]:
    """Features of the model that today's rows lack, to be read as not known.

    Raises:
        OutgrownError: more than a quarter are gone, so the scores would mean something else.
    """
    lost = gone(rows, model.features)
    if outgrown(rows, model.features):
        raise OutgrownError(
            f"customer_scores/{target}: {len(lost)} of the model's {len(model.features)} features are no longer among "
            f"the features ({', '.join(lost[:5])}{', ...' if len(lost) > 5 else ''}); trained_model/{target} learns "
            "without them by itself, as soon as its examples pass their checks; or bring their events back"
        )
    return lost


def scores(rows: pa.Table, model: Model, version: str) -> pa.Table:
    """Rows of table `customer_scores`.

    Args:
        rows: eligible customers with features, from `matrix.scoring_rows`.
        model: the model in service.
        version: its version.

    Returns:
        one row per row given. Decile 1 holds the highest scores; equal scores are ranked by customer_id. Reasons
        are the three features with the largest contributions, larger first, equal ones by name; null for no more.
    """
    return ranked(rows, said_of((part, model) for part in parts(rows)), version)


def parts(rows: pa.Table) -> list[pa.Table]:
    """The rows in parts that are asked about one by one; a single empty one where there are none."""
    return [rows.slice(start, PART) for start in range(0, max(rows.num_rows, 1), PART)]


def said(rows: pa.Table, model: Model) -> pa.Table:
    """What the model says of each row: `customer_id`, `score`, `base_value`, reasons and contributions."""
    score = model.score(rows) if rows.num_rows else np.empty(0)
    return pa.table({"customer_id": rows["customer_id"], "score": pa.array(score)} | _reasons(rows, model))


def said_of(asked: Iterable[tuple[pa.Table, Model]]) -> pa.Table:
    """The same of parts, as one table."""
    return pa.concat_tables(said(part, model) for part, model in asked).combine_chunks()


def ranked(rows: pa.Table, said: pa.Table, version: str) -> pa.Table:
    """What was said of the rows, ranked among all of them: the rows that `scores` returns."""
    decile = deciles(said["score"].to_numpy(), rows["customer_id"].to_pylist())
    columns = {"customer_id": rows["customer_id"], "as_of": rows["cutoff"], "score": said["score"]}
    reasons = {name: said[name] for name in said.column_names if name not in columns}
    versions = pa.array([version] * rows.num_rows, pa.string())
    return pa.table(columns | {"decile": pa.array(decile, pa.int32())} | reasons | {"model_version": versions})


def deciles(score: Floats, customers: list[str]) -> np.ndarray:
    """1 (highest) to 10, as equal in number as can be; ties broken by customer_id."""
    order = np.lexsort((np.asarray(customers, dtype=object).astype(str), -score))
    found = np.empty(len(score), dtype=np.int32)
    found[order] = np.arange(len(score)) * 10 // max(len(score), 1) + 1
    return found


def as_of(rows: pa.Table) -> date | None:
    """The cutoff of the rows; None where there are none."""
    return rows["cutoff"][0].as_py() if rows.num_rows else None


def problems(table: pa.Table, eligible: pa.Table, model: Model) -> dict[str, bool]:
    """Blocking check -> whether it passed."""
    score = np.asarray(table["score"].to_numpy(), dtype=np.float64)
    customers = table["customer_id"].to_pylist()
    return {
        "scores_in_range": bool(np.isfinite(score).all() and (score >= 0).all())
        and (model.kind == "value" or bool((score <= 1).all())),
        "one_row_per_eligible_customer": sorted(customers) == sorted(eligible["customer_id"].to_pylist()),
        "keys_unique": len(set(customers)) == len(customers),
    }


def _reasons(rows: pa.Table, model: Model) -> dict[str, pa.Array]:
    names = np.asarray([*model.features, None], dtype=object)
    bases: list[Floats] = []
    reasons: list[list[np.ndarray]] = [[] for _ in range(REASONS)]
    amounts: list[list[np.ndarray]] = [[] for _ in range(REASONS)]
    rests: list[Floats] = []
    for start in range(0, rows.num_rows, _BATCH):
        base, parts = model.explain(rows.slice(start, _BATCH))
        rest = parts.sum(axis=1)
        parts = np.round(parts, DECIMALS)
        bases.append(np.full(len(parts), round(base, DECIMALS)))
        largest = np.argsort(-np.abs(parts), axis=1, kind="stable")[:, :REASONS]
        for i in range(REASONS):
            if i < largest.shape[1]:
                chosen = largest[:, i]
                moved = parts[np.arange(len(parts)), chosen]
            else:
                chosen, moved = np.zeros(len(parts), dtype=np.intp), np.zeros(len(parts))
            reasons[i].append(names[np.where(moved == 0, -1, chosen)])
            amounts[i].append(np.where(moved == 0, np.nan, moved))
            rest = rest - moved
        rests.append(np.round(rest, DECIMALS))
    found = {"base_value": pa.array(_joined(bases))}
    for i in range(REASONS):
        found[f"reason_{i + 1}"] = pa.array([n for part in reasons[i] for n in part], pa.string())
        found[f"contribution_{i + 1}"] = pa.array(_joined(amounts[i]), from_pandas=True)
    return found | {"contribution_rest": pa.array(_joined(rests))}


def _joined(parts: list[Floats]) -> Floats:
    return np.concatenate(parts) if parts else np.empty(0)
