"""What a write was made for must still be there when it is committed, whoever else writes.

pyiceberg repeats a refused commit by itself, on what is there by then. Where something is deleted it looks for
conflicts before; rows that are only added it adds, and so two writers of a day that was never written both added it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from pyiceberg.exceptions import CommitFailedException, ValidationException
from pyiceberg.table import Transaction
from pyiceberg.table.metadata import TableMetadata

CONTENT = "content."


@dataclass(frozen=True)
class AsRead:
    """The content hashes of some partitions are those that the writer read; checked with every attempt to commit.

    Attributes:
        expected: content hash per partition, as it was read.
        only: the partitions that matter; all where None.
    """

    expected: Mapping[str, str]
    only: frozenset[str] | None

    def validate(self, base_metadata: TableMetadata | None) -> None:
        """Refuse where they are not.

        Raises:
            ValidationException: no CommitFailedException, after which pyiceberg would try it again four times.
        """
        if not self.holds(versions(base_metadata.properties if base_metadata else {})):
            raise ValidationException("the content is not what was read")

    def holds(self, now: Mapping[str, str]) -> bool:
        """Whether the content hashes are still those that were read."""
        names = self.expected.keys() | now.keys() if self.only is None else self.only
        return all(self.expected.get(name) == now.get(name) for name in names)

    def add_to(self, commit: Transaction) -> None:
        """Require it of a commit."""
        # Catalogs of Glue and SQL ask each requirement, with every attempt, to `validate`; there is no other way in.
        commit._stage((), (cast(Any, self),))


def versions(properties: Mapping[str, str]) -> dict[str, str]:
    """Content hash per partition, as a table's properties state it."""
    return with_prefix(properties, CONTENT)


def with_prefix(properties: Mapping[str, str], prefix: str) -> dict[str, str]:
    """The properties whose names begin so, by what follows."""
    return {k.removeprefix(prefix): v for k, v in properties.items() if k.startswith(prefix)}


def overtaken(table: str) -> CommitFailedException:
    """What a writer is told whom another has overtaken."""
    return CommitFailedException(
        f"{table} was written by another run since this one read it; nothing was written: run it again"
    )
