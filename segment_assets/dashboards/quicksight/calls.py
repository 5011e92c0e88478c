"""What is asked of QuickSight."""

from collections.abc import Callable
from typing import Any, Protocol

Answer = dict[str, Any]


class Api(Protocol):
    """The calls of QuickSight in one account, each by its operation's name; a refusal is raised as one sentence."""

    def arn(self, kind: str, name: str) -> str:
        """The ARN of a data source, data set or dashboard."""

    def ask(self, operation: str, on: str, **request: Any) -> Answer:
        """Do it; it may be done twice."""

    def find(self, operation: str, on: str, **request: Any) -> Answer | None:
        """Do it; None where there is no such thing."""

    def make(self, operation: str, on: str, **request: Any) -> None:
        """Do it; that the thing is there already is as good: the call may have been made before, its answer lost."""

    def once(self, operation: str, on: str, is_done: Callable[[], bool], **request: Any) -> None:
        """Do what must not be done twice: after a lost answer, `is_done` is asked first."""
