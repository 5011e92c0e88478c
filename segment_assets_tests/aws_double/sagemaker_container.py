"""A SageMaker job's container: folders, environment, process; S3 before and after as the job's role."""

import http.client
import json
import os
import socket
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlparse

import boto3
from botocore.exceptions import ClientError

from segment_assets_tests.aws_double.front import KEY, REGION

ROOT = Path(__file__).parents[2]
# Nothing of ours that a container would not have: no credentials, no endpoint, no home. Which kernels of linear algebra
# this machine is told to use is not ours but the machine's: with others the last decimals differ.
PASSED = ("PATH", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
_MAKING = threading.Lock()


class JobFailedError(Exception):
    """A job's FailureReason."""


class StoppedError(Exception):
    """The job was stopped."""


def trained(asked: dict[str, Any], endpoint: str, stop: threading.Event) -> str:
    """Run a training job; the address of its model.tar.gz."""
    s3 = _s3(asked["RoleArn"], endpoint)
    with TemporaryDirectory() as folder:
        root = Path(folder)
        for name in ("model", "output/data", "input/config"):
            (root / name).mkdir(parents=True)
        told = json.dumps(asked.get("HyperParameters", {}))
        (root / "input/config/hyperparameters.json").write_text(told)
        environment = {
            "SM_MODEL_DIR": str(root / "model"),
            "SM_OUTPUT_DIR": str(root / "output"),
            "SM_OUTPUT_DATA_DIR": str(root / "output/data"),
            "SM_INPUT_CONFIG_DIR": str(root / "input/config"),
        }
        for channel in asked.get("InputDataConfig", ()):
            place = root / "input/data" / channel["ChannelName"]
            place.mkdir(parents=True)
            environment[f"SM_CHANNEL_{channel['ChannelName'].upper()}"] = str(place)
            for key, content in _objects(s3, channel["DataSource"]["S3DataSource"]["S3Uri"]):
                (place / key.rpartition("/")[2]).write_bytes(content)
        how = asked["AlgorithmSpecification"]
        command = [*how.get("ContainerEntrypoint", ["train"]), *how.get("ContainerArguments", [])]
        with _process(command, environment | asked.get("Environment", {})) as process:
            _until_it_ends(process, stop)
            if process.returncode:
                failure = root / "output/failure"
                reason = failure.read_text() if failure.exists() else "the script ended without a reason"
                raise JobFailedError(f"AlgorithmError: {reason}, exit code: {process.returncode}")
        where = f"{asked['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{asked['TrainingJobName']}/output"
        _put(s3, f"{where}/output.tar.gz", _tar(root / "output/data"))
        _put(s3, f"{where}/model.tar.gz", _tar(root / "model"))
        return f"{where}/model.tar.gz"


def transformed(asked: dict[str, Any], model: dict[str, Any], endpoint: str, stop: threading.Event) -> None:
    """Serve the model and hand it every object below the input's prefix."""
    s3, container = _s3(model["ExecutionRoleArn"], endpoint), model["PrimaryContainer"]
    given, to = asked["TransformInput"], asked["TransformOutput"]
    with _served(s3, container, stop) as port:
        for key, content in _objects(s3, given["DataSource"]["S3DataSource"]["S3Uri"]):
            if len(content) > asked.get("MaxPayloadInMB", 6) * 2**20:
                raise JobFailedError(f"ClientError: {key}: payload larger than MaxPayloadInMB")
            status, said = _invoke(port, content, given["ContentType"], to["Accept"])
            if status != 200:
                raise JobFailedError(f"ClientError: {key}: the model answered {status}")
            _put(s3, f"{to['S3OutputPath'].rstrip('/')}/{key.rpartition('/')[2]}.out", said)


def archived(role: str, container: dict[str, Any], endpoint: str) -> None:
    """Fetch the archive of an endpoint's model, as the role may.

    Raises:
        JobFailedError: it is not there, or is no archive.
    """
    try:
        tarfile.open(fileobj=BytesIO(_get(_s3(role, endpoint), container["ModelDataUrl"])), mode="r:gz").close()
    except (ClientError, tarfile.TarError) as missing:
        raise JobFailedError(f"Failed to download model data from {container['ModelDataUrl']}") from missing


def asked_once(
    role: str, container: dict[str, Any], endpoint: str, content: bytes, kinds: tuple[str, str]
) -> tuple[int, bytes]:
    """Serve a model for one request: its status and its answer."""
    with _served(_s3(role, endpoint), container, threading.Event()) as port:
        return _invoke(port, content, *kinds)


@contextmanager
def _served(s3: Any, container: dict[str, Any], stop: threading.Event) -> Iterator[int]:
    """A container that serves a model; its port."""
    with TemporaryDirectory() as folder, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        with tarfile.open(fileobj=BytesIO(_get(s3, container["ModelDataUrl"])), mode="r:gz") as archive:
            archive.extractall(folder, filter="data")
        environment = {"SM_MODEL_DIR": folder, "SAGEMAKER_BIND_TO_PORT": str(port)} | container.get("Environment", {})
        # An image's own `serve`: what the Dockerfile makes of this module.
        command = ["python", "-m", "segment_assets.modelling.sagemaker_entry", "serve"]
        with _process(command, environment) as process:
            _until_it_answers(process, port, stop)
            yield port


@contextmanager
def _process(command: list[str], environment: dict[str, str]) -> Any:
    python = [sys.executable if part == "python" else part for part in command]
    # How OpenBLAS computes decides the last bits of a model: here both sides are to use the same processor's way.
    kept = {name: value for name, value in os.environ.items() if name in PASSED or name.startswith("OPENBLAS_")}
    with subprocess.Popen(
        python,
        env=kept | {"PYTHONPATH": str(ROOT)} | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _until_it_ends(process: subprocess.Popen[bytes], stop: threading.Event) -> None:
    while process.poll() is None:
        if stop.wait(0.02):
            raise StoppedError


def _until_it_answers(process: subprocess.Popen[bytes], port: int, stop: threading.Event) -> None:
    while process.poll() is None:
        if stop.wait(0.05):
            raise StoppedError
        try:
            if _request(port, "GET", "/ping")[0] == 200:
                return
        except OSError:
            time.sleep(0.05)
    raise JobFailedError("ClientError: the container did not answer /ping")


def _invoke(port: int, content: bytes, kind: str, accept: str) -> tuple[int, bytes]:
    return _request(port, "POST", "/invocations", content, {"Content-Type": kind, "Accept": accept})


def _request(
    port: int, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _s3(role: str, endpoint: str) -> Any:
    with _MAKING:  # a session makes one client at a time
        sts = _shared().client("sts", endpoint_url=endpoint)
    known = sts.assume_role(RoleArn=role, RoleSessionName="sagemaker")["Credentials"]
    with _MAKING:
        return _shared().client(
            "s3",
            endpoint_url=endpoint,
            aws_access_key_id=known["AccessKeyId"],
            aws_secret_access_key=known["SecretAccessKey"],
            aws_session_token=known["SessionToken"],
        )


@cache
def _shared() -> boto3.Session:
    """One for all jobs: a session of its own reads AWS's service models anew, which takes longer than the job."""
    return boto3.Session(KEY, "loopback", region_name=REGION)


def _objects(s3: Any, uri: str) -> list[tuple[str, bytes]]:
    where = urlparse(uri)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=where.netloc, Prefix=where.path.lstrip("/"))
    keys = [item["Key"] for page in pages for item in page.get("Contents", ())]
    return [(key, _get(s3, f"s3://{where.netloc}/{key}")) for key in keys]


def _get(s3: Any, uri: str) -> bytes:
    where = urlparse(uri)
    content: bytes = s3.get_object(Bucket=where.netloc, Key=where.path.lstrip("/"))["Body"].read()
    return content


def _put(s3: Any, uri: str, content: bytes) -> None:
    where = urlparse(uri)
    s3.put_object(Bucket=where.netloc, Key=where.path.lstrip("/"), Body=content)


def _tar(folder: Path) -> bytes:
    out = BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for path in sorted(folder.rglob("*")):
            archive.add(path, path.relative_to(folder).as_posix())
    return out.getvalue()
