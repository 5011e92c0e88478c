"""The section aws of segmentation.yaml: where things are on AWS. Nothing here imports boto3."""

from pydantic import Field

from segment_assets.config_types import Model, Name


class AwsPartner(Model):
    """The partner's account."""

    bucket: str = Field(description="the partner's bucket: its landing place and its tables")
    role_arn: str = Field(description="role in the partner's account that we enter (sts:AssumeRole)")
    external_id: str | None = Field(None, description="what the role's trust policy asks for")


class AwsCleanRooms(Model):
    """The collaboration of the two accounts."""

    service_role_arn: str = Field(description="role that Clean Rooms takes to read our tables")
    partner_service_role_arn: str = Field(description="role that Clean Rooms takes to read the partner's tables")


class AwsNeptune(Model):
    """The cluster that serves the identity graph."""

    endpoint: str = Field(description="the cluster's address, such as https://NAME.neptune.amazonaws.com:8182")
    load_role_arn: str = Field(description="role that Neptune takes to read the files it loads")


class AwsSageMaker(Model):
    """Jobs that train models and score customers."""

    image_uri: str = Field(description="this package and its libraries as an image in ECR, as deploy/ builds it")
    role_arn: str = Field(description="role that SageMaker takes to read what a job is given and write what it makes")
    instance_type: str = Field("ml.m5.xlarge", description="machine of a job")
    volume_gb: int = Field(30, ge=1, description="disk of a training job, in GB")
    minutes: int = Field(120, ge=1, description="a job that runs longer is stopped")


class Aws(Model):
    """Where things are on AWS: read when SEGMENT_ASSETS_DEPLOYMENT=aws."""

    deployment: Name = Field("dev", description="stands before databases and prefixes: several share an account")
    landing_bucket: str = Field(description="where events and customers land")
    lake_bucket: str = Field(description="our tables")
    exports_bucket: str = Field(description="models, and files for people and other tools")
    partner: AwsPartner = Field(description="the partner's account")
    clean_rooms: AwsCleanRooms = Field(description="the collaboration")
    neptune: AwsNeptune | None = Field(None, description="step 6; leave out together with identity_graph: off")
    sagemaker: AwsSageMaker | None = Field(
        None, description="step 8; leave out to train and score in the run's own process"
    )
    pinpoint_role_arn: str | None = Field(None, description="role that Pinpoint takes to read import files")
    customer_profiles_role_arn: str | None = Field(
        None, description="role that Customer Profiles takes to write snapshots of segments"
    )
