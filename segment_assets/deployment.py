"""Which adapter stands behind each port, in each deployment: the only place that knows.

Adapters are named by dotted string, so that loading one deployment imports nothing of the other.
"""

import os
from importlib import import_module
from pathlib import Path
from typing import Any

from segment_assets.segmentation import Segmentation, default_path
from segment_assets.settings import DEPLOYMENT_VARIABLE as DEPLOYMENT_VARIABLE
from segment_assets.settings import DeploymentError as DeploymentError
from segment_assets.settings import Settings as Settings

HOME_VARIABLE = "SEGMENT_ASSETS_HOME"
MEMORY_VARIABLE = "SEGMENT_ASSETS_MEMORY"

# Port -> adapter. Every adapter is a function of (Settings) that returns the resource of that name.
EMBEDDED = {
    "lake": "segment_assets.lake.embedded:lake",
    "landing": "segment_assets.lake.embedded:landing",
    "partner_landing": "segment_assets.lake.embedded:partner_landing",
    "arrivals": "segment_assets.first_party.embedded:arrivals",
    "stream": "segment_assets.demo.embedded:stream",
    "exports": "segment_assets.lake.embedded:exports",
    "models": "segment_assets.lake.embedded:models",
    "clean_room": "segment_assets.clean_room.embedded:clean_room",
    "graph": "segment_assets.identity.embedded:graph",
    "trainer": "segment_assets.modelling.embedded:trainer",
    "pinpoint": "segment_assets.activation.embedded:pinpoint",
    "customer_profiles": "segment_assets.activation.customer_profiles.embedded:customer_profiles",
    "publisher": "segment_assets.dashboards.embedded:publisher",
    "monitor": "segment_assets.operations.embedded:monitor",
}
AWS = {
    "lake": "segment_assets.lake.aws:lake",
    "landing": "segment_assets.lake.aws:landing",
    "partner_landing": "segment_assets.lake.aws:partner_landing",
    "arrivals": "segment_assets.first_party.aws:arrivals",
    "stream": "segment_assets.demo.aws:stream",
    "exports": "segment_assets.lake.aws:exports",
    "models": "segment_assets.lake.aws:models",
    "clean_room": "segment_assets.clean_room.aws:clean_room",
    "graph": "segment_assets.identity.aws:graph",
    "trainer": "segment_assets.modelling.aws:trainer",
    "pinpoint": "segment_assets.activation.aws:pinpoint",
    "customer_profiles": "segment_assets.activation.customer_profiles.aws:customer_profiles",
    "publisher": "segment_assets.dashboards.aws:publisher",
    "monitor": "segment_assets.operations.aws:monitor",
}
DEPLOYMENTS = {"embedded": EMBEDDED, "aws": AWS}


def home() -> Path:
    """Where everything is kept: the environment's choice, else `.home` in the working directory."""
    return Path(os.environ.get(HOME_VARIABLE, ".home")).resolve()


def settings(segmentation: Segmentation, *, base: Path | None = None, under: Path | None = None) -> Settings:
    """Settings from the environment.

    Args:
        segmentation: the user's file.
        base: folder that places in the file are relative to; default: the file's own.
        under: the home folder; default: the environment's choice.
    """
    base, under = base or default_path().parent, under or home()
    audience = segmentation.audience
    return Settings(
        home=under,
        segmentation=segmentation,
        landing_place=base / segmentation.landing.place if segmentation.landing.place else under / "landing",
        partner_place=base / audience.place if audience and audience.place else under / "partner_landing",
        memory_limit=os.environ.get(MEMORY_VARIABLE, "1GB"),
    )


def resources(settings: Settings, deployment: str | None = None) -> dict[str, Any]:
    """The resources of a deployment, by the names that assets ask for.

    Raises:
        DeploymentError: no such deployment, or the file does not say where things are in it.
    """
    return {port: _adapter(path)(settings) for port, path in _adapters(deployment).items()}


def resource(settings: Settings, port: str) -> Any:
    """One of them, for a command that needs no other.

    Raises:
        DeploymentError: as `resources`.
    """
    return _adapter(_adapters()[port])(settings)


def role(settings: Settings, of: str) -> str | None:
    """The role in which a step, or a job, acts; None on one machine, and where the file names none."""
    return settings.aws.role(of) if chosen() == "aws" else None


def chosen() -> str:
    """The deployment that the environment names."""
    return os.environ.get(DEPLOYMENT_VARIABLE, "embedded")


def _adapters(deployment: str | None = None) -> dict[str, str]:
    name = deployment or chosen()
    if name not in DEPLOYMENTS:
        raise DeploymentError(f'{DEPLOYMENT_VARIABLE}: no deployment is named "{name}" (one of: embedded, aws)')
    return DEPLOYMENTS[name]


def _adapter(path: str) -> Any:
    module, function = path.split(":")
    return getattr(import_module(module), function)
