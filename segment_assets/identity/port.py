"""What a store of the identity graph must be able to do."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from segment_assets.identity.graph_model import Snapshot
from segment_assets.identity.queries import Row, Value


class GraphError(Exception):
    """The graph can't be built or asked: what, where, and how to mend it."""


@dataclass(frozen=True)
class Served:
    """The graph that answers.

    Attributes:
        version: of the snapshot it was loaded from.
        engine: name and version of the engine, with the version of its files.
        counts: rows by label and type, as counted in the graph itself.
        location: where it is.
    """

    version: str
    engine: str
    counts: Mapping[str, int]
    location: str


class GraphStore(ABC):
    """Where the identity graph is served from. A read index: built new, checked, swapped in; never the record."""

    @property
    @abstractmethod
    def engine(self) -> str:
        """Name and version of the engine at hand, with the version of its files."""

    @abstractmethod
    def served(self) -> Served | None:
        """The graph in service; None where there is none."""

    @abstractmethod
    def build(self, snapshot: Snapshot) -> Served:
        """Load a new graph beside the one in service and count it; it is not in service yet.

        Raises:
            DanglingEdgeError: an edge names a node that is not in the snapshot.
            GraphError: what was counted is not what was loaded.
        """

    @abstractmethod
    def publish(self, built: Served) -> None:
        """Put it in service, all at once, and remove those before it."""

    @abstractmethod
    def ask(self, query: str, parameters: Mapping[str, Value] | None = None) -> list[Row]:
        """Answer one of the named queries.

        Raises:
            QueryError: no such query, or not its parameters.
            GraphError: no graph is in service.
        """

    def serve(self, snapshot: Snapshot) -> Served:
        """Have the snapshot in service: built only where another one, or another engine's, is served now."""
        now = self.served()
        if now and (now.version, now.engine) == (snapshot.version, self.engine):
            return now
        built = self.build(snapshot)
        self.publish(built)
        return built
