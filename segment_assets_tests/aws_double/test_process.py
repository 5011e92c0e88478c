"""A double as a process: started, recognised and stopped by the folder it is for, whoever else has its port."""

import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from segment_assets_tests.aws_double import process
from segment_assets_tests.aws_double.front import AwsDouble
from segment_assets_tests.aws_double.process import MARK, DoubleError, start, stop, who

SERVE = """
import sys, time
from segment_assets_tests.aws_double.front import AwsDouble
with AwsDouble(port=int(sys.argv[1]), home=sys.argv[2]):
    time.sleep(600)
"""


@pytest.fixture
def port() -> int:
    with AwsDouble() as aws:
        return aws.port  # free again when this returns


@pytest.fixture
def home(tmp_path: Path, port: int) -> Iterator[Path]:
    there = tmp_path / "home"
    yield there
    if who(port):
        stop(there, port)


def begin(home: Path, port: int) -> str:
    return start(home, [sys.executable, "-c", SERVE, str(port), str(home)], port)


def test_a_double_is_started_once_and_stopped_with_what_was_built_on_it(home: Path, port: int) -> None:
    assert begin(home, port) == ""
    first = who(port)
    assert first
    assert first.home == str(home)
    (home / "demo.json").write_text("{}")
    assert begin(home, port) == ""
    assert who(port) == first
    assert "was stopped" in stop(home, port)
    assert who(port) is None
    assert not home.exists()


def test_what_was_built_on_a_double_that_is_gone_is_no_start_for_a_new_one(home: Path, port: int) -> None:
    process._mark(home)
    (home / "demo.json").write_text("{}")
    assert "begins afresh" in begin(home, port)
    assert [p.name for p in home.iterdir()] == [MARK]


def test_a_folder_of_another_kind_is_never_removed(home: Path, port: int) -> None:
    home.mkdir()
    (home / "lake").touch()
    with pytest.raises(DoubleError, match="was not built on a double of AWS: remove it, or name another folder"):
        begin(home, port)
    with pytest.raises(DoubleError, match="was not built"):
        stop(home, port)
    assert (home / "lake").exists()


def test_anothers_double_is_neither_used_nor_stopped(home: Path) -> None:
    with AwsDouble(home="/elsewhere/.home/aws") as other:
        with pytest.raises(DoubleError, match=r"is another's, whose home is /elsewhere/.home/aws: stop it there"):
            begin(home, other.port)
        assert stop(home, other.port) == "No double of AWS is at work for this folder."
        assert who(other.port)


def test_what_is_no_double_is_not_taken_for_one(home: Path) -> None:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as other:
        threading.Thread(target=other.serve_forever, args=(0.02,), daemon=True).start()
        with pytest.raises(DoubleError, match="is taken, and not by a double of AWS"):
            begin(home, other.server_port)
        other.shutdown()
