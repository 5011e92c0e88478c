"""Tell people what went wrong: to the log always, to a webhook or a command where segmentation.yaml names one.

Open-source Dagster has no alerts of its own.
"""

import json
import logging
import subprocess
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from http.client import HTTPException

from segment_assets.segmentation import Alerts

TIMEOUT_SECONDS = 10


@dataclass(frozen=True, order=True)
class Alert:
    """One thing a person should know.

    Attributes:
        kind: run_failed, check_failed, stale, old_data or left_in.
        subject: the asset, check or job.
        message: a sentence: what happened and what to do. Never a person's data.
    """

    kind: str
    subject: str
    message: str


def tell(alerts: Iterable[Alert], where: Alerts, log: logging.Logger) -> None:
    """Send each alert to every place; one that does not answer, or answers nonsense, is logged and stops nothing."""
    for alert in alerts:
        log.error("%s: %s: %s", alert.kind, alert.subject, alert.message)
        body = json.dumps(asdict(alert)).encode()
        for place, send in _places(where):
            try:
                send(body)
            # A web server that is down is an OSError, and one that speaks no HTTP is none.
            except (OSError, ValueError, HTTPException, subprocess.SubprocessError) as failure:
                log.error("alerts.%s: %s could not be told: %s", place, alert.subject, type(failure).__name__)


def _places(where: Alerts) -> Iterator[tuple[str, Callable[[bytes], None]]]:
    """Their keys in segmentation.yaml, and how each is told."""
    if where.webhook:
        yield "webhook", partial(_post, where.webhook)
    if where.command:
        yield "command", partial(_run, where.command)


def _run(command: list[str], body: bytes) -> None:
    subprocess.run(command, input=body, timeout=TIMEOUT_SECONDS, check=True)  # noqa: S603 - the user's own command


def _post(url: str, body: bytes) -> None:
    if not url.startswith(("https://", "http://")):
        raise ValueError("alerts.webhook must be an http or https address")
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method="POST")  # noqa: S310 - checked above
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):  # noqa: S310 - checked above
        pass
