"""QuickSight with S3 data sources and SPICE: files are read and cast, definitions checked, versions kept.

Documented: the states, that making or changing a SPICE data set starts an ingestion, that of a CSV text alone is read,
that a described dashboard is the published one. Not documented, and ours: which error type a cause has, and that an
ingestion waits for the one before it.
"""

import uuid
from datetime import UTC, datetime
from typing import Any, ClassVar

from segment_assets_tests.aws_double import quicksight_boards as boards
from segment_assets_tests.aws_double.quicksight_spice import IngestionError, Row, ingest, read_manifest, transforms
from segment_assets_tests.aws_double.service import AwsError, Caller, FakeService

Thing = dict[str, Any]
_GOING = ("INITIALIZED", "QUEUED", "RUNNING")


class QuickSight(FakeService):
    """Data sources, data sets with their ingestions, dashboards with their versions.

    Attributes:
        spice: data set's ARN -> the rows that it shows.
        ingestions: data set's id -> what was taken in, oldest first.
        versions: dashboard's id -> its versions, with `Definition`.
        shut: no file can be read, as where QuickSight was not let into the bucket.
    """

    name: ClassVar[str] = "quicksight"
    invalid: ClassVar[str] = "InvalidParameterValueException"

    def __init__(self) -> None:
        super().__init__()
        self.sources: dict[str, Thing] = {}
        self.sets: dict[str, Thing] = {}
        self.spice: dict[str, list[Row]] = {}
        self.ingestions: dict[str, list[Thing]] = {}
        self.boards: dict[str, Thing] = {}
        self.versions: dict[str, list[Thing]] = {}
        self.shut = False
        self.people = {"group/default/marketing"}

    # --- data sources

    def create_data_source(self, caller: Caller, **asked: Any) -> Thing:
        self._new(self.sources, asked["DataSourceId"])
        source = {key: asked[key] for key in ("DataSourceId", "Name", "Type", "DataSourceParameters")}
        source |= {"Arn": _arn(caller, "datasource", asked["DataSourceId"]), "Status": "CREATION_IN_PROGRESS"}
        self.sources[asked["DataSourceId"]] = source | {"CreatedTime": _now()}
        return {"Arn": source["Arn"], "DataSourceId": asked["DataSourceId"], "CreationStatus": source["Status"]}

    def update_data_source(self, caller: Caller, **asked: Any) -> Thing:
        source = self._known(self.sources, asked["DataSourceId"])
        if source["Status"].endswith("_IN_PROGRESS"):
            raise AwsError("ConflictException", "the data source is still being made", 409)
        source |= {key: asked[key] for key in ("Name", "DataSourceParameters")}
        source["Status"] = "UPDATE_IN_PROGRESS"
        return {"Arn": source["Arn"], "DataSourceId": asked["DataSourceId"], "UpdateStatus": source["Status"]}

    def list_data_sources(self, caller: Caller, **asked: Any) -> Thing:
        names = ("DataSourceId", "Name", "Arn", "Type", "Status")
        return {"DataSources": [{name: s[name] for name in names} for s in self.sources.values()], "Status": 200}

    def describe_group(self, caller: Caller, GroupName: str, Namespace: str, **_: Any) -> Thing:  # noqa: N803
        known = f"group/{Namespace}/{GroupName}"
        if known not in self.people:
            raise AwsError("ResourceNotFoundException", f"Group {GroupName} is not found", 404)
        return {"Group": {"Arn": _arn(caller, "group", known.partition("/")[2]), "GroupName": GroupName}, "Status": 200}

    def describe_data_source(self, caller: Caller, **asked: Any) -> Thing:
        """It is done at the second look."""
        source = self._known(self.sources, asked["DataSourceId"])
        told = {**source}
        if source["Status"].endswith("_IN_PROGRESS"):
            doing = source["Status"].removesuffix("_IN_PROGRESS")
            source.pop("ErrorInfo", None)
            try:
                self._readable()
                read_manifest(caller, source["DataSourceParameters"])
                source["Status"] = f"{doing}_SUCCESSFUL"
            except IngestionError as why:
                denied = why.kind == "PERMISSION_DENIED"
                source["Status"] = f"{doing}_FAILED"
                source["ErrorInfo"] = {"Type": "ACCESS_DENIED" if denied else "UNKNOWN", "Message": str(why)}
        return {"DataSource": told}

    # --- data sets

    def create_data_set(self, caller: Caller, **asked: Any) -> Thing:
        self._new(self.sets, asked["DataSetId"])
        arn = _arn(caller, "dataset", asked["DataSetId"])
        self.sets[asked["DataSetId"]] = {"Arn": arn, "CreatedTime": _now()} | self._checked(asked)
        self.ingestions[asked["DataSetId"]], self.spice[arn] = [], []
        return self._taking_in(caller, asked["DataSetId"], "INITIAL_INGESTION")

    def update_data_set(self, caller: Caller, **asked: Any) -> Thing:
        self._known(self.sets, asked["DataSetId"]).update(self._checked(asked))
        return self._taking_in(caller, asked["DataSetId"], "EDIT")

    def describe_data_set(self, caller: Caller, **asked: Any) -> Thing:
        found = self._known(self.sets, asked["DataSetId"])
        output = [{"Name": name, "Type": of} for name, of in self._types(found).items()]
        return {"DataSet": found | {"OutputColumns": output}}

    def _checked(self, asked: Thing) -> Thing:
        (table,) = asked["PhysicalTableMap"].values()
        declared = table["S3Source"]["InputColumns"]
        if any(column["Type"] != "STRING" for column in declared):
            raise AwsError("InvalidParameterValueException", "of a file that is no JSON, input columns are STRING")
        names = [column["Name"] for column in declared]
        if len(names) != len(set(names)):
            raise AwsError("InvalidParameterValueException", "a column is there twice")
        if not any(source["Arn"] == table["S3Source"]["DataSourceArn"] for source in self.sources.values()):
            raise AwsError("ResourceNotFoundException", "no such data source", 404)
        for step in transforms(asked):
            (how,) = step.values()
            if how["ColumnName"] not in names:
                raise AwsError("InvalidParameterValueException", f"column {how['ColumnName']} is not there")
        return {k: asked[k] for k in ("DataSetId", "Name", "PhysicalTableMap", "LogicalTableMap", "ImportMode")}

    def _types(self, dataset: Thing) -> dict[str, str]:
        (table,) = dataset["PhysicalTableMap"].values()
        types = {column["Name"]: "STRING" for column in table["S3Source"]["InputColumns"]}
        casts = [t["CastColumnTypeOperation"] for t in transforms(dataset) if "CastColumnTypeOperation" in t]
        return types | {cast["ColumnName"]: cast["NewColumnType"] for cast in casts}

    # --- ingestions

    def create_ingestion(self, caller: Caller, **asked: Any) -> Thing:
        dataset, ingestion = asked["DataSetId"], asked["IngestionId"]
        self._known(self.sets, dataset)
        if any(known["IngestionId"] == ingestion for known in self.ingestions[dataset]):
            raise AwsError("ResourceExistsException", f"ingestion {ingestion} exists", 409)
        made = self._begin(caller, dataset, ingestion, "FULL_REFRESH")
        return {key: made[key] for key in ("Arn", "IngestionId", "IngestionStatus")}

    def list_ingestions(self, caller: Caller, **asked: Any) -> Thing:
        self._known(self.sets, asked["DataSetId"])
        told = [{**ingestion} for ingestion in reversed(self.ingestions[asked["DataSetId"]])]
        start, size = int(asked.get("NextToken", "0")), asked.get("MaxResults", 100)
        self._go_on(caller, asked["DataSetId"])
        more = {"NextToken": str(start + size)} if start + size < len(told) else {}
        return {"Ingestions": told[start : start + size]} | more

    def describe_ingestion(self, caller: Caller, **asked: Any) -> Thing:
        """One state further at each look."""
        found = {**self._ingestion(asked)}
        self._go_on(caller, asked["DataSetId"])
        return {"Ingestion": found}

    def cancel_ingestion(self, caller: Caller, **asked: Any) -> Thing:
        found = self._ingestion(asked)
        if found["IngestionStatus"] in _GOING:
            found["IngestionStatus"] = "CANCELLED"
        return {"Arn": found["Arn"], "IngestionId": found["IngestionId"]}

    def _ingestion(self, asked: Thing) -> Thing:
        self._known(self.sets, asked["DataSetId"])
        known = {ingestion["IngestionId"]: ingestion for ingestion in self.ingestions[asked["DataSetId"]]}
        return self._known(known, asked["IngestionId"])

    def _taking_in(self, caller: Caller, dataset: str, why: str) -> Thing:
        made = self._begin(caller, dataset, str(uuid.uuid4()), why)
        return {
            "Arn": self.sets[dataset]["Arn"],
            "DataSetId": dataset,
            "IngestionArn": made["Arn"],
            "IngestionId": made["IngestionId"],
        }

    def _begin(self, caller: Caller, dataset: str, ingestion: str, why: str) -> Thing:
        made = {
            "Arn": f"{self.sets[dataset]['Arn']}/ingestion/{ingestion}",
            "IngestionId": ingestion,
            "IngestionStatus": "INITIALIZED",
            "CreatedTime": _now(),
            "RequestSource": "MANUAL",
            "RequestType": why,
        }
        self.ingestions[dataset].append(made)
        return made

    def _go_on(self, caller: Caller, dataset: str) -> None:
        """The oldest that is not done goes one step; the others wait."""
        going = [i for i in self.ingestions[dataset] if i["IngestionStatus"] in _GOING]
        if not going:
            return
        first = going[0]
        if first["IngestionStatus"] != "RUNNING":
            first["IngestionStatus"] = "RUNNING"
            return
        found = self.sets[dataset]
        (table,) = found["PhysicalTableMap"].values()
        [source] = [s for s in self.sources.values() if s["Arn"] == table["S3Source"]["DataSourceArn"]]
        try:
            self._readable()
            rows, dropped = ingest(caller, source, found)
        except IngestionError as why:
            first |= {"IngestionStatus": "FAILED", "ErrorInfo": {"Type": why.kind, "Message": str(why)}}
        else:
            self.spice[found["Arn"]] = rows
            first["IngestionStatus"] = "COMPLETED"
            first["RowInfo"] = {"RowsIngested": len(rows), "RowsDropped": dropped, "TotalRowsInDataset": len(rows)}

    def _readable(self) -> None:
        if self.shut:
            raise IngestionError("PERMISSION_DENIED", "QuickSight may not read the bucket")

    # --- dashboards

    def create_dashboard(self, caller: Caller, **asked: Any) -> Thing:
        self._new(self.boards, asked["DashboardId"])
        boards.refuse_malformed(asked["Definition"])
        arn = _arn(caller, "dashboard", asked["DashboardId"])
        self.boards[asked["DashboardId"]] = {"Arn": arn, "Permissions": list(asked.get("Permissions", ()))}
        self.versions[asked["DashboardId"]] = []
        return self._version(asked)

    def update_dashboard(self, caller: Caller, **asked: Any) -> Thing:
        """Two calls make two versions: there is no client token."""
        self._known(self.boards, asked["DashboardId"])
        if any(v["Status"].endswith("_IN_PROGRESS") for v in self.versions[asked["DashboardId"]]):
            raise AwsError("ConflictException", "a version is still being made", 409)
        boards.refuse_malformed(asked["Definition"])
        return self._version(asked)

    def describe_dashboard(self, caller: Caller, **asked: Any) -> Thing:
        """The version asked for, done at the second look; else the published one."""
        board = self._known(self.boards, asked["DashboardId"])
        number = asked.get("VersionNumber", board.get("Published", 1))
        known = {version["VersionNumber"]: version for version in self.versions[asked["DashboardId"]]}
        version = self._known(known, number)
        told = {key: value for key, value in version.items() if key not in ("Definition", "Name")}
        if version["Status"] == "CREATION_IN_PROGRESS":
            self._finish(asked["DashboardId"], version)
        about = {"DashboardId": asked["DashboardId"], "Arn": board["Arn"], "Name": version["Name"]}
        return {"Dashboard": about | {"Version": told}}

    def list_dashboard_versions(self, caller: Caller, **asked: Any) -> Thing:
        self._known(self.boards, asked["DashboardId"])
        members = ("Arn", "CreatedTime", "VersionNumber", "Status", "Description")
        told = [{key: v[key] for key in members if key in v} for v in self.versions[asked["DashboardId"]]]
        start, size = int(asked.get("NextToken", "0")), asked.get("MaxResults", 100)
        more = {"NextToken": str(start + size)} if start + size < len(told) else {}
        return {"DashboardVersionSummaryList": told[start : start + size]} | more

    def update_dashboard_published_version(self, caller: Caller, **asked: Any) -> Thing:
        board = self._known(self.boards, asked["DashboardId"])
        known = {version["VersionNumber"]: version for version in self.versions[asked["DashboardId"]]}
        if self._known(known, asked["VersionNumber"])["Status"] != "CREATION_SUCCESSFUL":
            raise AwsError("ConflictException", "the version was not made", 409)
        board["Published"] = asked["VersionNumber"]
        return {"DashboardId": asked["DashboardId"], "DashboardArn": board["Arn"]}

    def describe_dashboard_permissions(self, caller: Caller, **asked: Any) -> Thing:
        board = self._known(self.boards, asked["DashboardId"])
        told = {"DashboardId": asked["DashboardId"], "DashboardArn": board["Arn"]}
        return told | {"Permissions": board["Permissions"]}

    def update_dashboard_permissions(self, caller: Caller, **asked: Any) -> Thing:
        board = self._known(self.boards, asked["DashboardId"])
        board["Permissions"] += asked.get("GrantPermissions", [])
        return self.describe_dashboard_permissions(caller, **asked)

    def shown(self, dashboard: str) -> dict[str, tuple[str, list[Row]]]:
        """What whoever opens the published dashboard sees: visual's id -> kind, rows."""
        published = self.boards[dashboard]["Published"]
        [definition] = [v["Definition"] for v in self.versions[dashboard] if v["VersionNumber"] == published]
        return boards.shown(definition, self.spice)

    def _version(self, asked: Thing) -> Thing:
        versions, board = self.versions[asked["DashboardId"]], self.boards[asked["DashboardId"]]
        number = len(versions) + 1
        made = {"VersionNumber": number, "Arn": f"{board['Arn']}/version/{number}", "Status": "CREATION_IN_PROGRESS"}
        told = {"Description": asked["VersionDescription"]} if "VersionDescription" in asked else {}
        definition = {"Definition": asked["Definition"], "Name": asked["Name"], "CreatedTime": _now()}
        versions.append(made | told | definition)
        about = {"Arn": board["Arn"], "VersionArn": made["Arn"], "DashboardId": asked["DashboardId"]}
        return about | {"CreationStatus": made["Status"]}

    def _finish(self, dashboard: str, version: Thing) -> None:
        types = {dataset["Arn"]: self._types(dataset) for dataset in self.sets.values()}
        if wrong := boards.errors(version["Definition"], types):
            version |= {"Status": "CREATION_FAILED", "Errors": wrong}
            return
        version["Status"] = "CREATION_SUCCESSFUL"
        if version["VersionNumber"] == 1:
            self.boards[dashboard]["Published"] = 1

    # --- both

    def _new(self, things: dict[str, Thing], name: str) -> None:
        if name in things:
            raise AwsError("ResourceExistsException", f"{name} exists", 409)

    def _known(self, things: dict[Any, Thing], name: Any) -> Thing:
        if name not in things:
            raise AwsError("ResourceNotFoundException", f"{name} does not exist", 404)
        return things[name]


def _arn(caller: Caller, kind: str, name: str) -> str:
    return f"arn:aws:quicksight:{caller.region}:{caller.account}:{kind}/{name}"


def _now() -> datetime:
    return datetime.now(UTC)
