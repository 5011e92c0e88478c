"""Sessions of STS that end: moto's answer says when, and takes their keys for ever."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from moto.sts.models import STSBackend
from werkzeug.wrappers import Request, Response

from segment_assets_tests.aws_double.refusals import refusal

_SESSION = re.compile(r"^ASIA")


class Ending:
    """A gate that refuses keys of sessions that have ended.

    Args:
        seconds: how long a session lasts, whatever was asked for.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._since: dict[str, float] = {}
        self.refused = 0

    def __call__(self, key: str, service: str, operation: str, request: Request) -> Response | None:
        """The refusal of a key whose session has ended."""
        if not _SESSION.match(key) or time.monotonic() - self._since.setdefault(key, time.monotonic()) < self.seconds:
            return None
        self.refused += 1
        return refusal(service, "ExpiredToken", "The security token included in the request is expired")


@contextmanager
def sessions_end(seconds: float) -> Iterator[Ending]:
    """A gate for a double, and answers of AssumeRole that tell the truth about it."""
    asked = STSBackend.assume_role

    def assume_role(*args: object, **kwargs: object) -> object:
        given = asked(*args, **kwargs)  # type: ignore[arg-type]
        given.expiration = (datetime.now(UTC) + timedelta(seconds=seconds)).replace(tzinfo=None)
        return given

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(STSBackend, "assume_role", assume_role)
        yield Ending(seconds)
