"""The custom analysis rule, and the rule of ID mapping tables, as models that read and write AWS's JSON.

Shapes: API_AnalysisRuleCustom and API_AnalysisRuleIdMappingTable of the AWS Clean Rooms API reference (2022-02-17).
"""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from segment_assets.clean_room.part import ColumnName, Part

ANY_QUERY, ANY_JOB = "ANY_QUERY", "ANY_JOB"
Analysis = Annotated[str, Field(min_length=1, max_length=200)]  # an ARN on AWS; a name in segmentation.yaml
Account = Annotated[str, Field(min_length=1)]  # 12 digits on AWS; a member's name in segmentation.yaml


class OutputColumnThreshold(Part):
    """Another minimum for rows that hold this column; 0 exempts it."""

    output_column_name: ColumnName
    minimum_identity_count: int = Field(ge=0, le=100_000)


class AggregationThreshold(Part):
    """Every row of a result rests on at least this many identities."""

    identity_columns: list[ColumnName] = Field(min_length=1, max_length=1)
    minimum_identity_count: int = Field(ge=2, le=100_000)
    type: Literal["COUNT_DISTINCT"] = "COUNT_DISTINCT"
    output_column_thresholds: list[OutputColumnThreshold] | None = None
    allowed_aggregate_expression_type: Literal["COLUMNS_ONLY", "ANY_EXPRESSION"] = "COLUMNS_ONLY"


class ComparisonControls(Part):
    """Which columns may be compared with a literal, and which with a column; an empty list blocks all."""

    allowed_literal_comparison_columns: list[ColumnName]
    allowed_column_comparison_columns: list[ColumnName]


class PrivacyColumn(Part):
    """The column that identifies a person."""

    name: ColumnName


class DifferentialPrivacy(Part):
    """Only noisy aggregates of persons leave."""

    columns: list[PrivacyColumn] = Field(min_length=1, max_length=1)


class Custom(Part):
    """Allowed analyses by allowed authors, with what they may show and compare."""

    allowed_analyses: list[Analysis]
    allowed_analysis_providers: list[Account] | None = None
    additional_analyses: Literal["ALLOWED", "REQUIRED", "NOT_ALLOWED"] | None = None
    disallowed_output_columns: list[ColumnName] | None = None
    differential_privacy: DifferentialPrivacy | None = None
    aggregation_thresholds: list[AggregationThreshold] | None = Field(None, min_length=1, max_length=1)
    comparison_controls: ComparisonControls | None = None
    allowed_result_receivers: list[Account] | None = None
    allowed_additional_analyses: list[str] | None = Field(None, max_length=25)

    @property
    def type(self) -> str:
        """AWS's name of the rule's type."""
        return "CUSTOM"

    @property
    def threshold(self) -> AggregationThreshold | None:
        """The one minimum there may be."""
        return self.aggregation_thresholds[0] if self.aggregation_thresholds else None

    @property
    def user_column(self) -> str | None:
        """The column that identifies a person under differential privacy."""
        return self.differential_privacy.columns[0].name if self.differential_privacy else None

    @property
    def identity(self) -> str | None:
        """The column whose distinct values are counted."""
        return self.threshold.identity_columns[0] if self.threshold else None

    @property
    def narrow(self) -> bool:
        """Whether the narrower surface of SQL holds."""
        return self.threshold is not None or self.comparison_controls is not None

    def columns(self) -> dict[str, list[str]]:
        """Every list of columns by its place in AWS's JSON."""
        found = {"disallowedOutputColumns": self.disallowed_output_columns or []}
        if self.user_column:
            found["differentialPrivacy"] = [self.user_column]
        if self.threshold and self.identity:
            also = [t.output_column_name for t in self.threshold.output_column_thresholds or []]
            found["aggregationThresholds"] = [self.identity, *also]
        if controls := self.comparison_controls:
            named = [*controls.allowed_literal_comparison_columns, *controls.allowed_column_comparison_columns]
            found["comparisonControls"] = named
        return found


class RequireOverlap(Part):
    """Columns that must be joined, so that only the overlap of both sides shows."""

    columns: list[ColumnName] = Field(min_length=1)


class QueryConstraint(Part):
    """What every query on an ID mapping table must do."""

    require_overlap: RequireOverlap


class IdMapping(Part):
    """The rule AWS gives an ID mapping table: a bridge that is joined on both sides and never shown."""

    join_columns: list[ColumnName] = Field(min_length=1)
    query_constraints: list[QueryConstraint]
    dimension_columns: list[ColumnName] | None = None

    @property
    def type(self) -> str:
        """AWS's name of the rule's type."""
        return "ID_MAPPING_TABLE"

    @property
    def overlap(self) -> set[str]:
        """Every column that must be joined."""
        return {c for constraint in self.query_constraints for c in constraint.require_overlap.columns}

    def columns(self) -> dict[str, list[str]]:
        """Every list of columns by its place in AWS's JSON."""
        return {
            "joinColumns": self.join_columns,
            "queryConstraints": sorted(self.overlap),
            "dimensionColumns": self.dimension_columns or [],
        }


def problems(rule: Custom) -> Iterator[str]:
    """What AWS refuses in a custom rule that has the right shape; each sentence starts with its reason code."""
    arns = [a for a in rule.allowed_analyses if a not in (ANY_QUERY, ANY_JOB)]
    wild = [a for a in rule.allowed_analyses if a in (ANY_QUERY, ANY_JOB)]
    if wild and not rule.allowed_analysis_providers:
        yield f"RULE_PROVIDERS_REQUIRED: allowedAnalyses has {wild[0]}, so allowedAnalysisProviders must name authors"
    if arns and (wild or rule.allowed_analysis_providers):
        yield "RULE_CONFLICT: allow analysis templates, or authors with ANY_QUERY, and not both"
    threshold, controls = rule.threshold, rule.comparison_controls
    if threshold and rule.differential_privacy:
        yield "RULE_CONFLICT: aggregationThresholds and differentialPrivacy exclude each other"
    if threshold and rule.allowed_analyses == [ANY_JOB]:
        yield "RULE_CONFLICT: aggregationThresholds need queries, and this rule allows jobs alone"
    if threshold and controls and rule.identity in controls.allowed_literal_comparison_columns:
        yield f"RULE_CONFLICT: allowedLiteralComparisonColumns holds the identity column {rule.identity}"
    if threshold:
        yield from _overrides(threshold)


def _overrides(threshold: AggregationThreshold) -> Iterator[str]:
    seen: set[str] = set()
    for override in threshold.output_column_thresholds or []:
        if override.output_column_name in seen:
            yield f"RULE_CONFLICT: outputColumnThresholds names {override.output_column_name} twice"
        if override.minimum_identity_count == 1:
            yield "RULE_MINIMUM: outputColumnThresholds: the minimum is 0 (exempt) or 2 to 100000"
        seen.add(override.output_column_name)
