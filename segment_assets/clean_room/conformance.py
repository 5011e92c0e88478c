"""Cases of what AWS documents, run against the checker: a YAML file of tables, rules, templates and queries.

Agreement: a documented case agrees on verdict and reason code, an inferred one on the verdict.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from segment_assets.clean_room import rules
from segment_assets.clean_room.checker import Checked, check
from segment_assets.clean_room.circumstances import Circumstances, Encryption, PrivacyBudget, Run
from segment_assets.clean_room.collaboration import Collaboration, ConfiguredTable
from segment_assets.clean_room.templates import Parameter, Template


class CasesError(Exception):
    """A file of cases that can't be run: what, where, how to mend it."""


@dataclass(frozen=True)
class Outcome:
    """One case and what the checker says of it.

    Attributes:
        id: of the case; what stands before the dash is its family.
        expected: verdict and reason code of the file.
        found: verdict and reason code of the checker.
        documented: the reason code must agree too.
        message: what the checker says first.
    """

    id: str
    expected: tuple[str, str]
    found: tuple[str, str]
    documented: bool
    message: str = ""

    @property
    def family(self) -> str:
        """The family of cases it belongs to."""
        return self.id.partition("-")[0]

    @property
    def agrees(self) -> bool:
        """On verdict and reason code where AWS documents the rule, else on the verdict."""
        return self.found == self.expected if self.documented else self.found[0] == self.expected[0]


@dataclass(frozen=True)
class Cases:
    """A file of cases, loaded.

    Attributes:
        collaboration: whose tables and rules every case is checked against.
        defaults: circumstances of every case that does not name others.
        receiver: the member who receives results, where a case does not say.
        cases: the cases, as they stand in the file.
    """

    collaboration: Collaboration
    defaults: Mapping[str, Any]
    receiver: str
    cases: list[dict[str, Any]]

    def check(self, case: Mapping[str, Any]) -> Checked:
        """The checker's verdict on one case."""
        state = self.state(case)
        return check(case["query"], self.collaboration, state)

    def state(self, case: Mapping[str, Any]) -> Circumstances:
        """The circumstances a case is to be judged in: the file's, and what the case says otherwise."""
        known = dict(self.defaults) | dict(case.get("context") or {})
        receivers = known.get("resultReceivers") or [known.get("resultReceiver") or self.receiver]
        return Circumstances(
            receivers=tuple(str(r) for r in receivers),
            run=self._run(case),
            encryption=Encryption.model_validate(e) if (e := known.get("dataEncryptionMetadata")) else None,
            privacy_budget=_budget(known.get("privacyBudgetTemplate")),
            aggregations_left=_least(known.get("remainingAggregations")),
            uses_left=_uses(known.get("accessBudgetRemaining")),
            strict=bool(known.get("strict", False)),
        )

    def _run(self, case: Mapping[str, Any]) -> Run | None:
        if not (arn := case.get("analysisTemplateArn")):
            return None
        template = self.collaboration.templates.get(arn)
        values = {str(k): str(v) for k, v in (case.get("parameters") or {}).items()}
        return Run(arn, template.creator if template else self.collaboration.runner, values)


