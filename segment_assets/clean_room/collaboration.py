"""Who works together, and which tables each member offers under which rule: from segmentation.yaml to a declaration.

Rules, budgets and names are keyed by configured table, never by catalog table: one catalog table may be offered twice.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from segment_assets import collaboration_config
from segment_assets.clean_room import bridges, id_mapping, rules
from segment_assets.clean_room.access_ledger import AccessBudget
from segment_assets.clean_room.custom_rule import ANY_JOB, ANY_QUERY, Custom
from segment_assets.clean_room.id_mapping import Bridge
from segment_assets.clean_room.privacy import limits
from segment_assets.clean_room.privacy import template as privacy_template
from segment_assets.clean_room.privacy.limits import Limits
from segment_assets.clean_room.privacy.template import BudgetTemplate
from segment_assets.clean_room.templates import Parameter, Template
from segment_assets.segmentation import nearest
from segment_assets.third_party.tables import NAME as PARTNERS

OWNER_OF = {"customers": "runner", PARTNERS: "provider"}


class CollaborationError(Exception):
    """What is wrong in the collaboration of segmentation.yaml, where, and the nearest valid choice."""


@dataclass(frozen=True)
class ConfiguredTable:
    """A catalog table offered to the collaboration under one analysis rule.

    Attributes:
        name: the name queries use.
        source: the catalog table's name without its namespace.
        owner: the member who offers it.
        columns: allowed column -> type in Spark SQL; nothing else of the table can be seen.
        rule: the analysis rule; a table without one can't be queried.
        encryption: column -> fingerprint, sealed or cleartext, where C3R encrypted it.
        result_receivers: members the association lets receive results; None: every one.
        limits: how much of one person may count, for a table under differential privacy.
        largest_share: what one person may be of a row that leaves, at most; None: anything.
        access_budgets: how often it may be used; none: as often as anyone likes.
        additional_analyses: ARNs of the models that its association lets results feed, on AWS.
        bridge: of an ID mapping table, which has no catalog table of its own: the two that it is resolved from.
    """

    name: str
    source: str
    owner: str
    columns: Mapping[str, str]
    rule: rules.Rule | None
    encryption: Mapping[str, str] = field(default_factory=dict)
    result_receivers: tuple[str, ...] | None = None
    limits: Limits | None = None
    access_budgets: tuple[AccessBudget, ...] = ()
    largest_share: float | None = None
    additional_analyses: tuple[str, ...] = ()
    bridge: Bridge | None = None

    @property
    def sources(self) -> tuple[str, ...]:
        """The catalog tables that its rows come from."""
        return (self.source,) if self.bridge is None else tuple(self.bridge.columns)


@dataclass(frozen=True)
class Collaboration:
    """Members and what they offer to each other.

    Attributes:
        name: shown to the members.
        runner: the member who runs queries and receives results.
        provider: the member who offers the audience.
        tables: configured tables by the name that queries use.
        accounts: member -> the account id that rules may name it by.
        templates: analysis templates by the name that rules allow.
        privacy_budget: for tables under differential privacy; None: they can't be queried.
    """

    name: str
    runner: str
    provider: str
    tables: Mapping[str, ConfiguredTable]
    accounts: Mapping[str, str] = field(default_factory=dict)
    templates: Mapping[str, Template] = field(default_factory=dict)
    privacy_budget: BudgetTemplate | None = None

    def account(self, member: str) -> str:
        """A member by its account id, where that is known: rules name members by either."""
        return self.accounts.get(member, member)

    def declaration(self) -> dict[str, Any]:
        """Members and configured tables in AWS's shapes, as plain JSON."""
        return {
            "name": self.name,
            "members": [
                {"displayName": self.runner, "memberAbilities": ["CAN_QUERY", "CAN_RECEIVE_RESULTS"]},
                {"displayName": self.provider, "memberAbilities": []},
            ],
            "configuredTables": {name: _described(table) for name, table in sorted(self.tables.items())},
        }

    @property
    def version(self) -> str:
        """Hash of the declaration: changes when, and only when, what is declared does."""
        return hashlib.sha256(json.dumps(self.declaration(), sort_keys=True).encode()).hexdigest()[:32]

    def version_of(self, names: set[str]) -> str:
        """Hash of what is declared about some configured tables: of the rules one query rests on."""
        declared = {"runner": self.runner} | {n: _described(self.tables[n]) for n in sorted(names)}
        return hashlib.sha256(json.dumps(declared, sort_keys=True).encode()).hexdigest()[:32]


