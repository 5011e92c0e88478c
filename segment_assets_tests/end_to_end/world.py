"""A small world with the real definitions on a real instance: what stories are told on."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import yaml

from segment_assets import deployment
from segment_assets.definitions import platform
from segment_assets.lake import Lake
from segment_assets.operations.instance import opened
from segment_assets.operations.refresh import Refresh
from segment_assets.segmentation import Segmentation, load
from segment_assets_tests.small_world import SMALL_SEGMENTATION, small_world


@dataclass
class World:
    """The platform, its instance and its places."""

    home: Path
    config: Segmentation
    instance: dg.DagsterInstance
    settings: deployment.Settings = field(init=False)
    defs: dg.Definitions = field(init=False)
    built: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.use(self.config)

    def use(self, config: Segmentation) -> None:
        """Go on with another segmentation.yaml, as after a reload of the code location."""
        self.config = config
        self.settings = deployment.settings(config, base=self.home, under=self.home)
        self.defs = platform(config, self.settings)

    def refresh(self) -> list[str]:
        """What was built, in order, as `key` or `key@day`."""
        runs = Refresh(self.defs, self.instance, self.home / "state").run()
        assert all(run.success for run in runs), [run.run_id for run in runs if not run.success]
        return [
            f"{key.to_user_string()}{f'@{day}' if day else ''}"
            for run in runs
            for key in run.keys
            for day in (run.partitions or [""])
        ]

    def force(self, key: str, *days: str) -> None:
        """Build one asset again, asked for or not."""
        refresh = Refresh(self.defs, self.instance, self.home / "state")
        assert refresh.execute([dg.AssetKey.from_user_string(key)], days).success

    @property
    def landing(self) -> Any:
        return deployment.resource(self.settings, "landing")

    @property
    def partner_landing(self) -> Any:
        return deployment.resource(self.settings, "partner_landing")

    @property
    def lake(self) -> Lake:
        found: Lake = deployment.resource(self.settings, "lake")
        return found

    def hashes(self) -> dict[str, dict[str, str]]:
        """The content hashes of every table."""
        catalog = self.lake.catalog
        names = sorted(".".join(n) for space in catalog.list_namespaces() for n in catalog.list_tables(space))
        return {
            name: {k: v for k, v in catalog.load_table(name).properties.items() if k.startswith("content.")}
            for name in names
        }


@contextmanager
def opened_world(home: Path, config: Segmentation | None = None, *, filled: bool = True) -> Iterator[World]:
    """A world in a folder, with the small data landed."""
    config = config or load(SMALL_SEGMENTATION)
    with opened(home) as instance:
        world = World(home, config, instance)
        if filled:
            small_world(world.landing, world.partner_landing)
        yield world


def edited(**changes: object) -> Segmentation:
    """The small segmentation.yaml with some top-level keys changed; None takes a key out."""
    content = yaml.safe_load(SMALL_SEGMENTATION.read_text())
    for key, value in changes.items():
        if value is None:
            content.pop(key)
        else:
            content[key] = value
    return Segmentation.model_validate(content)
