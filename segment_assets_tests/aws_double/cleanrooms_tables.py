"""Configured tables and their analysis rules, associations, and the schemas that members see of each other."""

from typing import Any

from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.io import PY_IO_IMPL
from pyiceberg.table import Table

from segment_assets.clean_room import rules
from segment_assets.clean_room.collaboration import sql_type
from segment_assets_tests.aws_double.cleanrooms_members import Members, _times, missing
from segment_assets_tests.aws_double.inside import entered, in_role
from segment_assets_tests.aws_double.service import AwsError, Caller

KEY = "AKIALOOPBACKLOOPBACK"


class Tables(Members):
    """What is offered. A table is looked up in the Glue of the account that offers it."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: dict[str, dict[str, Any]] = {}
        self.rules: dict[str, dict[str, Any]] = {}
        self.associations: dict[str, dict[str, Any]] = {}
        self._catalogs: dict[str, GlueCatalog] = {}

    def create_configured_table(self, caller: Caller, **asked: Any) -> dict[str, Any]:
        if any(t["name"] == asked["name"] for i, t in self.tables.items() if self.account_of[i] == caller.account):
            raise AwsError("ConflictException", "a configured table has that name", 409, reason="ALREADY_EXISTS")
        known = self._columns(caller, caller.account, asked["tableReference"]["glue"])
        if unknown := sorted(set(asked["allowedColumns"]) - set(known)):
            raise AwsError("ValidationException", f"no column {unknown[0]}", reason="FIELD_VALIDATION_FAILED")
        new = self._new(caller, "configuredtable")
        kept = {k: asked[k] for k in ("name", "description", "tableReference", "allowedColumns") if k in asked}
        self.tables[new["id"]] = new | kept | {"analysisMethod": asked["analysisMethod"], "analysisRuleTypes": []}
        return {"configuredTable": self.tables[new["id"]]}

    def get_configured_table(self, caller: Caller, configuredTableIdentifier: str) -> dict[str, Any]:  # noqa: N803
        return {"configuredTable": self._table(caller, configuredTableIdentifier)}

    def list_configured_tables(self, caller: Caller, **asked: Any) -> dict[str, Any]:
        mine = [t for i, t in self.tables.items() if self.account_of[i] == caller.account]
        left_out = {"tableReference", "allowedColumns", "description"}
        shown = [{k: v for k, v in t.items() if k not in left_out} for t in mine]
        return self._page("configuredTableSummaries", shown, asked)

    def update_configured_table(self, caller: Caller, configuredTableIdentifier: str, **changes: Any) -> dict[str, Any]:  # noqa: N803
        self._table(caller, configuredTableIdentifier).update(changes)
        return self.get_configured_table(caller, configuredTableIdentifier)

    def delete_configured_table(self, caller: Caller, configuredTableIdentifier: str) -> dict[str, Any]:  # noqa: N803
        found = self._table(caller, configuredTableIdentifier)
        if any(a["configuredTableId"] == found["id"] for a in self.associations.values()):
            raise AwsError("ConflictException", "it is associated", 409, reason="SUBRESOURCES_EXIST")
        del self.tables[found["id"]]
        self.rules.pop(found["id"], None)
        return {}

    def create_configured_table_analysis_rule(
        self,
        caller: Caller,
        configuredTableIdentifier: str,  # noqa: N803
        analysisRuleType: str,  # noqa: N803
        analysisRulePolicy: dict[str, Any],  # noqa: N803
    ) -> dict[str, Any]:
        table = self._table(caller, configuredTableIdentifier)
        if table["id"] in self.rules:
            raise AwsError("ConflictException", "the table has a rule", 409, reason="ALREADY_EXISTS")
        _refuse_bad(analysisRuleType, analysisRulePolicy)
        table["analysisRuleTypes"] = [analysisRuleType]
        self.rules[table["id"]] = _times() | {
            "configuredTableId": table["id"],
            "configuredTableArn": table["arn"],
            "type": analysisRuleType,
            "policy": analysisRulePolicy,
        }
        return {"analysisRule": self.rules[table["id"]]}

    def get_configured_table_analysis_rule(
        self,
        caller: Caller,
        configuredTableIdentifier: str,  # noqa: N803
        analysisRuleType: str,  # noqa: N803
    ) -> dict[str, Any]:
        table = self._table(caller, configuredTableIdentifier)
        found = self.rules.get(table["id"])
        if not found or found["type"] != analysisRuleType:
            raise missing("CONFIGURED_TABLE", table["id"])
        return {"analysisRule": found}

    def update_configured_table_analysis_rule(
        self,
        caller: Caller,
        configuredTableIdentifier: str,  # noqa: N803
        analysisRuleType: str,  # noqa: N803
        analysisRulePolicy: dict[str, Any],  # noqa: N803
    ) -> dict[str, Any]:
        _refuse_bad(analysisRuleType, analysisRulePolicy)
        answer = self.get_configured_table_analysis_rule(caller, configuredTableIdentifier, analysisRuleType)
        answer["analysisRule"]["policy"] = analysisRulePolicy
        return answer

    def delete_configured_table_analysis_rule(
        self,
        caller: Caller,
        configuredTableIdentifier: str,  # noqa: N803
        analysisRuleType: str,  # noqa: N803
    ) -> dict[str, Any]:
        self.get_configured_table_analysis_rule(caller, configuredTableIdentifier, analysisRuleType)
        del self.rules[configuredTableIdentifier]
        self.tables[configuredTableIdentifier]["analysisRuleTypes"] = []
        return {}

    def create_configured_table_association(
        self,
        caller: Caller,
        membershipIdentifier: str,  # noqa: N803
        configuredTableIdentifier: str,  # noqa: N803
        **asked: Any,
    ) -> dict[str, Any]:
        membership = self._membership(caller, membershipIdentifier)
        table = self._table(caller, configuredTableIdentifier)
        if asked["name"] in self._offered(membership["collaborationId"]):
            raise AwsError("ConflictException", "the name is taken", 409, reason="ALREADY_EXISTS")
        new = self._new(caller, "configuredtableassociation", f"{membership['id']}/")
        self.associations[new["id"]] = new | {
            "configuredTableId": table["id"],
            "configuredTableArn": table["arn"],
            "membershipId": membership["id"],
            "membershipArn": membership["arn"],
            "name": asked["name"],
            "roleArn": asked["roleArn"],
        }
        return {"configuredTableAssociation": self.associations[new["id"]]}

    def get_configured_table_association(
        self,
        caller: Caller,
        membershipIdentifier: str,  # noqa: N803
        configuredTableAssociationIdentifier: str,  # noqa: N803
    ) -> dict[str, Any]:
        self._membership(caller, membershipIdentifier)
        if configuredTableAssociationIdentifier not in self.associations:
            raise missing("CONFIGURED_TABLE_ASSOCIATION", configuredTableAssociationIdentifier)
        return {"configuredTableAssociation": self.associations[configuredTableAssociationIdentifier]}

    def list_configured_table_associations(
        self,
        caller: Caller,
        membershipIdentifier: str,  # noqa: N803
        **asked: Any,
    ) -> dict[str, Any]:
        membership = self._membership(caller, membershipIdentifier)
        mine = [a for a in self.associations.values() if a["membershipId"] == membership["id"]]
        left_out = {"configuredTableArn", "roleArn"}
        shown = [{k: v for k, v in a.items() if k not in left_out} for a in mine]
        return self._page("configuredTableAssociationSummaries", shown, asked)

    def update_configured_table_association(
        self,
        caller: Caller,
        membershipIdentifier: str,  # noqa: N803
        configuredTableAssociationIdentifier: str,  # noqa: N803
        **changes: Any,
    ) -> dict[str, Any]:
        of = (membershipIdentifier, configuredTableAssociationIdentifier)
        answer = self.get_configured_table_association(caller, *of)
        answer["configuredTableAssociation"].update(changes)
        return answer

    def delete_configured_table_association(
        self,
        caller: Caller,
        membershipIdentifier: str,  # noqa: N803
        configuredTableAssociationIdentifier: str,  # noqa: N803
    ) -> dict[str, Any]:
        self.get_configured_table_association(caller, membershipIdentifier, configuredTableAssociationIdentifier)
        del self.associations[configuredTableAssociationIdentifier]
        return {}

    def _offered(self, collaboration: str) -> dict[str, dict[str, Any]]:
        """The associations of a collaboration whose members are there, by name."""
        active = {
            i for i, m in self.memberships.items() if (m["collaborationId"], m["status"]) == (collaboration, "ACTIVE")
        }
        return {a["name"]: a for a in self.associations.values() if a["membershipId"] in active}

    def _table(self, caller: Caller, ident: str) -> dict[str, Any]:
        if ident not in self.tables or self.account_of[ident] != caller.account:
            raise missing("CONFIGURED_TABLE", ident)
        return self.tables[ident]

    def _columns(self, caller: Caller, account: str, glue: dict[str, Any], role: str = "") -> dict[str, str]:
        schema = self._iceberg(caller, account, glue, role).schema().as_arrow()
        return {field.name: sql_type(field.type) for field in schema}

    def _iceberg(self, caller: Caller, account: str, glue: dict[str, Any], role: str = "") -> Table:
        """The current Iceberg table, read as Clean Rooms would: with the role of the association."""
        catalog = self._catalog(caller, role or f"arn:aws:iam::{account}:role/CleanRooms")
        try:
            return catalog.load_table(f"{glue['databaseName']}.{glue['tableName']}")
        except NoSuchTableError:
            told = f"Glue has no Iceberg table {glue['databaseName']}.{glue['tableName']}"
            raise AwsError("ValidationException", told, reason="FIELD_VALIDATION_FAILED") from None

    def _catalog(self, caller: Caller, role: str) -> GlueCatalog:
        if role not in self._catalogs:
            held = entered(caller, role)
            properties = {
                PY_IO_IMPL: "pyiceberg.io.pyarrow.PyArrowFileIO",
                "s3.region": caller.region,
                "s3.endpoint": caller.endpoint,
                "s3.access-key-id": held["aws_access_key_id"],
                "s3.secret-access-key": held["aws_secret_access_key"],
                "s3.session-token": held["aws_session_token"],
            }
            self._catalogs[role] = GlueCatalog("glue", client=in_role(caller, role, "glue"), **properties)
        return self._catalogs[role]


def _refuse_bad(kind: str, policy: dict[str, Any]) -> None:
    try:
        rules.from_aws(kind, policy["v1"][kind.lower()])
    except (rules.RuleError, KeyError) as bad:
        raise AwsError("ValidationException", str(bad), reason="FIELD_VALIDATION_FAILED") from bad
