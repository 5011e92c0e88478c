"""EventBridge's door: entries within the documented limits go on to moto, whose rules deliver them.

docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html
"""

import json
from datetime import UTC, datetime
from typing import Any, ClassVar

from moto.events.models import EventsBackend, events_backends

from segment_assets_tests.aws_double.service import AwsError, Caller, FakeService

MOST, LARGEST = 10, 256 * 1024


class Events(FakeService):
    """Buses that are moto's.

    Attributes:
        taken: entries that a bus took, in order.
        failing: codes with which entries to come fail, one each; the others of the call are taken.
    """

    name: ClassVar[str] = "events"

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[dict[str, Any]] = []
        self.failing: list[str] = []

    def put_events(self, caller: Caller, Entries: list[dict[str, Any]], **_: Any) -> dict[str, Any]:  # noqa: N803
        if len(Entries) > MOST:
            raise AwsError("ValidationException", f"Entries: Member must have length less than or equal to {MOST}")
        if sum(map(_size, Entries)) >= LARGEST:
            raise AwsError("ValidationException", "Total size of the entries in the request is over the limit.")
        told = [self._one(caller, entry) for entry in Entries]
        return {"Entries": told, "FailedEntryCount": sum("ErrorCode" in one for one in told)}

    def create_event_bus(self, caller: Caller, Name: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        return {"EventBusArn": _moto(caller).create_event_bus(Name).arn}

    def describe_event_bus(self, caller: Caller, Name: str = "default") -> dict[str, Any]:  # noqa: N803
        bus = _bus(caller, Name)
        return {"Name": bus.name, "Arn": bus.arn}

    def _one(self, caller: Caller, entry: dict[str, Any]) -> dict[str, Any]:
        if self.failing:
            return {"ErrorCode": self.failing.pop(0), "ErrorMessage": "asked for by a test"}
        for part in ("Source", "DetailType", "Detail"):
            if not entry.get(part):
                return {"ErrorCode": "InvalidArgument", "ErrorMessage": f"Parameter {part} is not valid."}
        try:
            assert isinstance(json.loads(entry["Detail"]), dict)
        except (ValueError, AssertionError):
            return {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
        _bus(caller, entry.get("EventBusName", "default"))
        seconds = entry.get("Time", datetime.now(UTC)).timestamp()
        [answer] = _moto(caller).put_events([{**entry, "Time": seconds}])
        self.taken.append(entry)
        return {"EventId": answer["EventId"]}


def _bus(caller: Caller, name: str) -> Any:
    try:
        return _moto(caller).describe_event_bus(name.rpartition("/")[2])
    except Exception as missing:
        raise AwsError("ResourceNotFoundException", f"Event bus {name} does not exist.") from missing


def _moto(caller: Caller) -> EventsBackend:
    found: EventsBackend = events_backends[caller.account][caller.region]
    return found


def _size(entry: dict[str, Any]) -> int:
    return 14 * ("Time" in entry) + sum(len(entry.get(p, "").encode()) for p in ("Source", "DetailType", "Detail"))
