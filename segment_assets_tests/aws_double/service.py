"""A service of AWS that does what it is asked, built on the operations that botocore describes.

Both ways are checked by AWS's own model: a request that the model refuses is answered as AWS would (400,
ValidationException), and an answer that it does not describe stops the test that made it.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote

import botocore.session
from botocore.model import OperationModel, Shape
from botocore.validate import ParamValidator
from werkzeug.wrappers import Request, Response

from segment_assets_tests.aws_double.limits import broken

_SESSION = botocore.session.get_session()


class AwsError(Exception):
    """An error that the service's model names.

    Args:
        code: its name, such as `ResourceNotFoundException`.
        message: what is told.
        status: of HTTP.
        members: what else its shape has.
    """

    def __init__(self, code: str, message: str, status: int = 400, **members: Any) -> None:
        super().__init__(message)
        self.code, self.message, self.status, self.members = code, message, status, members


class NotBuiltError(Exception):
    """An operation of an owned service that the double does not do."""


@dataclass(frozen=True)
class Caller:
    """Who asks.

    Attributes:
        account: of twelve digits.
        region: from the signature.
        endpoint: of this double, for services that ask others.
    """

    account: str
    region: str
    endpoint: str


class FakeService:
    """One service of AWS; a subclass has a method per operation, in snake_case: `(caller, **parameters) -> dict`.

    Attributes:
        name: of botocore's model, such as `customer-profiles`.
        scope: what its requests are signed for, such as `profile`; the model says it.
        invalid: the error with which it tells a request that its model does not allow.
    """

    name: ClassVar[str]
    invalid: ClassVar[str] = "ValidationException"

    def __init__(self) -> None:
        self.model = _SESSION.get_service_model(self.name)
        self.scope = str(self.model.metadata.get("signingName", self.model.endpoint_prefix))
        operations = (self.model.operation_model(name) for name in self.model.operation_names)
        self._routes = [(o, *_route(o)) for o in operations] if "rest" in self.model.protocol else []
        # The route with the most fixed parts first: `/jobs/list` before `/jobs/{id}`.
        self._routes.sort(key=lambda route: (route[0].http["requestUri"].count("{"), -len(route[1].pattern)))

    def answer(self, request: Request, caller: Caller) -> tuple[str, Response]:
        """The operation's name and its answer."""
        operation, uri = self._operation(request)
        method = getattr(self, _snake(operation.name), None)
        if method is None:
            error = {"message": f"{self.name}.{operation.name} is not built in the double"}
            return operation.name, _error("NotImplementedException", error, 501)
        try:
            parameters = _parameters(operation, request, uri)
            if operation.input_shape:
                report = ParamValidator().validate(parameters, operation.input_shape)
                if report.has_errors():
                    raise AwsError("ValidationException", report.generate_report())
                # Lengths, patterns and choices, which the model says and botocore leaves to AWS.
                if wrong := next(broken(parameters, operation.input_shape), None):
                    raise AwsError(self.invalid, f"{operation.name}{wrong}")
            given = method(caller, **parameters) or {}
        except AwsError as wrong:
            return operation.name, _error(wrong.code, {"message": wrong.message, **wrong.members}, wrong.status)
        return operation.name, self._response(operation, given)

    def _operation(self, request: Request) -> tuple[OperationModel, dict[str, str]]:
        if target := request.headers.get("X-Amz-Target"):
            return self.model.operation_model(target.rpartition(".")[2]), {}
        path = request.environ.get("RAW_URI", request.full_path).partition("?")[0]
        for operation, pattern, method, query in self._routes:
            found = pattern.fullmatch(path)
            if found and method == request.method and all(request.args.get(k) == v for k, v in query.items()):
                return operation, {name: unquote(value) for name, value in found.groupdict().items()}
        raise NotBuiltError(f"{self.name}: no operation is {request.method} {path}")

    def _response(self, operation: OperationModel, given: Mapping[str, Any]) -> Response:
        shape = operation.output_shape
        if shape is None:
            return Response(status=operation.http.get("responseCode", 200))
        _assert_described(dict(given), shape, operation.name)
        status, headers, body = operation.http.get("responseCode", 200), {}, {}
        payload = shape.serialization.get("payload")
        for name, value in given.items():
            how = shape.members[name].serialization
            if how.get("location") == "header":
                headers[how["name"]] = str(value)
            elif how.get("location") == "statusCode":
                status = value
            elif name == payload and isinstance(value, bytes):
                return Response(value, status, headers)
            else:
                body[how.get("name", name)] = _plain(value, shape.members[name])
        told = body.get(shape.members[payload].serialization.get("name", payload), {}) if payload else body
        return Response(json.dumps(told), status, headers, content_type="application/json")