def declare(config: collaboration_config.Collaboration, catalog: Mapping[str, pa.Schema]) -> Collaboration:
    """The collaboration of segmentation.yaml, checked against the catalog.

    Args:
        config: the section `collaboration`.
        catalog: catalog table -> its schema.

    Raises:
        CollaborationError: one sentence per mistake.
    """
    tables, wrong = {}, []
    members = {"runner": config.runner, "provider": config.provider}
    for name, table in config.configured_tables.items():
        path = f"segmentation.yaml: collaboration.configured_tables.{name}"
        types = {f.name: sql_type(f.type) for f in catalog[table.table]}
        wrong += _unknown(f"{path}.allowed_columns", table.allowed_columns, types, table.table)
        try:
            rule = rules.from_config(table)
        except rules.RuleError as bad:
            wrong += [f"{path}: {line}" for line in str(bad).splitlines()]
            continue
        allowed = {c: types[c] for c in table.allowed_columns if c in types}
        for place, named in rule.columns().items():
            wrong += _unknown(f"{path}.{rule.type.lower()}.{_snake(place)}", named, allowed, f"{name}.allowed_columns")
        wrong += _unknown(f"{path}.encryption", list(table.encryption), allowed, f"{name}.allowed_columns")
        owner = members[OWNER_OF[table.table]]
        source = bridges.catalog_table(table.table, table.purpose, catalog)
        privacy = limits.from_config(table.custom_rule)
        for place, named in limits.named(privacy) if privacy else ():
            wrong += _unknown(f"{path}.custom.privacy.{place}", named, allowed, f"{name}.allowed_columns")
        for column, value in limits.mistyped(privacy, catalog[table.table]) if privacy else ():
            wrong.append(f'{path}.custom.privacy.values.{column}: "{value}" is no {types[column]}')
        receivers = None if table.result_receivers is None else tuple(table.result_receivers)
        wrong += [
            f'{path}.result_receivers: no member is called "{r}" {nearest(r, members.values())}'
            for r in receivers or ()
            if r not in members.values()
        ]
        budgets = tuple(AccessBudget(b.type, b.budget, b.auto_refresh) for b in table.access_budget)
        tables[name] = ConfiguredTable(
            name, source, owner, allowed, rule, table.encryption, receivers, privacy, budgets, table.largest_share,
            tuple(table.additional_analyses),
        )  # fmt: skip
        if table.largest_share is not None:
            wrong += _not_measured(f"{path}.largest_share", rule, owner, config)
        if isinstance(rule, Custom):
            wrong += _of_custom(path, rule, config)
    wrong += _one_user_column(tables)
    bridged, more = bridges.declared(config, catalog)
    wrong += more
    for name, bridge in bridged.items():
        types = {f.name: sql_type(f.type) for f in id_mapping.schema(bridge, catalog)}
        # The member who queries makes it, out of what both members bring.
        tables[name] = ConfiguredTable(name, name, config.runner, types, bridge.rule, bridge=bridge)
    templates = {name: template_from_config(name, t, config.runner) for name, t in config.templates.items()}
    if wrong:
        raise CollaborationError("\n".join(wrong))
    budget = privacy_template.from_config(config.privacy_budget) if config.privacy_budget else None
    who = (config.name, config.runner, config.provider)
    return Collaboration(*who, tables, templates=templates, privacy_budget=budget)


