"""Local copies of data files in a bucket, from which DuckDB reads as on one machine."""

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

from segment_assets.aws import telling
from segment_assets.lake.aws_files import place

DOWNLOADS = 16
UNUSED_SECONDS = 7 * 24 * 3600  # after which a copy goes


class Copies:
    """Local copies of data files. Iceberg never changes a file, so a copy is good for ever; unused, it goes.

    Args:
        folder: where they are kept.
        of: the client that may read a bucket, as the step at work.
    """

    def __init__(self, folder: Path, of: Callable[[str], Any]) -> None:
        self.folder, self._s3_of = folder, of
        self._swept = False

    def __call__(self, uris: Sequence[str]) -> list[str]:
        """Where each file's copy is; fetched where it was not there."""
        if not self._swept:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.sweep(time.time() - UNUSED_SECONDS)
            self._swept = True
        places = [self.folder / f"{sha256(uri.encode()).hexdigest()[:40]}.parquet" for uri in uris]
        wanted = [(uri, copy) for uri, copy in zip(uris, places, strict=True) if not _used(copy)]
        # Asked for here: in a thread of its own nobody knows which step is at work.
        of = {bucket: self._s3_of(bucket) for bucket in {place(uri)[0] for uri, _ in wanted}}
        with ThreadPoolExecutor(DOWNLOADS) as pool:
            list(pool.map(lambda one: _fetch(of, *one), wanted))
        return [str(copy) for copy in places]

    def sweep(self, before: float) -> int:
        """Remove copies that were not used since, and what killed processes left half made; how many."""
        old = [path for path in self.folder.iterdir() if _is_older(path, before)]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)


def _is_older(path: Path, before: float) -> bool:
    try:
        return path.stat().st_mtime < before
    except FileNotFoundError:  # a download that has ended meanwhile, and has another name now
        return False


def _used(copy: Path) -> bool:
    """Whether the copy is there; noted as used now."""
    try:
        os.utime(copy)
    except FileNotFoundError:
        return False
    return True


def _fetch(of: dict[str, Any], uri: str, copy: Path) -> None:
    bucket, key = place(uri)
    beside = copy.with_suffix(f".{uuid4().hex[:8]}")
    with telling(f"s3:GetObject on {uri}"):
        of[bucket].download_file(bucket, key, str(beside))
    beside.replace(copy)
