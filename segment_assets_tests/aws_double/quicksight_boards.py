"""What QuickSight checks of a dashboard's definition, and what a visual of it shows."""

from collections.abc import Iterator, Mapping
from typing import Any

from segment_assets_tests.aws_double.service import AwsError

Error = dict[str, Any]
_COLUMNS = 36


def refuse_malformed(definition: dict[str, Any]) -> None:
    """What is refused at once: ids that are not unique, references to what is not in the definition."""
    named = [d["Identifier"] for d in definition["DataSetIdentifierDeclarations"]]
    sheets = definition.get("Sheets", [])
    visuals = [i["VisualId"] for sheet in sheets for v in sheet.get("Visuals", ()) for i in v.values()]
    for what, ids in (
        ("data set identifier", named),
        ("sheet id", [s["SheetId"] for s in sheets]),
        ("visual id", visuals),
        ("filter group id", [g["FilterGroupId"] for g in definition.get("FilterGroups", ())]),
    ):
        if twice := sorted({i for i in ids if ids.count(i) > 1}):
            raise _invalid(f"{what} {twice[0]} is there twice")
    if not sheets:
        raise _invalid("a dashboard needs a sheet")
    for column in columns(definition):
        if column.get("DataSetIdentifier") not in named:
            raise _invalid(f"data set identifier {column.get('DataSetIdentifier')} is not declared")
    for sheet in sheets:
        _refuse_malformed_sheet(sheet)
    for group in definition.get("FilterGroups", ()):
        for scope in group["ScopeConfiguration"]["SelectedSheets"]["SheetVisualScopingConfigurations"]:
            [sheet] = [s for s in sheets if s["SheetId"] == scope["SheetId"]] or [{}]
            there = {i["VisualId"] for v in sheet.get("Visuals", ()) for i in v.values()}
            if not set(scope["VisualIds"]) <= there:
                raise _invalid(f"filter group {group['FilterGroupId']} names a visual that its sheet has not")


def _refuse_malformed_sheet(sheet: dict[str, Any]) -> None:
    taken: set[tuple[int, int]] = set()
    there = {i["VisualId"] for v in sheet.get("Visuals", ()) for i in v.values()}
    for visual in sheet.get("Visuals", ()):
        if len(visual) != 1:
            raise _invalid("a visual must be of one kind")
        [inner] = visual.values()
        fields = [f["FieldId"] for f in wells(inner)]
        if len(fields) != len(set(fields)):
            raise _invalid(f"visual {inner['VisualId']} has a field id twice")
        for field in _named(inner["ChartConfiguration"], "FieldId"):
            if field not in fields:
                raise _invalid(f"visual {inner['VisualId']}: field id {field} is in no field well")
    for element in sheet["Layouts"][0]["Configuration"]["GridLayout"]["Elements"]:
        if element["ElementId"] not in there:
            raise _invalid(f"layout element {element['ElementId']} is no visual of its sheet")
        across = range(element["ColumnIndex"], element["ColumnIndex"] + element["ColumnSpan"])
        down = range(element["RowIndex"], element["RowIndex"] + element["RowSpan"])
        cells = {(x, y) for x in across for y in down}
        if cells & taken or max(across) >= _COLUMNS:
            raise _invalid(f"layout element {element['ElementId']} overlaps another or leaves the grid")
        taken |= cells


def errors(definition: dict[str, Any], types: Mapping[str, Mapping[str, str]]) -> list[Error]:
    """What a version fails with after it was accepted.

    Args:
        definition: of the version.
        types: data set's ARN -> column -> type, of those that exist.
    """
    arns = {d["Identifier"]: d["DataSetArn"] for d in definition["DataSetIdentifierDeclarations"]}
    if lacking := [arn for arn in arns.values() if arn not in types]:
        return [{"Type": "DATA_SET_NOT_FOUND", "Message": f"data set {lacking[0]} does not exist"}]
    for column in columns(definition):
        if column["ColumnName"] not in types[arns[column["DataSetIdentifier"]]]:
            told = f"column {column['ColumnName']} is not in the data set {column['DataSetIdentifier']}"
            return [{"Type": "COLUMN_REPLACEMENT_MISSING", "Message": told}]
    wanted = {"NumericalMeasureField": {"INTEGER", "DECIMAL"}, "DateDimensionField": {"DATETIME"}}
    wanted["CategoricalDimensionField"] = {"STRING"}
    for kind, allowed in wanted.items():
        for field in _named(definition, kind):
            column = field["Column"]
            if types[arns[column["DataSetIdentifier"]]][column["ColumnName"]] not in allowed:
                told = f"column {column['ColumnName']} can't be a {kind}"
                return [{"Type": "COLUMN_TYPE_MISMATCH", "Message": told}]
    return []


def columns(part: Any) -> Iterator[dict[str, Any]]:
    """Every column that a part of a definition refers to."""
    if isinstance(part, dict):
        if "ColumnName" in part:
            yield part
        for inner in part.values():
            yield from columns(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from columns(inner)


def wells(visual: dict[str, Any]) -> list[dict[str, Any]]:
    """The fields of a visual's field wells."""
    return [f for f in _dicts(visual["ChartConfiguration"]["FieldWells"]) if "FieldId" in f]


def shown(
    definition: dict[str, Any], rows: Mapping[str, list[dict[str, Any]]]
) -> dict[str, tuple[str, list[dict[str, Any]]]]:
    """What each visual shows: its kind, and the columns it reads of the rows that its filters leave, in order."""
    arns = {d["Identifier"]: d["DataSetArn"] for d in definition["DataSetIdentifierDeclarations"]}
    found = {}
    for sheet in definition["Sheets"]:
        for visual in sheet["Visuals"]:
            [(kind, inner)] = visual.items()
            read = [f["Column"] for f in wells(inner)]
            kept = [r for r in rows[arns[read[0]["DataSetIdentifier"]]] if _passes(r, definition, inner["VisualId"])]
            names = [c["ColumnName"] for c in read]
            ordered = sorted(kept, key=lambda r: r["_order"])
            found[inner["VisualId"]] = (kind, [{name: row[name] for name in names} for row in ordered])
    return found


def _passes(row: dict[str, Any], definition: dict[str, Any], visual: str) -> bool:
    for group in definition.get("FilterGroups", ()):
        scopes = group["ScopeConfiguration"]["SelectedSheets"]["SheetVisualScopingConfigurations"]
        if any(visual in scope["VisualIds"] for scope in scopes):
            for each in group["Filters"]:
                only = each["CategoryFilter"]
                values = only["Configuration"]["FilterListConfiguration"]["CategoryValues"]
                if row[only["Column"]["ColumnName"]] not in values:
                    return False
    return True


def _dicts(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        yield part
        for inner in part.values():
            yield from _dicts(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _dicts(inner)


def _named(part: Any, name: str) -> list[Any]:
    return [each[name] for each in _dicts(part) if name in each]


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterValueException", message)
