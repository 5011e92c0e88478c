"""Analysis rules as models that read and write AWS's JSON.

Shapes: API_AnalysisRuleAggregation and API_AnalysisRuleList of the AWS Clean Rooms API reference (2022-02-17).
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from segment_assets import segmentation

Operator = Literal["AND", "OR"]
AggregateFunction = Literal["SUM", "SUM_DISTINCT", "COUNT", "COUNT_DISTINCT", "AVG"]
SCALAR_FUNCTIONS = (
    "ABS", "CAST", "CEILING", "COALESCE", "CONVERT", "CURRENT_DATE", "DATEADD", "EXTRACT", "FLOOR", "GETDATE", "LN",
    "LOG", "LOWER", "ROUND", "RTRIM", "SQRT", "SUBSTRING", "TO_CHAR", "TO_DATE", "TO_NUMBER", "TO_TIMESTAMP", "TRIM",
    "TRUNC", "UPPER",
)  # fmt: skip
ColumnName = Annotated[str, Field(pattern=r"^[a-z0-9_](([a-z0-9_ ]+-)*([a-z0-9_ ]+))?$", max_length=127)]


class RuleError(Exception):
    """An analysis rule that AWS would refuse, or that this engine does not know: code, place, mend."""


class _Part(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True, protected_namespaces=()
    )


class AggregateColumns(_Part):
    """One function and the columns it may be applied to."""

    column_names: list[ColumnName] = Field(min_length=1)
    function: AggregateFunction


class AggregationConstraint(_Part):
    """No row leaves with fewer distinct values of the column than the minimum."""

    column_name: ColumnName
    minimum: int = Field(ge=2, le=100_000)
    type: Literal["COUNT_DISTINCT"] = "COUNT_DISTINCT"


class Aggregation(_Part):
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


class List(_Part):
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


class Unsupported(_Part):
    """A rule of a type that AWS has and this engine does not yet enforce: every query on its table is refused."""

    type: str


Rule = Aggregation | List
AnyRule = Rule | Unsupported
_MODELS: dict[str, type[Aggregation] | type[List]] = {"AGGREGATION": Aggregation, "LIST": List}


_DISJOINT = (
    ("dimensionColumns", "joinColumns"),
    ("dimensionColumns", "aggregateColumns"),
    ("joinColumns", "listColumns"),
)


def from_aws(rule_type: str, policy: Mapping[str, Any]) -> Rule:
    """A rule from `analysisRuleType` and the policy inside `analysisRulePolicy.v1`.

    Raises:
        RuleError: a type this engine does not enforce, or a policy AWS would refuse.
    """
    if rule_type not in _MODELS:
        raise RuleError(f"{rule_type} analysis rules are not supported yet; use AGGREGATION or LIST")
    try:
        rule = _MODELS[rule_type].model_validate(policy)
    except ValidationError as bad:
        raise RuleError("\n".join(_sentence(dict(e)) for e in bad.errors())) from bad
    if wrong := problems(rule):
        raise RuleError("\n".join(wrong))
    return rule


def to_aws(rule: Rule) -> dict[str, Any]:
    """The `analysisRulePolicy` that CreateConfiguredTableAnalysisRule takes."""
    return {"v1": {rule.type.lower(): rule.model_dump(mode="json", by_alias=True, exclude_none=True)}}


def from_config(table: segmentation.ConfiguredTable) -> Rule:
    """The rule of a configured table of segmentation.yaml.

    Raises:
        RuleError: a policy AWS would refuse.
    """
    if table.list_rule is not None:
        return from_aws("LIST", table.list_rule.model_dump(exclude_none=True))
    if table.aggregation_rule is None:
        raise RuleError("give exactly one analysis rule: list or aggregation")
    plain = table.aggregation_rule.model_dump(exclude_none=True)
    plain["aggregate_columns"] = [
        {"column_names": a["columns"], "function": a["function"]} for a in plain["aggregate_columns"]
    ]
    plain["output_constraints"] = [
        {"column_name": c["column"], "minimum": c["minimum"], "type": c["type"]} for c in plain["output_constraints"]
    ]
    return from_aws("AGGREGATION", plain)


def problems(rule: Rule) -> list[str]:
    """What AWS refuses in a rule that has the right shape; each sentence starts with its reason code."""
    found = []
    names = rule.columns()
    for one, other in _DISJOINT:
        if both := sorted(set(names.get(one, [])) & set(names.get(other, []))):
            found.append(f"RULE_COLUMN_OVERLAP: {both[0]} is in {one} and in {other}, which must be disjoint")
    if isinstance(rule, Aggregation):
        for function in rule.scalar_functions:
            if function not in SCALAR_FUNCTIONS:
                hint = segmentation.nearest(function, SCALAR_FUNCTIONS)
                found.append(f"RULE_CONFLICT: scalarFunctions: {function} is none of the 24 {hint}")
    return found


def warnings(rule: Rule) -> list[str]:
    """What AWS's API accepts and its console does not."""
    if len(rule.join_columns) > 1 and not rule.allowed_join_operators:
        return ["RULE_JOIN_OPERATOR_REQUIRED: two or more joinColumns and no allowedJoinOperators, which means AND"]
    return []


def _sentence(error: dict[str, Any]) -> str:
    where = ".".join(str(p) for p in error["loc"])
    code = "RULE_MINIMUM" if error["loc"][0] == "outputConstraints" and "minimum" in error["loc"] else "RULE_CONFLICT"
    return f"{code}: {where}: {error['msg']}"
