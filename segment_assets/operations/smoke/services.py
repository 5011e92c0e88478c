"""The services behind the steps are there, and as segmentation.yaml says; nothing of theirs is changed for good."""

from datetime import UTC, datetime
from functools import partial

from segment_assets.activation.aws import AwsPinpoint, is_live
from segment_assets.activation.customer_profiles.aws import customer_profiles
from segment_assets.aws import AwsRefusedError, client, telling
from segment_assets.clean_room import assets as clean_room
from segment_assets.clean_room import aws_plan
from segment_assets.clean_room.aws import clean_room as clean_room_on_aws
from segment_assets.clean_room.aws_apply import Rooms
from segment_assets.lake.aws import exports
from segment_assets.lake.aws import lake as lake_on_aws
from segment_assets.modelling.sagemaker_jobs import group_of
from segment_assets.operations.aws import CloudWatch
from segment_assets.operations.metrics import Metric, Note
from segment_assets.operations.smoke.check import At, SkippedError, SmokeError, ended_as
from segment_assets.segmentation import CustomerProfilesDestination, PinpointDestination

_SHOWN = 5


def collaboration(at: At) -> str:
    """Clean Rooms in both accounts is as segmentation.yaml declares it."""
    offered = at.config.collaboration
    if offered is None:
        raise SkippedError("segmentation.yaml declares no collaboration")
    declared = clean_room.declared(at.config, offered)
    wanted = aws_plan.declared(declared, at.aws, clean_room.sources(at.config))
    name = aws_plan.resource_name(at.deployment, offered.name)
    found = Rooms(at.aws, (name, offered.runner, offered.provider)).observe()
    differ = [f"{c.resource.label} ({c.action})" for c in aws_plan.plan(wanted, found) if c.action != "unchanged"]
    if differ:
        more = f" and {len(differ) - _SHOWN} more" if len(differ) > _SHOWN else ""
        raise SmokeError(
            f"Clean Rooms differs from segmentation.yaml: {', '.join(differ[:_SHOWN])}{more}; "
            "`segment-assets aws plan` shows it, and `aws apply` mends it"
        )
    return f"{len(wanted)} resources in both accounts are as declared, and both memberships are active"


def query(at: At) -> str:
    """A protected query runs and its result comes back; the result is not kept as a table."""
    offered = at.config.collaboration
    if offered is None:
        raise SkippedError("segmentation.yaml declares no collaboration")
    if not (queries := clean_room.protected_queries(at.config, offered)):
        raise SkippedError("every query is under differential privacy, and a smoke test spends nothing of its budget")
    first = queries[0]
    as_of = lake_on_aws(at.settings).as_of(*clean_room.sources(at.config).values())
    room = clean_room_on_aws(at.settings)
    rows = room.run(first.resolved, _nothing_is_read_here, as_of, at.mark, first.of)
    cost = room.cost(at.mark)
    return (
        f"{first.name} returned {rows.num_rows:,} rows in {cost['seconds']:.0f} s and cost {cost['cost_units']:g} CRPU "
        "hours"
    )


def graph(at: At) -> str:
    """Neptune answers, and is healthy."""
    if at.aws.neptune is None:
        raise SkippedError("aws.neptune is not set: there is no graph")
    place = at.aws.neptune.endpoint
    with telling(f"neptune-db:GetEngineStatus on {place}"):
        found = client("neptunedata", endpoint_url=place).get_engine_status()
    if found.get("status") != "healthy":
        raise SmokeError(f"{place} says that it is {found.get('status')}, not healthy: look at the cluster's events")
    return f"{place} is healthy, engine {found.get('dbEngineVersion')}"


def image(at: At) -> str:
    """The image of jobs lies in the registry."""
    if at.aws.sagemaker is None:
        raise SkippedError("aws.sagemaker is not set: models are trained in the run's own process")
    uri = at.aws.sagemaker.image_uri
    repository, which = _parts(uri)
    with telling(f"ecr:DescribeImages on {repository}"):
        [found] = at.ours("ecr").describe_images(repositoryName=repository, imageIds=[which])["imageDetails"]
    return f"{uri} is there, {found['imageSizeInBytes'] / 1e9:.1f} GB"


def model(at: At) -> str:
    """SageMaker takes the image and the role that jobs are given; the model is deleted at once."""
    how = at.aws.sagemaker
    if how is None:
        raise SkippedError("aws.sagemaker is not set: models are trained in the run's own process")
    name, sagemaker = f"segment-assets-{at.deployment}-{at.mark}".replace("_", "-"), at.ours("sagemaker")
    with telling(f"sagemaker:CreateModel on {name} (with iam:PassRole on {how.role_arn})"):
        sagemaker.create_model(ModelName=name, PrimaryContainer={"Image": how.image_uri}, ExecutionRoleArn=how.role_arn)
    with telling(f"sagemaker:DeleteModel on {name}"):
        sagemaker.delete_model(ModelName=name)
    missing = [group for target in at.config.targets if not _has_group(at, group := group_of(at.deployment, target))]
    if missing:
        raise SmokeError(f"SageMaker has no model package group {', '.join(missing)}: deploy models.yaml with Targets")
    return f"a model was made with the role and deleted; {len(at.config.targets)} groups are there"


