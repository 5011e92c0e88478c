"""Step 8 as Dagster sees it: features, and per target its training examples; models are in `model_assets`."""

from typing import Any

import dagster as dg

from segment_assets.automation import OWNERS, again_if_overtaken, code_version, fresh_within, on_changed_data
from segment_assets.lake import Lake
from segment_assets.modelling import features as features_of
from segment_assets.modelling import labels, leakage, left_out, matrix
from segment_assets.modelling.model_assets import model_assets
from segment_assets.modelling.tables import FEATURES, training_examples
from segment_assets.reporting import Result, blocking, report, spec_metadata
from segment_assets.segmentation import Segmentation, Target

FEATURES_KEY = dg.AssetKey("features")
LIBRARIES = ("duckdb", "sqlglot")
# A table's short name -> the asset that makes it.
_MADE_BY = {
    "engagement_events": dg.AssetKey("engagement_events"),
    "customers": dg.AssetKey("customers"),
    "customer_endpoints": dg.AssetKey("customers"),
    "identity_edges": dg.AssetKey("identity_edges"),
    "persons": dg.AssetKey("persons"),
    "households": dg.AssetKey("households"),
}


def assets(config: Segmentation) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """Everything step 8 makes."""
    examples = [_training_examples(config, name, target) for name, target in config.targets.items()]
    return [_features(config), *examples, *model_assets(config)]


def _features(config: Segmentation) -> dg.AssetsDefinition:
    made_by = _MADE_BY | _clean_room_results(config)

    @dg.asset(
        key=FEATURES_KEY,
        pool="features",
        deps=sorted(set(made_by.values())),
        group_name="modelling",
        kinds={"iceberg", "sql"},
        owners=OWNERS,
        code_version=code_version(
            "modelling",
            *config.targets.values(),
            *_used(config),
            *features_of.columns_named(config),
            libraries=LIBRARIES,
        ),
        freshness_policy=fresh_within(config.policy.fresh_within),
        automation_condition=on_changed_data,
        metadata=spec_metadata(FEATURES),
        check_specs=[
            blocking("no_feature_after_cutoff", FEATURES_KEY, "No row rests on anything known at or after its cutoff"),
            blocking("only_timed_sources", FEATURES_KEY, "Every column comes from facts with a known time"),
            dg.AssetCheckSpec(
                "every_value_is_summed", asset=FEATURES_KEY, description="No value is too large for sums"
            ),
            dg.AssetCheckSpec("names_are_unambiguous", asset=FEATURES_KEY, description="No two features want one name"),
        ],
    )
    def features(context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake]) -> Result:
        """What was known of each customer before each cutoff: what they did, how lately, and what the partner says.

        One row per customer and cutoff: a run that made two would fail, and write nothing. Docs: docs/features.md.
        """
        before, as_of = lake.state(FEATURES), features_of.as_of(lake, config)
        built, too_large = features_of.build(lake, config), left_out.warnings(lake)
        untimed = leakage.untimed_sources(built.trace.values, made_by)
        with again_if_overtaken():
            written = lake.write(built.table, built.rows, context.run.run_id, as_of=as_of, replacing=before)
        return report(
            written,
            trace=built.trace,
            made_by=made_by,
            checks=[
                dg.AssetCheckResult(
                    check_name="no_feature_after_cutoff",
                    passed=not built.late_rows and not built.differing,
                    metadata={"rows_known_too_late": built.late_rows, "rows_that_recount_differently": built.differing},
                ),
                dg.AssetCheckResult(
                    check_name="only_timed_sources",
                    passed=not untimed,
                    metadata={"columns": ", ".join(f"{leak.feature}: {leak.detail}" for leak in untimed) or "none"},
                ),
                dg.AssetCheckResult(
                    check_name="every_value_is_summed",
                    passed=not too_large,
                    severity=dg.AssetCheckSeverity.WARN,
                    description=". ".join(too_large) or None,
                ),
                dg.AssetCheckResult(
                    check_name="names_are_unambiguous",
                    passed=not built.clashes,
                    severity=dg.AssetCheckSeverity.WARN,
                    description=". ".join(built.clashes) or None,
                ),
            ],
            cutoffs=len(built.rows["cutoff"].unique()),
            features=len(built.table.schema) - len(FEATURES.schema),
        )

    return features


def _training_examples(config: Segmentation, name: str, target: Target) -> dg.AssetsDefinition:
    key, table = dg.AssetKey(["training_examples", name]), training_examples(name)

    @dg.asset(
        key=key,
        pool=key.to_user_string(),
        deps=[FEATURES_KEY, _MADE_BY["engagement_events"], _MADE_BY["customers"]],
        group_name="modelling",
        kinds={"iceberg", "sql"},
        owners=OWNERS,
        code_version=code_version("modelling", target, libraries=(*LIBRARIES, "scikit-learn")),
        freshness_policy=fresh_within(config.policy.fresh_within),
        automation_condition=on_changed_data,
        metadata=spec_metadata(table),
        description=(
            f"What {name} turned out to be for every customer who could have been scored: examples to learn from.\n\n"
            f"{_meaning(target)} Only past days whose whole horizon has ended, and whose outcomes are in. "
            "Docs: docs/features.md."
        ),
        check_specs=[
            blocking("can_be_trained", key, "Enough cutoffs, and enough of either outcome, to learn from"),
            blocking("no_leakage", key, "No feature gives the label away"),
        ],
    )
    def examples(context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake]) -> Result:
        before, as_of = lake.state(table), lake.as_of(FEATURES)
        built = labels.build(lake, name, target)
        with again_if_overtaken():
            written = lake.write(table, built.rows, context.run.run_id, as_of=as_of, replacing=before)
        leaks = leakage.leaks(matrix.examples(lake, name), of_absence=target.kind == "absence")
        return report(
            written,
            checks=[
                dg.AssetCheckResult(
                    check_name="can_be_trained",
                    passed=built.refusal is None,
                    description=built.refusal,
                    metadata={"cutoffs": built.evidence.cutoffs, "positives": built.evidence.positives},
                ),
                dg.AssetCheckResult(
                    check_name="no_leakage",
                    passed=not leaks,
                    metadata={"leaks": "; ".join(f"{leak.feature}: {leak.detail}" for leak in leaks) or "none"},
                ),
            ],
            base_rate=built.evidence.positives / max(1, built.evidence.examples),
            outcomes_known_after_days=built.evidence.late.days,
            cutoffs_that_wait_for_outcomes=", ".join(str(c) for c in built.waiting) or "none",
        )

    return examples


def _meaning(target: Target) -> str:
    days = target.horizon.days
    if target.kind == "value":
        return f"The label is the sum of {target.metric} of {target.event} events in the {days} days after the cutoff."
    happened = "no" if target.kind == "absence" else "at least one"
    return f"The label is 1 for {happened} {target.event} event in the {days} days after the cutoff, else 0."


def _used(config: Segmentation) -> list[Any]:
    queries = config.collaboration.queries if config.collaboration else {}
    return [queries[name] for name in sorted(queries) if queries[name].use_as_features]


def _clean_room_results(config: Segmentation) -> dict[str, dg.AssetKey]:
    queries = config.collaboration.queries if config.collaboration else {}
    return {
        f"clean_room_{name}": dg.AssetKey(["clean_room_results", name])
        for name, wanted in queries.items()
        if wanted.use_as_features
    }
