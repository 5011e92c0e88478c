"""How AWS is reached: in whose name, how often a call is tried again, and what a refusal means.

Credentials, region and endpoint come from the environment, as for every AWS tool. While a step is computed, its role
is entered first where it has one (`acting`); the partner's account is entered by its role and by nothing else. What was
entered lasts an hour, and is entered anew before that ends: a run may go on for longer.
"""

import random
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import boto3
import botocore.session
from boto3.exceptions import Boto3Error
from botocore.client import BaseClient
from botocore.config import Config
from botocore.credentials import RefreshableCredentials
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    NoRegionError,
    ProfileNotFound,
)

from segment_assets import acting

# Adaptive: throttling and faults of the network are tried again with jitter, at a rate that AWS takes; but not a body
# that breaks off while it is read (`body`).
_CONFIG = Config(retries={"mode": "adaptive", "total_max_attempts": 8}, max_pool_connections=16)
_ONCE = Config(retries={"total_max_attempts": 1})
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403"}
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
_SILENT = {"400", "Bad Request"}  # of HEAD, whose answers carry no error
_THROTTLED = {"ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded", "SlowDown"}
REFUSED = (ClientError, BotoCoreError, Boto3Error)
ATTEMPTS = 6
DELETES = 1000  # the most that DeleteObjects takes
FIRST_PAUSE = 0.2  # seconds; doubled with each attempt, and drawn between half and all of it
T = TypeVar("T")
SESSION_SECONDS = 3600  # the most that AWS gives to a role that was entered from another
_clients: WeakKeyDictionary[boto3.Session, dict[Any, BaseClient]] = WeakKeyDictionary()


class AwsRefusedError(Exception):
    """AWS refused a call for good: which one, why, and what would mend it."""


def session(role_arn: str | None = None, external_id: str | None = None) -> boto3.Session:
    """A session in our account, as the step at work; or in the account whose role is named, entered by that step.

    Args:
        role_arn: role to enter; None stays in our account.
        external_id: what the role's trust policy asks for.

    Raises:
        AwsRefusedError: a role can't be entered, or the environment names a profile that is not there.
    """
    own = acting.role()
    chain = ((own, None),) if own else ()
    with telling("AWS"):
        return _entered((*chain, (role_arn, external_id)) if role_arn else chain)


def client(service: str, within: boto3.Session | None = None, config: Config = _CONFIG, **more: Any) -> BaseClient:
    """A client of a service, in our account or in the session's; asked for at every call, made once per session.

    Args:
        service: AWS's name of it.
        within: the session; default: as the step at work.
        config: where calls must not be tried again by themselves.
        more: such as `endpoint_url`.

    Raises:
        AwsRefusedError: the environment names no region, or what it names can't be used.
    """
    within = within or session()
    made = _clients.setdefault(within, {})
    key = (service, id(config), *sorted(more.items()))
    if key not in made:
        with telling(service):
            made[key] = within.client(service, config=config, **more)
    return made[key]


def forget() -> None:
    """Roles that were entered, and clients: for another environment in the same process."""
    _entered.cache_clear()


@cache
def _entered(chain: tuple[tuple[str, str | None], ...]) -> boto3.Session:
    """The session at the end of a chain of roles, each entered from the one before."""
    within = botocore.session.get_session()
    within.register_component("data_loader", _loader())
    if not chain:
        return boto3.Session(botocore_session=within)
    role_arn, external_id = chain[-1]
    source = _entered(chain[:-1])
    asked: dict[str, Any] = {"RoleArn": role_arn, "RoleSessionName": "segment-assets"}
    if external_id:
        asked["ExternalId"] = external_id

    def enter() -> dict[str, str]:
        try:
            found = client("sts", source).assume_role(**asked, DurationSeconds=SESSION_SECONDS)["Credentials"]
        except REFUSED as refused:
            raise AwsRefusedError(sentence(refused, f"sts:AssumeRole on {role_arn}")) from refused
        return {
            "access_key": found["AccessKeyId"],
            "secret_key": found["SecretAccessKey"],
            "token": found["SessionToken"],
            "expiry_time": found["Expiration"].isoformat(),
        }

    # botocore offers no other way to hand over credentials that renew themselves: a quarter of an hour before the end.
    within._credentials = RefreshableCredentials.create_from_metadata(enter(), enter, "sts-assume-role")
    return boto3.Session(botocore_session=within)


