"""ID namespaces that members bring, and the ID mapping tables that Entity Resolution fills from them."""

from typing import Any

import pyarrow as pa

from segment_assets.clean_room import id_mapping
from segment_assets.clean_room.collaboration import ConfiguredTable
from segment_assets.clean_room.custom_rule import IdMapping
from segment_assets_tests.aws_double.cleanrooms_custom import _of
from segment_assets_tests.aws_double.cleanrooms_members import missing
from segment_assets_tests.aws_double.cleanrooms_privacy import PrivateRules
from segment_assets_tests.aws_double.entity_resolution import EntityResolution, Workflow
from segment_assets_tests.aws_double.service import AwsError, Caller

NAMESPACE, TABLE = "idNamespaceAssociationIdentifier", "idMappingTableIdentifier"


class MappingTables(PrivateRules):
    """Stores are by id.

    Attributes:
        resolution: whose workflows fill the tables.
        mapped: rows of tables that were filled.
        filled: how often any was.
    """

    def __init__(self) -> None:
        super().__init__()
        self.resolution = EntityResolution()
        self.namespaces: dict[str, dict[str, Any]] = {}
        self.mapping_tables: dict[str, dict[str, Any]] = {}
        self.mapped: dict[str, pa.Table] = {}
        self.filled = 0

    def create_id_namespace_association(
        self,
        caller: Caller,
        membershipIdentifier: str,  # noqa: N803
        **asked: Any,
    ) -> dict[str, Any]:
        membership = self._membership(caller, membershipIdentifier)
        arn = asked["inputReferenceConfig"]["inputReferenceArn"]
        side = {w.source: "SOURCE" for w in self.resolution.workflows.values()}
        side |= {w.target: "TARGET" for w in self.resolution.workflows.values()}
        if arn not in side or arn.split(":")[4] != caller.account:
            raise AwsError("ValidationException", f"no ID namespace {arn}", reason="FIELD_VALIDATION_FAILED")
        new = self._new(caller, "membership", f"{membership['id']}/idnamespaceassociation/")
        properties = {"inputReferenceProperties": {"idNamespaceType": side[arn], "idMappingWorkflowsSupported": []}}
        self.namespaces[new["id"]] = new | _of(membership) | asked | properties
        return {"idNamespaceAssociation": self.namespaces[new["id"]]}

    def get_id_namespace_association(self, caller: Caller, membershipIdentifier: str, **asked: Any) -> dict[str, Any]:  # noqa: N803
        self._membership(caller, membershipIdentifier)
        if asked[NAMESPACE] not in self.namespaces:
            raise missing("ID_NAMESPACE_ASSOCIATION", asked[NAMESPACE])
        return {"idNamespaceAssociation": self.namespaces[asked[NAMESPACE]]}

    def list_id_namespace_associations(self, caller: Caller, membershipIdentifier: str, **asked: Any) -> dict[str, Any]:  # noqa: N803
        membership = self._membership(caller, membershipIdentifier)
        mine = [n for n in self.namespaces.values() if n["membershipId"] == membership["id"]]
        shown = [{k: v for k, v in n.items() if k != "idMappingConfig"} for n in mine]
        for one in shown:
            one["inputReferenceProperties"] = {"idNamespaceType": one["inputReferenceProperties"]["idNamespaceType"]}
        return self._page("idNamespaceAssociationSummaries", shown, asked)

    def update_id_namespace_association(
        self,
        caller: Caller,
        idMappingConfig: dict[str, Any],  # noqa: N803
        **of: str,
    ) -> dict[str, Any]:
        answer = self.get_id_namespace_association(caller, **of)
        answer["idNamespaceAssociation"]["idMappingConfig"] = idMappingConfig
        return answer

    def delete_id_namespace_association(self, caller: Caller, **of: str) -> dict[str, Any]:
        self.get_id_namespace_association(caller, **of)
        del self.namespaces[of[NAMESPACE]]
        return {}

    def create_id_mapping_table(self, caller: Caller, membershipIdentifier: str, **asked: Any) -> dict[str, Any]:  # noqa: N803
        membership = self._membership(caller, membershipIdentifier)
        flow = self.resolution.workflows.get(asked["inputReferenceConfig"]["inputReferenceArn"])
        sides = self._sides(membership["collaborationId"], flow) if flow else []
        if len(sides) != 2:
            told = "the workflow's namespaces are not both in the collaboration"
            raise AwsError("ValidationException", told, reason="FIELD_VALIDATION_FAILED")
        new = self._new(caller, "membership", f"{membership['id']}/idmappingtable/")
        sources = [
            {"idNamespaceAssociationId": n["id"], "type": n["inputReferenceProperties"]["idNamespaceType"]}
            for n in sides
        ]
        properties = {"inputReferenceProperties": {"idMappingTableInputSource": sources}}
        self.mapping_tables[new["id"]] = new | _of(membership) | asked | properties
        return {"idMappingTable": self.mapping_tables[new["id"]]}

    def list_id_mapping_tables(self, caller: Caller, membershipIdentifier: str, **asked: Any) -> dict[str, Any]:  # noqa: N803
        membership = self._membership(caller, membershipIdentifier)
        mine = [t for t in self.mapping_tables.values() if t["membershipId"] == membership["id"]]
        shown = [{k: v for k, v in t.items() if k != "inputReferenceProperties"} for t in mine]
        return self._page("idMappingTableSummaries", shown, asked)

    def delete_id_mapping_table(self, caller: Caller, membershipIdentifier: str, **asked: str) -> dict[str, Any]:  # noqa: N803
        self._mapping_table(caller, membershipIdentifier, asked[TABLE])
        del self.mapping_tables[asked[TABLE]]
        return {}

    def populate_id_mapping_table(self, caller: Caller, membershipIdentifier: str, **asked: str) -> dict[str, Any]:  # noqa: N803
        table = self._mapping_table(caller, membershipIdentifier, asked[TABLE])
        flow = self.resolution.workflows[table["inputReferenceConfig"]["inputReferenceArn"]]
        rows = []
        for arn, (name, columns) in zip((flow.source, flow.target), flow.bridge.columns.items(), strict=True):
            database, _, short = name.partition(".")
            iceberg = self._iceberg(caller, arn.split(":")[4], {"databaseName": database, "tableName": short})
            rows.append(iceberg.scan(selected_fields=tuple(columns)).to_arrow())
        self.filled += 1
        self.mapped[table["id"]] = id_mapping.resolved(flow.bridge, *rows)
        return {"idMappingJobId": self.resolution.begin()}

    def _mapping_table(self, caller: Caller, membership: str, ident: str) -> dict[str, Any]:
        self._membership(caller, membership)
        if ident not in self.mapping_tables:
            raise missing("ID_MAPPING_TABLE", ident)
        return self.mapping_tables[ident]

    def _sides(self, collaboration: str, flow: Workflow) -> list[dict[str, Any]]:
        arns = (flow.source, flow.target)
        of = [n for n in self.namespaces.values() if n["collaborationId"] == collaboration]
        return [n for arn in arns for n in of if n["inputReferenceConfig"]["inputReferenceArn"] == arn]

    def _bridges(self, collaboration: str) -> dict[str, ConfiguredTable]:
        """ID mapping tables that were filled, as the checker takes them: the rule is AWS's own."""
        found = {}
        for ident, table in self.mapping_tables.items():
            flow = self.resolution.workflows[table["inputReferenceConfig"]["inputReferenceArn"]]
            if table["collaborationId"] != collaboration or ident not in self.mapped:
                continue
            open_ = [n["idMappingConfig"]["allowUseAsDimensionColumn"] for n in self._sides(collaboration, flow)]
            names = [id_mapping.SOURCE, id_mapping.TARGET]
            hidden = [name for name, shown in zip(names, open_, strict=True) if not shown]
            rule = IdMapping(
                join_columns=names,
                query_constraints=[{"require_overlap": {"columns": hidden}}] if hidden else [],
                dimension_columns=[n for n in names if n not in hidden] or None,
            )
            types = dict.fromkeys(names, "STRING")
            found[table["name"]] = ConfiguredTable(table["name"], ident, self.account_of[ident], types, rule)
        return found
