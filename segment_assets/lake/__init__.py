"""Ground floor: Iceberg tables and their catalog, the object store, clean-up of files."""

from segment_assets.lake.content import combined, content_hash
from segment_assets.lake.lake import Lake, Written
from segment_assets.lake.objects import FolderStore, ObjectStore, StoredObject
from segment_assets.lake.table import Table, column, utc_timestamp

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
