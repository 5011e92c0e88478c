"""Tables that stand still: who reads one several times, and says of which content that was, reads one moment of it."""

from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.table import Table as IcebergTable


class Still:
    """A catalog in which some tables stay as they are now; it can be read, and not written to.

    Snapshots never change, and a pyiceberg table is of one until it is refreshed.

    Args:
        catalog: where they are.
        names: of the tables; every other is what it is when it is asked for.
    """

    def __init__(self, catalog: Catalog, *names: str) -> None:
        self._catalog = catalog
        self._held = {name: found(catalog, name) for name in names}

    def load_table(self, name: str) -> IcebergTable:
        """A table, as it was.

        Raises:
            NoSuchTableError: it was not there.
        """
        if name not in self._held:
            return self._catalog.load_table(name)
        if (held := self._held[name]) is None:
            raise NoSuchTableError(f"{name} was not there")
        return held


def found(catalog: Catalog, name: str) -> IcebergTable | None:
    """The table as it stands; None where it was never written."""
    try:
        return catalog.load_table(name)
    except NoSuchTableError:
        return None
