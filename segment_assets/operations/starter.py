"""`segment-assets init`: a project folder for one's own data."""

import json
import re
import shutil
from pathlib import Path

from rich.console import Console

from segment_assets.operations.instance import PACKAGED
from segment_assets.segmentation import ConfigError

FOLDERS = ("landing/events", "landing/customers")


def write(console: Console, folder: Path) -> bool:
    """Write segmentation.yaml, workspace.yaml and dagster.yaml, and the folders that data is put in.

    Raises:
        ConfigError: the folder has a segmentation.yaml already; nothing is overwritten.
    """
    target = folder / "segmentation.yaml"
    if target.exists():
        raise ConfigError(f"{target} exists already, and nothing was overwritten: choose another folder.")
    for name in FOLDERS:
        (folder / name).mkdir(parents=True, exist_ok=True)
    starter = (PACKAGED / "segmentation.yaml").read_text(encoding="utf-8")
    target.write_text(starter.replace("name: my-segments\n", f"name: {_named(folder)}\n", 1), encoding="utf-8")
    for name in ("workspace.yaml", "dagster.yaml"):
        if not (folder / name).exists():
            shutil.copyfile(PACKAGED / name, folder / name)
    console.print(
        f"Wrote {target}. Next: put your events into {folder / 'landing/events'}, name their columns in "
        "segmentation.yaml, then `segment-assets validate` and `segment-assets refresh` in that folder."
    )
    return True


def _named(folder: Path) -> str:
    """The folder's name as YAML takes it: in quotes where it could be read as something else than a text."""
    name = folder.resolve().name or "my-segments"
    return name if re.fullmatch(r"[a-zA-Z]+[-_][\w-]+", name, re.ASCII) else json.dumps(name, ensure_ascii=False)
