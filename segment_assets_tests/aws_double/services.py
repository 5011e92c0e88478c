"""The services of our own that stand before moto."""

from typing import TypeVar

from segment_assets_tests.aws_double.cleanrooms import CleanRooms
from segment_assets_tests.aws_double.cloudwatch import CloudWatch
from segment_assets_tests.aws_double.customer_profiles import CustomerProfiles
from segment_assets_tests.aws_double.entity_resolution import EntityResolution
from segment_assets_tests.aws_double.events import Events
from segment_assets_tests.aws_double.firehose import Firehose
from segment_assets_tests.aws_double.front import AwsDouble
from segment_assets_tests.aws_double.neptune import NeptuneData
from segment_assets_tests.aws_double.pinpoint import Pinpoint
from segment_assets_tests.aws_double.quicksight import QuickSight
from segment_assets_tests.aws_double.sagemaker import SageMaker
from segment_assets_tests.aws_double.service import FakeService

OWN: tuple[type[FakeService], ...] = (
    CleanRooms,
    CloudWatch,
    CustomerProfiles,
    EntityResolution,
    Events,
    Firehose,
    NeptuneData,
    Pinpoint,
    QuickSight,
    SageMaker,
)
S = TypeVar("S", bound=FakeService)


def own() -> list[FakeService]:
    """One of each, with nothing in it."""
    found = [service() for service in OWN]
    rooms = next(s for s in found if isinstance(s, CleanRooms))
    rooms.resolution = next(s for s in found if isinstance(s, EntityResolution))
    return found


def the(double: AwsDouble, kind: type[S]) -> S:
    """The double's service of a kind: to look at, and to put things into."""
    return next(service for service in double.services if isinstance(service, kind))
