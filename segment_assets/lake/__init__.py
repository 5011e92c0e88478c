"""Ground floor: Iceberg tables and their catalog, the object store, clean-up of files.

What reads records in processes of its own needs no catalog and no database: those come with `Lake`, at its first use.
"""

from typing import TYPE_CHECKING, Any

from segment_assets.lake.content import combined, content_hash
from segment_assets.lake.objects import FolderStore, ObjectStore, StoredObject
from segment_assets.lake.table import Table, column, utc_timestamp

if TYPE_CHECKING:
    from segment_assets.lake.lake import Lake, Written

__all__ = [
    "FolderStore",
    "Lake",
    "ObjectStore",
    "StoredObject",
    "Table",
    "Written",
    "column",
    "combined",
    "content_hash",
    "utc_timestamp",
]


def __getattr__(name: str) -> Any:
    # pyiceberg and DuckDB take 1.4 s and 90 MB, in each of the processes that read.
    if name not in ("Lake", "Written"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from segment_assets.lake import lake

    return getattr(lake, name)
