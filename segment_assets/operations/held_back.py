"""What a guard held back at the last activation, and how to let it through: of all places the screen must say so."""

import dagster as dg

from segment_assets.activation.assets import asset_key
from segment_assets.segmentation import Segmentation

# Guard -> what is done in the segment's part of the file to let a change through.
LETS_THROUGH = {
    "max_change": "raise segments.{segment}.max_change",
    "min_size": "lower segments.{segment}.min_size",
    "nobody": 'set segments.{segment}.where: "FALSE"',
}
# Where an activation says what a guard did -> who was told all the same.
_SAID = {"why_nothing_was_sent": "nobody is told", "why_only_departures_were_sent": "only who left was told"}


def sentences(instance: dg.DagsterInstance, config: Segmentation) -> list[str]:
    """One sentence for each segment and destination whose last activation a guard cut short, in the file's order."""
    found = []
    for segment, asked in config.segments.items():
        for destination in dict.fromkeys(asked.destinations):
            event = instance.get_latest_materialization_event(asset_key(config, segment, destination))
            made = event.asset_materialization if event else None
            for name, told in _SAID.items() if made else ():
                why = str(made.metadata[name].value) if made and name in made.metadata else ""
                guard = why.partition(":")[0]
                if guard in LETS_THROUGH:
                    found.append(
                        f"{segment} at {destination} is held back, {told}. {why}. To let it through, "
                        f"{LETS_THROUGH[guard].format(segment=segment)} in segmentation.yaml, refresh, and set it back."
                    )
    return found
