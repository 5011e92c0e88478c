"""The section aws of segmentation.yaml: where things are on AWS. Nothing here imports boto3."""

from typing import Literal, Self

from pydantic import Field, model_validator

from segment_assets.aws_forms import (
    Bucket,
    Deployment,
    EventBus,
    IdNamespace,
    MappingWorkflow,
    Principal,
    QueueUrl,
    RoleArn,
    RolePrefix,
    Stream,
)
from segment_assets.config_types import Model, Name, Url


class AwsPartner(Model):
    """The partner's account."""

    bucket: Bucket = Field(description="the partner's bucket: its landing place and its tables")
    role_arn: RoleArn = Field(description="role in the partner's account that we enter (sts:AssumeRole)")
    external_id: str | None = Field(None, description="what the role's trust policy asks for")


class AwsIdMapping(Model):
    """What of AWS Entity Resolution fills an ID mapping table; made there, once, by each member for its own side."""

    workflow_arn: MappingWorkflow = Field(
        description="the ID mapping workflow in our account, with the rules that `match` says",
    )
    source_namespace_arn: IdNamespace = Field(description="ID namespace of the source, in the account of who offers it")
    target_namespace_arn: IdNamespace = Field(description="ID namespace of the target, likewise")


class AwsCleanRooms(Model):
    """The collaboration of the two accounts."""

    service_role_arn: RoleArn = Field(description="role that Clean Rooms takes to read our tables")
    partner_service_role_arn: RoleArn = Field(description="role that Clean Rooms takes to read the partner's tables")
    id_mappings: dict[Name, AwsIdMapping] = Field(
        {}, description="for each of collaboration.id_mapping_tables: what fills it"
    )


class AwsNeptune(Model):
    """The cluster that serves the identity graph."""

    endpoint: Url = Field(description="the cluster's address, such as https://NAME.neptune.amazonaws.com:8182")
    load_role_arn: RoleArn = Field(description="role that Neptune takes to read the files it loads")


class AwsServerless(Model):
    """An endpoint per target that answers single requests, and costs nothing while there are none."""

    memory_mb: Literal[1024, 2048, 3072, 4096, 5120, 6144] = Field(2048, description="memory of an endpoint")
    max_concurrency: int = Field(5, ge=1, le=200, description="requests at once; more are refused")


class AwsSageMaker(Model):
    """Jobs that train models and score customers."""

    image_uri: str = Field(description="this package and its libraries as an image in ECR, as deploy/ builds it")
    role_arn: RoleArn = Field(
        description="role that SageMaker takes to read what a job is given and write what it makes"
    )
    instance_type: str = Field("ml.m5.xlarge", description="machine of a job")
    volume_gb: int = Field(30, ge=1, description="disk of a training job, in GB")
    minutes: int = Field(120, ge=1, description="a job that runs longer is stopped")
    serverless: AwsServerless | None = Field(
        None, description="keep an endpoint per target that answers with the model in service; off where left out"
    )


class AwsQuickSight(Model):
    """The dashboard in QuickSight, beside the HTML page."""

    principal_arn: Principal = Field(
        description="user or group of QuickSight that sees it: arn:aws:quicksight:REGION:ACCOUNT:group/default/NAME",
    )
    role_arn: RoleArn | None = Field(
        None, description="role that QuickSight takes to read the files; leave out where the account's own role may"
    )


class Aws(Model):
    """Where things are on AWS: read when SEGMENT_ASSETS_DEPLOYMENT=aws."""

    deployment: Deployment = Field(
        "dev", description="stands before databases and prefixes: several share an account; as the stacks were given it"
    )
    landing_bucket: Bucket = Field(description="where events and customers land")
    lake_bucket: Bucket = Field(description="our tables")
    arrivals_queue: QueueUrl | None = Field(
        None, description="URL of the queue that is told what lands, as deploy/data.yaml makes it; listed without"
    )
    events_stream: Stream | None = Field(
        None, description="name of the Firehose stream that `next-day` sends through; it writes objects without"
    )
    exports_bucket: Bucket = Field(description="models, and files for people and other tools")
    role_prefix: RolePrefix | None = Field(
        None,
        description="what stands before a step's name in its role's ARN, as output RolePrefix of deploy/roles.yaml: "
        "each step acts in its own role; leave out to do everything in the name of the process",
    )
    partner: AwsPartner = Field(description="the partner's account")
    clean_rooms: AwsCleanRooms = Field(description="the collaboration")
    neptune: AwsNeptune | None = Field(None, description="step 6; leave out together with identity_graph: off")
    sagemaker: AwsSageMaker | None = Field(
        None, description="step 8; leave out to train and score in the run's own process"
    )
    quicksight: AwsQuickSight | None = Field(None, description="step 7; leave out to have the HTML page alone")
    pinpoint_role_arn: RoleArn | None = Field(None, description="role that Pinpoint takes to read import files")
    customer_profiles_role_arn: RoleArn | None = Field(
        None, description="role that Customer Profiles takes to write snapshots of segments"
    )
    event_bus: EventBus | None = Field(
        None,
        description="name or ARN of the EventBridge bus that hears of runs, problems and activations; none without",
    )

    @model_validator(mode="after")
    def _results_leave_the_lake(self) -> Self:
        if self.exports_bucket == self.lake_bucket:
            raise ValueError(
                f'exports_bucket: "{self.exports_bucket}" is the lake_bucket too, and Clean Rooms writes no results to '
                "a bucket that it reads tables from: name another"
            )
        return self

    def role(self, of: str) -> str | None:
        """The ARN of the role of a step, or of a job; None where everything is done in the name of the process."""
        return f"{self.role_prefix}{of}" if self.role_prefix else None
