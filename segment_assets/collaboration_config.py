"""The section collaboration of segmentation.yaml: who works together, what each offers, and what may be asked."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from segment_assets.config_types import Model, Name
from segment_assets.id_mapping_config import IdMappingTable


class Aggregate(Model):
    """One function that may be applied to columns."""

    columns: list[str] = Field(min_length=1, description="columns the function may be applied to")
    function: Literal["SUM", "SUM_DISTINCT", "COUNT", "COUNT_DISTINCT", "AVG"] = Field(description="the function")


class OutputConstraint(Model):
    """No row leaves with fewer distinct values of the column than the minimum."""

    column: str = Field(description="the column whose distinct values are counted")
    minimum: int = Field(ge=2, le=100_000, description="fewer than this, and the row does not leave")
    type: Literal["COUNT_DISTINCT"] = Field("COUNT_DISTINCT", description="how it is counted")


class AggregationRule(Model):
    """AWS Clean Rooms aggregation rule: only sums and counts of groups that are large enough leave."""

    aggregate_columns: list[Aggregate] = Field(min_length=1, description="what may be summed and counted")
    join_columns: list[str] = Field(description="columns for INNER JOIN ... ON alone; they never leave")
    dimension_columns: list[str] = Field([], description="columns to group, filter and select by")
    join_required: Literal["QUERY_RUNNER"] | None = Field(
        None, description="QUERY_RUNNER: the table must be joined to one of the member who runs the query"
    )
    allowed_join_operators: list[Literal["AND", "OR"]] = Field([], description="between match conditions")
    scalar_functions: list[str] = Field([], description="functions that may be applied to dimension columns")
    output_constraints: list[OutputConstraint] = Field(min_length=1, description="minimum group sizes")


class ListRule(Model):
    """AWS Clean Rooms list rule: only the overlap leaves, and of it only the listed columns."""

    join_columns: list[str] = Field(min_length=1, description="columns for INNER JOIN ... ON alone; they never leave")
    list_columns: list[str] = Field(description="columns that may leave, for people whom both sides know")
    allowed_join_operators: list[Literal["AND", "OR"]] = Field([], description="between match conditions")


class MinimumIdentities(Model):
    """No row leaves that rests on fewer persons than the minimum (AWS: aggregationThresholds)."""

    column: str = Field(description="the column that tells persons apart")
    minimum: int = Field(ge=2, le=100_000, description="fewer than this, and the row does not leave")
    any_expression: bool = Field(False, description="let aggregates take expressions, and not columns alone")
    for_output_columns: dict[str, int] = Field(
        {}, description="another minimum for rows that hold this column; 0 exempts them"
    )


class Comparisons(Model):
    """Which columns may be compared with what; an empty list blocks all (AWS: comparisonControls)."""

    with_literals: list[str] = Field(description="columns that may be compared with a literal or a parameter")
    with_columns: list[str] = Field(description="columns that may be compared with another column, in joins too")


def _in_order(bounds: tuple[float, float]) -> tuple[float, float]:
    low, high = bounds
    if not -_FAR <= low < high <= _FAR:
        raise ValueError(f"give the lowest and then the highest value, between {-_FAR:,.0f} and {_FAR:,.0f}")
    return bounds


_FAR = 1e12
Bounds = Annotated[tuple[float, float], AfterValidator(_in_order)]


class PrivacyLimits(Model):
    """How much of one person may count under differential privacy: it decides how large the noise is."""

    rows_per_person: int | None = Field(
        None, ge=1, le=1000, description="rows of one person that count, the surplus is left out at random"
    )
    groups_per_person: int = Field(1, ge=1, le=100, description="groups that one person is counted in")
    bounds: dict[str, Bounds] = Field(
        {}, description="lowest and highest value of a column that is summed or averaged; values beyond count as these"
    )
    values: dict[str, list[str | int]] = Field(
        {}, description="all values of a column, where they are no secret: groups by it need no private release"
    )


class CustomRule(Model):
    """AWS Clean Rooms custom rule: free SQL of allowed authors, or allowed templates, under the controls you set."""

    allowed_analyses: list[str] = Field(description="names of analysis templates, or ANY_QUERY")
    allowed_authors: list[str] = Field([], description="members whose queries may run; needed with ANY_QUERY")
    disallowed_output_columns: list[str] | None = Field(None, description="columns that never reach the result")
    minimum_identities: MinimumIdentities | None = Field(None, description="minimum number of persons behind each row")
    comparisons: Comparisons | None = Field(None, description="what may be compared with what; default: anything")
    user_column: str | None = Field(None, description="put the table under differential privacy, by this column")
    privacy: PrivacyLimits | None = Field(None, description="how much of one person may count, with `user_column`")

    @model_validator(mode="after")
    def _with_a_user_column(self) -> "CustomRule":
        if self.privacy is not None and self.user_column is None:
            raise ValueError("privacy: name the column that tells persons apart (user_column), or leave privacy out")
        return self


class AccessBudget(Model):
    """How often a table may be used (AWS: a privacy budget of type ACCESS_BUDGET); each use in a query costs 1."""

    budget: int = Field(ge=0, le=1_000_000, description="uses")
    type: Literal["CALENDAR_DAY", "CALENDAR_WEEK", "CALENDAR_MONTH", "LIFETIME"] = Field(
        "CALENDAR_MONTH", description="the period they are for, by the calendar in UTC"
    )
    auto_refresh: bool = Field(True, description="a new budget in each period; without it, one for ever")


# AdditionalAnalysesResourceArn of AWS's API model; `*` stands for any membership or model.
_MODELS = (
    r"^arn:aws:cleanrooms:\w{2}-\w{4,9}-\d:(\d{12}|\*):membership/[*\d\w-]+/configuredaudiencemodelassociation/[*\d\w-]+$"
    r"|^arn:aws[-a-z]*:cleanrooms-ml:[-a-z0-9]+:(\d{12}|\*):membership/[*\d\w-]+/configured-model-algorithm-association/"
    r"([-a-zA-Z0-9_/.]+|\*)$"
)
AnalysisArn = Annotated[str, Field(max_length=256, pattern=_MODELS)]


class ConfiguredTable(Model):
    """A catalog table offered to the collaboration under one analysis rule; its name is what queries use."""

    table: Literal["customers", "partner_audience"] = Field(description="the catalog table offered")
    purpose: Name = Field(
        "marketing",
        description="table partner_audience: what it is offered for; where rows say what they permit, those that do "
        "not permit this are not in it. Only results for marketing can be features",
    )
    allowed_columns: list[str] = Field(min_length=1, description="columns that queries may see at all")
    list_rule: ListRule | None = Field(None, alias="list", description="offer it under a list rule")
    aggregation_rule: AggregationRule | None = Field(
        None, alias="aggregation", description="offer it under an aggregation rule"
    )
    custom_rule: CustomRule | None = Field(None, alias="custom", description="offer it under a custom rule")
    access_budget: list[AccessBudget] = Field(
        [],
        max_length=2,
        description="how often queries may use the table; two hold together, as of a day and for ever",
    )
    result_receivers: list[str] | None = Field(
        None, description="members who may receive results of queries on the table; default: every one"
    )
    additional_analyses: list[AnalysisArn] = Field(
        [],
        max_length=25,
        description="on AWS: ARNs of Clean Rooms ML models that results of queries on the table may feed",
    )
    largest_share: float | None = Field(
        None,
        gt=0,
        le=1,
        description="table partner_audience, with a minimum of persons: no row leaves of which one person is more than "
        "this share",
    )
    encryption: dict[str, Literal["fingerprint", "sealed", "cleartext"]] = Field(
        {}, description="columns encrypted with AWS's C3R client, and how: queries that mislead are warned of"
    )

    @model_validator(mode="after")
    def _one_rule(self) -> "ConfiguredTable":
        if sum(rule is not None for rule in (self.list_rule, self.aggregation_rule, self.custom_rule)) != 1:
            raise ValueError("give exactly one analysis rule: list, aggregation or custom")
        if self.additional_analyses and (self.aggregation_rule or (self.custom_rule and self.custom_rule.user_column)):
            raise ValueError("additional_analyses: give them under a list or a custom rule, and without user_column")
        return self


class Query(Model):
    """A protected query, in Spark SQL over configured tables."""

    sql: str | None = Field(None, description="the query's text")
    template: str | None = Field(None, description="in place of a text: the analysis template that is run")
    parameters: dict[str, str | int | float | bool] = Field({}, description="values of the template's parameters")
    description: str = Field(description="what the result is, in business words: the first line shown in the UI")
    use_as_features: bool = Field(False, description="join the result's columns to features by customer_id")
    bounds: dict[str, Bounds] = Field(
        {}, description="with noise: lowest and highest value of what is summed or averaged, by its text"
    )

    @model_validator(mode="after")
    def _one_text(self) -> "Query":
        if (self.sql is None) == (self.template is None):
            raise ValueError("give exactly one of sql and template")
        if self.parameters and self.template is None:
            raise ValueError("parameters are those of a template: give template, or write the values into sql")
        return self


class TemplateParameter(Model):
    """A placeholder for a literal, written `:name` in the template's text."""

    type: str = Field(description="AWS's name of its type, such as DATE, INT or VARCHAR")
    default: str | None = Field(None, description="value where none is given")


