"""A small page, and QuickSight on the double to show it in."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import count
from typing import Any

import pytest

from segment_assets.aws_config import Aws
from segment_assets.dashboards.aws import QuickSight
from segment_assets.dashboards.datasets import DataSet
from segment_assets.dashboards.pages import Field, Group, Matrix, Page, Section, Tiles
from segment_assets.lake.aws import Bucket, exports
from segment_assets.waiting import Pace
from segment_assets_tests.aws_double import quicksight as double
from segment_assets_tests.aws_double.front import AwsDouble
from segment_assets_tests.aws_double.services import the
from segment_assets_tests.aws_double.world import settings, world

MAKING = ("Create", "Update", "Cancel", "Put")


def matrix(target: str, title: str = "Every metric") -> Group:
    shown = Matrix(
        dataset=f"metrics/{target}", title=title, row=Field("metric", "Metric"), column=Field("contender", "By")
    )
    return Group(target, f"About {target}.", (shown,))


TILES = Tiles(dataset="totals", title="Totals", fields=(Field("events", "Events", "count"),))
PAGE = Page(
    "Segments of Test",
    (
        Section("arrivals", "What arrived", "All of it.", (Group("", "", (TILES,)),)),
        Section("models", "How good", "Beside baselines.", (matrix("churn"), matrix("spend"))),
    ),
)
AGES = DataSet(
    tuple({"part": s.title, "as_of": date(2026, 3, 30), "tables": "events"} for s in PAGE.sections), as_of=None
)


def estimate(metric: str, contender: str, value: float) -> dict[str, Any]:
    return {"metric": metric, "contender": contender, "value": value, "low": value - 0.1, "high": value + 0.1}


FOUND = {
    "totals": DataSet(({"events": 1234},)),
    "metrics/churn": DataSet((estimate("ROC AUC", "model", 0.8), estimate("ROC AUC", "recency alone", 0.7))),
    "metrics/spend": DataSet((estimate("Rank correlation", "model", 0.5),)),
}


def with_events(number: int) -> dict[str, DataSet]:
    """The same data, but for one number."""
    return FOUND | {"totals": DataSet(({"events": number},))}


def titled(title: str) -> Page:
    """The same page, but for one title."""
    arrivals, _ = PAGE.sections
    models = Section("models", "How good", "Beside baselines.", (matrix("churn", title), matrix("spend")))
    return replace(PAGE, sections=(arrivals, models))


@dataclass
class Account:
    """QuickSight of one account, and a deployment that asks it.

    Attributes:
        aws: the double.
        where: of the deployment.
        pace: of waiting.
    """

    aws: AwsDouble
    where: Aws
    pace: Pace = field(default_factory=lambda: Pace(first=0.0, most=0.0))

    @property
    def prefix(self) -> str:
        return f"segment-assets-{self.where.deployment}"

    @property
    def board(self) -> str:
        return f"{self.prefix}-overview"

    @property
    def service(self) -> double.QuickSight:
        return the(self.aws, double.QuickSight)

    @property
    def store(self) -> Bucket:
        return exports(settings(self.where, None))  # type: ignore[arg-type]

    def beside(self, deployment: str) -> "Account":
        """Another deployment in the same account."""
        return replace(self, where=self.where.model_copy(update={"deployment": deployment}))

    def publisher(self, **how: Any) -> QuickSight:
        assert self.where.quicksight
        return QuickSight(self.where.deployment, self.where.quicksight.model_copy(update=how), self.store, self.pace)

    def publish(self, page: Page = PAGE, found: Mapping[str, DataSet] = FOUND) -> Any:
        return self.publisher().publish(page, found, AGES)

    def made(self) -> list[str]:
        """What was changed since the last time this was asked."""
        calls = [call.operation for call in self.aws.calls if call.operation.startswith(MAKING)]
        self.aws.calls.clear()
        return calls

    def ours(self, dataset: str) -> list[tuple[str, str]]:
        """Ingestions that we started: id without its hash, state."""
        told = self.service.ingestions[f"{self.prefix}-{dataset}"]
        mine = [i for i in told if i["RequestType"] == "FULL_REFRESH"]
        return [(i["IngestionId"].rpartition("-")[2], i["IngestionStatus"]) for i in mine]

    def versions(self) -> list[tuple[int, str]]:
        return [(v["VersionNumber"], v["Status"]) for v in self.service.versions[self.board]]

    def rows(self, visual: str) -> list[dict[str, Any]]:
        """What a visual of the published dashboard shows."""
        return self.service.shown(self.board)[visual][1]


@contextmanager
def account() -> Iterator[Account]:
    with pytest.MonkeyPatch.context() as patch, world(patch) as (aws, where):
        yield Account(aws, where)


_numbers = count(1)


def fresh(account: Account) -> Account:
    """A deployment that nothing was published for; the account is shared, which saves the making of it."""
    account.aws.calls.clear()
    account.aws.faults.clear()
    account.service.shut = False
    return account.beside(f"d{next(_numbers)}")
