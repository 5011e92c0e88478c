"""The first party's sensors, tick by tick, over a landing place of any kind."""

from dataclasses import dataclass, field
from functools import cache
from typing import Any

import dagster as dg

from segment_assets.first_party import sensors
from segment_assets.first_party.embedded import Silence
from segment_assets.first_party.port import Arrivals
from segment_assets.lake import ObjectStore
from segment_assets.segmentation import Segmentation, load

Reported = dict[str, str]  # arrival day, or "customers" -> the version that was reported


@dataclass
class Watch:
    """One sensor per landing place, or the one that a queue tells; their cursors are kept as the daemon keeps them."""

    landing: ObjectStore
    exports: ObjectStore
    arrivals: Arrivals = field(default_factory=Silence)
    config: Segmentation = field(default_factory=load)
    cursors: dict[str, str | None] = field(default_factory=dict)

    def tick(self, *, stored: bool = True) -> Reported:
        """Evaluate once; `stored=False` is a daemon that was killed before it stored anything."""
        found: Reported = {}
        for sensor in sensors.sensors(self.config, told=self.arrivals.speaks):
            result = self._evaluated(sensor)
            if isinstance(result, dg.SensorResult) and stored:
                self.cursors[sensor.name] = result.cursor
                for event in result.asset_events:
                    assert isinstance(event, dg.AssetMaterialization)
                    assert event.tags
                    found[event.partition or "customers"] = event.tags[sensors.VERSION]
        return found

    def settle(self) -> Reported:
        """Ticks until one changes nothing: what they reported last."""
        found: Reported = {}
        while True:
            before = dict(self.cursors)
            found |= self.tick()
            if self.cursors == before:
                return found

    def _evaluated(self, sensor: dg.SensorDefinition) -> Any:
        held = {"landing": self.landing, "exports": self.exports, "arrivals": self.arrivals}
        resources = {name: held[name] for name in sensor.required_resource_keys}
        with dg.build_sensor_context(
            instance=_instance(), cursor=self.cursors.get(sensor.name), resources=resources
        ) as context:
            return sensor(context)


@cache
def _instance() -> dg.DagsterInstance:
    """One for all: a tick only asks it to be there, and to make one takes longer than the tick."""
    return dg.DagsterInstance.ephemeral()