class AnalysisTemplate(Model):
    """A query that a custom rule can allow by name; its text never changes, its parameters do."""

    sql: str = Field(description="the query's text, with :name for each parameter")
    author: str | None = Field(None, description="the member who wrote it; default: the query runner")
    parameters: dict[str, TemplateParameter] = Field({}, max_length=50, description="parameters by name")


class PrivacyBudget(Model):
    """The collaboration's one budget for tables under differential privacy."""

    epsilon: int = Field(ge=1, le=20, description="how much may be learnt in a refresh period")
    users_noise_per_query: int = Field(ge=10, le=100, description="noise, as a number of persons")
    auto_refresh: Literal["CALENDAR_MONTH", "NONE"] = Field(
        "CALENDAR_MONTH", description="a new budget each month of the calendar (UTC), or one for ever"
    )


class Collaboration(Model):
    """Who works together, what each offers, and what may be asked."""

    name: str = Field(description="the collaboration's name")
    runner: str = Field("first party", description="the member who runs queries and receives results")
    provider: str = Field("partner", description="the member who offers the audience")
    queries_per_day: int = Field(10, ge=1, description="query budget: protected queries per day of the data")
    configured_tables: dict[Name, ConfiguredTable] = Field(
        min_length=1, description="tables on offer, by the name queries use"
    )
    id_mapping_tables: dict[Name, IdMappingTable] = Field(
        {}, max_length=5, description="bridges between the two members' ids, by the name queries use; five at most"
    )
    queries: dict[Name, Query] = Field(min_length=1, description="protected queries; each becomes an asset")
    templates: dict[Name, AnalysisTemplate] = Field({}, description="analysis templates, for custom rules to allow")
    privacy_budget: PrivacyBudget | None = Field(
        None, description="for tables under differential privacy, which can't be queried without it"
    )

    def purposes(self) -> dict[str, str]:
        """What the partner's people are offered for, by configured table and by ID mapping table."""
        found = {n: t.purpose for n, t in self.configured_tables.items() if t.table == "partner_audience"}
        for name, mapped in self.id_mapping_tables.items():
            found[name] = mapped.purpose
        return found

    def text_of(self, query: str) -> str:
        """The text of a query: its own, or its template's, whose parameters are `:name`."""
        asked = self.queries[query]
        return asked.sql or self.templates[str(asked.template)].sql

    @model_validator(mode="after")
    def _names_are_known(self) -> "Collaboration":
        if both := sorted(set(self.configured_tables) & set(self.id_mapping_tables)):
            raise ValueError(f"id_mapping_tables.{both[0]}: a configured table has that name too: rename one of them")
        for name, query in self.queries.items():
            if query.template is not None and query.template not in self.templates:
                known = ", ".join(self.templates) or "none is declared"
                raise ValueError(f'queries.{name}.template: no template is called "{query.template}": {known}')
        return self
