"""How AWS is reached: in which account, how often a call is tried again, and what a refusal means.

Credentials, region and endpoint come from the environment, as for every AWS tool; the partner's account is entered by
its role and by nothing else.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import boto3
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

# Adaptive: throttling and faults of the network are tried again with jitter, at a rate that AWS takes.
_CONFIG = Config(retries={"mode": "adaptive", "total_max_attempts": 8}, max_pool_connections=16)
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403"}
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
SESSION_SECONDS = 3600


class AwsRefusedError(Exception):
    """AWS refused a call for good: which one, why, and what would mend it."""


@cache
def session(role_arn: str | None = None, external_id: str | None = None) -> boto3.Session:
    """A session in our account, or in the account whose role is named.

    Args:
        role_arn: role to enter; None stays in our account.
        external_id: what the role's trust policy asks for.

    Raises:
        AwsRefusedError: the role can't be entered.
    """
    if role_arn is None:
        return boto3.Session()
    asked: dict[str, Any] = {"RoleArn": role_arn, "RoleSessionName": "segment-assets"}
    if external_id:
        asked["ExternalId"] = external_id
    sts = boto3.client("sts", config=_CONFIG)
    try:
        entered = sts.assume_role(**asked, DurationSeconds=SESSION_SECONDS)["Credentials"]
    except (ClientError, BotoCoreError) as refused:
        raise AwsRefusedError(sentence(refused, f"sts:AssumeRole on {role_arn}")) from refused
    return boto3.Session(
        aws_access_key_id=entered["AccessKeyId"],
        aws_secret_access_key=entered["SecretAccessKey"],
        aws_session_token=entered["SessionToken"],
    )


def client(service: str, within: boto3.Session | None = None) -> BaseClient:
    """A client of a service, in our account or in the session's."""
    found: BaseClient = (within or session()).client(service, config=_CONFIG)
    return found


def code(error: BaseException) -> str:
    """AWS's name of an error; empty where it is none of AWS's."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def sentence(error: BaseException, doing: str) -> str:
    """One sentence for the user: what was refused, and the permission, the field or the credentials that mend it.

    Args:
        error: what boto3 raised.
        doing: the permission and the thing, such as `glue:GetTable on raw.events`.
    """
    if isinstance(error, NoCredentialsError):
        return f"{doing}: there are no AWS credentials; set AWS_PROFILE, or run where a role is given"
    name = code(error)
    if name in _DENIED:
        return f"{doing} was denied: the role that runs this needs that permission (see deploy/)"
    if name in _EXPIRED:
        return f"{doing}: the credentials have expired; sign in again, and run the same command"
    told = error.response["Error"].get("Message", "") if isinstance(error, ClientError) else str(error)
    return f"{doing} failed: {name or type(error).__name__}: {' '.join(str(told).split())}"


@contextmanager
def telling(doing: str) -> Iterator[None]:
    """Turn what boto3 raises into one sentence.

    Args:
        doing: the permission and the thing.

    Raises:
        AwsRefusedError: AWS refused for good.
    """
    try:
        yield
    except (ClientError, BotoCoreError) as refused:
        raise AwsRefusedError(sentence(refused, doing)) from refused
