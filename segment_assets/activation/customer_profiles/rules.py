"""What Customer Profiles documents of uploads and segments, as functions: the stand-ins on one machine work by them.

Sources: https://docs.aws.amazon.com/connect/latest/adminguide/customer-segments-imports.html (CSV with a header, UTF-8,
below 1 GB), and the API's model (fields, dimensions). Problems name columns and lines, never values.
"""

import csv
import io
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from segment_assets.activation.customer_profiles.port import (
    ObjectTypeField,
    Profile,
    ResultsSummary,
    SegmentGroups,
    UploadJob,
)
from segment_assets.activation.customer_profiles.segment import at
from segment_assets.activation.pinpoint_rules import Problem, Verdict

FILE_BYTES = 1_000_000_000
VALUE_LENGTH = 255

_FORMS = {
    "NUMBER": re.compile(r"-?\d+(\.\d+)?"),
    "EMAIL_ADDRESS": re.compile(r"[^@\s]+@[^@\s]+"),
    "PHONE_NUMBER": re.compile(r"\+?[\d\s().-]{4,}"),
}


def judge(content: bytes, fields: Mapping[str, ObjectTypeField], unique_key: str) -> Verdict:
    """What an upload job would make of a file."""
    if len(content) >= FILE_BYTES:
        return Verdict(0, Problem(0, "the file has 1 GB or more; an upload job takes less"), [])
    try:
        lines = csv.reader(io.StringIO(content.decode("utf-8"), newline=""), strict=True)
    except UnicodeDecodeError:
        return Verdict(0, Problem(0, "the file is not UTF-8"), [])
    try:
        header = next(lines, [])
        if problem := _header(header, fields, unique_key):
            return Verdict(0, problem, [])
        rows, refused = 0, []
        for row in lines:
            rows += 1
            if found := next(_row(header, row, fields, unique_key), None):
                refused.append(Problem(lines.line_num, found, rows))
    except csv.Error:
        return Verdict(0, Problem(lines.line_num, "not CSV: quotes do not match"), [])
    return Verdict(rows, None, refused)


def take_in(content: bytes, job: UploadJob, profiles: dict[str, Profile], refuse: Collection[str] = ()) -> UploadJob:
    """Do what the file tells the profiles; the job as it then ends.

    Args:
        content: the file.
        job: the job as it stands.
        profiles: by unique key; changed in place.
        refuse: keys of rows that are refused whatever they hold.
    """
    verdict = judge(content, job["Fields"], job["UniqueKey"])
    if verdict.file:
        return job | {"Status": "FAILED", "StatusReason": "VALIDATION_FAILURE"}
    key = _after(job["Fields"][job["UniqueKey"]]["Target"])
    bad, known, updated, created, failed = {problem.line for problem in verdict.refused}, set(profiles), 0, 0, 0
    for line, values in _told(content, job["Fields"]):
        if line in bad or values[key] in refuse:
            failed += 1
            continue
        updated += values[key] in known
        created += values[key] not in known
        merge(profiles.setdefault(values[key], {}), values)
    results: ResultsSummary = {"UpdatedRecords": updated, "CreatedRecords": created, "FailedRecords": failed}
    ended: UploadJob = job | {"ResultsSummary": results}
    if failed and not updated + created:
        return ended | {"Status": "FAILED", "StatusReason": "VALIDATION_FAILURE"}
    return ended | {"Status": "PARTIALLY_SUCCEEDED" if failed else "SUCCEEDED"}


def _told(content: bytes, fields: Mapping[str, ObjectTypeField]) -> Iterator[tuple[int, dict[str, str]]]:
    """Line, and profile field -> value, of each row of a file that can be read."""
    reader = csv.DictReader(io.StringIO(content.decode(), newline=""))
    for row in reader:
        yield reader.line_num, {_after(f["Target"]): row.get(_after(f["Source"])) or "" for f in fields.values()}


def merge(profile: Profile, values: Mapping[str, str]) -> None:
    """Set the fields of a profile; an empty value removes."""
    for path, value in values.items():
        top, _, attribute = path.partition(".")
        place, name = (profile.setdefault("Attributes", {}), attribute) if attribute else (profile, top)
        place.pop(name, None)
        if value:
            place[name] = value


def is_member(profile: Profile, groups: SegmentGroups) -> bool:
    """The profile is in a segment of the classic kind.

    Raises:
        NotImplementedError: a dimension that is not known here.
    """
    of = [_holds([_dimension(profile, d) for d in g["Dimensions"]], g.get("Type", "ALL")) for g in groups["Groups"]]
    return _holds(of, groups.get("Include", "ALL"))


def _after(path: str) -> str:
    return path.partition(".")[2]


def _header(header: list[str], fields: Mapping[str, ObjectTypeField], unique_key: str) -> Problem | None:
    if not header:
        return Problem(1, "there is no header")
    if len(set(header)) < len(header):
        return Problem(1, "a column is there twice")
    for name, field in fields.items():
        if _after(field["Source"]) not in header:
            return Problem(1, f'field "{name}" reads a column that is not there')
    return None if unique_key in fields else Problem(0, f'the unique key "{unique_key}" is no field')


def _row(header: list[str], row: list[str], fields: Mapping[str, ObjectTypeField], unique_key: str) -> Iterator[str]:
    """Everything that is wrong with the row; the first is reported."""
    if len(row) != len(header):
        yield f"{len(row)} values for {len(header)} columns"
        return
    values = dict(zip(header, row, strict=True))
    for name, field in fields.items():
        value, form = values[_after(field["Source"])], _FORMS.get(field["ContentType"])
        if name == unique_key and not value:
            yield f"{name} is required"
        if any(c in value for c in "\n\r"):
            yield f"{name} holds a line break"
        if len(value) > VALUE_LENGTH:
            yield f"{name} has {len(value)} characters; {VALUE_LENGTH} are allowed"
        if value and form and not form.fullmatch(value):
            yield f"{name} is no {field['ContentType']}"


def _dimension(profile: Profile, dimension: dict[str, Any]) -> bool:
    asked = {**dimension["ProfileAttributes"]}
    asked |= {f"Attributes.{name}": how for name, how in asked.pop("Attributes", {}).items()}
    return all(_matches(at(profile, path), how) for path, how in asked.items())


def _matches(value: str | None, how: dict[str, Any]) -> bool:
    kind, values = how["DimensionType"], how["Values"]
    if kind == "INCLUSIVE":
        return value in values
    if kind == "EXCLUSIVE":
        return value not in values
    if kind == "GREATER_THAN_OR_EQUAL":
        return value is not None and float(value) >= float(values[0])
    raise NotImplementedError(f"a segment's dimension of type {kind} is not known here")


def _holds(those: list[bool], how: str) -> bool:
    return all(those) if how == "ALL" else any(those) if how == "ANY" else not any(those)
