"""Which configuration and code the last refresh built with.

The daemon compares with what it saw itself: of what changed between a refresh and its own first look it knows nothing.
"""

from pathlib import Path

from segment_assets.automation import code_version
from segment_assets.segmentation import Segmentation

FILE = "refreshed"
CHANGED = (
    "segmentation.yaml or the code is another than the last `segment-assets refresh` saw: where you want what that "
    "concerns built, run it before you open the UI, whose daemon builds what changes from its first look on."
)


def keep(state: Path, config: Segmentation) -> None:
    """Remember what a refresh saw.

    Args:
        state: the folder of its cursors.
        config: the user's file.
    """
    (state / FILE).write_text(_version(config))


def changed(state: Path, config: Segmentation) -> bool:
    """Whether the last refresh saw something else; no, where there was none: everything is built for the first time."""
    seen = state / FILE
    return seen.exists() and seen.read_text() != _version(config)


def _version(config: Segmentation) -> str:
    return code_version("", config)
