"""Where protected queries run."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date

import pyarrow as pa

from segment_assets.clean_room.access_ledger import Standing
from segment_assets.clean_room.circumstances import Run
from segment_assets.clean_room.collaboration import Collaboration, ConfiguredTable
from segment_assets.clean_room.differencing.populations import Populations
from segment_assets.clean_room.privacy.accounting import Price
from segment_assets.clean_room.privacy.ledger import Ledger
from segment_assets.clean_room.privacy.plan import Plan
from segment_assets.clean_room.privacy.service import NoiseService
from segment_assets.clean_room.runnable import Runnable

ReadTable = Callable[[ConfiguredTable], pa.Table]


class QueryFailedError(Exception):
    """A query that was accepted and did not end well. The message is fixed per code: it carries no data.

    Attributes:
        code: reason code, such as RESOURCE_LIMIT.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class CleanRoom(ABC):
    """Runs accepted queries under the rules of their tables."""

    @abstractmethod
    def run(
        self, query: Runnable, read: ReadTable, as_of: date | None = None, key: str = "", of: Run | None = None
    ) -> pa.Table:
        """The result: rows that every rule lets out, in a total order.

        Args:
            query: an accepted query.
            read: reads the allowed columns of a configured table; an adapter that reaches them itself never calls it.
            as_of: day of the data: what CURRENT_DATE means.
            key: hash of the query, its rules and its data; a query that was started under it is not started twice.
            of: the run of an analysis template that it is; None for free text.

        Raises:
            QueryFailedError: it ran out of memory or time, or failed while running.
        """

    def run_private(self, plan: Plan, read: ReadTable, price: Price, as_of: date | None = None) -> pa.Table:
        """The result of a query under differential privacy, with noise.

        Args:
            plan: an accepted query, taken apart.
            read: reads the allowed columns of a configured table.
            price: what each noisy column was charged at.
            as_of: day of the data: what CURRENT_DATE means.

        Raises:
            QueryFailedError: it is not run here, ran out of memory or time, or failed while running.
        """
        raise QueryFailedError("FUNCTION_NOT_ALLOWED", "noise is simulated on one machine alone")

    @property
    def noise(self) -> NoiseService | None:
        """Who adds noise and keeps the privacy budget in our place; None: we do, by `run_private` and `ledger`."""
        return None

    @property
    def ledger(self) -> Ledger:
        """What was paid from privacy budgets.

        Raises:
            QueryFailedError: nothing is paid here.
        """
        raise QueryFailedError("FUNCTION_NOT_ALLOWED", "noise is simulated on one machine alone")

    @property
    def populations(self) -> Populations | None:
        """What was released of whom, on the owner's side; None where that is out of reach."""
        return None

    def admit(self, collaboration: Collaboration, uses: Mapping[str, int], key: str) -> None:
        """Pay for a query's uses of configured tables; nothing where a service counts them itself.

        Raises:
            AccessBudgetError: a table's access budget is used up.
        """
        return

    @property
    def reads_by_itself(self) -> bool:
        """Whether queries read the catalog's tables as they are when they run, and not what they are given."""
        return False

    def forget(self, key: str) -> None:
        """Give no later query of this content the answer of an earlier one; nothing where none is kept."""
        return

    @property
    def maps_ids(self) -> bool:
        """Whether ID mapping tables are resolved here: then what left can be counted again."""
        return True

    def fill(self, versions: Mapping[str, str]) -> None:
        """See that ID mapping tables hold the present data; nothing where each query resolves them anew.

        Args:
            versions: name of an ID mapping table -> hash of how it is resolved, and from which data.

        Raises:
            QueryFailedError: one could not be filled.
        """
        return

    def access(self, collaboration: Collaboration) -> Sequence[Standing]:
        """How the access budgets stand, of each table that has one."""
        return ()

    def cost(self, key: str) -> Mapping[str, float]:
        """What the query of this content cost in this process, by unit; nothing where nothing is billed."""
        return {}

    @abstractmethod
    def exclusively(self) -> AbstractContextManager[None]:
        """One at a time, across processes: for reading and charging the query budget."""
