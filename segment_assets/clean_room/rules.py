"""Analysis rules as models that read and write AWS's JSON.

Shapes: API_AnalysisRuleAggregation and API_AnalysisRuleList of the AWS Clean Rooms API reference (2022-02-17); the
custom rule has a module of its own (custom_rule.py).
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, ValidationError

from segment_assets import collaboration_config, segmentation
from segment_assets.clean_room import custom_rule
from segment_assets.clean_room.custom_rule import Custom, IdMapping
from segment_assets.clean_room.part import ColumnName, Part

Operator = Literal["AND", "OR"]
AggregateFunction = Literal["SUM", "SUM_DISTINCT", "COUNT", "COUNT_DISTINCT", "AVG"]
SCALAR_FUNCTIONS = (
    "ABS", "CAST", "CEILING", "COALESCE", "CONVERT", "CURRENT_DATE", "DATEADD", "EXTRACT", "FLOOR", "GETDATE", "LN",
    "LOG", "LOWER", "ROUND", "RTRIM", "SQRT", "SUBSTRING", "TO_CHAR", "TO_DATE", "TO_NUMBER", "TO_TIMESTAMP", "TRIM",
    "TRUNC", "UPPER",
)  # fmt: skip


class RuleError(Exception):
    """An analysis rule that AWS would refuse, or that this engine does not know: code, place, mend."""


class AggregateColumns(Part):
    """One function and the columns it may be applied to."""

    column_names: list[ColumnName] = Field(min_length=1)
    function: AggregateFunction


class AggregationConstraint(Part):
    """No row leaves with fewer distinct values of the column than the minimum."""

    column_name: ColumnName
    minimum: int = Field(ge=2, le=100_000)
    type: Literal["COUNT_DISTINCT"] = "COUNT_DISTINCT"


class Aggregation(Part):
    """Only sums, counts and averages of groups that are large enough leave."""

    aggregate_columns: list[AggregateColumns] = Field(min_length=1)
    join_columns: list[ColumnName]
    join_required: Literal["QUERY_RUNNER"] | None = None
    allowed_join_operators: list[Operator] = Field([], max_length=2)
    dimension_columns: list[ColumnName]
    scalar_functions: list[str]
    output_constraints: list[AggregationConstraint] = Field(min_length=1)
    additional_analyses: Literal["ALLOWED", "REQUIRED", "NOT_ALLOWED"] | None = None

    @property
    def type(self) -> str:
        """AWS's name of the rule's type."""
        return "AGGREGATION"

    def functions_of(self, column: str) -> set[str]:
        """The functions that may be applied to a column."""
        return {entry.function for entry in self.aggregate_columns if column in entry.column_names}

    def columns(self) -> dict[str, list[str]]:
        """Every list of columns by its place in AWS's JSON."""
        return {
            "aggregateColumns": [c for entry in self.aggregate_columns for c in entry.column_names],
            "joinColumns": self.join_columns,
            "dimensionColumns": self.dimension_columns,
            "outputConstraints": [c.column_name for c in self.output_constraints],
        }


class List(Part):
    """Only the overlap leaves, and of it only the listed columns."""

    join_columns: list[ColumnName] = Field(min_length=1)
    list_columns: list[ColumnName]
    allowed_join_operators: list[Operator] = Field([], max_length=2)
    additional_analyses: Literal["ALLOWED", "REQUIRED", "NOT_ALLOWED"] | None = None

    @property
    def type(self) -> str:
        """AWS's name of the rule's type."""
        return "LIST"

    def columns(self) -> dict[str, list[str]]:
        """Every list of columns by its place in AWS's JSON."""
        return {"joinColumns": self.join_columns, "listColumns": self.list_columns}


Rule = Aggregation | List | Custom | IdMapping
_MODELS: dict[str, type[Rule]] = {
    "AGGREGATION": Aggregation,
    "LIST": List,
    "CUSTOM": Custom,
    "ID_MAPPING_TABLE": IdMapping,
}
# What the policy is called inside `analysisRulePolicy.v1`.
_POLICY = {"ID_MAPPING_TABLE": "idMappingTable"}


_DISJOINT = (
    ("dimensionColumns", "joinColumns"),
    ("dimensionColumns", "aggregateColumns"),
    ("joinColumns", "listColumns"),
)


def from_aws(rule_type: str, policy: Mapping[str, Any]) -> Rule:
    """A rule from `analysisRuleType` and the policy inside `analysisRulePolicy.v1`.

    Raises:
        RuleError: a type AWS does not have, or a policy AWS would refuse.
    """
    if rule_type not in _MODELS:
        raise RuleError(f"RULE_CONFLICT: {rule_type} is no type of analysis rule: use {', '.join(_MODELS)}")
    try:
        rule = _MODELS[rule_type].model_validate(policy)
    except ValidationError as bad:
        raise RuleError("\n".join(_sentence(dict(e)) for e in bad.errors())) from bad
    if wrong := problems(rule):
        raise RuleError("\n".join(wrong))
    return rule