def _route(operation: OperationModel) -> tuple[re.Pattern[str], str, dict[str, str]]:
    path, _, query = operation.http["requestUri"].partition("?")
    parts = re.split(r"\{([\w-]+)(\+?)\}", path)
    pattern = "".join(
        re.escape(part) if i % 3 == 0 else f"(?P<{_group(part)}>{'.+' if parts[i + 1] else '[^/]+'})"
        for i, part in enumerate(parts)
        if i % 3 != 2
    )
    fixed = {name: values[0] for name, values in parse_qs(query, keep_blank_values=True).items()}
    return re.compile(pattern), operation.http["method"], fixed


def _group(name: str) -> str:
    return name.replace("-", "_")


def _parameters(operation: OperationModel, request: Request, uri: Mapping[str, str]) -> dict[str, Any]:
    shape = operation.input_shape
    if shape is None:
        return {}
    payload = shape.serialization.get("payload")
    content = request.get_data()
    whole = json.loads(content or b"{}") if not payload or shape.members[payload].type_name == "structure" else None
    if whole is not None and not isinstance(whole, dict):
        raise AwsError("SerializationException", "the body is no JSON object")
    found: dict[str, Any] = {}
    for name, member in shape.members.items():
        how = member.serialization
        wire, place = how.get("name", name), how.get("location")
        if place == "uri":
            found[name] = _read(uri.get(_group(wire)), member)
        elif place == "querystring" and wire in request.args:
            many = member.type_name == "list"
            found[name] = request.args.getlist(wire) if many else _read(request.args[wire], member)
        elif place == "header" and wire in request.headers:
            found[name] = _read(request.headers[wire], member)
        elif name == payload:
            found[name] = content if whole is None else _typed(whole, member)
        elif place is None and not payload and whole and wire in whole:
            found[name] = _typed(whole[wire], member)
    return {name: value for name, value in found.items() if value is not None}


def _read(text: str | None, shape: Shape) -> Any:
    if text is None or shape.type_name == "string":
        return text
    return text == "true" if shape.type_name == "boolean" else json.loads(text)


def _typed(value: Any, shape: Shape) -> Any:
    """JSON as botocore takes parameters: names of members, times, bytes."""
    if shape.type_name == "structure" and isinstance(value, dict):
        names = {m.serialization.get("name", n): n for n, m in shape.members.items()}
        return {names.get(k, k): _typed(v, shape.members[names[k]]) if k in names else v for k, v in value.items()}
    if shape.type_name == "list" and isinstance(value, list):
        return [_typed(item, shape.member) for item in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {key: _typed(item, shape.value) for key, item in value.items()}
    if shape.type_name == "timestamp" and isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC)
    return value


def _plain(value: Any, shape: Shape) -> Any:
    """The reverse, for answers."""
    if getattr(shape, "is_document_type", False):
        return value
    if shape.type_name == "structure":
        members = shape.members
        return {members[k].serialization.get("name", k): _plain(v, members[k]) for k, v in value.items()}
    if shape.type_name == "list":
        return [_plain(item, shape.member) for item in value]
    if shape.type_name == "map":
        return {key: _plain(item, shape.value) for key, item in value.items()}
    if isinstance(value, datetime):
        iso = shape.serialization.get("timestampFormat") == "iso8601"
        return value.isoformat() if iso else value.timestamp()
    return value


def _assert_described(value: Any, shape: Shape, where: str) -> None:
    """The double itself must not say what AWS can't."""
    if getattr(shape, "is_document_type", False):
        return  # any JSON: the model says no more
    if shape.type_name == "structure":
        unknown, lacking = set(value) - set(shape.members), set(shape.required_members) - set(value)
        assert not unknown, f"{where}: {unknown} is not in the model"
        assert not lacking, f"{where}: {lacking} is required by the model"
        for name, item in value.items():
            _assert_described(item, shape.members[name], f"{where}.{name}")
    elif shape.type_name in ("list", "map"):
        inner = shape.member if shape.type_name == "list" else shape.value
        for item in value if shape.type_name == "list" else value.values():
            _assert_described(item, inner, f"{where}[]")
    elif shape.type_name == "string" and shape.enum:
        assert value in shape.enum, f"{where}: {value!r} is none of {shape.enum}"


def _error(code: str, body: Mapping[str, Any], status: int) -> Response:
    told = json.dumps({"__type": code, **body})
    return Response(told, status, {"x-amzn-ErrorType": code}, content_type="application/json")


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
