"""What a role may do by its policies, as IAM decides it, as far as the templates ask: an explicit Deny wins, then an
Allow whose action, resource and conditions all match; else no."""

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

Statement = dict[str, Any]
Context = Mapping[str, str]


def several(value: Any) -> list[Any]:
    """IAM writes one thing as itself, and several as a list."""
    return value if isinstance(value, list) else [value]


def roles(stack: Mapping[str, Any], account: str) -> dict[str, list[Statement]]:
    """Statements of each role of a stack by the role's name: its own, its RolePolicies', and those attached."""
    managed = {
        f"arn:aws:iam::{account}:policy/{r['Properties']['ManagedPolicyName']}": r["Properties"]["PolicyDocument"]
        for r in stack.values()
        if r["Type"] == "AWS::IAM::ManagedPolicy"
    }
    found: dict[str, list[Statement]] = {}
    for logical, role in stack.items():
        if role["Type"] == "AWS::IAM::Role":
            own = role["Properties"]
            documents = [policy["PolicyDocument"] for policy in own.get("Policies", ())]
            documents += [managed[arn] for arn in own.get("ManagedPolicyArns", ()) if ":aws:policy/" not in arn]
            documents += [
                r["Properties"]["PolicyDocument"]
                for r in stack.values()
                if r["Type"] == "AWS::IAM::RolePolicy" and r["Properties"]["RoleName"] in (logical, own["RoleName"])
            ]
            found[own["RoleName"]] = [s for d in documents for s in d["Statement"]]
    return found


def allowing(stack: Mapping[str, Any]) -> Iterator[tuple[str, Statement]]:
    """Every statement of a role's or managed policy that allows, with the resource it stands in."""
    for name, resource in stack.items():
        own = resource.get("Properties", {})
        if resource["Type"] == "AWS::IAM::Role":
            documents = [policy["PolicyDocument"] for policy in own.get("Policies", ())]
        elif resource["Type"] in ("AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy"):
            documents = [own["PolicyDocument"]]
        else:
            continue
        yield from ((name, s) for d in documents for s in d["Statement"] if s["Effect"] == "Allow")


def allows(statements: Iterable[Statement], action: str, resource: str, context: Context | None = None) -> bool:
    """Whether the statements let the action be done to the resource."""
    effects = {s["Effect"] for s in statements if _applies(s, action, resource, context or {})}
    return effects == {"Allow"}


def _applies(statement: Statement, action: str, resource: str, context: Context) -> bool:
    actions = any(fnmatchcase(action.lower(), a.lower()) for a in several(statement["Action"]))
    # A trust policy has no resource: it is its role's.
    resources = any(like(resource, r) for r in several(statement.get("Resource", "*")))
    return actions and resources and _holds(statement.get("Condition", {}), context)


def like(value: str, pattern: str) -> bool:
    """IAM's wildcards: `*` and `?`, and no brackets."""
    return fnmatchcase(value, pattern.replace("[", "[[]"))


def _holds(conditions: Mapping[str, Any], context: Context) -> bool:
    tests = {
        "StringEquals": lambda a, b: a == b,
        "ForAnyValue:StringEquals": lambda a, b: a == b,  # of one value, which is all that is asked here
        "Bool": lambda a, b: a == b,
        "StringLike": like,
        "ArnEquals": like,  # IAM's ArnEquals takes wildcards, as ArnLike does
        "ArnLike": like,
    }
    return all(
        key in context and any(tests[operator](context[key], str(wanted)) for wanted in several(value))
        for operator, keys in conditions.items()
        for key, value in keys.items()
    )
