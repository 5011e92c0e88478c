"""In whose name the cloud is called: the role of the step at work, told by whoever runs steps."""

from collections.abc import Callable

_told: list[Callable[[], str | None]] = []


def told_by(tell: Callable[[], str | None]) -> None:
    """From here on `tell` says it."""
    _told[:] = [tell]


def role() -> str | None:
    """ARN of the role of the step at work; None where the process acts in its own name, as sensors and commands do."""
    return _told[0]() if _told else None
