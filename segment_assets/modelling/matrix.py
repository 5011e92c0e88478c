"""Features as the matrix a model is fitted on, or asked about. Columns are in alphabetical order."""

from datetime import timedelta

import duckdb
import pyarrow as pa

from segment_assets.lake import Lake
from segment_assets.modelling.tables import FEATURES, training_examples
from segment_assets.sql import parse, predicate, to_duckdb

# What stands beside the features in a matrix or in the table, and is never a feature.
NOT_FEATURES = frozenset({"customer_id", "cutoff", "label", "label_until", "known_until"})


def examples(lake: Lake, target: str) -> pa.Table:
    """Every training example of a target with what was known at its cutoff.

    Returns:
        `customer_id`, `cutoff` (date), `label`, then the features: numbers as double, categories as string, null
        where not known. Rows by cutoff, then customer.
    """
    labels = training_examples(target)
    with lake.connect(FEATURES, labels) as db:
        text = f"""
            SELECT t.customer_id, t.cutoff, t.label, {_features(db)}
            FROM {labels.short_name} AS t JOIN features AS f ON f.customer_id = t.customer_id AND f.cutoff = t.cutoff
            ORDER BY t.cutoff, t.customer_id"""
        return db.sql(to_duckdb(parse(text))).to_arrow_table()


def lateness(lake: Lake, target: str) -> timedelta:
    """How much later than they happened the outcomes of the examples were known; zero where the table can't tell."""
    table = training_examples(target)
    text = f"SELECT MAX(DATEDIFF(known_by, label_until)) AS days FROM {table.short_name}"
    with lake.connect(table) as db:
        [days] = db.sql(to_duckdb(parse(text))).to_arrow_table()["days"].to_pylist()
    return timedelta(days=days or 0)


def scoring_rows(lake: Lake, eligible: str) -> pa.Table:
    """Customers at the newest cutoff for whom the predicate over features holds.

    Returns:
        `customer_id`, `cutoff`, then the same features, in the same order and types, as `examples`. Rows by customer.

    Raises:
        SqlError: the predicate does not parse, or names a column that is no feature.
    """
    with lake.connect(FEATURES) as db:
        condition = predicate(eligible, _columns(db)).sql(dialect="spark")
        text = f"""
            SELECT f.customer_id, f.cutoff, {_features(db)}
            FROM features AS f
            WHERE f.cutoff = (SELECT MAX(cutoff) FROM features) AND ({condition})
            ORDER BY f.customer_id"""
        return db.sql(to_duckdb(parse(text))).to_arrow_table()


def feature_columns(table: pa.Table) -> tuple[list[str], list[str]]:
    """Names of the numeric and of the categorical features, each in the table's order."""
    fields = [f for f in table.schema if f.name not in NOT_FEATURES]
    numeric = [f.name for f in fields if not _is_text(f.type)]
    return numeric, [f.name for f in fields if _is_text(f.type)]


def feature_names(lake: Lake) -> list[str]:
    """What a predicate over features may name; empty before features were first built."""
    with lake.connect(FEATURES) as db:
        return sorted(name for name in _columns(db) if name not in NOT_FEATURES)


def _columns(db: duckdb.DuckDBPyConnection) -> dict[str, str]:
    relation = db.table("features")
    return dict(zip(relation.columns, (str(t) for t in relation.types), strict=True))


def _features(db: duckdb.DuckDBPyConnection) -> str:
    # An evolved Iceberg table keeps its columns in the order they came: sorted, the matrix depends on the set alone.
    kinds = {name: kind for name, kind in sorted(_columns(db).items()) if name not in NOT_FEATURES}
    if not kinds:
        return "CAST(NULL AS DOUBLE) AS no_features"
    return ", ".join(
        f"f.`{name}`" if kind == "VARCHAR" else f"CAST(f.`{name}` AS DOUBLE) AS `{name}`"
        for name, kind in kinds.items()
    )


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind))
