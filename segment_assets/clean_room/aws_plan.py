"""What segmentation.yaml declares in Clean Rooms, what two accounts hold, and what would make them agree.

Pure: nothing here asks AWS. Names that belong to an account carry the deployment's, so that several share one.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from segment_assets.aws_config import Aws
from segment_assets.clean_room import rules
from segment_assets.clean_room.access_ledger import AccessBudget
from segment_assets.clean_room.collaboration import Collaboration, ConfiguredTable
from segment_assets.clean_room.custom.privacy import is_private
from segment_assets.clean_room.custom_rule import Custom
from segment_assets.clean_room.id_mapping import Bridge
from segment_assets.clean_room.templates import Template
from segment_assets.lake import Table
from segment_assets.segmentation import nearest
from segment_assets.third_party.tables import NAMESPACE

OURS, PARTNERS = "ours", "partner"
# In the order in which each rests on those before it.
KINDS = (
    "collaboration", "membership", "configured_table", "analysis_template", "analysis_rule", "association",
    "association_rule", "access_budget", "privacy_budget", "id_namespace", "id_mapping_table",
)  # fmt: skip
# Not of a membership: they outlive every collaboration.
_OF_AN_ACCOUNT = {"configured_table", "analysis_rule"}
# What AWS can't change in place.
_FIXED = {
    "collaboration": {"members"},
    "association": {"configuredTable"},
    "analysis_template": {"text", "parameters"},
    "privacy_budget": {"autoRefresh"},
    "id_namespace": {"namespace"},
    "id_mapping_table": {"workflow"},
}
Action = Literal["create", "change", "blocked", "unchanged", "not declared"]


class PlanError(Exception):
    """A plan that can't be carried out: what stands in the way, and how to name it."""


@dataclass(frozen=True)
class Resource:
    """One thing in Clean Rooms.

    Attributes:
        account: `ours` or `partner`.
        kind: one of KINDS.
        name: a rule's is its table's and its type: a table may have one rule, and its type can't be changed.
        settings: what is compared, in one order.
    """

    account: str
    kind: str
    name: str
    settings: Mapping[str, Any] = field(hash=False)

    @property
    def label(self) -> str:
        """How it is shown and named on the command line."""
        return f"{self.account}/{self.kind}/{self.name}"


@dataclass(frozen=True)
class Change:
    """What becomes of one resource.

    Attributes:
        action: `blocked` is a difference that AWS can't change in place.
        resource: as declared; as found where it is not declared.
        differs: settings that are not as declared.
    """

    action: Action
    resource: Resource
    differs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Step:
    """One call to make: `create`, `change` or `delete`."""

    verb: Literal["create", "change", "delete"]
    resource: Resource


def resource_name(deployment: str, name: str) -> str:
    """A name in an account, with the deployment's before it."""
    return f"{deployment}_{name}"


def template_name(deployment: str, template: Template) -> str:
    """A template's name in an account: it tells the text, which can't change, so that another text is another one."""
    said = json.dumps([template.text.strip(), [[p.name, p.type, p.default] for p in template.parameters]])
    return resource_name(deployment, f"{template.arn}_{hashlib.sha256(said.encode()).hexdigest()[:8]}")