def _of_custom(path: str, rule: Custom, config: collaboration_config.Collaboration) -> list[str]:
    members = (config.runner, config.provider)
    found = [
        f'{path}.custom.allowed_authors: no member is called "{author}" {nearest(author, members)}'
        for author in rule.allowed_analysis_providers or ()
        if author not in members
    ]
    return found + [
        f'{path}.custom.allowed_analyses: no template is called "{name}" {nearest(name, config.templates)}'
        for name in rule.allowed_analyses
        if name not in (ANY_QUERY, ANY_JOB) and name not in config.templates
    ]


def _not_measured(path: str, rule: rules.Rule, owner: str, config: collaboration_config.Collaboration) -> list[str]:
    """A share of a person that nobody would look at."""
    if owner == config.runner:
        return [f"{path}: what is measured are people of {config.provider}, and {owner} runs the queries: leave it out"]
    if rule.type == "LIST" or (isinstance(rule, Custom) and rule.user_column):
        return [f"{path}: it is for aggregated rows, so not for list rules and noise"]
    if isinstance(rule, Custom) and not rule.identity:
        return [f"{path}: nothing says which column tells persons apart: give custom.minimum_identities beside it"]
    return []


def _one_user_column(tables: Mapping[str, ConfiguredTable]) -> list[str]:
    columns = {n: t.rule.user_column for n, t in tables.items() if isinstance(t.rule, Custom) and t.rule.user_column}
    first = next(iter(columns.values()), None)
    return [
        f'segmentation.yaml: collaboration.configured_tables.{name}.custom.user_column: "{column}" and "{first}": all '
        "tables under differential privacy have the same user column"
        for name, column in columns.items()
        if column != first
    ]


def template_from_config(name: str, template: collaboration_config.AnalysisTemplate, runner: str) -> Template:
    """A template of segmentation.yaml."""
    parameters = tuple(Parameter(n, p.type, p.default) for n, p in template.parameters.items())
    return Template(name, template.author or runner, template.sql, parameters)


def sql_type(kind: pa.DataType) -> str:
    """An Arrow type in Spark SQL; what queries can't use is BINARY."""
    if pa.types.is_decimal(kind):
        return f"DECIMAL({kind.precision}, {kind.scale})"
    for test, name in (
        (pa.types.is_string, "STRING"),
        (pa.types.is_large_string, "STRING"),
        (pa.types.is_boolean, "BOOLEAN"),
        (pa.types.is_int64, "BIGINT"),
        (pa.types.is_integer, "INT"),
        (pa.types.is_floating, "DOUBLE"),
        (pa.types.is_date, "DATE"),
        (pa.types.is_timestamp, "TIMESTAMP"),
    ):
        if test(kind):
            return name
    return "BINARY"


def _described(table: ConfiguredTable) -> dict[str, Any]:
    rule = table.rule
    return {
        "owner": table.owner,
        "source": table.source,
        "allowedColumns": sorted(table.columns),
        "analysisRuleType": rule.type if rule else None,
        "analysisRulePolicy": rules.to_aws(rule) if rule else None,
        **({"limitsOfOnePerson": table.limits.described()} if table.limits else {}),
        **({} if table.largest_share is None else {"largestShare": table.largest_share}),
        **({} if table.result_receivers is None else {"allowedResultReceivers": sorted(table.result_receivers)}),
        **({"allowedAdditionalAnalyses": more} if (more := sorted(table.additional_analyses)) else {}),
        **({"idMapping": table.bridge.described()} if table.bridge else {}),
    }


def _unknown(path: str, names: list[str], known: Mapping[str, str], where: str) -> list[str]:
    return [f'{path}: no column "{n}" in {where} {nearest(n, known)}' for n in names if n not in known]


def _snake(camel: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in camel)
