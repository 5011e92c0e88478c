"""The lake on one machine: a SQLite catalog, folders of files."""

from functools import partial
from pathlib import Path
from typing import Protocol

from pyiceberg.catalog import Catalog
from pyiceberg.catalog.sql import SqlCatalog

from segment_assets.lake.lake import Lake
from segment_assets.lake.objects import FolderStore


class Settings(Protocol):
    """What these adapters need to know."""

    @property
    def home(self) -> Path:
        """Folder that holds everything."""

    @property
    def landing_place(self) -> Path:
        """Where the first party's data lands."""

    @property
    def partner_place(self) -> Path:
        """Where the partner's data lands."""

    @property
    def memory_limit(self) -> str:
        """What one DuckDB connection may use."""

    @property
    def threads(self) -> int:
        """Threads of one DuckDB connection."""


class MovedLakeError(Exception):
    """The catalog names files in another folder: Iceberg keeps absolute paths."""


def lake(settings: Settings) -> Lake:
    """The lake under the home folder, opened or created at its first use."""
    root = (settings.home / "lake").resolve()
    return Lake(
        partial(open_catalog, root),
        root / "scratch",
        memory_limit=settings.memory_limit,
        threads=settings.threads,
    )


def open_catalog(root: Path) -> Catalog:
    """The SQLite catalog in a folder.

    Raises:
        MovedLakeError: the folder was moved or copied since it was made.
    """
    root.mkdir(parents=True, exist_ok=True)
    marker = root / "LOCATION"
    if marker.exists() and marker.read_text() != str(root):
        raise MovedLakeError(
            f"{root} was made in another folder, and Iceberg keeps absolute paths: "
            f"delete {root.parent} and build it again, or move it back."
        )
    marker.write_text(str(root))
    return SqlCatalog("lake", uri=f"sqlite:///{root / 'catalog.db'}", warehouse=root.as_uri())


def landing(settings: Settings) -> FolderStore:
    """The first party's landing place."""
    return FolderStore(settings.landing_place)


def partner_landing(settings: Settings) -> FolderStore:
    """The partner's own landing place."""
    return FolderStore(settings.partner_place)


def exports(settings: Settings) -> FolderStore:
    """Where files for people and other tools are put."""
    return FolderStore(settings.home / "exports")


def models(settings: Settings) -> FolderStore:
    """Where models are kept."""
    return FolderStore(settings.home / "models")
