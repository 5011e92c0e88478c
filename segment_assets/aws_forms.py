"""The forms that AWS gives to names and ARNs: what can't be one is refused when the file is read, and not on AWS."""

import re
from typing import Annotated

from pydantic import AfterValidator

_IAM = r"arn:aws[-a-z]*:iam::\d{12}:role/"


def _of(form: str, what: str) -> AfterValidator:
    def check(value: str) -> str:
        if not re.fullmatch(form, value, re.ASCII):
            raise ValueError(f'"{value}" must be {what}')
        return value

    return AfterValidator(check)


# As the stacks of deploy/ take it. No underscore: `dev_` stands before the names of dev, and must not before another's.
Deployment = Annotated[
    str, _of(r"[a-z][a-z0-9]{0,11}", "at most 12 lower case letters and digits, starting with a letter")
]
Bucket = Annotated[
    str,
    _of(
        r"(?!xn--)[a-z0-9](?!.*\.\.)[a-z0-9.-]{1,61}[a-z0-9]",
        "the name of a bucket: 3 to 63 lower case letters, digits, dashes and dots",
    ),
]
RoleArn = Annotated[
    str, _of(_IAM + r"[\w+=,.@/-]{1,512}", "the ARN of a role: arn:aws:iam::ACCOUNT of 12 digits:role/NAME")
]
RolePrefix = Annotated[
    str, _of(_IAM + r"[\w+=,.@/-]{0,511}", "the beginning of a role's ARN: arn:aws:iam::ACCOUNT of 12 digits:role/...")
]
QueueUrl = Annotated[
    str,
    _of(r"https?://[^/\s]+/\d{12}/[\w-]{1,80}", "the URL of a queue: https://sqs.REGION.amazonaws.com/ACCOUNT/NAME"),
]
Stream = Annotated[str, _of(r"[\w.-]{1,64}", "the name of a Firehose stream: up to 64 letters, digits and . _ -")]
EventBus = Annotated[
    str,
    _of(
        r"(arn:aws[-a-z]*:events:[-a-z0-9]+:\d{12}:event-bus/)?[/._\w-]{1,256}",
        "the name or ARN of an event bus: letters, digits and / . _ -",
    ),
]
MappingWorkflow = Annotated[
    str,
    _of(
        r"arn:aws[-a-z]*:entityresolution:[-a-z0-9]+:\d{12}:idmappingworkflow/[-\w]+",
        "the ARN of an ID mapping workflow: arn:aws:entityresolution:REGION:ACCOUNT:idmappingworkflow/NAME",
    ),
]
IdNamespace = Annotated[
    str,
    _of(
        r"arn:aws[-a-z]*:entityresolution:[-a-z0-9]+:\d{12}:idnamespace/[-\w]+",
        "the ARN of an ID namespace: arn:aws:entityresolution:REGION:ACCOUNT:idnamespace/NAME",
    ),
]
Principal = Annotated[
    str,
    _of(
        r"arn:[^:]+:quicksight:[^:]+:\d{12}:(user|group)/[^/]+/.+",
        "the ARN of a user or group of QuickSight: arn:aws:quicksight:REGION:ACCOUNT:group/default/NAME",
    ),
]
