"""A file as Pinpoint's import documents it: what is wrong with it, by line.

Source: https://docs.aws.amazon.com/pinpoint/latest/userguide/segments-importing.html and the quotas page beside it.
Problems name columns and lines, never values: a value may be an address.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

CHANNEL_TYPES = (
    "PUSH", "GCM", "APNS", "APNS_SANDBOX", "APNS_VOIP", "APNS_VOIP_SANDBOX", "ADM", "SMS", "VOICE", "EMAIL", "BAIDU",
    "CUSTOM", "IN_APP",
)  # fmt: skip
NAME_LENGTH, VALUE_LENGTH = 50, 100
ENDPOINTS_PER_USER = 15
ATTRIBUTE_NAMES = 250
FILE_BYTES = 1_000_000_000

_FIXED = {
    "Id", "Address", "ChannelType", "OptOut", "RequestId", "User.UserId",
    *(f"Location.{n}" for n in ("City", "Country", "Latitude", "Longitude", "PostalCode", "Region")),
    *(f"Demographic.{n}" for n in (
        "AppVersion", "Locale", "Make", "Model", "ModelVersion", "Platform", "PlatformVersion", "Timezone")),
}  # fmt: skip
_NAMED = re.compile(r"(Attributes|Metrics|User\.UserAttributes)\.(.+)")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")


@dataclass(frozen=True)
class Problem:
    """What is wrong, and where: line 1 is the header; line 0 the file as a whole.

    `row` counts from 1 below the header, whatever lines a value takes; 0 where it is no row's.
    """

    line: int
    message: str
    row: int = 0

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}" if self.line else self.message


@dataclass(frozen=True)
class Verdict:
    """What Pinpoint would make of a file.

    Attributes:
        rows: rows below the header.
        file: what makes the whole file unreadable; None where it can be read.
        refused: one problem per row that would be refused.
    """

    rows: int
    file: Problem | None
    refused: list[Problem]


def judge(content: bytes) -> Verdict:
    """Read a CSV import file as Pinpoint would."""
    problem = _bytes(content)
    if problem:
        return Verdict(0, problem, [])
    lines = csv.reader(io.StringIO(content.decode("utf-8"), newline=""), strict=True)
    try:
        header = next(lines, [])
        if problem := _header(header):
            return Verdict(0, problem, [])
        users: Counter[str] = Counter()
        rows, refused = 0, []
        for row in lines:
            rows += 1
            if found := next(_row(header, row, users), None):
                refused.append(Problem(lines.line_num, found, rows))
    except csv.Error:
        return Verdict(0, Problem(lines.line_num, "not CSV: quotes do not match"), [])
    return Verdict(rows, None, refused)


def _bytes(content: bytes) -> Problem | None:
    if content[:2] == b"\x1f\x8b":
        return Problem(0, "the file is compressed; it must not be")
    if len(content) >= FILE_BYTES:
        return Problem(0, "the file has 1 GB or more; an import job takes less")
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return Problem(0, "the file is not UTF-8")
    return None


def _header(header: list[str]) -> Problem | None:
    if not header:
        return Problem(1, "there is no header")
    names = Counter(header)
    attributes = {match[0] for name in names if (match := _NAMED.fullmatch(name))}
    for name, times in names.items():
        match = _NAMED.fullmatch(name)
        if not match and name not in _FIXED:
            return Problem(1, f'"{name}" is no column that can be imported')
        if match and len(match[2]) > NAME_LENGTH:
            return Problem(1, f'the name of "{name}" has {len(match[2])} characters; {NAME_LENGTH} are allowed')
        if times > 1 and (not match or match[1] == "Metrics"):
            return Problem(1, f'"{name}" is there {times} times; only attributes may repeat')
    if len(attributes) > ATTRIBUTE_NAMES:
        return Problem(1, f"{len(attributes)} attributes and metrics; {ATTRIBUTE_NAMES} are allowed")
    if header != ["User.UserId"] and "Id" not in names and not {"ChannelType", "Address"} <= set(names):
        return Problem(1, "needs Id, or ChannelType and Address, or User.UserId alone")
    return None


def _row(header: list[str], row: list[str], users: Counter[str]) -> Iterator[str]:
    """Everything that is wrong with the row; the first is reported."""
    if len(row) != len(header):
        yield f"{len(row)} values for {len(header)} columns"
        return
    values = dict(zip(header, row, strict=True))
    for name, value in zip(header, row, strict=True):
        if any(c in value for c in "\n\r\t"):
            yield f"{name} holds a line break or a tab"
        if name.startswith(("Attributes.", "User.UserAttributes.")) and len(value) > VALUE_LENGTH:
            yield f"{name} has {len(value)} characters; {VALUE_LENGTH} are allowed"
        numeric = name.startswith(("Metrics.", "Location.Latitude", "Location.Longitude"))
        if numeric and value and not _NUMBER.fullmatch(value):
            yield f"{name} is not a number"
    yield from _endpoint(header, values, users)


def _endpoint(header: list[str], values: dict[str, str], users: Counter[str]) -> Iterator[str]:
    user = values.get("User.UserId", "")
    if header == ["User.UserId"]:
        if not user:
            yield "User.UserId is required"
        return
    channel, address = values.get("ChannelType", ""), values.get("Address", "")
    if channel and channel not in CHANNEL_TYPES:
        yield f"ChannelType is none of {', '.join(CHANNEL_TYPES)}"
    if not values.get("Id") and not (channel and address):
        yield "Id is required to update an endpoint, ChannelType and Address to make one"
    if address and not channel:
        yield "Address needs ChannelType"
    if values.get("OptOut", "") not in ("", "ALL", "NONE"):
        yield "OptOut is neither ALL nor NONE"
    if (country := values.get("Location.Country", "")) and not re.fullmatch("[A-Z]{2}", country):
        yield "Location.Country is no ISO 3166 alpha-2 code"
    # A row by Id alone updates an endpoint that the user has: no more of them come of it.
    users[user] += bool(user and address)
    if users[user] > ENDPOINTS_PER_USER:
        yield f"the user has more than {ENDPOINTS_PER_USER} endpoints"