def declared(collaboration: Collaboration, aws: Aws, catalog: Mapping[str, Table]) -> list[Resource]:
    """Everything segmentation.yaml asks for, in the order of making.

    Args:
        collaboration: as declared.
        aws: where things are.
        catalog: catalog table by the name that configured tables use.
    """
    whole = resource_name(aws.deployment, collaboration.name)
    members = {
        collaboration.runner: sorted(["CAN_QUERY", "CAN_RECEIVE_RESULTS"]),
        collaboration.provider: [],
    }
    found = [
        Resource(OURS, "collaboration", whole, {"members": members, "analyticsEngine": "SPARK"}),
        Resource(OURS, "membership", whole, {"queryLogStatus": "ENABLED"}),
        Resource(PARTNERS, "membership", whole, {"queryLogStatus": "ENABLED"}),
    ]
    templates = {name: template_name(aws.deployment, t) for name, t in collaboration.templates.items()}
    for template in collaboration.templates.values():
        account = OURS if template.creator == collaboration.runner else PARTNERS
        found.append(Resource(account, "analysis_template", templates[template.arn], _template(template)))
    for table in collaboration.tables.values():
        if table.bridge is not None:
            found += _bridge(table.name, table.bridge, aws, catalog)
            continue
        account = OURS if table.owner == collaboration.runner else PARTNERS
        name = resource_name(aws.deployment, table.name)
        namespace, _, short = catalog[table.source].name.partition(".")
        offered = {
            "table": f"{resource_name(aws.deployment, namespace)}.{short}",
            "allowedColumns": sorted(table.columns),
        }
        found.append(Resource(account, "configured_table", name, offered))
        if isinstance(table.rule, Custom) and table.rule.user_column and account == OURS:
            raise PlanError(
                f"segmentation.yaml: collaboration.configured_tables.{table.name}.custom.user_column: on AWS whoever "
                "receives results can't put tables of its own under differential privacy: offer it without"
            )
        if table.rule is not None:
            policy = canonical(_named(rules.to_aws(table.rule), templates))
            found.append(Resource(account, "analysis_rule", f"{name}.{table.rule.type}", {"policy": policy}))
        role = aws.clean_rooms.service_role_arn if account == OURS else aws.clean_rooms.partner_service_role_arn
        found.append(Resource(account, "association", table.name, {"configuredTable": name, "roleArn": role}))
        if table.rule is not None and (said := _of_association(table)):
            policy = {"v1": {table.rule.type.lower(): said}}
            found.append(Resource(account, "association_rule", f"{table.name}.{table.rule.type}", {"policy": policy}))
        if table.access_budgets:
            budgets = {"budgets": canonical([_budget(b) for b in table.access_budgets])}
            found.append(Resource(account, "access_budget", table.name, budgets))
    if collaboration.privacy_budget and any(is_private(t) for t in collaboration.tables.values()):
        # Their owner's, who alone can say how much may be learnt of them.
        found.append(Resource(PARTNERS, "privacy_budget", whole, privacy_budget(collaboration.privacy_budget.to_aws())))
    return sorted(found, key=lambda r: KINDS.index(r.kind))


def _bridge(name: str, bridge: Bridge, aws: Aws, catalog: Mapping[str, Table]) -> Iterator[Resource]:
    """Each member brings the ID namespace of its side; the one who queries makes the table of both."""
    if (where := aws.clean_rooms.id_mappings.get(name)) is None:
        raise PlanError(
            f"segmentation.yaml: aws.clean_rooms.id_mappings.{name}: name the ID mapping workflow and the two ID "
            "namespaces of Entity Resolution that fill it"
        )
    sides = (
        ("source", bridge.source, where.source_namespace_arn),
        ("target", bridge.target, where.target_namespace_arn),
    )
    for called, side, arn in sides:
        account = PARTNERS if catalog[side.table].name.startswith(f"{NAMESPACE}.") else OURS
        yield Resource(account, "id_namespace", f"{name}_{called}", {"namespace": arn, "mayBeShown": side.shown})
    yield Resource(OURS, "id_mapping_table", name, {"workflow": where.workflow_arn})


def plan(wanted: Iterable[Resource], found: Iterable[Resource]) -> list[Change]:
    """What each resource needs; things of this deployment that nobody declares come last.

    Raises:
        PlanError: two things of one name: which of them is meant can't be told.
    """
    found, changes = list(found), []
    there = {r.label: r for r in found}
    if len(there) < len(found):
        [(twice, number), *_] = Counter(r.label for r in found).most_common(1)
        raise PlanError(
            f"{twice}: Clean Rooms has {number} of that name, and which is meant can't be told: delete all but one "
            "(its console, or `aws cleanrooms`, tells them by their ids), and run the same command again"
        )
    for resource in wanted:
        other = there.pop(resource.label, None)
        if other is None:
            changes.append(Change("create", resource))
            continue
        differs = tuple(k for k, v in resource.settings.items() if other.settings.get(k) != v)
        fixed = set(differs) & _FIXED.get(resource.kind, set()) or _shrunk(resource, other)
        changes.append(Change("blocked" if fixed else "change" if differs else "unchanged", resource, differs))
    return [*changes, *(Change("not declared", resource) for resource in there.values())]


def steps(changes: Collection[Change], delete: Collection[str] = ()) -> list[Step]:
    """The calls that carry a plan out: they make and change what is declared, or delete what is named, never both.

    What was deleted a moment ago would otherwise be made again by the same plan.

    Args:
        changes: the plan.
        delete: labels of resources to delete; nothing else is.

    Raises:
        PlanError: a difference can't be changed in place, or a label names nothing that is there, or something that
            others rest on which are not named.
    """
    if delete:
        return [Step("delete", resource) for resource in _going(changes, delete)]
    for change in changes:
        if change.action == "blocked":
            raise PlanError(_in_the_way(change))
    verbs: dict[Action, Literal["create", "change"]] = {"create": "create", "change": "change"}
    return [Step(verbs[c.action], c.resource) for c in changes if c.action in verbs]


