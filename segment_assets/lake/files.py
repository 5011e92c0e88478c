"""Files of a table wherever they lie: listed with their age, and removed."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlparse


@dataclass(frozen=True)
class TableFile:
    """One file.

    Attributes:
        name: as `Files.name` makes it of a URI.
        size: bytes.
        modified: when it was written.
    """

    name: str
    size: int
    modified: datetime


class Files(ABC):
    """Where tables keep their files."""

    @abstractmethod
    def name(self, uri: str) -> str:
        """The one name of a file that metadata may write in several ways."""

    @abstractmethod
    def below(self, root: str) -> list[TableFile]:
        """All files below a table's place, by name."""

    @abstractmethod
    def remove(self, names: Sequence[str]) -> None:
        """Remove them; one that is gone is removed."""


class LocalFiles(Files):
    """Files on this machine."""

    def name(self, uri: str) -> str:
        """The path."""
        return str(_path(uri))

    def below(self, root: str) -> list[TableFile]:
        """Files of the folder and those in it."""
        folder = _path(root)
        found = sorted(p.resolve() for p in folder.rglob("*") if p.is_file()) if folder.is_dir() else []
        stats = [(p, p.stat()) for p in found]
        return [TableFile(str(p), s.st_size, datetime.fromtimestamp(s.st_mtime, UTC)) for p, s in stats]

    def remove(self, names: Sequence[str]) -> None:
        """One by one."""
        for name in names:
            Path(name).unlink(missing_ok=True)


def _path(uri: str) -> Path:
    return Path(unquote(urlparse(uri).path)).resolve()
