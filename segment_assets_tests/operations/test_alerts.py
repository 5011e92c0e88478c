"""Alerts reach the log, a webhook and a command; a place that is down stops nothing."""

import json
import logging
import socket
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from segment_assets.operations.alerts import Alert, tell
from segment_assets.segmentation import Alerts

ALERT = Alert("run_failed", "features", "run 1 failed. Open it in the UI.")
LOG = logging.getLogger("segment_assets.test")


@pytest.fixture
def hook() -> Iterator[tuple[str, list[bytes]]]:
    received: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", received
    server.shutdown()
    server.server_close()


def test_a_webhook_gets_the_alert_as_json(hook: tuple[str, list[bytes]]) -> None:
    url, received = hook
    tell([ALERT], Alerts(webhook=url), LOG)
    assert json.loads(received[0]) == {"kind": "run_failed", "subject": "features", "message": ALERT.message}


def test_a_command_gets_the_alert_on_its_standard_input(tmp_path: Path) -> None:
    script = f"import sys, pathlib; pathlib.Path({str(tmp_path / 'out')!r}).write_text(sys.stdin.read())"
    tell([ALERT], Alerts(command=[sys.executable, "-c", script]), LOG)
    assert json.loads((tmp_path / "out").read_text())["subject"] == "features"


def test_a_place_that_is_down_is_logged_and_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    tell([ALERT, ALERT], Alerts(webhook="http://127.0.0.1:9/", command=["/no/such/command"]), LOG)
    told = [r.getMessage().split(":")[0] for r in caplog.records]
    assert told == ["run_failed", "alerts.webhook", "alerts.command"] * 2


def test_a_webhook_that_is_down_keeps_no_command_from_being_run(tmp_path: Path) -> None:
    script = f"import pathlib; pathlib.Path({str(tmp_path / 'out')!r}).touch()"
    tell([ALERT], Alerts(webhook="http://127.0.0.1:9/", command=[sys.executable, "-c", script]), LOG)
    assert (tmp_path / "out").exists()


def test_a_server_that_speaks_no_http_is_logged_and_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                while not connection.recv(9999).endswith(b"}"):
                    pass
                connection.sendall(b"hello\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        tell([ALERT], Alerts(webhook=f"http://127.0.0.1:{server.getsockname()[1]}/"), LOG)
    assert "alerts.webhook: features could not be told: BadStatusLine" in caplog.text


def test_only_web_addresses_are_posted_to(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    tell([ALERT], Alerts.model_construct(webhook=tmp_path.as_uri(), command=None), LOG)
    assert "could not be told: ValueError" in caplog.text