def endpoints(at: At) -> str:
    """The endpoint of each target is in service."""
    if at.aws.sagemaker is None or at.aws.sagemaker.serverless is None:
        raise SkippedError("aws.sagemaker.serverless is not set: nothing answers single requests")
    for target in at.config.targets:
        name = group_of(at.deployment, target)
        with telling(f"sagemaker:DescribeEndpoint on {name}"):
            status = at.ours("sagemaker").describe_endpoint(EndpointName=name)["EndpointStatus"]
        if status != "InService":
            raise SmokeError(f"the endpoint {name} is {status}: materialise trained_model/{target}, which makes it")
    return f"{len(at.config.targets)} endpoints are in service"


def pinpoint(at: At) -> str:
    """Pinpoint has ended; elsewhere than at the live endpoint, its applications are there."""
    applications = [to.application_id for to in at.config.destinations.values() if isinstance(to, PinpointDestination)]
    if not applications:
        raise SkippedError("no destination is Pinpoint")
    service = at.ours("pinpoint")
    if not is_live(service):
        for application in applications:
            AwsPinpoint(exports(at.settings), at.aws.pinpoint_role_arn).ready(application)
        return f"{len(applications)} applications are there; the endpoint is not the live one"
    try:
        with telling("mobiletargeting:GetApp"):
            service.get_app(ApplicationId=applications[0])
    except AwsRefusedError as refused:
        return f"it has ended, and nothing is sent to it: {refused}"
    raise SmokeError("Pinpoint still answers, though it ended on 2026-10-30; nothing is sent to it: choose another")


def profiles(at: At) -> str:
    """The domains of Customer Profiles are there."""
    domains = [to.domain for to in at.config.destinations.values() if isinstance(to, CustomerProfilesDestination)]
    if not domains:
        raise SkippedError("no destination is Customer Profiles")
    for domain in domains:
        customer_profiles(at.settings).ready(domain)
    return f"{', '.join(sorted(set(domains)))} is there"


def stream(at: At) -> str:
    """The stream of events delivers."""
    if at.aws.events_stream is None:
        raise SkippedError("aws.events_stream is not set")
    with telling(f"firehose:DescribeDeliveryStream on {at.aws.events_stream}"):
        found = at.ours("firehose").describe_delivery_stream(DeliveryStreamName=at.aws.events_stream)
    status = found["DeliveryStreamDescription"]["DeliveryStreamStatus"]
    if status != "ACTIVE":
        raise SmokeError(f"the stream {at.aws.events_stream} is {status}, not ACTIVE: wait, or deploy data.yaml again")
    return f"{at.aws.events_stream} is ACTIVE"


def queue(at: At) -> str:
    """The queue of arrivals can be read."""
    if at.aws.arrivals_queue is None:
        raise SkippedError("aws.arrivals_queue is not set: landing places are listed")
    with telling(f"sqs:GetQueueAttributes on {at.aws.arrivals_queue}"):
        asked = ["ApproximateNumberOfMessages", "RedrivePolicy"]
        found = at.ours("sqs").get_queue_attributes(QueueUrl=at.aws.arrivals_queue, AttributeNames=asked)
    told = found.get("Attributes", {})
    if "RedrivePolicy" not in told:
        raise SmokeError(f"{at.aws.arrivals_queue} sets no unreadable messages apart: deploy data.yaml again")
    return f"about {told['ApproximateNumberOfMessages']} messages wait"


def metrics(at: At) -> str:
    """CloudWatch takes a metric."""
    watcher = CloudWatch(at.deployment, None)
    watcher.measure([Metric("SmokeTests", 1.0, "Count", datetime.now(UTC))])
    return f"SmokeTests was put into {watcher.namespace}"


def bus(at: At) -> str:
    """The bus takes an event."""
    if at.aws.event_bus is None:
        raise SkippedError("aws.event_bus is not set: no events are sent")
    CloudWatch(at.deployment, at.aws.event_bus).announce([Note("smoke test", datetime.now(UTC), {"mark": at.mark})])
    return f"{at.aws.event_bus} took an event"


def dashboard(at: At) -> str:
    """QuickSight answers, and knows who is to see the dashboard."""
    if at.aws.quicksight is None:
        raise SkippedError("aws.quicksight is not set: the dashboard is the HTML page alone")
    _, _, _, region, account, rest = at.aws.quicksight.principal_arn.split(":", 5)
    kind, namespace, name = rest.split("/", 2)
    quicksight, of = client("quicksight", region_name=region), {"AwsAccountId": account, "Namespace": namespace}
    look = partial(quicksight.describe_user, UserName=name) if kind == "user" else None
    with telling(f"quicksight:Describe{kind.capitalize()} on {name}"):
        (look or partial(quicksight.describe_group, GroupName=name))(**of)
    with telling("quicksight:ListDataSources"):
        client("quicksight").list_data_sources(AwsAccountId=account, MaxResults=1)
    return f"{kind} {name} is there, and data sources can be listed"


def _nothing_is_read_here(*_: object) -> object:
    raise AssertionError("Clean Rooms reads the tables itself")


def _has_group(at: At, group: str) -> bool:
    try:
        with telling(f"sagemaker:DescribeModelPackageGroup on {group}"):
            at.ours("sagemaker").describe_model_package_group(ModelPackageGroupName=group)
    except AwsRefusedError as refused:
        if ended_as(refused, "ValidationException", "ResourceNotFound"):
            return False
        raise
    return True


def _parts(uri: str) -> tuple[str, dict[str, str]]:
    """Repository and image of `ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME:TAG`, or `NAME@DIGEST`."""
    path = uri.partition("/")[2]
    if "@" in path:
        repository, digest = path.split("@")
        return repository, {"imageDigest": digest}
    repository, _, tag = path.partition(":")
    return repository, {"imageTag": tag or "latest"}
