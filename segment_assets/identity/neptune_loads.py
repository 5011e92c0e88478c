"""The life of a bulk load: found or started, looked at until it ends, cancelled when nobody waits for it any more."""

import random
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Protocol

from segment_assets.aws import AwsRefusedError
from segment_assets.identity.port import GraphError
from segment_assets.waiting import Pace

STARTS = 8
LONGEST_PAUSE = 30.0
_GOING = {"LOAD_IN_QUEUE", "LOAD_NOT_STARTED", "LOAD_IN_PROGRESS"}
_DONE = "LOAD_COMPLETED"
_LISTED = 100  # the most that ListLoaderJobs tells


class PassingError(AwsRefusedError):
    """A call went wrong in a way that passes; whether it took effect is not known."""


class Call(Protocol):
    """Ask Neptune for an operation, by its permission's name."""

    def __call__(self, action: str, **asked: Any) -> Any:
        """The answer.

        Raises:
            AwsRefusedError: it was refused for good.
            PassingError: StartLoaderJob alone, which is not tried again by itself.
        """


class Loads:
    """Bulk loads of one cluster.

    Args:
        call: asks the cluster.
        place: its address, for messages.
        asked: what every start says: the role, the region.
        pause: seconds before a load is looked at again, at first; each pause is longer than the one before.
        deadline: seconds after which a load is cancelled.
    """

    def __init__(
        self,
        call: Call,
        place: str,
        asked: Mapping[str, str],
        pause: float,
        deadline: float,
    ) -> None:
        self._call, self._place, self._asked = call, place, asked
        self._pause, self._deadline = pause, deadline

    def load(self, source: str, *, again: bool) -> None:
        """Have everything below `source` loaded, once.

        Args:
            source: a prefix in S3 that ends in `/`.
            again: a run before this one may have started it: it is looked for first.

        Raises:
            GraphError: it failed, or the deadline has passed.
        """
        load = (self._find(source) if again else None) or self._start(source)
        try:
            self._await(load, source)
        except BaseException as stopped:
            # A run that is interrupted takes its load with it. One that lost sight of it does not: the next finds it.
            if not isinstance(stopped, Exception):
                self._cancel(load)
            raise

    def _start(self, source: str) -> str:
        for nth in range(1, STARTS + 1):
            try:
                told = self._call(
                    "StartLoaderJob", source=source, format="csv", mode="NEW", failOnError=True, parallelism="MEDIUM",
                    updateSingleCardinalityProperties=True, queueRequest=True, userProvidedEdgeIds=True, **self._asked,
                )  # fmt: skip
                return str(told["payload"]["loadId"])
            except PassingError:
                if nth == STARTS:
                    raise
            time.sleep(random.uniform(0.5, 1) * min(self._pause * 2**nth, LONGEST_PAUSE))  # noqa: S311  jitter
            # The answer may have been lost, and not the load.
            if found := self._find(source):
                return found
        raise AssertionError("the last start either returns or raises")

    def _find(self, source: str) -> str | None:
        """A load of this source that goes on, or is done."""
        told = self._call("ListLoaderJobs", limit=_LISTED, includeQueuedLoads=True)
        for load in told["payload"]["loadIds"]:
            overall = self._status(load)["overallStatus"]
            if overall["fullUri"] == source and overall["status"] in {*_GOING, _DONE}:
                return str(load)
        return None

    def _status(self, load: str, **more: Any) -> dict[str, Any]:
        payload: dict[str, Any] = self._call("GetLoaderJobStatus", loadId=load, **more)["payload"]
        return payload

    def _await(self, load: str, source: str) -> None:
        pace = Pace(self._pause, LONGEST_PAUSE, growth=1.5, deadline=self._deadline)
        if (status := pace.until(lambda: self._ended(load))) is None:
            self._cancel(load)
            raise GraphError(
                f"{self._place}: the load of {source} took longer than {self._deadline:g} s and was cancelled; "
                "the old graph stays in service"
            )
        if status != _DONE:
            raise GraphError(
                f"{self._place}: the load of {source} ended as {status}{self._reason(load)}; "
                "the old graph stays in service"
            )

    def _ended(self, load: str) -> str | None:
        """How the load ended; None where it goes on."""
        status = str(self._status(load)["overallStatus"]["status"])
        return None if status in _GOING else status

    def _reason(self, load: str) -> str:
        """The first error's kind and file; its message names ids, and stays where it is."""
        told = self._status(load, details=True, errors=True, page=1, errorsPerPage=1).get("errors", {})
        return "".join(f" ({e['errorCode']} in {e['fileName']})" for e in told.get("errorLogs", ())[:1])

    def _cancel(self, load: str) -> None:
        with suppress(AwsRefusedError):  # ended meanwhile, or out of reach: nothing to add
            self._call("CancelLoaderJob", loadId=load)
