"""Where the page goes besides its HTML: a service that people look at dashboards in, or nowhere."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from segment_assets.dashboards.datasets import DataSet
from segment_assets.dashboards.pages import Page


class PublishError(Exception):
    """Why a dashboard is not as the page is; the HTML is written all the same, and a re-run takes it up."""


@dataclass(frozen=True)
class Published:
    """What the service shows.

    Attributes:
        address: where people find it.
        version: of the dashboard.
        datasets: how many data sets it shows.
        rows: in all of them.
        ingested: data sets whose content had changed since the last time.
    """

    address: str
    version: int
    datasets: int
    rows: int
    ingested: int


class Publisher(ABC):
    """Shows the page elsewhere; from the same definition and data sets as the HTML, so with the same numbers."""

    @abstractmethod
    def publish(self, page: Page, found: Mapping[str, DataSet], ages: DataSet) -> Published | None:
        """Bring the dashboard to what the page is; nothing is done for content that is there already.

        Args:
            page: what to show.
            found: data sets by name, safe to show.
            ages: part, as_of and tables: the oldest data under each section.

        Returns:
            What is shown, or None where there is nothing but the HTML.

        Raises:
            PublishError: the service did not take it.
        """
