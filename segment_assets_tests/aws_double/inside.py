"""How the double's services call one another: as AWS itself, or in a role that the caller handed over."""

from functools import cache
from typing import Any

import boto3

from segment_assets_tests.aws_double.front import KEY
from segment_assets_tests.aws_double.service import Caller


@cache
def as_itself(caller: Caller, service: str = "s3") -> Any:
    """A client that needs nobody's permission."""
    return _shared().client(service, **_at(caller), aws_access_key_id=KEY, aws_secret_access_key="loopback")  # noqa: S106


@cache
def in_role(caller: Caller, role: str, service: str = "s3") -> Any:
    """A client with what the role may do, and no more."""
    return _shared().client(service, **_at(caller), **entered(caller, role))


@cache
def entered(caller: Caller, role: str) -> dict[str, str]:
    """A session of a role, in its account, as clients take it."""
    given = as_itself(caller, "sts").assume_role(RoleArn=role, RoleSessionName="a-service")["Credentials"]
    return {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
        "aws_session_token": given["SessionToken"],
    }


def _at(caller: Caller) -> dict[str, str]:
    return {"endpoint_url": caller.endpoint, "region_name": caller.region}


@cache
def _shared() -> boto3.Session:
    """One for all: a session of its own reads AWS's service models anew, which takes longer than all calls."""
    return boto3.Session(KEY, "loopback")
