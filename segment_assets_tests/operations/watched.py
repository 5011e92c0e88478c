"""A run on an instance, and the double that is told of it."""

import dagster as dg

from segment_assets.operations.aws import CloudWatch as Watcher
from segment_assets_tests.aws_double.cloudwatch import CloudWatch
from segment_assets_tests.aws_double.events import Events
from segment_assets_tests.aws_double.front import AwsDouble
from segment_assets_tests.aws_double.services import the


@dg.asset
def customers() -> dg.MaterializeResult:
    return dg.MaterializeResult(metadata={"dagster/row_count": 9, "delivered": 10, "good": 9, "quarantined": 1})


@dg.asset
def features() -> None:
    raise RuntimeError("no rows")


class Watched:
    """CloudWatch and EventBridge as our adapter sees them, and what they were told."""

    def __init__(self, aws: AwsDouble, bus: str | None = "default") -> None:
        self.aws = aws
        self.numbers, self.events = the(aws, CloudWatch), the(aws, Events)
        self.monitor = Watcher("dev", bus, pause=lambda _: None)

    def kinds(self) -> list[str]:
        return [entry["DetailType"] for entry in self.events.taken]

    def called(self, service: str) -> int:
        return sum(call.service == service for call in self.aws.calls)


def run(instance: dg.DagsterInstance, asset: dg.AssetsDefinition = customers) -> str:
    return dg.materialize([asset], instance=instance, raise_on_error=False).run_id
