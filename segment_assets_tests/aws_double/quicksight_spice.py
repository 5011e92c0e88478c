"""How QuickSight takes in a file from S3: the manifest, the CSV it names, columns of text cast to their types."""

import csv
import io
import json
from datetime import date
from functools import cache
from typing import Any
from urllib.parse import urlparse

from segment_assets_tests.aws_double.inside import as_itself, in_role
from segment_assets_tests.aws_double.service import Caller

Row = dict[str, Any]


class IngestionError(Exception):
    """Why an ingestion failed.

    Args:
        kind: one of the model's error types. Which one AWS takes is not documented for each cause.
        message: what is told.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def read_manifest(caller: Caller, parameters: dict[str, Any]) -> tuple[list[str], dict[str, str]]:
    """The files that a data source's manifest names, and how they are written."""
    where, role = parameters["S3Parameters"]["ManifestFileLocation"], parameters["S3Parameters"].get("RoleArn")
    if not where["Key"].endswith(".json"):
        raise IngestionError("S3_MANIFEST_ERROR", "the manifest's name must end in .json")
    content = _read(caller, role, where["Bucket"], where["Key"])
    try:
        told = json.loads(content)
        uris = [uri for place in told["fileLocations"] for uri in place.get("URIs", ())]
    except (ValueError, KeyError, TypeError) as bad:
        raise IngestionError("S3_MANIFEST_ERROR", f"the manifest can't be read: {type(bad).__name__}") from bad
    if not uris or any("URIPrefixes" in place for place in told["fileLocations"]):
        raise IngestionError("S3_MANIFEST_ERROR", "the double takes URIs alone, and at least one")
    return uris, told.get("globalUploadSettings", {})


def ingest(caller: Caller, source: dict[str, Any], dataset: dict[str, Any]) -> tuple[list[Row], int]:
    """The rows of a data set with one physical table, typed; and how many were dropped."""
    uris, how = read_manifest(caller, source["DataSourceParameters"])
    role = source["DataSourceParameters"]["S3Parameters"].get("RoleArn")
    (table,) = dataset["PhysicalTableMap"].values()
    declared = [column["Name"] for column in table["S3Source"]["InputColumns"]]
    casts = [t["CastColumnTypeOperation"] for t in transforms(dataset) if "CastColumnTypeOperation" in t]
    rows: list[Row] = []
    dropped = 0
    for uri in uris:
        place = urlparse(uri)
        text = _read(caller, role, place.netloc, place.path.removeprefix("/")).decode()
        if text.startswith("\ufeff"):
            raise IngestionError("S3_FILE_INACCESSIBLE", "UTF-8 with a byte-order mark is not supported")
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=how["delimiter"], quotechar=how["textqualifier"])
        header = next(reader, [])
        if header != declared:
            raise IngestionError("SQL_SCHEMA_MISMATCH_ERROR", f"the file has {header}, and {declared} was declared")
        for line in reader:
            try:
                if len(line) != len(declared):
                    raise ValueError("a row of another length")
                row: Row = dict(zip(declared, (value or None for value in line), strict=True))
                for cast in casts:
                    row[cast["ColumnName"]] = _cast(row[cast["ColumnName"]], cast)
                rows.append(row)
            except ValueError:
                dropped += 1
    return rows, dropped


def transforms(dataset: dict[str, Any]) -> list[dict[str, Any]]:
    (logical,) = dataset["LogicalTableMap"].values()
    return list(logical.get("DataTransforms", ()))


def _cast(value: str | None, how: dict[str, Any]) -> str | int | float | date | None:
    if value is None:
        return None
    match how["NewColumnType"]:
        case "INTEGER":
            return int(value)
        case "DECIMAL":
            return float(value) if how.get("SubType") == "FLOAT" else round(float(value), 4)
        case "DATETIME":
            assert how["Format"] == "yyyy-MM-dd"
            return date.fromisoformat(value)
    return value


def _read(caller: Caller, role: str | None, bucket: str, key: str) -> bytes:
    s3 = _s3(caller, role)
    try:
        content: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except s3.exceptions.ClientError as refused:
        kind = "PERMISSION_DENIED" if "AccessDenied" in str(refused) else "S3_FILE_INACCESSIBLE"
        raise IngestionError(kind, f"s3://{bucket}/{key} can't be read") from refused
    return content


@cache
def _s3(caller: Caller, role: str | None) -> Any:
    """In the role that the data source names, or in the account's own, which may read everything here."""
    return in_role(caller, role) if role else as_itself(caller)
