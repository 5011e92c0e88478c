"""An endpoint without servers per target, which answers with the model in service; off unless asked for.

What an endpoint is made of is named by its content, so an unchanged model is seen by one look. Serverless inference has
no network isolation and no VPC, so its model is one apart from the jobs':
https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints.html
"""

import re
from dataclasses import dataclass

from segment_assets.aws import AwsRefusedError
from segment_assets.aws_config import AwsSageMaker, AwsServerless
from segment_assets.modelling.artefact import Stored
from segment_assets.modelling.port import TrainerError
from segment_assets.modelling.sagemaker_jobs import Api, Described, content_key, group_of, name_of
from segment_assets.modelling.sagemaker_registry import Registry
from segment_assets.modelling.sagemaker_serving import SHA256
from segment_assets.waiting import Pace

VARIANT = "AllTraffic"
_MOVING = {"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"}


@dataclass(frozen=True)
class Endpoints:
    """Endpoints of this deployment's models.

    Attributes:
        api: SageMaker.
        deployment: stands before names.
        how: image and role.
        serverless: memory and how many requests at once.
        registry: where a model's package is.
        pace: of looking; at its deadline an endpoint must be in service.
    """

    api: Api
    deployment: str
    how: AwsSageMaker
    serverless: AwsServerless
    registry: Registry
    pace: Pace

    def serve(self, stored: Stored) -> str:
        """Have the target's endpoint answer with this model; where it does, nothing is changed.

        Returns:
            what answers, for the asset's page; or why nothing does.

        Raises:
            TrainerError: the endpoint did not come into service, or not with this model.
        """
        name, made = group_of(self.deployment, stored.target), self._made_of(stored)
        found = self._settled(name)
        before = found["EndpointConfigName"] if found else ""
        if found and found["EndpointStatus"] == "InService" and before == made:
            return f"SageMaker's endpoint {name}"
        package, status = self.registry.find(stored)
        if package is None or status != "Approved":
            why = f"its package is {status}" if package else "it has no package: it was trained elsewhere"
            return f"no endpoint ({why}; the next model that wins gets one)"
        self._make(made, package, stored)
        if found and found["EndpointStatus"] == "Failed":
            # One that never came into service can't be changed.
            self.api.find("DeleteEndpoint", name, EndpointName=name)
            found = self._settled(name)
        if found is None:
            self.api.make("CreateEndpoint", name, EndpointName=name, EndpointConfigName=made)
        else:
            self._change(name, made)
        self._check(name, made, self._settled(name))
        self._forget(before, made, stored.target)
        return f"SageMaker's endpoint {name}"

    def _made_of(self, stored: Stored) -> str:
        """Name of the model and of the configuration: whatever differs in them has another."""
        size = (str(self.serverless.memory_mb), str(self.serverless.max_concurrency))
        key = content_key("endpoint", stored.version, stored.sha256, self.how.image_uri, self.how.role_arn, *size)
        return name_of(self.deployment, stored.target, key)

    def _make(self, made: str, package: str, stored: Stored) -> None:
        self.api.make(
            "CreateModel",
            made,
            ModelName=made,
            PrimaryContainer={"ModelPackageName": package, "Environment": {SHA256: stored.sha256}},
            ExecutionRoleArn=self.how.role_arn,
        )
        size = {"MemorySizeInMB": self.serverless.memory_mb, "MaxConcurrency": self.serverless.max_concurrency}
        self.api.make(
            "CreateEndpointConfig",
            made,
            EndpointConfigName=made,
            ProductionVariants=[{"VariantName": VARIANT, "ModelName": made, "ServerlessConfig": size}],
        )

    def _change(self, name: str, made: str) -> None:
        try:
            self.api.ask("UpdateEndpoint", name, EndpointName=name, EndpointConfigName=made)
        except AwsRefusedError:
            # Where the answer was lost, boto3 asks again and is told that the endpoint is being changed: by us. By the
            # time it is looked at that may be done.
            found = self._look(name)
            if found is None or (found["EndpointStatus"] not in _MOVING and found["EndpointConfigName"] != made):
                raise

    def _check(self, name: str, made: str, found: Described | None) -> None:
        if found and found["EndpointStatus"] == "InService" and found["EndpointConfigName"] == made:
            return
        reason = (found or {}).get("FailureReason") or "no reason was given"
        went_on = found is not None and found["EndpointStatus"] == "InService"
        rest = "it goes on with the model before" if went_on else "nothing answers there"
        raise TrainerError(
            f"SageMaker's endpoint {name} did not take the model: {reason.strip().splitlines()[0]}; {rest}, and a "
            "re-run tries again"
        )

    def _forget(self, before: str, made: str, target: str) -> None:
        """Remove what the endpoint was made of before: only where its name says that we made it."""
        ours = re.escape(name_of(self.deployment, target, "")) + "[0-9a-f]{16}"
        if before != made and re.fullmatch(ours, before):
            self.api.find("DeleteEndpointConfig", before, EndpointConfigName=before)
            self.api.find("DeleteModel", before, ModelName=before)

    def _settled(self, name: str) -> Described | None:
        """The endpoint, once nothing is being done to it; None where there is none."""
        for last in self.pace.turns():
            found = self._look(name)
            if found is None or found["EndpointStatus"] not in _MOVING:
                return found
            if last:
                raise TrainerError(
                    f"SageMaker's endpoint {name} was still {found['EndpointStatus']} after "
                    f"{self.pace.deadline / 60:.0f} minutes; it is left to itself, and a re-run looks again "
                    "(aws.sagemaker.minutes)"
                )
        raise AssertionError("the last look returns or raises")

    def _look(self, name: str) -> Described | None:
        return self.api.find("DescribeEndpoint", name, EndpointName=name)
