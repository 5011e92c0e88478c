"""Clean Rooms: protected queries that run, in the project's own engine, under the rules configured here."""

import threading
import time
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from segment_assets.clean_room import rules, runnable
from segment_assets.clean_room.access_ledger import AccessBudgetError
from segment_assets.clean_room.checker import Checked, check
from segment_assets.clean_room.circumstances import Circumstances, Run
from segment_assets.clean_room.collaboration import Collaboration, ConfiguredTable
from segment_assets.clean_room.embedded import EmbeddedCleanRoom
from segment_assets.clean_room.privacy.accounting import Price
from segment_assets.clean_room.privacy.plan import Plan
from segment_assets.clean_room.runnable import Runnable
from segment_assets_tests.aws_double.cleanrooms_mapping import MappingTables
from segment_assets_tests.aws_double.cleanrooms_members import ABILITIES, missing
from segment_assets_tests.aws_double.cleanrooms_privacy import limited, told_of
from segment_assets_tests.aws_double.inside import in_role
from segment_assets_tests.aws_double.service import AwsError, Caller

CONCURRENT = 5  # documented quota, per membership
ENDED = ("SUCCESS", "FAILED", "CANCELLED", "TIMED_OUT")
ID = "protectedQueryIdentifier"


class CleanRooms(MappingTables):
    """The service.

    Attributes:
        seconds: how long each query takes at least.
        failures: error codes that the next queries end with, first come, first served.
        iam_delays: how many queries are refused because a new role is not known everywhere yet.
        retryable: whether the failures may be tried again.
    """

    def __init__(self) -> None:
        super().__init__()
        self.queries: dict[str, dict[str, Any]] = {}
        self.seconds = 0.0
        self.failures: list[str] = []
        self.retryable = False
        self.iam_delays = 0

    def list_schemas(self, caller: Caller, collaborationIdentifier: str, **asked: Any) -> dict[str, Any]:  # noqa: N803
        of = self._collaboration(caller, collaborationIdentifier)
        shown = [self._summary(of, association) for association in self._offered(of["id"]).values()]
        return self._page("schemaSummaries", shown, asked)

    def get_schema(self, caller: Caller, collaborationIdentifier: str, name: str) -> dict[str, Any]:  # noqa: N803
        of = self._collaboration(caller, collaborationIdentifier)
        table = self._declared(caller, of, caller.account).tables.get(name)
        if table is None:
            raise missing("CONFIGURED_TABLE_ASSOCIATION", name)
        association = self._offered(of["id"])[name]
        ready = {"status": "READY"} if table.rule else {"status": "NOT_READY", "reasons": [_no_rule()]}
        return {
            "schema": self._summary(of, association)
            | {
                "columns": [{"name": c, "type": kind} for c, kind in table.columns.items()],
                "partitionKeys": [],
                "description": "",
                "schemaStatusDetails": [ready | {"analysisType": "DIRECT_ANALYSIS"}],
            }
        }

    def get_schema_analysis_rule(
        self,
        caller: Caller,
        collaborationIdentifier: str,  # noqa: N803
        name: str,
        type: str,  # noqa: A002
    ) -> dict[str, Any]:
        of = self._collaboration(caller, collaborationIdentifier)
        association = self._offered(of["id"]).get(name)
        rule = self.rules.get(association["configuredTableId"]) if association else None
        if rule is None or rule["type"] != type:
            raise missing("CONFIGURED_TABLE_ASSOCIATION", name)
        times = {k: rule[k] for k in ("createTime", "updateTime")}
        told = {"collaborationId": of["id"], "name": name, "type": type, "policy": rule["policy"]}
        return {"analysisRule": told | times}

    def start_protected_query(
        self,
        caller: Caller,
        membershipIdentifier: str,  # noqa: N803
        sqlParameters: dict[str, Any],  # noqa: N803
        **more: Any,
    ) -> dict[str, Any]:
        membership = self._membership(caller, membershipIdentifier)
        if "CAN_QUERY" not in membership[ABILITIES]:
            raise AwsError("AccessDeniedException", "this member can't query", 403, reason="INSUFFICIENT_PERMISSIONS")
        if self.iam_delays:
            self.iam_delays -= 1
            raise AwsError("ValidationException", "the role is not known yet", reason="IAM_SYNCHRONIZATION_DELAY")
        running = [q for q in self.queries.values() if q["status"] not in ENDED]
        if len(running) >= CONCURRENT:
            told = {"quotaName": "concurrent queries", "quotaValue": float(CONCURRENT)}
            raise AwsError("ServiceQuotaExceededException", "too many queries", 402, **told)
        collaboration = self._declared(caller, self.collaborations[membership["collaborationId"]], caller.account)
        state = Circumstances(privacy_budget=self._privacy_budget(membership["collaborationId"]))
        checked = self._checked(sqlParameters, collaboration, state)
        if checked.verdict.decision == "REJECT":
            found = checked.verdict.findings[0]
            raise AwsError("ValidationException", f"{found.code}: {found.message}", reason="INVALID_QUERY")
        ident = str(uuid4())
        noisy = self._noisy(checked, membership["collaborationId"], ident)
        asked = checked.custom if noisy and checked.custom else checked.runnable()
        self._pay(membership["collaborationId"], asked, ident)
        self.queries[ident] = {
            "id": ident,
            "membershipId": membership["id"],
            "membershipArn": membership["arn"],
            "createTime": datetime.now(UTC),
            "sqlParameters": sqlParameters,
            "status": "SUBMITTED",
            "resultConfiguration": more["resultConfiguration"],
        }
        threading.Thread(target=self._run, args=(caller, self.queries[ident], checked, noisy), daemon=True).start()
        return {"protectedQuery": dict(self.queries[ident])}

    def get_protected_query(self, caller: Caller, membershipIdentifier: str, **asked: Any) -> dict[str, Any]:  # noqa: N803
        self._membership(caller, membershipIdentifier)
        if asked[ID] not in self.queries:
            raise missing("MEMBERSHIP", asked[ID])
        return {"protectedQuery": dict(self.queries[asked[ID]])}

    def list_protected_queries(self, caller: Caller, membershipIdentifier: str, **asked: Any) -> dict[str, Any]:  # noqa: N803
        membership = self._membership(caller, membershipIdentifier)
        of = [q for q in self.queries.values() if q["membershipId"] == membership["id"]]
        of = [q for q in reversed(of) if asked.get("status") in (None, q["status"])]
        kept = ("id", "membershipId", "membershipArn", "createTime", "status")
        shown = [{k: q[k] for k in kept} | {"receiverConfigurations": []} for q in of]
        return self._page("protectedQueries", shown, asked)

    def update_protected_query(self, caller: Caller, membershipIdentifier: str, **asked: Any) -> dict[str, Any]:  # noqa: N803
        self.get_protected_query(caller, membershipIdentifier, **asked)
        query = self.queries[asked[ID]]
        if query["status"] in ENDED:
            raise AwsError("ConflictException", "the query has ended", 409, reason="INVALID_STATE")
        query["status"] = "CANCELLING"
        return {"protectedQuery": dict(query)}

    def _checked(self, asked: dict[str, Any], collaboration: Collaboration, state: Circumstances) -> Checked:
        if (arn := asked.get("analysisTemplateArn")) is None:
            return check(asked["queryString"], collaboration, state)
        if arn not in collaboration.templates:
            raise missing("ANALYSIS_TEMPLATE", arn)
        template = collaboration.templates[arn]
        run = Run(arn, template.creator, asked.get("parameters", {}))
        return check(template.text, collaboration, replace(state, run=run))

    def _pay(self, collaboration: str, query: Runnable, ident: str) -> None:
        """Each use of a table costs 1; what is sent by another name for a column is the same use."""
        of = {t.name: t.source for t in runnable.tables(query)}
        uses = {of[name]: number for name, number in runnable.uses(query).items()}
        try:
            self.ledger.charge(collaboration, self._access_budgets(), uses, ident)
        except AccessBudgetError as empty:
            raise AwsError("ValidationException", str(empty), reason="INVALID_QUERY") from empty

    def _declared(self, caller: Caller, of: dict[str, Any], runner: str) -> Collaboration:
        """What is configured here, as the checker takes it: members are accounts."""
        tables = {}
        for name, association in self._offered(of["id"]).items():
            configured = self.tables[association["configuredTableId"]]
            owner, glue = self.account_of[association["id"]], configured["tableReference"]["glue"]
            types = self._columns(caller, owner, glue, association["roleArn"])
            allowed = {c: types[c] for c in configured["allowedColumns"]}
            told = self.rules.get(configured["id"])
            rule = rules.from_aws(told["type"], told["policy"]["v1"][told["type"].lower()]) if told else None
            receivers = self._receivers(association["id"])
            tables[name] = ConfiguredTable(name, association["id"], owner, allowed, rule, result_receivers=receivers)
        tables |= self._bridges(of["id"])
        others = [account for account in self.members[of["id"]] if account != runner]
        templates = {t.arn: t for t in self._known_templates(of["id"])}
        return limited(Collaboration(of["name"], runner, others[0], tables, templates=templates))

    def _run(self, caller: Caller, query: dict[str, Any], checked: Checked, noisy: tuple[Plan, Price] | None) -> None:
        query["status"], began = "STARTED", time.monotonic()
        while time.monotonic() < began + self.seconds and query["status"] == "STARTED":
            time.sleep(0.02)
        if query["status"] == "CANCELLING":
            query["status"] = "CANCELLED"
            return
        try:
            if self.failures:
                raise RuntimeError(self.failures.pop(0))
            rows = self._rows(caller, checked, noisy)
            location = self._put(caller, query, rows)
        except Exception as failed:  # noqa: BLE001  whatever went wrong is the query's end
            code = str(failed) if type(failed) is RuntimeError else "UNKNOWN_ERROR"
            query["error"] = {"code": code, "message": str(failed), "retry": {"retryable": self.retryable}}
            query["status"] = "FAILED"
            return
        took = time.monotonic() - began
        units = {"units": round(16 * max(took, 60) / 3600, 4)}  # a minute is billed at least
        query["statistics"] = {"totalDurationInMillis": int(took * 1000), "billedResourceUtilization": units}
        query["result"] = {"output": {"s3": {"location": location}}}
        if noisy:
            query["differentialPrivacy"] = told_of(noisy)
        query["status"] = "SUCCESS"

    def _rows(self, caller: Caller, checked: Checked, noisy: tuple[Plan, Price] | None) -> pa.Table:
        def read(table: ConfiguredTable) -> pa.Table:
            if table.source in self.mapped:
                return self.mapped[table.source]
            association = self.associations[table.source]
            glue = self.tables[association["configuredTableId"]]["tableReference"]["glue"]
            iceberg = self._iceberg(caller, table.owner, glue, association["roleArn"])
            return iceberg.scan(selected_fields=tuple(table.columns)).to_arrow()

        with TemporaryDirectory() as scratch:
            room = EmbeddedCleanRoom(Path(scratch), "500MB", 2)
            if noisy:
                return room.run_private(noisy[0], read, noisy[1])
            return room.run(checked.runnable(), read, date.today())  # noqa: DTZ011

    def _put(self, caller: Caller, query: dict[str, Any], rows: pa.Table) -> str:
        """In two parts and backwards: Spark promises no order."""
        to = query["resultConfiguration"]["outputConfiguration"]["s3"]
        ours = (a["roleArn"] for a in self.associations.values() if self.account_of[a["id"]] == caller.account)
        s3 = in_role(caller, next(ours, f"arn:aws:iam::{caller.account}:role/CleanRooms"))
        backwards = rows.take(pa.array(range(rows.num_rows - 1, -1, -1), pa.int64()))
        prefix, half = f"{to.get('keyPrefix', '').rstrip('/')}/{query['id']}/", rows.num_rows // 2
        for number, part in enumerate((backwards.slice(0, half), backwards.slice(half))):
            sink = pa.BufferOutputStream()
            pq.write_table(part, sink)
            body = sink.getvalue().to_pybytes()
            s3.put_object(Bucket=to["bucket"], Key=f"{prefix}part-{number:05}.snappy.parquet", Body=body)
        return f"s3://{to['bucket']}/{prefix}"

    def _summary(self, of: dict[str, Any], association: dict[str, Any]) -> dict[str, Any]:
        configured = self.tables[association["configuredTableId"]]
        return {
            "name": association["name"],
            "type": "TABLE",
            "creatorAccountId": self.account_of[association["id"]],
            "createTime": association["createTime"],
            "updateTime": association["updateTime"],
            "collaborationId": of["id"],
            "collaborationArn": of["arn"],
            "analysisRuleTypes": configured["analysisRuleTypes"],
            "analysisMethod": configured["analysisMethod"],
            "resourceArn": association["arn"],
        }


def _no_rule() -> dict[str, str]:
    return {"code": "ANALYSIS_RULE_MISSING", "message": "the table has no analysis rule"}
