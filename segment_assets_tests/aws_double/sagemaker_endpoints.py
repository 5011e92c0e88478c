"""SageMaker's endpoints: made of a configuration, changed, rolled back; asked by really serving the model."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar

from botocore.model import OperationModel
from werkzeug.wrappers import Request, Response

from segment_assets_tests.aws_double.sagemaker_container import JobFailedError, archived, asked_once
from segment_assets_tests.aws_double.service import AwsError, Caller, FakeService

LARGEST = 4 * 2**20  # a request to an endpoint without servers


@dataclass
class Endpoint:
    """One endpoint: the configuration it answers with, and the one that it is on the way to."""

    config: str
    status: str
    coming: str | None = None
    failure: str | None = None
    ready: float = 0.0
    made: datetime = field(default_factory=lambda: datetime.now(UTC))


class Endpoints(FakeService):
    """Operations of SageMaker that have to do with endpoints.

    Attributes:
        endpoints: by name.
        configs: by name.
        refusing: reasons why endpoints to come do not get into service, one each.
        seconds_to_serve: how long an endpoint takes to change.
    """

    models: dict[str, dict[str, Any]]
    packages: list[dict[str, Any]]

    def __init__(self) -> None:
        super().__init__()
        self.endpoints: dict[str, Endpoint] = {}
        self.configs: dict[str, dict[str, Any]] = {}
        self.refusing: list[str] = []
        self.seconds_to_serve = 0.0
        self.runtime = Runtime(self)

    def answer(self, request: Request, caller: Caller) -> tuple[str, Response]:
        """The runtime is a service of its own under the same name for signatures."""
        of = self.runtime if request.path.startswith("/endpoints/") else super()
        return of.answer(request, caller)

    def _operation(self, request: Request) -> tuple[OperationModel, dict[str, str]]:
        of = self.runtime if request.path.startswith("/endpoints/") else super()
        return of._operation(request)

    def create_endpoint_config(self, caller: Caller, **asked: Any) -> dict[str, Any]:
        name = asked["EndpointConfigName"]
        if name in self.configs:
            raise AwsError("ValidationException", f'Cannot create already existing endpoint configuration "{name}".')
        for variant in asked["ProductionVariants"]:
            if variant["ModelName"] not in self.models:
                raise AwsError("ValidationException", f'Could not find model "{variant["ModelName"]}".')
            if self.models[variant["ModelName"]].get("EnableNetworkIsolation"):
                raise AwsError("ValidationException", "Serverless inference does not support network isolation.")
        self.configs[name] = asked
        return {"EndpointConfigArn": _arn(caller, "endpoint-config", name)}

    def delete_endpoint_config(self, caller: Caller, EndpointConfigName: str) -> None:  # noqa: N803
        if self.configs.pop(EndpointConfigName, None) is None:
            raise AwsError("ValidationException", f'Could not find endpoint configuration "{EndpointConfigName}".')

    def create_endpoint(self, caller: Caller, EndpointName: str, EndpointConfigName: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        if EndpointName in self.endpoints:
            raise AwsError("ValidationException", f'Cannot create already existing endpoint "{EndpointName}".')
        self._config(EndpointConfigName)
        self._go(caller, EndpointName, Endpoint(EndpointConfigName, "Creating"), EndpointConfigName)
        return {"EndpointArn": _arn(caller, "endpoint", EndpointName)}

    def update_endpoint(self, caller: Caller, EndpointName: str, EndpointConfigName: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        endpoint = self._endpoint(EndpointName)
        if endpoint.status != "InService":
            raise AwsError("ValidationException", f'Cannot update in-progress endpoint "{EndpointName}".')
        self._config(EndpointConfigName)
        endpoint.status = "Updating"
        self._go(caller, EndpointName, endpoint, EndpointConfigName)
        return {"EndpointArn": _arn(caller, "endpoint", EndpointName)}

    def delete_endpoint(self, caller: Caller, EndpointName: str) -> None:  # noqa: N803
        self._endpoint(EndpointName)
        del self.endpoints[EndpointName]

    def describe_endpoint(self, caller: Caller, EndpointName: str) -> dict[str, Any]:  # noqa: N803
        found = self._endpoint(EndpointName)
        return {
            "EndpointName": EndpointName,
            "EndpointArn": _arn(caller, "endpoint", EndpointName),
            "EndpointConfigName": found.config,
            "EndpointStatus": found.status,
            "CreationTime": found.made,
            "LastModifiedTime": datetime.now(UTC),
        } | ({"FailureReason": found.failure} if found.failure else {})

    def container(self, config: str) -> tuple[str, dict[str, Any]]:
        """The role and the container that a configuration comes to; a package says image and model."""
        [variant] = self.configs[config]["ProductionVariants"]
        model = self.models[variant["ModelName"]]
        return model["ExecutionRoleArn"], self.packed(model["PrimaryContainer"])

    def packed(self, container: Mapping[str, Any]) -> dict[str, Any]:
        """A container with what its package says."""
        if "ModelPackageName" not in container:
            return dict(container)
        named = [p for p in self.packages if p["ModelPackageArn"] == container["ModelPackageName"]]
        if not named or named[0]["ModelApprovalStatus"] != "Approved":
            raise AwsError("ValidationException", f"{container['ModelPackageName']} is no approved model package.")
        [inside] = named[0]["InferenceSpecification"]["Containers"]
        return {**inside, **container}

    def _go(self, caller: Caller, name: str, endpoint: Endpoint, config: str) -> None:
        """To another configuration, in the background; where it does not answer, back to the one before."""
        fresh = endpoint.status == "Creating"
        self.endpoints[name] = endpoint

        def go() -> None:
            time.sleep(self.seconds_to_serve)
            try:
                if self.refusing:
                    raise JobFailedError(self.refusing.pop(0))
                role, container = self.container(config)
                archived(role, container, caller.endpoint)
                endpoint.config, endpoint.failure = config, None
            except Exception as failed:  # noqa: BLE001 - told by the endpoint's description
                endpoint.failure = str(failed) or type(failed).__name__
            endpoint.status = "Failed" if fresh and endpoint.failure else "InService"

        threading.Thread(target=go, daemon=True).start()

    def _endpoint(self, name: str) -> Endpoint:
        if name not in self.endpoints:
            raise AwsError("ValidationException", f'Could not find endpoint "{name}".')
        return self.endpoints[name]

    def _config(self, name: str) -> None:
        if name not in self.configs:
            raise AwsError("ValidationException", f'Could not find endpoint configuration "{name}".')


class Runtime(FakeService):
    """`InvokeEndpoint`: the model's own serving code answers, in a process that lives as long as the request."""

    name: ClassVar[str] = "sagemaker-runtime"

    def __init__(self, service: Endpoints) -> None:
        super().__init__()
        self.service = service

    def invoke_endpoint(self, caller: Caller, EndpointName: str, Body: bytes, **asked: Any) -> dict[str, Any]:  # noqa: N803
        endpoint = self.service._endpoint(EndpointName)
        if endpoint.status not in ("InService", "Updating"):
            raise AwsError("ValidationError", f"Endpoint {EndpointName} is {endpoint.status}.")
        if len(Body) > LARGEST:
            raise AwsError("ValidationError", "The request is larger than 4 MB.", 413)
        kinds = asked.get("ContentType", "application/json"), asked.get("Accept", "*/*")
        role, container = self.service.container(endpoint.config)
        try:
            status, said = asked_once(role, container, caller.endpoint, Body, kinds)
        except JobFailedError as failed:
            raise AwsError("ModelError", str(failed), 424) from failed
        if status != 200:
            raise AwsError(
                "ModelError", f"Received client error ({status}) from primary", 424, OriginalStatusCode=status
            )
        [variant] = self.service.configs[endpoint.config]["ProductionVariants"]
        return {"ContentType": kinds[1], "InvokedProductionVariant": variant["VariantName"], "Body": said}


def _arn(caller: Caller, kind: str, name: str) -> str:
    return f"arn:aws:sagemaker:{caller.region}:{caller.account}:{kind}/{name}"
