"""How Firehose names objects, and what it makes of records before it writes them.

https://docs.aws.amazon.com/firehose/latest/dev/s3-prefixes.html
https://docs.aws.amazon.com/firehose/latest/dev/s3-object-name.html
"""

import base64
import json
import re
import secrets
import string
from datetime import datetime
from typing import Any
from uuid import uuid4

from segment_assets_tests.aws_double.service import AwsError, NotBuiltError

DEFAULT = "!{timestamp:yyyy/MM/dd/HH/}"
_EXPRESSION = re.compile(r"!\{(?P<namespace>\w+):(?P<value>[^}]*)\}")
# Of Java's DateTimeFormatter: quoted text, letters that say a part, and what stands for itself.
_PART = re.compile(r"'(?P<quoted>[^']*)'|(?P<letters>([A-Za-z])\3*)|(?P<plain>[^A-Za-z'])")
_LETTERS = {"yyyy": "%Y", "yy": "%y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S", "DDD": "%j"}


def check(prefix: str, errors: str) -> None:
    """Whether a stream may have these prefixes."""
    found = {(e["namespace"], e["value"]) for e in _EXPRESSION.finditer(prefix)}
    if found and not errors:
        raise _refused("ErrorOutputPrefix must be given when Prefix has expressions.")
    if ("firehose", "error-output-type") in found:
        raise _refused("Prefix can't contain !{firehose:error-output-type}.")
    if _EXPRESSION.search(errors) and "!{firehose:error-output-type}" not in errors:
        raise _refused("ErrorOutputPrefix must contain !{firehose:error-output-type}.")
    for text in (prefix, errors):
        _evaluated(text, datetime(2026, 1, 1), "processing-failed")


def key(prefix: str, stream: str, oldest: datetime, error: str = "") -> str:
    """The name of an object, but for its extension.

    Args:
        prefix: with expressions; without a time Firehose adds one of its own.
        stream: the stream's name.
        oldest: when the oldest record in the object came.
        error: what went wrong with the records in it.
    """
    whole = prefix if "!{timestamp:" in prefix else prefix + DEFAULT
    return f"{_evaluated(whole, oldest, error)}{stream}-1-{oldest:%Y-%m-%d-%H-%M-%S}-{uuid4()}"


def processors(to: dict[str, Any]) -> list[dict[str, Any]]:
    """What is done with each record before it is buffered."""
    asked = to.get("ProcessingConfiguration", {})
    return list(asked.get("Processors", [])) if asked.get("Enabled") else []


def delimiter(to: dict[str, Any]) -> bytes:
    """What AppendDelimiterToRecord puts behind each record; nothing without that processor."""
    return b"\n" if any(p["Type"] == "AppendDelimiterToRecord" for p in processors(to)) else b""


def failed(record: bytes, at: datetime) -> bytes:
    """A record under the error prefix."""
    time = int(at.timestamp() * 1000)
    told = {
        "attemptsMade": 4,
        "arrivalTimestamp": time,
        "errorCode": "Lambda.FunctionError",
        "errorMessage": "The Lambda function was successfully invoked but it returned an error result.",
        "attemptEndingTimestamp": time,
        "rawData": base64.b64encode(record).decode(),
    }
    return json.dumps(told).encode() + b"\n"


def _evaluated(text: str, at: datetime, error: str) -> str:
    return _EXPRESSION.sub(lambda found: _value(found["namespace"], found["value"], at, error), text)


def _value(namespace: str, value: str, at: datetime, error: str) -> str:
    if namespace == "timestamp":
        return "".join(_time(part, at) for part in _PART.finditer(value))
    if (namespace, value) == ("firehose", "random-string"):
        return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(11))
    if (namespace, value) == ("firehose", "error-output-type"):
        return error
    if namespace.startswith("partitionKeyFrom"):
        raise NotBuiltError(f"firehose: !{{{namespace}:...}} is not built in the double")
    raise _refused(f"!{{{namespace}:{value}}} is no expression of a prefix.")


def _time(part: re.Match[str], at: datetime) -> str:
    letters = part["letters"]
    if letters is None:
        return part["quoted"] if part["quoted"] is not None else part["plain"]
    if letters not in _LETTERS:
        raise _refused(f"{letters} is not understood as a part of a time.")
    return at.strftime(_LETTERS[letters])


def _refused(why: str) -> AwsError:
    return AwsError("InvalidArgumentException", why)
