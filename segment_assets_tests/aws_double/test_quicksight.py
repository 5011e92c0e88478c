"""What the double's QuickSight refuses, as AWS's model and documentation say."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from segment_assets_tests.aws_double.front import OURS, REGION, AwsDouble
from segment_assets_tests.aws_double.quicksight import QuickSight

SOURCE = f"arn:aws:quicksight:{REGION}:{OURS}:datasource/source"


@pytest.fixture(scope="module")
def quicksight() -> Iterator[Any]:
    with AwsDouble([QuickSight()]) as aws, pytest.MonkeyPatch.context() as patch:
        for name, value in aws.environment().items():
            patch.setenv(name, value)
        made = boto3.client("quicksight")
        where = {"Bucket": "nowhere", "Key": "manifest.json"}
        made.create_data_source(
            AwsAccountId=OURS,
            DataSourceId="source",
            Name="source",
            Type="S3",
            DataSourceParameters={"S3Parameters": {"ManifestFileLocation": where}},
        )
        yield made


def dataset(column: dict[str, str], source: str = SOURCE) -> dict[str, Any]:
    table = {"DataSourceArn": source, "InputColumns": [column]}
    return {
        "AwsAccountId": OURS,
        "DataSetId": "set",
        "Name": "set",
        "ImportMode": "SPICE",
        "PhysicalTableMap": {"rows": {"S3Source": table}},
    }


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (dataset({"Name": "n", "Type": "INTEGER"}), "input columns are STRING"),
        (dataset({"Name": "n" * 129, "Type": "STRING"}), "129 long, and 128 is the most"),
        (dataset({"Name": "n", "Type": "WORDS"}), "'WORDS' is none of"),
        (dataset({"Name": "n", "Type": "STRING"}) | {"AwsAccountId": "1" * 11 + "x"}, "is not \\^\\[0-9\\]"),
        (dataset({"Name": "n", "Type": "STRING"}, source="arn:none"), "no such data source"),
    ],
    ids=["typed column", "long name", "unknown type", "account", "source"],
)
def test_a_data_set_that_aws_would_refuse_is_refused(quicksight: Any, asked: dict[str, Any], message: str):
    with pytest.raises(quicksight.exceptions.ClientError, match=message):
        quicksight.create_data_set(**asked)


def board(*visuals: dict[str, Any], **sheet: Any) -> dict[str, Any]:
    elements: dict[str, Any] = {"GridLayout": {"Elements": []}}
    whole = {"SheetId": "one", "Visuals": list(visuals), "Layouts": [{"Configuration": elements}]} | sheet
    declared = [{"Identifier": "known", "DataSetArn": "arn:known"}]
    definition = {"DataSetIdentifierDeclarations": declared, "Sheets": [whole]}
    return {"AwsAccountId": OURS, "DashboardId": "board", "Name": "Board", "Definition": definition}


def number(name: str, dataset: str = "known", sort: str = "f") -> dict[str, Any]:
    field = {"FieldId": "f", "Column": {"DataSetIdentifier": dataset, "ColumnName": "n"}}
    trend = {"TrendGroupSort": [{"FieldSort": {"FieldId": sort, "Direction": "ASC"}}]}
    wells = {"Values": [{"NumericalMeasureField": field}]}
    return {"KPIVisual": {"VisualId": name, "ChartConfiguration": {"FieldWells": wells, "SortConfiguration": trend}}}


def placed(name: str, column: int) -> dict[str, Any]:
    elements = [
        {"ElementId": each, "ElementType": "VISUAL", "ColumnIndex": at, "ColumnSpan": 18, "RowIndex": 0, "RowSpan": 4}
        for each, at in (("a", 0), (name, column))
    ]
    return {"Layouts": [{"Configuration": {"GridLayout": {"Elements": elements}}}]}


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (board(number("a"), number("a")), "visual id a is there twice"),
        (board(number("no spaces")), "'no spaces' is not"),
        (board(number("a", dataset="unknown")), "data set identifier unknown is not declared"),
        (board(number("a", sort="g")), "field id g is in no field well"),
        (board(number("a"), number("b"), **placed("b", 17)), "overlaps another"),
        (board(number("a"), **placed("c", 18)), "element c is no visual"),
        (board(number("a"), Title="t" * 1025), "1025 long, and 1024 is the most"),
    ],
    ids=["two of an id", "id", "data set", "field", "overlap", "element", "title"],
)
def test_a_definition_that_aws_would_refuse_is_refused(quicksight: Any, asked: dict[str, Any], message: str):
    with pytest.raises(quicksight.exceptions.InvalidParameterValueException, match=message):
        quicksight.create_dashboard(**asked)


def test_what_is_not_built_says_so(quicksight: Any):
    with pytest.raises(quicksight.exceptions.ClientError, match=r"quicksight\.ListUsers is not built in the double"):
        quicksight.list_users(AwsAccountId=OURS, Namespace="default")


def test_a_data_source_whose_manifest_can_not_be_read_fails(quicksight: Any):
    for status in ("CREATION_IN_PROGRESS", "CREATION_FAILED"):
        told = quicksight.describe_data_source(AwsAccountId=OURS, DataSourceId="source")["DataSource"]
        assert told["Status"] == status
    assert told["ErrorInfo"]["Message"] == "s3://nowhere/manifest.json can't be read"