def _in_the_way(blocked: Change) -> str:
    label = blocked.resource.label
    if blocked.resource.kind == "privacy_budget" and "autoRefresh" not in blocked.differs:
        return (
            f"{label}: a budget that was used can grow, and not shrink: raise "
            "segmentation.yaml: collaboration.privacy_budget.epsilon to what is there"
        )
    return (
        f"{label}: AWS can't change {', '.join(blocked.differs)} in place: "
        f"delete it with `segment-assets aws apply --delete {label}`, and the next apply makes it anew"
    )


def _going(changes: Iterable[Change], delete: Collection[str]) -> list[Resource]:
    """What is named, in an order in which nothing rests on what goes before it."""
    there = {c.resource.label: c.resource for c in changes if c.action != "create"}
    if unknown := sorted(set(delete) - set(there)):
        raise PlanError(f"--delete {unknown[0]}: no resource has that name {nearest(unknown[0], there)}")
    for label in sorted(set(delete)):
        resting = (r.label for r in there.values() if _rests(r, there[label]) and r.label not in delete)
        if first := min(resting, default=None):
            raise PlanError(f"--delete {label}: {first} goes before it: name it too, in the same call")
    return sorted((there[label] for label in set(delete)), key=lambda r: (_turn(r), r.label))


def _rests(resource: Resource, on: Resource) -> bool:
    """Whether AWS refuses to delete the second while the first is there."""
    if on.kind == "membership" and resource.kind == "collaboration":
        return on.account == OURS
    if resource.account != on.account:
        return False
    if on.kind == "membership":
        return KINDS.index(resource.kind) > KINDS.index("membership") and resource.kind not in _OF_AN_ACCOUNT
    return on.kind == "configured_table" and resource.settings.get("configuredTable") == on.name


def _turn(resource: Resource) -> int:
    """Whoever made a collaboration leaves it by deleting it, and only then its membership in it.

    https://docs.aws.amazon.com/clean-rooms/latest/userguide/leave-collab.html
    """
    late = resource.kind == "membership" and resource.account == OURS
    return 1 if late else -KINDS.index(resource.kind)


def privacy_budget(told: Mapping[str, Any]) -> dict[str, Any]:
    """What is compared of a privacy budget template in AWS's shape."""
    return {**told["parameters"]["differentialPrivacy"], "autoRefresh": told["autoRefresh"]}


def _of_association(table: ConfiguredTable) -> dict[str, list[str]]:
    """The rule of a table in this collaboration alone: who receives results, and what results may feed."""
    found = {} if table.result_receivers is None else {"allowedResultReceivers": sorted(table.result_receivers)}
    more = sorted(table.additional_analyses)
    return found | ({"allowedAdditionalAnalyses": more} if more else {})


def _shrunk(wanted: Resource, found: Resource) -> set[str]:
    """A privacy budget that was used can't be less than it is."""
    less = found.settings.get("used") and wanted.settings["epsilon"] < found.settings["epsilon"]
    return {"epsilon"} if less else set()


def _template(template: Template) -> dict[str, Any]:
    parameters = [
        {"name": p.name, "type": p.type} | ({} if p.default is None else {"defaultValue": p.default})
        for p in template.parameters
    ]
    return {"text": template.text.strip(), "parameters": canonical(parameters)}


def _named(policy: dict[str, Any], templates: Mapping[str, str]) -> dict[str, Any]:
    """The policy with templates by their names in the account; members stay by their names too."""
    if custom := policy["v1"].get("custom"):
        custom["allowedAnalyses"] = [templates.get(a, a) for a in custom["allowedAnalyses"]]
    return policy


def _budget(budget: AccessBudget) -> dict[str, Any]:
    refresh = "ENABLED" if budget.auto_refresh and budget.type != "LIFETIME" else "DISABLED"
    return {"type": budget.type, "budget": budget.budget, "autoRefresh": refresh}


def canonical(value: Any) -> Any:
    """JSON with lists in one order and without what says nothing: AWS gives it back in its own form."""
    if isinstance(value, Mapping):
        parts = {k: canonical(v) for k, v in sorted(value.items())}
        return {k: v for k, v in parts.items() if v is not None and (k, v) != ("allowedJoinOperators", [])}
    if isinstance(value, list):
        return sorted((canonical(v) for v in value), key=repr)
    return value
