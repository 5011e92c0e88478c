"""On one machine the HTML page is the dashboard."""

from collections.abc import Mapping

from segment_assets.dashboards.datasets import DataSet
from segment_assets.dashboards.pages import Page
from segment_assets.dashboards.port import Published, Publisher


class PageAlone(Publisher):
    """Publishes nothing."""

    def publish(self, page: Page, found: Mapping[str, DataSet], ages: DataSet) -> Published | None:
        """Nothing: the file is enough."""
        return None


def publisher(settings: object) -> Publisher:
    """The deployment's publisher."""
    return PageAlone()
