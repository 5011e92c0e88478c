"""The double as a process of its own, with the demo's buckets in it.

    python -m segment_assets_tests.aws_double              listens on the demo's port until it is stopped
    python -m segment_assets_tests.aws_double COMMAND ...  runs a command on it, started in the background where needed
    python -m segment_assets_tests.aws_double calls        prints what was called since it started, for docs/aws.md
    python -m segment_assets_tests.aws_double stop         stops it, and removes the home folder of what was built on it

What was told to it is in memory: it is gone with the process. `process.py` says whose a double is.
"""

import json
import os
import subprocess
import sys
import time
import urllib.request
from itertools import groupby

import click

from segment_assets import deployment, segmentation
from segment_assets.aws_config import Aws
from segment_assets_tests.aws_double import process
from segment_assets_tests.aws_double.arrivals import make_queue, make_stream
from segment_assets_tests.aws_double.firehose import Firehose, clock_of_data
from segment_assets_tests.aws_double.front import CALLS, AwsDouble
from segment_assets_tests.aws_double.process import PORT
from segment_assets_tests.aws_double.services import own, the
from segment_assets_tests.aws_double.world import make_applications, make_buckets


def serve() -> None:
    with AwsDouble(own(), port=PORT) as aws:
        os.environ |= aws.environment()
        config = segmentation.load(segmentation.DEMO_FILE)
        assert config.aws
        make_buckets(config.aws)
        make_arrivals(aws, config.aws)
        make_applications(aws, config)
        aws.home = str(deployment.home())  # from now on it answers to its name
        click.echo(f"A double of AWS listens on {aws.endpoint}; what it holds is gone when it stops.")
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            pass


def make_arrivals(aws: AwsDouble, where: Aws) -> None:
    """The queue and the stream of the demo, whose days are not today's: the stream goes by the data's clock."""
    assert where.arrivals_queue
    assert where.events_stream
    make_queue(where, where.arrivals_queue.rpartition("/")[2])
    the(aws, Firehose).clock, the(aws, Firehose).waits = clock_of_data, 1.0
    make_stream(where, where.events_stream)


def calls() -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}{CALLS}") as answer:
        told = json.load(answer)
    click.echo("| service | operation | calls | of these |\n|---|---|---:|---|")
    for (service, operation), answers in groupby(told, key=lambda call: (call[0], call[1])):
        counts = [(status, times) for _, _, status, times in answers]
        ended = [f"{n} answered {status}" for status, n in counts if status >= 300]
        click.echo(f"| {service} | {operation} | {sum(n for _, n in counts):,} | {', '.join(ended)} |")


def main() -> None:
    if sys.argv[1:] == ["calls"]:
        calls()
    elif sys.argv[1:] == ["stop"]:
        click.echo(process.stop(deployment.home()))
    elif sys.argv[1:]:
        if told := process.start(deployment.home(), [sys.executable, "-m", __spec__.name.removesuffix(".__main__")]):
            click.echo(told)
        there = AwsDouble(port=PORT).environment() | {"SEGMENT_ASSETS_DEPLOYMENT": "aws"}
        sys.exit(subprocess.run(sys.argv[1:], env=os.environ | there, check=False).returncode)
    else:
        serve()


if __name__ == "__main__":
    try:
        main()
    except process.DoubleError as wrong:
        sys.exit(str(wrong))
