"""Who we are, whether the partner is somebody else, and what must not be allowed."""

from collections.abc import Callable
from functools import partial
from typing import Any

from segment_assets.aws import AwsRefusedError, client, session, telling
from segment_assets.operations.smoke.check import At, SkippedError, SmokeError, denied, ended_as

# Each role of deploy/roles.yaml, and a table that none of its work opens.
CLOSED = {
    "ingest": "modelling.features",
    "partner": "raw.contact_addresses",
    "clean-room": "raw.contact_addresses",
    "identity": "raw.contact_addresses",
    "modelling": "raw.contact_addresses",
    "segments": "raw.contact_addresses",
    "activation": "identity.identity_edges",
    "dashboard": "raw.contact_addresses",
}


def credentials(at: At) -> str:
    """There are some, and AWS knows them."""
    with telling("sts:GetCallerIdentity"):
        who = at.ours("sts").get_caller_identity()
    return f"account {who['Account']}, region {at.ours('s3').meta.region_name}, as {_short(who['Arn'])}"


def partner(at: At) -> str:
    """The partner's role opens another account than ours: the one that the role's ARN names."""
    ours, named = at.ours("sts").get_caller_identity()["Account"], at.aws.partner.role_arn.split(":")[4]
    there = at.partners("sts").get_caller_identity()["Account"]
    if there != named:
        raise SmokeError(f"{at.aws.partner.role_arn} leads into account {there}, not {named}")
    if there == ours:
        raise SmokeError(f"aws.partner.role_arn lies in our own account {ours}: a partner's data needs one of its own")
    return f"account {there}, entered by its role"


def word(at: At) -> str:
    """The partner's role can't be entered without the word that was agreed."""
    if not at.aws.partner.external_id:
        raise SmokeError(
            "aws.partner.external_id is not set: whoever may assume roles in our account enters the partner's; "
            "agree on a word, and deploy partner.yaml with it"
        )
    for said in (None, f"{at.mark}_is_not_the_word"):
        try:
            session(at.aws.partner.role_arn, said)
        except AwsRefusedError as refused:
            if not denied(refused):
                raise
        else:
            raise SmokeError(
                f"{at.aws.partner.role_arn} is entered {'with a wrong' if said else 'without an'} ExternalId: "
                "its trust policy must ask for sts:ExternalId (deploy/partner.yaml)"
            )
    return "without the agreed ExternalId it is refused"


def drop(at: At) -> str:
    """What the partner dropped can be listed, and not changed by us."""
    if at.config.audience is None:
        raise SkippedError("segmentation.yaml names no audience")
    bucket, path, s3 = at.aws.partner.bucket, at.config.audience.path, at.partners("s3")
    with telling(f"s3:ListBucket on s3://{bucket}/{path}"):
        s3.list_objects_v2(Bucket=bucket, Prefix=path, MaxKeys=1)
    key = f"{path}.{at.mark}"  # hidden, so that no sensor takes it for a delivery
    try:
        with telling(f"s3:PutObject on s3://{bucket}/{key}"):
            s3.put_object(Bucket=bucket, Key=key, Body=b"")
    except AwsRefusedError as refused:
        if denied(refused):
            return f"s3://{bucket}/{path} is listed, and writing to it is denied"
        raise
    s3.delete_object(Bucket=bucket, Key=key)
    raise SmokeError(f"our role may write to s3://{bucket}/{path}: the partner's drops must be the partner's alone")


def steps(at: At) -> str:
    """Each step's role is denied a table that is not its own, and the whole of the lake."""
    if at.aws.role_prefix is None:
        raise SkippedError("aws.role_prefix is not set: every step acts in the name of the process")
    for step, table in CLOSED.items():
        role = f"{at.aws.role_prefix}{step}"
        try:
            within = session(role)
        except AwsRefusedError as refused:
            if denied(refused):
                raise SkippedError(
                    f"these credentials may not enter {_short(role)}; roles of steps are entered by the role of a run: "
                    "start this command as a task of it, with --only 'step roles'"
                ) from refused
            raise
        database, name = table.split(".")
        _must_be_denied(
            step,
            f"glue:GetTable on {at.deployment}_{table}",
            partial(client("glue", within).get_table, DatabaseName=f"{at.deployment}_{database}", Name=name),
        )
        _must_be_denied(
            step,
            f"s3:ListBucket on the whole of s3://{at.aws.lake_bucket}",
            partial(client("s3", within).list_objects_v2, Bucket=at.aws.lake_bucket, MaxKeys=1),
        )
    return f"{len(CLOSED)} roles are denied what is not their work"


def _must_be_denied(step: str, doing: str, call: Callable[[], Any]) -> None:
    try:
        with telling(doing):
            call()
    except AwsRefusedError as refused:
        if denied(refused):
            return
        # To be told that a thing is not there is to be allowed to ask for it.
        if not ended_as(refused, "EntityNotFoundException"):
            raise
    raise SmokeError(f"the role of {step} may do {doing}, which is not its work: deploy roles.yaml again")


def _short(arn: str) -> str:
    return arn.split(":", 5)[-1]
