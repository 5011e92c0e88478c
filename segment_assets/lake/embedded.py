"""The lake on one machine: a SQLite catalog, folders of files."""

import fcntl
from functools import partial
from pathlib import Path
from uuid import uuid4

from pyiceberg.catalog import Catalog
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import NamespaceAlreadyExistsError
from pyiceberg.typedef import EMPTY_DICT, Identifier, Properties
from sqlalchemy.exc import IntegrityError

from segment_assets.lake.lake import Lake
from segment_assets.lake.objects import FolderStore
from segment_assets.settings import Settings


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


class _Catalog(SqlCatalog):
    """Where two make a namespace at once, the second finds it there."""

    def create_namespace(self, namespace: str | Identifier, properties: Properties = EMPTY_DICT) -> None:
        try:
            super().create_namespace(namespace, properties)
        except IntegrityError as there:
            raise NamespaceAlreadyExistsError(f"Namespace {namespace} already exists") from there


def open_catalog(root: Path) -> Catalog:
    """The SQLite catalog in a folder.

    Raises:
        MovedLakeError: the folder was moved or copied since it was made.
    """
    root.mkdir(parents=True, exist_ok=True)
    marker = root / "LOCATION"
    made_in = marker.read_text() if marker.exists() else ""
    if made_in and made_in != str(root):
        raise MovedLakeError(
            f"{root} was made in another folder, and Iceberg keeps absolute paths: "
            f"delete {root.parent} and build it again, or move it back."
        )
    if not made_in:  # whole or not at all: another process may read it at this moment
        beside = marker.with_name(f".{marker.name}-{uuid4().hex[:8]}")
        beside.write_text(str(root))
        beside.replace(marker)
    with (root / ".opening").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of two that find no tables of the catalog one would fail to make them
        return _Catalog("lake", uri=f"sqlite:///{root / 'catalog.db'}", warehouse=root.as_uri())


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
