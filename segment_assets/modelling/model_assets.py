"""Per target: the model in service, how good it is, and today's scores."""

import dagster as dg

from segment_assets.automation import (
    OWNERS,
    again_if_overtaken,
    code_version,
    fresh_within,
    on_change_of,
    on_changed_data,
    when_stale_or_outgrown,
)
from segment_assets.lake import Lake, ObjectStore, Written
from segment_assets.modelling.port import Trainer
from segment_assets.modelling.tables import FEATURES, backtest, customer_scores, model_evaluation, training_examples
from segment_assets.reporting import Result, blocking, report, spec_metadata
from segment_assets.segmentation import Segmentation, Target

# scikit-learn takes two seconds to import, and the definitions are loaded by every process: bodies import `service`.
_LIBRARIES = ("scikit-learn", "skops", "numpy", "scipy")
# The check of scores whose failing makes the model learn anew.
THERE = "features_there"
# The check of evaluations that tells of a model gone wrong.
HOLDS = "model_still_holds"
_FEATURES_KEY = dg.AssetKey("features")


def model_assets(config: Segmentation) -> list[dg.AssetsDefinition]:
    """Trained model, evaluation and scores of every target."""
    return [
        make(config, name, target)
        for name, target in config.targets.items()
        for make in (_trained_model, _model_evaluation, _customer_scores)
    ]


def _trained_model(config: Segmentation, name: str, target: Target) -> dg.AssetsDefinition:
    table = backtest(name)
    code = code_version("modelling", target, past_spend(config, target), libraries=_LIBRARIES)

    @dg.asset(
        key=dg.AssetKey(["trained_model", name]),
        pool=f"trained_model/{name}",
        deps=[dg.AssetKey(["training_examples", name])],
        group_name="modelling",
        kinds={"scikitlearn"},
        owners=OWNERS,
        code_version=code,
        freshness_policy=fresh_within(config.policy.retrain_after),
        automation_condition=when_stale_or_outgrown(dg.AssetCheckKey(dg.AssetKey(["customer_scores", name]), THERE)),
        metadata=spec_metadata(table),
        description=(
            f"The model that predicts {name}: chosen and tested out of time, beside simple baselines.\n\n"
            "A challenger takes its place only if it beats the best baseline and is not worse than the "
            "model in service, or if that has gone wrong. "
            "The table holds what every contender would have said at the test cutoffs. Docs: docs/models.md."
        ),
    )
    def trained_model(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        models: dg.ResourceParam[ObjectStore],
        trainer: dg.ResourceParam[Trainer],
    ) -> Result:
        from segment_assets.modelling import service

        before, as_of = lake.state(table), lake.as_of(training_examples(name))
        trained = service.train(lake, models, name, target, past_spend(config, target), code, trainer)
        if trained.backtest is not None:
            with again_if_overtaken():
                lake.write(table, trained.backtest, context.run.run_id, as_of=as_of, replacing=before)
            trained.commit(models)
        stored = trained.stored
        return report(
            lake.state(table),
            version=stored.version,
            answered_by=trainer.serve(stored),
            model_version=stored.version,
            sha256=stored.sha256,
            training_rows=stored.training_rows,
            trained_in=trained.where,
            installed=trained.contest["installed"],
            candidates=dg.MetadataValue.md(trained.contest["candidates"]),
            why=dg.MetadataValue.md("\n".join(f"- {reason}" for reason in trained.contest["reasons"])),
            model_card=dg.MetadataValue.md(stored.shown),
        )

    return trained_model


