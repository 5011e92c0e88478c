"""The page in QuickSight, where segmentation.yaml says who sees it there; the HTML is made in any case."""

from collections.abc import Callable, Mapping
from typing import Any

from botocore import xform_name

from segment_assets.aws import REFUSED, AwsRefusedError, client, code, once, sentence, without_retries
from segment_assets.aws_config import AwsQuickSight
from segment_assets.dashboards.datasets import DataSet
from segment_assets.dashboards.embedded import PageAlone
from segment_assets.dashboards.pages import Page
from segment_assets.dashboards.port import Published, Publisher
from segment_assets.dashboards.quicksight.calls import Answer
from segment_assets.dashboards.quicksight.definition import definition
from segment_assets.dashboards.quicksight.extracts import completed, completed_data, extracts
from segment_assets.dashboards.quicksight.spice import Spice
from segment_assets.dashboards.quicksight.versions import Board
from segment_assets.lake import ObjectStore
from segment_assets.lake.aws import exports
from segment_assets.settings import Settings
from segment_assets.waiting import Pace

# What passes without having had an effect: a version that is still being made.
_PASSING = {"ConflictException"}


class Calls:
    """QuickSight's operations in one account, with refusals as sentences. See `calls.Api`.

    Args:
        how: whose principal says which account.
    """

    def __init__(self, how: AwsQuickSight) -> None:
        self._how = how
        _, self._partition, _, _, self._account, _ = how.principal_arn.split(":", 5)

    @property
    def _client(self) -> Any:
        return client("quicksight")

    @property
    def region(self) -> str:
        """Where data sets and dashboards lie; users and groups may lie in another."""
        return str(self._client.meta.region_name)

    def arn(self, kind: str, name: str) -> str:
        """The ARN of a data source, data set or dashboard."""
        return f"arn:{self._partition}:quicksight:{self.region}:{self._account}:{kind}/{name}"

    def ask(self, operation: str, on: str, **request: Any) -> Answer:
        """Do it."""
        try:
            return self._do(self._client, operation, request)
        except REFUSED as refused:
            raise AwsRefusedError(self._told(refused, operation, on)) from refused

    def find(self, operation: str, on: str, **request: Any) -> Answer | None:
        """Do it; None where there is no such thing."""
        try:
            return self._do(self._client, operation, request)
        except REFUSED as refused:
            if code(refused) == "ResourceNotFoundException":
                return None
            raise AwsRefusedError(self._told(refused, operation, on)) from refused

    def make(self, operation: str, on: str, **request: Any) -> None:
        """Do it, or find it done: by an earlier run, or by the call whose answer was lost."""
        try:
            self._do(self._client, operation, request)
        except REFUSED as refused:
            if code(refused) != "ResourceExistsException":
                raise AwsRefusedError(self._told(refused, operation, on)) from refused

    def once(self, operation: str, on: str, is_done: Callable[[], bool], **request: Any) -> None:
        """Do it, without botocore's own retries: they would do it again after a lost answer."""

        def do() -> bool:
            self._do(without_retries("quicksight"), operation, request)
            return True

        try:
            once(do, lambda: is_done() or None, _PASSING)
        except REFUSED as refused:
            raise AwsRefusedError(self._told(refused, operation, on)) from refused

    def _do(self, through: Any, operation: str, request: dict[str, Any]) -> Answer:
        answer: Answer = getattr(through, xform_name(operation))(AwsAccountId=self._account, **request)
        return answer

    def _told(self, refused: BaseException, operation: str, on: str) -> str:
        if code(refused) == "UnsupportedUserEditionException":
            return f"quicksight:{operation} on {on}: the account's QuickSight must be of the Enterprise edition"
        # Who names a role must also be allowed to hand it over, and AWS denies both under one name.
        role = self._how.role_arn if operation.endswith("eDataSource") and not operation.startswith("Desc") else None
        return sentence(
            refused, f"quicksight:{operation} on {on}" + (f" (with iam:PassRole on {role})" if role else "")
        )


class QuickSight(Publisher):
    """A dashboard from the page's own definition, over data sets with the page's own rows.

    Args:
        deployment: part of every id: several deployments share an account.
        how: who sees it, and how files are read.
        store: the exports, in a bucket.
        pace: of waiting.
    """

    def __init__(self, deployment: str, how: AwsQuickSight, store: ObjectStore, pace: Pace | None = None) -> None:
        prefix, pace = f"segment-assets-{deployment}", pace or Pace()  # roles in deploy/ reach what is named so
        self._api = Calls(how)
        self._spice = Spice(self._api, prefix, store, how.role_arn, pace)
        self._board = Board(self._api, f"{prefix}-overview", how.principal_arn, pace)

    def publish(self, page: Page, found: Mapping[str, DataSet], ages: DataSet) -> Published | None:
        """Data first, then the dashboard over it: whoever looks in between sees old rows or new ones, and no gap."""
        sections, data = completed(page), completed_data(page, found, ages)
        made = extracts(sections, data)
        planned = definition(sections, data, made, {name: self._spice.arn(e) for name, e in made.items()})
        ingested = self._spice.bring(made.values())
        version = self._board.show(page.title, planned)
        return Published(
            address=f"https://{self._api.region}.quicksight.aws.amazon.com/sn/dashboards/{self._board.name}",
            version=version,
            datasets=len(made),
            rows=sum(len(e.rows) for e in made.values()),
            ingested=len(ingested),
        )


def publisher(settings: Settings) -> Publisher:
    """QuickSight, where segmentation.yaml says who sees it; else the HTML alone."""
    aws = settings.aws
    if aws.quicksight is None:
        return PageAlone()
    return QuickSight(aws.deployment, aws.quicksight, exports(settings))