def to_aws(rule: Rule) -> dict[str, Any]:
    """The `analysisRulePolicy` that CreateConfiguredTableAnalysisRule takes."""
    name = _POLICY.get(rule.type, rule.type.lower())
    return {"v1": {name: rule.model_dump(mode="json", by_alias=True, exclude_none=True)}}


def from_config(table: collaboration_config.ConfiguredTable) -> Rule:
    """The rule of a configured table of segmentation.yaml.

    Raises:
        RuleError: a policy AWS would refuse.
    """
    # The association's rule says which, and the table's own that there are any.
    more = {"additional_analyses": "ALLOWED"} if table.additional_analyses else {}
    if table.list_rule is not None:
        return from_aws("LIST", table.list_rule.model_dump(exclude_none=True) | more)
    if table.custom_rule is not None:
        return from_aws("CUSTOM", custom_from_config(table.custom_rule) | more)
    if table.aggregation_rule is None:
        raise RuleError("give exactly one analysis rule: list, aggregation or custom")
    plain = table.aggregation_rule.model_dump(exclude_none=True)
    plain["aggregate_columns"] = [
        {"column_names": a["columns"], "function": a["function"]} for a in plain["aggregate_columns"]
    ]
    plain["output_constraints"] = [
        {"column_name": c["column"], "minimum": c["minimum"], "type": c["type"]} for c in plain["output_constraints"]
    ]
    return from_aws("AGGREGATION", plain)


def custom_from_config(rule: collaboration_config.CustomRule) -> dict[str, Any]:
    """The policy of a custom rule of segmentation.yaml, in AWS's shape."""
    plain: dict[str, Any] = rule.model_dump(
        exclude_none=True, exclude={"minimum_identities", "comparisons", "user_column", "privacy", "allowed_authors"}
    )
    plain["allowed_analysis_providers"] = rule.allowed_authors or None
    if wanted := rule.minimum_identities:
        expressions = "ANY_EXPRESSION" if wanted.any_expression else "COLUMNS_ONLY"
        overrides = [
            {"output_column_name": c, "minimum_identity_count": n} for c, n in wanted.for_output_columns.items()
        ]
        plain["aggregation_thresholds"] = [
            {
                "identity_columns": [wanted.column],
                "minimum_identity_count": wanted.minimum,
                "allowed_aggregate_expression_type": expressions,
                "output_column_thresholds": overrides or None,
            }
        ]
    if controls := rule.comparisons:
        plain["comparison_controls"] = {
            "allowed_literal_comparison_columns": controls.with_literals,
            "allowed_column_comparison_columns": controls.with_columns,
        }
    if rule.user_column:
        plain["differential_privacy"] = {"columns": [{"name": rule.user_column}]}
    return plain


def problems(rule: Rule) -> list[str]:
    """What AWS refuses in a rule that has the right shape; each sentence starts with its reason code."""
    found = []
    names = rule.columns()
    # AWS makes the rule of an ID mapping table itself: both ids are join columns, also one that may be shown.
    for one, other in () if isinstance(rule, IdMapping) else _DISJOINT:
        if both := sorted(set(names.get(one, [])) & set(names.get(other, []))):
            found.append(f"RULE_COLUMN_OVERLAP: {both[0]} is in {one} and in {other}, which must be disjoint")
    if isinstance(rule, Aggregation):
        for function in rule.scalar_functions:
            if function not in SCALAR_FUNCTIONS:
                hint = segmentation.nearest(function, SCALAR_FUNCTIONS)
                found.append(f"RULE_CONFLICT: scalarFunctions: {function} is none of the 24 {hint}")
    if isinstance(rule, Custom):
        found += custom_rule.problems(rule)
    return found


def warnings(rule: Rule) -> list[str]:
    """What AWS's API accepts and its console does not."""
    if isinstance(rule, Aggregation | List) and len(rule.join_columns) > 1 and not rule.allowed_join_operators:
        return ["RULE_JOIN_OPERATOR_REQUIRED: two or more joinColumns and no allowedJoinOperators, which means AND"]
    return []


_RANGE = {"greater_than_equal", "less_than_equal"}


def _sentence(error: dict[str, Any]) -> str:
    where = ".".join(str(p) for p in error["loc"])
    minimum = {"minimum", "minimumIdentityCount"} & set(error["loc"])
    code = "RULE_MINIMUM" if minimum and error["type"] in _RANGE else "RULE_CONFLICT"
    return f"{code}: {where}: {error['msg']}"
