"""Objects by key: where data lands and exports go. A folder on one machine, a bucket on AWS."""

import hashlib
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from uuid import uuid4

_md5 = partial(hashlib.md5, usedforsecurity=False)
_ESCAPED = re.compile(rb"\\x([89a-f][0-9a-f])")


@dataclass(frozen=True, order=True)
class StoredObject:
    """One object in a store.

    Attributes:
        key: its name, with `/` between parts.
        size: bytes.
        etag: changes when, and only when, the content does.
    """

    key: str
    size: int
    etag: str


def printable(name: str) -> str:
    r"""A name with the bytes that are no UTF-8, which Python holds as surrogates, written as `\xf6`."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


class ObjectStore(ABC):
    """A flat space of named objects."""

    @abstractmethod
    def after(self, prefix: str, key: str, limit: int) -> list[StoredObject]:
        """Objects whose key starts with `prefix` and comes after `key`, by key; `limit` at most."""

    @abstractmethod
    def list(self, prefix: str) -> list[StoredObject]:
        """Objects whose key starts with `prefix`, by key."""

    @abstractmethod
    def read(self, key: str) -> bytes:
        """The object's bytes.

        Raises:
            FileNotFoundError: there is no such object.
        """

    @abstractmethod
    def file(self, key: str) -> AbstractContextManager[Path]:
        """The object as a file, which is there as long as it is asked for: for what is too large to be held.

        Raises:
            FileNotFoundError: there is no such object.
        """

    @abstractmethod
    def write(self, key: str, content: bytes) -> None:
        """Put an object, whole or not at all."""

    @abstractmethod
    def uri(self, key: str) -> str:
        """Where a person finds the object."""


class FolderStore(ObjectStore):
    """Objects as files below a folder.

    A file whose name is no UTF-8, as an archive from elsewhere leaves it, is an object with a name that `printable`
    gives: it is read as any other, and every table can hold its key.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self._etags: dict[tuple[str, int, int], str] = {}

    def after(self, prefix: str, key: str, limit: int) -> list[StoredObject]:
        """Files in the order of their keys, walked only as far as is needed."""
        found: list[StoredObject] = []
        for path, name in self._walk(self._named(prefix.rpartition("/")[0]), key):
            if len(found) == limit or (name > prefix and not name.startswith(prefix)):
                break
            if name > key and name.startswith(prefix):
                found.append(self._describe(path, name))
        return found

    def list(self, prefix: str) -> list[StoredObject]:
        """Files below the prefix's folder; hidden and half-written ones are left out."""
        folder = self._named(prefix.rpartition("/")[0])
        found = []
        for path in folder.rglob("*") if folder.is_dir() else ():
            key = self._key(path)
            if path.is_file() and key.startswith(prefix) and not path.name.startswith("."):
                found.append(self._describe(path, key))
        return sorted(found)

    def read(self, key: str) -> bytes:
        """The file's bytes."""
        return self._path(key).read_bytes()

    @contextmanager
    def file(self, key: str) -> Iterator[Path]:
        """The file itself."""
        path = self._path(key)
        if not path.is_file():
            raise FileNotFoundError(self.uri(key))
        yield path

    def write(self, key: str, content: bytes) -> None:
        """Write beside, then rename: a reader never sees half an object."""
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        # Not by the process's number: the first process of every container has the same one.
        beside = path.with_name(f".{uuid4().hex}")
        try:
            beside.write_bytes(content)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)

    def remove(self, keys: Iterable[str]) -> None:
        """Remove files, and folders that become empty, which a bucket has none of; one that is gone is removed."""
        for key in keys:
            path = self._path(key)
            path.unlink(missing_ok=True)
            with suppress(OSError):
                path.parent.rmdir()

    def uri(self, key: str) -> str:
        """The file's path."""
        return printable(str(self._path(key)))

    def _walk(self, folder: Path, key: str) -> Iterator[tuple[Path, str]]:
        """Files below a folder in the order of their keys, without whole folders that come before a key."""
        try:
            entries = [(printable(e.name) + "/" * e.is_dir(follow_symlinks=False), e) for e in os.scandir(folder)]
        except (FileNotFoundError, NotADirectoryError):
            return
        for name, entry in sorted(entries, key=lambda one: one[0]):
            path = Path(entry.path)
            if name.endswith("/"):
                whole = self._key(path) + "/"
                if whole > key or key.startswith(whole):
                    yield from self._walk(path, key)
            elif entry.is_file() and not name.startswith("."):
                yield path, self._key(path)

    def _key(self, path: Path) -> str:
        return printable(path.relative_to(self.root).as_posix())

    def _named(self, key: str) -> Path:
        """Where a key leads; a backslash in it may be of a name that is written so, and is most often none."""
        path = self.root / key
        if "\\x" not in key or path.exists():
            return path
        path = self.root
        for part in key.split("/"):
            raw = _ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), part.encode())
            path /= part if (path / part).exists() else os.fsdecode(raw)
        return path

    def _path(self, key: str) -> Path:
        path = self._named(key).resolve()
        if not path.is_relative_to(self.root):
            raise ValueError(f"the key {key!r} leaves the store")
        return path

    def _describe(self, path: Path, key: str) -> StoredObject:
        # The content's hash, not its time: a touched file is not a changed one. Read once per (size, mtime).
        stat = path.stat()
        seen = (key, stat.st_size, stat.st_mtime_ns)
        if seen not in self._etags:
            with path.open("rb") as file:
                self._etags[seen] = hashlib.file_digest(file, _md5).hexdigest()
        return StoredObject(key, stat.st_size, self._etags[seen])
