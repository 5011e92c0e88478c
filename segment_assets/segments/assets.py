"""Who is to be reached, and why: one asset per segment."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from segment_assets.automation import OWNERS, again_if_overtaken, code_version, fresh_within, on_changed_data
from segment_assets.first_party.tables import CONSENT_STATE, CUSTOMERS, ENGAGEMENT_EVENTS, SUPPRESSION_ENTRIES
from segment_assets.lake import Lake
from segment_assets.modelling.tables import FEATURES, customer_scores
from segment_assets.reporting import Result, blocking, report, spec_metadata
from segment_assets.segmentation import Segment, Segmentation
from segment_assets.segments.build import decisions, ever_drawn, wrong_members
from segment_assets.segments.decisions import counts
from segment_assets.segments.holdout import astray, former
from segment_assets.segments.tables import (
    LISTS,
    REASONS,
    asks_for_nobody,
    former_draws,
    heeded,
    predictive_segments,
    suppressed_channels,
)


def assets(config: Segmentation) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """One asset per segment of segmentation.yaml."""
    return [_predictive_segment(config, name) for name in config.segments]


def _predictive_segment(config: Segmentation, name: str) -> dg.AssetsDefinition:
    segment = config.segments[name]
    table, scores = predictive_segments(name), customer_scores(segment.target)
    lists = sorted(config.landing.suppression)
    key = dg.AssetKey(["predictive_segments", name])

    @dg.asset(
        key=key,
        pool=key.to_user_string(),
        description=f"{segment.purpose}: who is in and who is not, and why, one decision per customer.",
        deps=[
            dg.AssetKey(["customer_scores", segment.target]),
            *("features", "customers", "engagement_events", "persons", "households"),
            *(["suppression_lists"] if lists else []),
        ],
        group_name="segments",
        kinds={"iceberg", "python"},
        owners=OWNERS,
        code_version=code_version("segments", segment, lists, libraries=["duckdb"]),
        freshness_policy=fresh_within(config.policy.fresh_within),
        automation_condition=on_changed_data,
        metadata=spec_metadata(table) | {"purpose": segment.purpose},
        check_specs=[
            blocking(
                "may_be_reached",
                key,
                "No member is suppressed, or without consent or an address, on a channel of theirs, or in quarantine.",
            ),
            blocking("reasons_sum_to_the_population", key, "Every customer has exactly one reason."),
            blocking("keys_unique", key, "No customer has two decisions."),
            dg.AssetCheckSpec("control_as_asked", asset=key, description="About the share asked for is held out."),
            dg.AssetCheckSpec("asks_for_somebody", asset=key, description="Somebody who may be reached is asked for."),
            dg.AssetCheckSpec("top_is_told_apart", asset=key, description="Scores say who is in top, and not the lot."),
        ],
    )
    def predictive_segment(context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake]) -> Result:
        before = lake.states(former_draws(name), table)
        read = {LISTS: lake.state(SUPPRESSION_ENTRIES).version} if lists else {}
        suppressed = suppressed_channels(lake, lists)
        rests_on = heeded(lake, suppressed) | read
        made = decisions(lake, config, name, suppressed)
        decided = made.rows
        as_of = lake.as_of(scores, FEATURES, CUSTOMERS, CONSENT_STATE, ENGAGEMENT_EVENTS)
        gone = former(decided["customer_id"], ever_drawn(lake, name))
        kept = gone.rename_columns(former_draws(name).schema.names)
        with again_if_overtaken():
            lake.refuse_if_overtaken(before)
            # First, so that a kill between the two loses no draw.
            lake.write(former_draws(name), kept, context.run.run_id, as_of=as_of, replacing=before[former_draws(name)])
            written = lake.write(
                table, decided, context.run.run_id, inputs=rests_on, as_of=as_of, replacing=before[table]
            )
        found = counts(decided)
        return report(
            written,
            checks=[
                *checks(decided, lake.state(CUSTOMERS).rows, wrong_members(lake, decided, suppressed)),
                _asks_for_somebody(decided, segment, config.targets[segment.target].kind),
                _warning("control_as_asked", astray(decided, segment.holdout)),
                _warning("top_is_told_apart", made.by_lot),
            ],
            purpose=segment.purpose,
            scored_but_no_customers=lake.state(scores).rows - len(decided["score"].drop_null()),
            **_shown(found, segment),
        )

    return predictive_segment


def checks(decided: pa.Table, population: int, wrong: Mapping[str, int]) -> list[dg.AssetCheckResult]:
    """The blocking checks of a segment.

    Args:
        decided: the decisions.
        population: rows of `customers`, counted apart from the decisions.
        wrong: members who may not be reached, by reason.
    """
    reasons = sum(counts(decided).values())
    distinct = pc.count_distinct(decided["customer_id"]).as_py()
    return [
        dg.AssetCheckResult(check_name="may_be_reached", passed=not wrong, metadata=dict(wrong)),
        dg.AssetCheckResult(
            check_name="reasons_sum_to_the_population",
            passed=reasons == population,
            metadata={"reasons": reasons, "population": population},
        ),
        dg.AssetCheckResult(
            check_name="keys_unique",
            passed=distinct == decided.num_rows,
            metadata={"repeated": decided.num_rows - distinct},
        ),
    ]


def _warning(check: str, why: str | None) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(check_name=check, passed=not why, severity=dg.AssetCheckSeverity.WARN, description=why)


def _asks_for_somebody(decided: pa.Table, segment: Segment, kind: str) -> dg.AssetCheckResult:
    why = asks_for_nobody(decided, segment, kind)
    told = why and f'{why}. Whoever was told stays in; where: "FALSE" is the way to let all leave'
    return _warning("asks_for_somebody", told)


def _shown(found: Mapping[str, int], segment: Segment) -> dict[str, Any]:
    population = sum(found.values())
    names = {"in": "members", "holdout": "held_out"}
    lines = "\n".join(f"| {reason} | {found[reason]:,} |" for reason in REASONS)
    return {names.get(reason, reason): found[reason] for reason in REASONS} | {
        "share": round(found["in"] / population, 6) if population else 0.0,
        "channels": ", ".join(segment.channels),
        "preview": dg.MetadataValue.md(f"| decision | customers |\n|---|---:|\n{lines}"),
    }
