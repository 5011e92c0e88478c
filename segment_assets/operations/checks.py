"""The check that stands beside every freshness policy: how old the data is, not the run."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta

import dagster as dg

from segment_assets.automation import arrival_days
from segment_assets.operations.data_age import Age, ages, below
from segment_assets.segmentation import Segmentation

NAME = "data_age"


def data_age(config: Segmentation, specs: list[dg.AssetSpec]) -> dg.AssetChecksDefinition:
    """One check per asset that has a freshness policy; it warns and blocks nothing."""
    allowed = allowed_ages(config, specs)

    @dg.multi_asset_check(
        name=NAME,
        specs=[
            dg.AssetCheckSpec(NAME, asset=s.key, description="Is the data young enough, whenever the asset was built?")
            for s in specs
            if s.freshness_policy
        ],
        can_subset=True,
    )
    def check(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        wanted = {c.asset_key for c in context.selected_asset_check_keys}
        for age in current_ages(context.instance, allowed):
            key = dg.AssetKey.from_user_string(age.asset)
            if key in wanted:
                yield dg.AssetCheckResult(
                    asset_key=key,
                    check_name=NAME,
                    passed=age.passed,
                    severity=dg.AssetCheckSeverity.WARN,
                    description=age.sentence,
                )

    return check


def allowed_ages(config: Segmentation, specs: list[dg.AssetSpec]) -> dict[str, timedelta]:
    """What rests on the partner's data may be as old as a delivery of the partner's may be."""
    parents = {s.key.to_user_string(): [d.asset_key.to_user_string() for d in s.deps] for s in specs}
    partner = below("landing_partner_audience", parents) if config.audience else set()
    return {
        s.key.to_user_string(): max(config.policy.data_within, config.audience.data_within)
        if config.audience and s.key.to_user_string() in partner
        else config.policy.data_within
        for s in specs
        if s.freshness_policy
    }


def current_ages(instance: dg.DagsterInstance, allowed: dict[str, timedelta]) -> list[Age]:
    """The ages of what was built so far, from the as-of that each asset reported last."""
    known: dict[str, date | None] = {}
    days = instance.get_dynamic_partitions(str(arrival_days.name))
    for asset in allowed:
        event = instance.get_latest_materialization_event(dg.AssetKey.from_user_string(asset))
        if event and event.asset_materialization:
            # The last arrival day to be built need not be the last arrival day.
            newest = max(days) if event.asset_materialization.partition and days else None
            known[asset] = date.fromisoformat(newest) if newest else _as_of(event.asset_materialization)
    return ages(known, allowed, datetime.now(UTC).date())


def not_evaluated(instance: dg.DagsterInstance, of: Iterable[Age]) -> set[str]:
    """Assets that were built since their data age was last evaluated: a run of the daemon's evaluates none."""
    found = set()
    for age in of:
        key = dg.AssetKey.from_user_string(age.asset)
        built = instance.get_latest_materialization_event(key)
        last = instance.get_latest_asset_check_evaluation_record(dg.AssetCheckKey(key, NAME))
        evaluated = last.event if last else None
        if built and (evaluated is None or evaluated.timestamp < built.timestamp):
            found.add(age.asset)
    return found


def _as_of(materialization: dg.AssetMaterialization) -> date | None:
    shown = materialization.metadata.get("as_of")
    try:
        return date.fromisoformat(str(shown.value)) if shown else None
    except ValueError:
        return None
