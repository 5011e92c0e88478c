"""A manifest, a data source and a data set, as QuickSight takes them."""

import hashlib
import json
from typing import Any

from segment_assets.dashboards.quicksight.extracts import Extract

_LONGEST = 500  # of a column's description
_NAME, _ALIAS = 128, 64  # of a name, which need not be unique: the id is
_CASTS: dict[str, dict[str, str]] = {
    "INTEGER": {},
    "DECIMAL": {"SubType": "FLOAT"},  # FIXED keeps four decimals
    "DATETIME": {"Format": "yyyy-MM-dd"},
}


def manifest(uri: str) -> bytes:
    """What QuickSight reads first: which file, and how it is written."""
    how = {"format": "CSV", "delimiter": ",", "textqualifier": '"', "containsHeader": "true"}
    return json.dumps({"fileLocations": [{"URIs": [uri]}], "globalUploadSettings": how}, indent=1).encode()


def source(name: str, manifest_uri: str, role: str | None) -> dict[str, Any]:
    """A data source: where the manifest is, and in which role it is read; None for the account's own."""
    bucket, _, key = manifest_uri.removeprefix("s3://").partition("/")
    read: dict[str, Any] = {"ManifestFileLocation": {"Bucket": bucket, "Key": key}}
    return {"Name": name[:_NAME], "DataSourceParameters": {"S3Parameters": read | ({"RoleArn": role} if role else {})}}


def dataset(name: str, extract: Extract, source_arn: str, mark: str) -> dict[str, Any]:
    """A data set: columns of text, cast and described.

    Args:
        name: of it.
        extract: what it holds.
        source_arn: where from.
        mark: names its physical table: see `mark`.
    """
    casts: list[dict[str, Any]] = []
    for column in extract.columns:
        if column.type != "STRING":
            cast = {"ColumnName": column.name, "NewColumnType": column.type, **_CASTS[column.type]}
            casts.append({"CastColumnTypeOperation": cast})
        told = [{"ColumnDescription": {"Text": column.meaning[:_LONGEST]}}]
        casts.append({"TagColumnOperation": {"ColumnName": column.name, "Tags": told}})
    table = {
        "DataSourceArn": source_arn,
        "UploadSettings": {
            "Format": "CSV",
            "StartFromRow": 1,
            "ContainsHeader": True,
            "TextQualifier": "DOUBLE_QUOTE",
            "Delimiter": ",",
        },
        # Of a file that is not JSON, QuickSight takes text alone, and casts it after.
        "InputColumns": [{"Name": c.name, "Type": "STRING"} for c in extract.columns],
    }
    logical = {"Alias": extract.name[:_ALIAS], "DataTransforms": casts, "Source": {"PhysicalTableId": mark}}
    return {
        "DataSetId": name,
        "Name": name[:_NAME],
        "ImportMode": "SPICE",
        "PhysicalTableMap": {mark: {"S3Source": table}},
        "LogicalTableMap": {"rows": logical},
    }


def mark(*shapes: Any) -> str:
    """The hash of what a data set is and where it is read from, as an id that QuickSight tells again."""
    return f"rows-{hashlib.sha256(json.dumps(shapes, sort_keys=True).encode()).hexdigest()[:20]}"
