"""The platform on one page: assets, checks, sensors, resources, executor."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

# Before ours: skops looks for each of its functions in every module imported earlier, which took it 2 s, not 0.6.
import scipy.special  # noqa: F401  for what its import does
from dagster_shared.record import copy

from segment_assets import deployment, roles
from segment_assets.activation import assets as activation
from segment_assets.clean_room import assets as clean_room
from segment_assets.dashboards import assets as dashboards
from segment_assets.first_party import assets as first_party
from segment_assets.first_party import sensors as first_party_sensors
from segment_assets.identity import assets as identity
from segment_assets.lake.workers import keep_what_is_loaded
from segment_assets.modelling import assets as modelling
from segment_assets.operations import checks as operations_checks
from segment_assets.operations import cleanup
from segment_assets.operations import sensors as operations_sensors
from segment_assets.segmentation import Segmentation, load
from segment_assets.segments import assets as segments
from segment_assets.third_party import assets as third_party
from segment_assets.third_party import sensors as third_party_sensors

# By the names that their roles have in deploy/.
STEPS = {
    "ingest": first_party,
    "partner": third_party,
    "clean-room": clean_room,
    "identity": identity,
    "modelling": modelling,
    "segments": segments,
    "activation": activation,
    "dashboard": dashboards,
}


def platform(config: Segmentation, settings: deployment.Settings) -> dg.Definitions:
    """Everything that segmentation.yaml asks for, on the deployment that the environment names."""
    assets = [
        asset
        for name, step in STEPS.items()
        for asset in roles.given(step.assets(config), deployment.role(settings, name))
    ]
    specs = [spec for a in assets for spec in (a.specs if isinstance(a, dg.AssetsDefinition) else [a])]
    blocking = [c.key for a in assets if isinstance(a, dg.AssetsDefinition) for c in a.check_specs if c.blocking]
    held = deployment.resources(settings)
    landings = [
        *first_party_sensors.sensors(config, told=held["arrivals"].speaks),
        *third_party_sensors.sensors(config),
    ]
    compact_lake = cleanup.compact_lake(deployment.role(settings, "ingest"))
    clean_lake = cleanup.clean_lake(deployment.role(settings, "clean-up"))
    return dg.Definitions(
        assets=assets,
        asset_checks=[operations_checks.data_age(config, specs)],
        sensors=[*landings, *operations_sensors.sensors(config, specs, blocking)],
        jobs=[compact_lake, clean_lake],
        schedules=cleanup.schedules(compact_lake, clean_lake),
        resources=held,
        # One process per run: a step starts in 0.2 s instead of 4, and DuckDB files are never locked by a neighbour.
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What Dagster loads; whoever imports `platform` for a file of their own does not build this as well."""
    config = load()
    loaded = platform(config, deployment.settings(config))
    keep_what_is_loaded()
    return copy(loaded, resources=shown(loaded.resources or {}))


def shown(resources: Mapping[str, Any]) -> dict[str, dg.ResourceDefinition]:
    """The resources as the UI names them: by the class that stands behind each port, and what that is."""
    return {port: _named(resource) for port, resource in resources.items()}


def _named(resource: Any) -> dg.ResourceDefinition:
    def made(_: dg.InitResourceContext) -> Any:
        return resource

    adapter = type(resource)
    made.__module__, made.__name__, made.__qualname__ = adapter.__module__, adapter.__name__, adapter.__name__
    says = "Not used on this deployment." if resource is None else (adapter.__doc__ or "").strip().partition("\n")[0]
    return dg.ResourceDefinition(made, description=says)
