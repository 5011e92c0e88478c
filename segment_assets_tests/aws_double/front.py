"""One HTTP front for all of AWS: our own services first, moto for the rest, faults and a record of calls before both.

    with AwsDouble() as aws:
        subprocess.run(..., env=os.environ | aws.environment())

It proves that requests are valid by AWS's published models, and that our code lives through the life cycle of what it
started. It does not prove AWS's behaviour: quotas, IAM's delays, Clean Rooms' own dialect.
"""

import json
import os
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from moto import backends
from moto.core import DEFAULT_ACCOUNT_ID
from moto.iam.models import get_account_id_from
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import BaseWSGIServer, make_server
from werkzeug.wrappers import Request, Response

from segment_assets_tests.aws_double import glue_lock, names, sts_trust
from segment_assets_tests.aws_double.refusals import Gate, refusal
from segment_assets_tests.aws_double.service import AwsError, Caller, FakeService, NotBuiltError

# moto lists its own folder for each request, twice: 3 ms of 8.
_MODULES = tuple(backends.list_of_moto_modules())
backends.list_of_moto_modules = lambda: _MODULES

REGION = "eu-west-1"
OURS, PARTNER = DEFAULT_ACCOUNT_ID, "222222222222"
WHO = "/_double"  # who answers: the process, and the home folder of whoever started it
CALLS = "/_double/calls"  # what was called, how it ended, how often: [service, operation, status, times]
KEY = "AKIALOOPBACKLOOPBACK"
_SCOPE = re.compile(r"Credential=(?P<key>[^/]+)/\d{8}/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")
Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


@dataclass(frozen=True)
class Call:
    """One request that was made: service and operation, as `cleanrooms.StartProtectedQuery`, and the status."""

    service: str
    operation: str
    status: int


@dataclass
class Fault:
    """What is to go wrong with calls to come.

    Attributes:
        operation: as in `Call`, `service.Operation`.
        error: the error's code.
        status: of HTTP.
        times: how many calls it meets.
        after: the call takes effect, and its answer is lost.
        half: the answer comes, and breaks off half way; of moto's services alone.
    """

    operation: str
    error: str = "ThrottlingException"
    status: int = 400
    times: int = 1
    after: bool = False
    half: bool = False


@dataclass
class AwsDouble:
    """AWS on one port of this machine.

    Attributes:
        services: our own; the others are moto's.
        port: 0 takes a free one.
        calls: what was asked, in order.
        faults: what is to go wrong.
        gate: decides who is let in; None lets everybody in.
        home: the home folder of what is built on it, where it is a process of its own.
    """

    services: Sequence[FakeService] = ()
    port: int = 0
    home: str = ""
    calls: list[Call] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    gate: Gate | None = None

    def __post_init__(self) -> None:
        self._by_scope = {service.scope: service for service in self.services}
        self._moto: Wsgi = DomainDispatcherApplication(create_backend_app)
        self._server: BaseWSGIServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def endpoint(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def environment(self) -> dict[str, str]:
        """What boto3, pyiceberg and pyarrow need to come here; the account is ours."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": "loopback",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
        }

    def __enter__(self) -> Self:
        """Listen."""
        self._server = make_server("127.0.0.1", self.port, self, threaded=True, request_handler=_Quiet)
        self.port = self._server.server_port
        # It looks this often whether it is to stop: a test that opens a world waits for that.
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Stop, and forget everything."""
        assert self._server
        assert self._thread
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """One request."""
        request = Request(environ)
        found = _SCOPE.search(request.headers.get("Authorization", ""))
        service = self._by_scope.get(found["service"]) if found else None
        if found and service:
            answer = self._own(service, request, found)
            return answer(environ, start_response)
        return self._through_moto(environ, start_response, found)

    def _own(self, service: FakeService, request: Request, scope: re.Match[str]) -> Response:
        caller = Caller(get_account_id_from(scope["key"]), scope["region"], self.endpoint)
        name = "?"
        try:
            name = service._operation(request)[0].name
            if self.gate and (refused := self.gate(scope["key"], service.name, name, request)):
                return self._told(service.name, name, refused)
            if fault := self._fault(f"{service.name}.{name}"):
                if fault.after:
                    service.answer(request, caller)
                return self._told(service.name, name, _refusal(fault, service.name))
            return self._told(service.name, *service.answer(request, caller))
        except (NotBuiltError, AwsError) as wrong:
            answer = Response(str(wrong), 501, {"x-amzn-ErrorType": "NotImplementedException"})
            return self._told(service.name, name, answer)

    def _through_moto(
        self, environ: dict[str, Any], start_response: Callable[..., Any], scope: re.Match[str] | None
    ) -> Iterable[bytes]:
        if environ["PATH_INFO"] == CALLS:
            return self._all_calls()(environ, start_response)
        if environ["PATH_INFO"] == WHO:
            return Response(json.dumps({"pid": os.getpid(), "home": self.home}))(environ, start_response)
        service = scope["service"] if scope else ""
        name = names.operation(service, environ)
        if self.gate and scope and (shut := self.gate(scope["key"], service, name, names.request(environ))):
            return self._told(service, name, shut)(environ, start_response)

        def noted(status: str, *rest: Any) -> Any:
            self.calls.append(Call(service, name, int(status.split()[0])))
            return start_response(status, *rest)

        if fault := self._fault(f"{service}.{name}"):
            if fault.half:
                whole = b"".join(self._moto(environ, noted))
                return [whole[: len(whole) // 2]]
            if fault.after:
                list(self._moto(environ, lambda *_: None))
            return self._told(service, name, _refusal(fault, service))(environ, start_response)

        if service == "sts" and name == "AssumeRole" and (refused := sts_trust.refused(environ)):
            return self._told(service, name, refused)(environ, start_response)
        if service == "glue" and name == "UpdateTable":
            with glue_lock.LOCK:
                if stale := glue_lock.stale(environ):
                    return self._told(service, name, stale)(environ, start_response)
                return self._moto(environ, noted)
        return self._moto(environ, noted)

    def _all_calls(self) -> Response:
        counted = Counter((c.service, c.operation, c.status) for c in self.calls)
        return Response(json.dumps(sorted([*call, times] for call, times in counted.items())))

    def _fault(self, operation: str) -> Fault | None:
        for fault in self.faults:
            if fault.operation == operation and fault.times > 0:
                fault.times -= 1
                return fault
        return None

    def _told(self, service: str, operation: str, answer: Response) -> Response:
        self.calls.append(Call(service, operation, answer.status_code))
        return answer


def _refusal(fault: Fault, service: str) -> Response:
    return refusal(service, fault.error, "asked for by a test", fault.status)


class _Quiet(MotoRequestHandler):
    def log(self, *_: Any) -> None:
        """Nothing: a test's output is its own."""