@cache
def _loader() -> Any:
    # One for all: a loader of its own reads every service's model anew, which takes longer than the calls of a step.
    return botocore.session.get_session().get_component("data_loader")


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
    if isinstance(error, NoRegionError):
        return f"{doing}: no region of AWS is named; set AWS_REGION, or a region in the profile of AWS_PROFILE"
    if isinstance(error, ProfileNotFound):
        return f"{doing}: {error}; set AWS_PROFILE to one that `aws configure list-profiles` names"
    name = code(error)
    if name in _DENIED:
        own = acting.role()
        who = f"the role {own.rpartition('/')[2]}" if own else "the role that runs this"
        return f"{doing} was denied: {who} needs that permission (see deploy/)"
    if name in _EXPIRED:
        return f"{doing}: the credentials have expired; sign in again, and run the same command"
    if name in _SILENT:
        return (
            f"{doing} was refused without a reason, as credentials that have expired are: sign in again, and run the "
            "same command again; if it says this still, look at the region"
        )
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
    except REFUSED as refused:
        raise AwsRefusedError(sentence(refused, doing)) from refused


def body(s3: Any, bucket: str, key: str) -> bytes:
    """An object's bytes; where the connection breaks while they come, they are asked for again.

    Args:
        s3: the client that may read it.
        bucket: where.
        key: which.
    """
    for attempt in range(1, ATTEMPTS + 1):
        coming = s3.get_object(Bucket=bucket, Key=key)["Body"]
        try:
            content: bytes = coming.read()
        except (HTTPClientError, IncompleteReadError):
            if attempt == ATTEMPTS:
                raise
            _pause(attempt)
        else:
            return content
    raise AssertionError("the last attempt returns or raises")


def remove(s3: Any, bucket: str, keys: Sequence[str], where: str) -> None:
    """Remove objects, as many at a time as DeleteObjects takes; one that is gone is removed.

    Args:
        s3: the client that may remove there.
        bucket: where.
        keys: which.
        where: what is said of the place where one is refused.

    Raises:
        AwsRefusedError: some were not removed.
    """
    doing = f"s3:DeleteObject on {where}"
    for start in range(0, len(keys), DELETES):
        objects = [{"Key": key} for key in keys[start : start + DELETES]]
        with telling(doing):
            answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
        if refused := answer.get("Errors"):  # a key that is denied does not fail the call
            raise AwsRefusedError(f"{doing}: {len(refused)} objects were not removed: {refused[0].get('Code')}")


def once(create: Callable[[], T], find: Callable[[], T | None], passing: Collection[str] = ()) -> T:
    """Create what knows no client token, and not twice.

    A call that was throttled had no effect, and is made again. One that ended in a fault of the service or the network
    may have had its effect: it is looked for before it is made again. `create` must not try again by itself.

    Args:
        create: makes the thing.
        find: looks for it, where it may have been made by a call whose answer was lost.
        passing: further codes of refusals that had no effect and pass, besides throttling.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return create()
        except REFUSED as refused:
            harmless = code(refused) in _THROTTLED or code(refused) in passing
            lost = not harmless and _may_have_happened(refused)
            if not (lost or harmless):
                raise
            _pause(attempt)
            if lost and (found := find()) is not None:
                return found
            if attempt == ATTEMPTS:
                raise
    raise AssertionError("the last attempt returns or raises")


def without_retries(service: str, within: boto3.Session | None = None) -> BaseClient:
    """A client that makes each call once: botocore's own retries would create a second job after a lost answer."""
    return client(service, within, config=_ONCE)


def _may_have_happened(error: BaseException) -> bool:
    if isinstance(error, ClientError):
        status: int = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= 500
    return isinstance(error, HTTPClientError)


def _pause(attempt: int) -> None:
    time.sleep(FIRST_PAUSE * 2 ** (attempt - 1) * random.uniform(0.5, 1))  # noqa: S311  jitter, no secret
