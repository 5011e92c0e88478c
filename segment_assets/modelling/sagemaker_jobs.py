"""Jobs of SageMaker by content key: found again after a kill, waited for with a deadline, stopped when the run is."""

import hashlib
import json
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Any, Literal, Protocol

from segment_assets.aws import AwsRefusedError
from segment_assets.modelling.port import TrainerError
from segment_assets.waiting import Pace

Kind = Literal["Training", "Transform"]
Described = dict[str, Any]
_PREFIX = "segment-assets"  # roles in deploy/ reach what is named so, and nothing else
# A short job ends soon, and a long one is asked about seldom.
PACE = Pace(first=5.0, most=60.0, growth=1.5)
_ENDED_BADLY = {"Failed", "Stopped", "Stopping"}


class Api(Protocol):
    """The calls of SageMaker, each by its operation's name; a refusal is raised as `AwsRefusedError`."""

    def ask(self, operation: str, on: str, **request: Any) -> Described:
        """Do it."""

    def find(self, operation: str, on: str, **request: Any) -> Described | None:
        """Do it; None where there is no such thing."""

    def make(self, operation: str, on: str, **request: Any) -> None:
        """Do it; that the thing is there already is as good: its name says what is in it."""


@dataclass(frozen=True)
class Jobs:
    """Training and transform jobs.

    Attributes:
        api: SageMaker.
        pace: of looking; at its deadline a job is given up and stopped.
    """

    api: Api
    pace: Pace

    def run(
        self, kind: Kind, name: str, start: Callable[[], Described], is_there: Callable[[Described], bool]
    ) -> Described:
        """Have the job done: the one that an earlier run started is taken up, a failed one is tried anew.

        Args:
            kind: of job.
            name: from the content key; a number is added per attempt, for names can't be used twice.
            start: puts what the job reads and returns its request.
            is_there: whether a completed job's output still is.

        Raises:
            TrainerError: it failed, was stopped, or took too long.
        """
        for attempt in count(1):
            full = f"{name}-{attempt}"
            found = self._describe(kind, full)
            if found is None:
                self.api.make(f"Create{kind}Job", full, **start(), **{f"{kind}JobName": full})
            elif found[f"{kind}JobStatus"] in _ENDED_BADLY or _lost(kind, found, is_there):
                continue
            return self._wait(kind, full)
        raise AssertionError  # pragma: no cover - the count has no end

    def _wait(self, kind: Kind, name: str) -> Described:
        what = f"{kind.lower()} job {name}"
        try:
            for last in self.pace.turns():
                found = self.api.ask(f"Describe{kind}Job", name, **{f"{kind}JobName": name})
                state = found[f"{kind}JobStatus"]
                if state == "Completed":
                    return found
                if state == "Failed":
                    reason = (found.get("FailureReason") or "no reason was given").strip().splitlines()[0]
                    raise TrainerError(f"SageMaker's {what} failed: {reason}; a re-run starts another")
                if state == "Stopped":
                    raise TrainerError(f"SageMaker's {what} was stopped; a re-run starts another")
                if last:
                    self._stop(kind, name)
        except BaseException as ended:
            # A run that is cancelled takes its job with it. An error of looking does not: the next run finds the job.
            if not isinstance(ended, Exception):
                self._stop(kind, name)
            raise
        raise TrainerError(
            f"SageMaker's {what} was not done after {self.pace.deadline / 60:.0f} minutes and was stopped: raise "
            "aws.sagemaker.minutes, or take a larger aws.sagemaker.instance_type"
        )

    def _stop(self, kind: Kind, name: str) -> None:
        with suppress(AwsRefusedError):  # what ends the run is told, not what came of tidying up
            self.api.ask(f"Stop{kind}Job", name, **{f"{kind}JobName": name})

    def _describe(self, kind: Kind, name: str) -> Described | None:
        return self.api.find(f"Describe{kind}Job", name, **{f"{kind}JobName": name})


def content_key(*parts: str) -> str:
    """What a job is asked, as 16 hex digits: the same question has the same."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def name_of(deployment: str, target: str, key: str) -> str:
    """A job's or model's name: SageMaker allows 63 letters, digits and dashes, and an attempt takes 4 of them."""
    return f"{_dashed(f'{_PREFIX}-{deployment[:12]}-{target[:14]}')}-{key}"


def group_of(deployment: str, target: str) -> str:
    """A model package group's name, as deploy/ makes it."""
    return _dashed(f"{_PREFIX}-{deployment[:12]}-{target}")[:63].rstrip("-")


def _dashed(text: str) -> str:
    return re.sub(r"[^a-zA-Z0-9]+", "-", text).strip("-")


def _lost(kind: Kind, found: Described, is_there: Callable[[Described], bool]) -> bool:
    return bool(found[f"{kind}JobStatus"] == "Completed" and not is_there(found))