def _model_evaluation(config: Segmentation, name: str, target: Target) -> dg.AssetsDefinition:
    key, model, table = (
        dg.AssetKey(["model_evaluation", name]),
        dg.AssetKey(["trained_model", name]),
        model_evaluation(name),
    )

    @dg.asset(
        key=key,
        pool=key.to_user_string(),
        deps=[dg.AssetKey(["training_examples", name]), model],
        group_name="modelling",
        kinds={"iceberg", "python"},
        owners=OWNERS,
        code_version=code_version("modelling", target, libraries=("numpy",)),
        freshness_policy=fresh_within(config.policy.retrain_after),
        automation_condition=on_change_of(model),
        metadata=spec_metadata(table),
        description=(
            f"How well {name} was predicted out of time, beside recency, frequency, past spend, the base rate and a "
            "linear model.\n\n"
            "Per test cutoff and pooled, each with a 95 % bootstrap interval over customers. Docs: docs/models.md."
        ),
        check_specs=[
            dg.AssetCheckSpec(
                "beats_baselines", asset=key, description="Better than the best single number, by the interval"
            ),
            dg.AssetCheckSpec(
                HOLDS,
                asset=key,
                description="What came since the model in service was trained agrees with what it said",
            ),
        ],
    )
    def evaluation(
        context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], models: dg.ResourceParam[ObjectStore]
    ) -> Result:
        from segment_assets.modelling import service

        before, as_of = lake.state(table), lake.as_of(backtest(name))
        found = service.evaluate(lake, models, name, target)
        with again_if_overtaken():
            written = lake.write(table, found.rows, context.run.run_id, as_of=as_of, replacing=before)
        return report(
            written,
            checks=[
                dg.AssetCheckResult(
                    check_name="beats_baselines",
                    passed=found.no_better is None,
                    severity=dg.AssetCheckSeverity.WARN,
                    description=found.no_better,
                ),
                dg.AssetCheckResult(
                    check_name=HOLDS,
                    passed=not found.wrong,
                    severity=dg.AssetCheckSeverity.WARN,
                    description=found.wrong or None,
                ),
            ],
            evaluation=dg.MetadataValue.md(found.markdown),
            in_service=found.in_service,
            why=dg.MetadataValue.md(found.reasons),
        )

    return evaluation


def _customer_scores(config: Segmentation, name: str, target: Target) -> dg.AssetsDefinition:
    key, table = dg.AssetKey(["customer_scores", name]), customer_scores(name)

    @dg.asset(
        key=key,
        pool=key.to_user_string(),
        deps=[_FEATURES_KEY, dg.AssetKey(["trained_model", name])],
        group_name="modelling",
        kinds={"iceberg", "scikitlearn"},
        owners=OWNERS,
        code_version=code_version("modelling", target, libraries=_LIBRARIES),
        freshness_policy=fresh_within(config.policy.fresh_within),
        automation_condition=on_changed_data,
        metadata=spec_metadata(table),
        description=(
            f"What to expect of each eligible customer today: {name}, with the three features that moved it most.\n\n"
            "Contributions and base value sum to the score (log-odds, or the value's unit). Docs: docs/models.md."
        ),
        check_specs=[
            blocking("scores_in_range", key, "Every score is finite; probabilities lie in 0 to 1, values not below 0"),
            blocking("one_row_per_eligible_customer", key, "Everyone eligible is scored, and no one else"),
            blocking("keys_unique", key, "One score per customer"),
            dg.AssetCheckSpec(
                THERE, asset=key, description="Of the features the model reads, three quarters are there"
            ),
        ],
    )
    def scores(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        models: dg.ResourceParam[ObjectStore],
        trainer: dg.ResourceParam[Trainer],
    ) -> Result:
        from segment_assets.modelling import scoring, service

        before, as_of = lake.state(table), lake.as_of(FEATURES)
        try:
            scored = service.score(lake, models, name, target, trainer)
        except scoring.OutgrownError as outgrown:
            return _kept(lake.state(table), outgrown)
        with again_if_overtaken():
            written = lake.write(table, scored.rows, context.run.run_id, as_of=as_of, replacing=before)
        return report(
            written,
            checks=[dg.AssetCheckResult(check_name=c, passed=p) for c, p in (scored.checks | {THERE: True}).items()],
            model_version=scored.stored.version,
            sha256=scored.stored.sha256,
            mean_score=scored.mean,
            scored_in=scored.where,
            features_not_known_any_more=", ".join(scored.missing) or "none",
        )

    return scores


def _kept(earlier: Written, outgrown: Exception) -> Result:
    """The scores of an earlier day stay until the model has learnt anew: who has left is told meanwhile.

    Raises:
        OutgrownError: there are none.
    """
    if not earlier.rows:
        raise outgrown
    kept = f"The scores as of {earlier.as_of} were kept, which passed."
    names = ("scores_in_range", "one_row_per_eligible_customer", "keys_unique")
    why = dg.AssetCheckResult(
        check_name=THERE, passed=False, severity=dg.AssetCheckSeverity.WARN, description=str(outgrown)
    )
    passed = [dg.AssetCheckResult(check_name=name, passed=True, description=kept) for name in names]
    return report(earlier, checks=[*passed, why], why_no_new_scores=str(outgrown))


def past_spend(config: Segmentation, target: Target) -> tuple[str, str] | None:
    """Event and metric that count as past spend: a value target's own.

    For others those of a value target about the same event, else about purchases, else of the first; None without any.
    """
    values = [(t.event, t.metric) for t in (target, *config.targets.values()) if t.metric]
    preferred = (pair for event in (target.event, "purchase") for pair in values if pair[0] == event)
    return next(preferred, values[0] if values else None)