def load(path: Path) -> Cases:
    """A file of cases.

    Raises:
        CasesError: it is no such file, or one of its rules is none AWS takes.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        _look(content, path.name)
        return _cases(content)
    except (KeyError, TypeError, AttributeError) as bad:
        raise CasesError(f"{path.name}: this is no file of conformance cases: {_said(bad)}") from bad
    except (yaml.YAMLError, UnicodeDecodeError) as bad:
        raise CasesError(f"{path.name}: this is not YAML") from bad
    except (rules.RuleError, ValidationError) as bad:
        raise CasesError(f"{path.name}: {bad}") from bad


def run(cases: Cases) -> list[Outcome]:
    """Every case of a file, in its order.

    Raises:
        CasesError: a case lacks something, or has what it can't have.
    """
    found = []
    for number, case in enumerate(cases.cases, 1):
        try:
            name, text, state = str(case["id"]), case["query"], cases.state(case)
            expected = (str(case["expected"]), str(case.get("reason_code", "OK")))
        except (KeyError, TypeError, AttributeError, ValueError) as bad:
            raise CasesError(f"case {number} of the file: {_said(bad)}") from bad
        if not isinstance(text, str):
            raise CasesError(f"case {number} of the file: its query is no text")
        verdict = check(text, cases.collaboration, state).verdict
        first = verdict.findings[0].message if verdict.findings else ""
        documented = case.get("basis", "documented") == "documented"
        found.append(Outcome(name, expected, (verdict.decision, verdict.code), documented, first))
    return found


def _look(content: Any, name: str) -> None:
    """Refuse a file whose parts are not what they must be.

    Raises:
        CasesError: the first part that is not.
    """
    if not isinstance(content, Mapping):
        raise CasesError(f"{name}: this is no file of conformance cases: it holds no rules, tables and cases by name")
    for part in ("rules", "tables", "accounts", "templates", "defaults"):
        if not isinstance(content.get(part) or {}, Mapping):
            raise CasesError(f"{name}: {part} must hold names, each with what it stands for")
    if not isinstance(content.get("cases"), list):
        raise CasesError(f"{name}: cases must be a list, and there is none")


def _said(bad: Exception) -> str:
    """What is wrong with a part of the file, in words of the file."""
    if isinstance(bad, KeyError):
        return f'"{bad.args[0]}" is missing, or names nothing that is here'
    if isinstance(bad, ValidationError):
        first = bad.errors()[0]
        return f'"{".".join(map(str, first["loc"]))}" is missing or not what it must be'
    return "a value is no text, number, list or names with values where it must be: compare it with a case that runs"


def _cases(content: Mapping[str, Any]) -> Cases:
    known: dict[str | None, rules.Rule | None] = {None: None}
    for name, rule in content["rules"].items():
        known[name] = rules.from_aws(rule["type"], rule["policy"])
    tables = {name.lower(): _table(name.lower(), t, known) for name, t in content["tables"].items()}
    templates = {
        arn: Template(
            arn,
            str(t["creator"]),
            t["text"],
            tuple(
                Parameter(p["name"], p["type"], None if p.get("defaultValue") is None else str(p["defaultValue"]))
                for p in t.get("parameters") or ()
            ),
        )
        for arn, t in (content.get("templates") or {}).items()
    }
    runner = content["query_runner"]
    accounts = {str(k): str(v) for k, v in (content.get("accounts") or {}).items()}
    provider = next((t.owner for t in tables.values() if t.owner != runner), runner)
    collaboration = Collaboration("cases", runner, provider, tables, accounts, templates)
    return Cases(
        collaboration, content.get("defaults") or {}, content.get("result_receiver") or runner, list(content["cases"])
    )


def _table(name: str, table: Mapping[str, Any], known: Mapping[str | None, rules.Rule | None]) -> ConfiguredTable:
    receivers = table.get("allowedResultReceivers")
    return ConfiguredTable(
        name,
        name,
        table["owner"],
        {str(c).lower(): str(t).upper() for c, t in table["columns"].items()},
        known[table["rule"]],
        table.get("c3r") or {},
        tuple(str(r) for r in receivers) if receivers is not None else None,
    )


def _budget(given: Mapping[str, Any] | None) -> PrivacyBudget | None:
    if not given:
        return None
    # AWS's own shape has the two numbers one level below.
    given = given.get("parameters", given)
    given = given.get("differentialPrivacy", given)
    return PrivacyBudget(epsilon=given["epsilon"], users_noise_per_query=given["usersNoisePerQuery"])


def _least(given: Any) -> int | None:
    if isinstance(given, Mapping):
        return min((int(v) for v in given.values()), default=0)
    return None if given is None else int(given)


def _uses(given: Any) -> dict[str, int]:
    if isinstance(given, Mapping):
        return {str(k): int(v) for k, v in given.items()}
    return {} if given is None else {"*": int(given)}
