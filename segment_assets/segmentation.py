"""segmentation.yaml, the user's one file, as validated models.

`load(path)` is the only way in: whatever is wrong ends in a `ConfigError`, one sentence with the file, the path in it,
what is wrong and the nearest valid choice.
"""

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import Field, ValidationError, model_validator

from segment_assets.aws_config import Aws
from segment_assets.config_file import ConfigError as ConfigError
from segment_assets.config_file import nearest as nearest
from segment_assets.config_file import read, sentence
from segment_assets.config_types import Condition, Days, Model, Name, Prefix, Region, Url
from segment_assets.contract_config import CustomersContract, EventsContract

CONFIG_VARIABLE = "SEGMENTATION_FILE"
DEMO_FILE = Path(__file__).parent / "demo" / "segmentation.yaml"

Channel = Literal["email", "sms", "push"]


class EventTable(Model):
    """One's own table of events: which of its columns mean what."""

    customer: str = Field(description="column with the customer's id")
    time: str = Field(description="column with the time it happened; naive times are read as UTC")
    event: str | None = Field(None, description="column with the event's name")
    event_name: str | None = Field(None, description="the event's name, where every row is the same event")
    received: str | None = Field(None, description="column with the time it became known; default: when it happened")
    metrics: dict[Name, str] = Field({}, description="metric name -> column with a number")
    properties: dict[Name, str] = Field({}, description="property name -> column with a text")
    rename: dict[str, Name] = Field({}, description="value in the event column -> event name to use")

    @model_validator(mode="after")
    def _one_event(self) -> "EventTable":
        if (self.event is None) == (self.event_name is None):
            raise ValueError("give either event (a column) or event_name (one name for every row)")
        return self


class CustomerTable(Model):
    """One's own table of customers: which of its columns mean what."""

    customer: str = Field(description="column with the customer's id")
    email: str | None = Field(None, description="column with the e-mail address")
    phone: str | None = Field(None, description="column with the phone number")
    country: str | None = Field(None, description="column with the country (ISO 3166 alpha-2)")
    updated: str | None = Field(None, description="column with the time the row was last changed")
    email_consent: str | None = Field(None, description="column: granted, denied, or true, false; empty is unknown")
    sms_consent: str | None = Field(None, description="the same for text messages")
    push_consent: str | None = Field(None, description="the same for push notifications")


class EventsLanding(Model):
    """Where engagement events arrive, and in which format."""

    path: Prefix = Field("events/", description="prefix in the landing place")
    errors_path: Prefix = Field("errors/", description="Firehose's error prefix: never read as events")
    format: Literal["auto", "pinpoint", "ses", "end_user_messaging", "whatsapp", "connect", "table"] = Field(
        "auto",
        description="whose stream it is: AWS's services as Firehose delivers them, auto where each record is to say it "
        "by itself; table: one's own CSV or Parquet",
    )
    table: EventTable | None = Field(None, description="format table: which column means what")
    contract: EventsContract | None = Field(None, description="what deliveries promise; nothing where left out")

    @model_validator(mode="after")
    def _mapping(self) -> "EventsLanding":
        if (self.format == "table") != (self.table is not None):
            raise ValueError("format: table needs a column mapping under table:, and only that format has one")
        return self


class CustomersLanding(Model):
    """Where the customers' addresses, consent and devices arrive."""

    path: Prefix = Field("customers/", description="prefix in the landing place; the latest export in it is read")
    format: Literal["pinpoint_endpoints", "table"] = Field(
        "pinpoint_endpoints", description="pinpoint_endpoints: an endpoint export; table: one's own CSV or Parquet"
    )
    table: CustomerTable | None = Field(None, description="format table: which column means what")
    consent_attribute: str = Field("marketing_consent", description="endpoint attribute: granted or denied")
    opt_out_none_is_consent: bool = Field(
        False, description="read OptOut=NONE as consent; by default it is unknown, and unknown is no consent"
    )
    phone_region: Region | None = Field(None, description="country (ISO 3166 alpha-2) of numbers written without one")
    contract: CustomersContract | None = Field(None, description="what an export promises; nothing where left out")

    @model_validator(mode="after")
    def _mapping(self) -> "CustomersLanding":
        if (self.format == "table") != (self.table is not None):
            raise ValueError("format: table needs a column mapping under table:, and only that format has one")
        return self


class Landing(Model):
    """The first party's landing places."""

    place: str | None = Field(None, description="folder, relative to this file; default: landing in the home folder")
    events: EventsLanding = Field(EventsLanding(), description="what customers did")
    customers: CustomersLanding = Field(CustomersLanding(), description="who they are")


class Audience(Model):
    """The partner's data about people."""

    place: str | None = Field(
        None, description="the partner's folder, relative to this file; default: partner_landing in the home folder"
    )
    path: Prefix = Field("partner/audience/", description="prefix in the partner's place; CSV, JSON lines or Parquet")
    email: str = Field("email", description="column with the e-mail address")
    attributes: dict[Name, str] = Field(min_length=1, description="attribute name -> the partner's column")
    owner: str = Field("partner", description="who owns the columns: shown on column lineage")
    data_within: Days = Field(timedelta(days=400), description="alert when the newest delivery is older than this")


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


class CustomRule(Model):
    """AWS Clean Rooms custom rule: free SQL of allowed authors, or allowed templates, under the controls you set."""

    allowed_analyses: list[str] = Field(description="names of analysis templates, or ANY_QUERY")
    allowed_authors: list[str] = Field([], description="members whose queries may run; needed with ANY_QUERY")
    disallowed_output_columns: list[str] | None = Field(None, description="columns that never reach the result")
    minimum_identities: MinimumIdentities | None = Field(None, description="minimum number of persons behind each row")
    comparisons: Comparisons | None = Field(None, description="what may be compared with what; default: anything")
    user_column: str | None = Field(None, description="put the table under differential privacy, by this column")


class ConfiguredTable(Model):
    """A catalog table offered to the collaboration under one analysis rule; its name is what queries use."""

    table: Literal["customers", "partner_audience"] = Field(description="the catalog table offered")
    allowed_columns: list[str] = Field(min_length=1, description="columns that queries may see at all")
    list_rule: ListRule | None = Field(None, alias="list", description="offer it under a list rule")
    aggregation_rule: AggregationRule | None = Field(
        None, alias="aggregation", description="offer it under an aggregation rule"
    )
    custom_rule: CustomRule | None = Field(None, alias="custom", description="offer it under a custom rule")
    encryption: dict[str, Literal["fingerprint", "sealed", "cleartext"]] = Field(
        {}, description="columns encrypted with AWS's C3R client, and how: queries that mislead are warned of"
    )

    @model_validator(mode="after")
    def _one_rule(self) -> "ConfiguredTable":
        if sum(rule is not None for rule in (self.list_rule, self.aggregation_rule, self.custom_rule)) != 1:
            raise ValueError("give exactly one analysis rule: list, aggregation or custom")
        return self


class Query(Model):
    """A protected query, in Spark SQL over configured tables."""

    sql: str = Field(description="the query's text")
    description: str = Field(description="what the result is, in business words: the first line shown in the UI")
    use_as_features: bool = Field(False, description="join the result's columns to features by customer_id")


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


class Collaboration(Model):
    """Who works together, what each offers, and what may be asked."""

    name: str = Field(description="the collaboration's name")
    runner: str = Field("first party", description="the member who runs queries and receives results")
    provider: str = Field("partner", description="the member who offers the audience")
    queries_per_day: int = Field(10, ge=1, description="query budget: protected queries per day of the data")
    configured_tables: dict[Name, ConfiguredTable] = Field(
        min_length=1, description="tables on offer, by the name queries use"
    )
    queries: dict[Name, Query] = Field(min_length=1, description="protected queries; each becomes an asset")
    templates: dict[Name, AnalysisTemplate] = Field({}, description="analysis templates, for custom rules to allow")
    privacy_budget: PrivacyBudget | None = Field(
        None, description="for tables under differential privacy, which can't be queried without it"
    )


class Target(Model):
    """What is predicted for each customer."""

    kind: Literal["absence", "presence", "value"] = Field(
        description="absence: none of the event in the horizon (churn); presence: at least one; value: sum of a metric"
    )
    event: str = Field(description="event name, or source event type for custom events")
    metric: str | None = Field(None, description="kind value: the metric summed")
    horizon: Days = Field(description="how far ahead, such as 28d")
    eligible: Condition = Field("TRUE", description="SQL predicate over features: who can be scored at all")
    cutoffs: Days = Field(timedelta(days=28), description="distance between training cutoffs")
    history: Days = Field(timedelta(days=365), description="how far back features look")
    seed: int = Field(0, ge=0, le=2**32 - 1, description="seed of whatever is drawn in training")

    @model_validator(mode="after")
    def _metric_for_value(self) -> "Target":
        if (self.kind == "value") != (self.metric is not None):
            raise ValueError("metric belongs to kind: value, and only to it")
        return self


class Segment(Model):
    """Who is to be reached, why, and through which channels."""

    target: str = Field(description="the target whose scores decide")
    purpose: str = Field(description="what the segment is for: shown to marketers, recorded with every activation")
    channels: list[Channel] = Field(min_length=1, description="consent is checked per channel")
    where: Condition | None = Field(None, description="SQL predicate over scores and features")
    top: float | None = Field(None, gt=0, description="the highest scores: a share below 1, or a number of customers")
    holdout: float = Field(0.1, ge=0, le=0.5, description="share of households kept out to measure the effect")
    min_size: int = Field(1, ge=0, description="fewer members than this are not activated")
    max_change: float = Field(1.0, gt=0, description="larger membership change than this share is not activated")
    valid_for: Days = Field(timedelta(days=30), description="how long a hand-off may be used")
    destinations: list[str] = Field(min_length=1, description="where it is sent")

    @model_validator(mode="after")
    def _selection(self) -> "Segment":
        if self.where is None and self.top is None:
            raise ValueError("give where (a predicate), top (a number or share), or both")
        if self.top is not None and self.top >= 1 and self.top != int(self.top):
            raise ValueError("top is a share below 1 or a whole number")
        return self


class PinpointDestination(Model):
    """Pinpoint's import file and job. The embedded service is a folder that validates the file as documented."""

    kind: Literal["pinpoint_import"] = Field(description="the kind of destination")
    application_id: str = Field(description="the Pinpoint application")
    attribute_prefix: str = Field("pred_", description="put before the names of the attributes and metrics written")


class CustomerProfilesDestination(Model):
    """Attributes of profiles in Amazon Connect Customer Profiles, and a segment definition that asks for them.

    The embedded service is a folder that does with an upload what the documentation says.
    """

    kind: Literal["customer_profiles_import"] = Field(description="the kind of destination")
    domain: str = Field(description="the Customer Profiles domain")
    attribute_prefix: str = Field("pred_", description="put before the names of attributes and segment definitions")
    matching_key: str = Field(
        "AccountNumber", description="profile field that holds the customer's id: AccountNumber or Attributes.NAME"
    )
    create_profiles: bool = Field(
        False, description="the domain may get new customers by this; off: an upload that makes a profile fails"
    )
    expires_after: Days = Field(
        timedelta(days=90), description="how long the service keeps what it was told; told again after half of it"
    )

    @model_validator(mode="after")
    def _allowed(self) -> "CustomerProfilesDestination":
        if not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", self.domain):
            raise ValueError("domain is letters, digits, _ and -, at most 64")
        if not re.fullmatch(r"[a-zA-Z0-9_-]{0,20}", self.attribute_prefix):
            raise ValueError("attribute_prefix is letters, digits, _ and -, at most 20")
        if not re.fullmatch(r"AccountNumber|Attributes\.[a-zA-Z0-9_-]{1,64}", self.matching_key):
            raise ValueError("matching_key is AccountNumber or Attributes.NAME")
        if not timedelta(days=2) <= self.expires_after <= timedelta(days=1098):
            raise ValueError("expires_after is 2 to 1098 days")
        return self


class FileDestination(Model):
    """Files with a manifest, written last, for any tool that reads files."""

    kind: Literal["file_handoff"] = Field(description="the kind of destination")
    format: Literal["csv", "parquet"] = Field("csv", description="of the files")


Destination = PinpointDestination | CustomerProfilesDestination | FileDestination


class Policy(Model):
    """What runs when, where the defaults do not fit."""

    retrain_after: Days = Field(timedelta(days=7), description="models: stale after this, and then only if changed")
    fresh_within: Days = Field(timedelta(days=1), description="everything else: alert when older")
    data_within: Days = Field(timedelta(days=3), description="alert when the newest data is older than this")


class Alerts(Model):
    """Where run failures, blocked checks and stale assets are told, besides the log."""

    webhook: Url | None = Field(None, description="URL that gets a JSON POST")
    command: list[str] | None = Field(None, min_length=1, description="command that gets the message on standard input")


class Segmentation(Model):
    """The whole of segmentation.yaml."""

    version: Literal[1] = Field(1, description="version of this file's form")
    name: str = Field(description="the project's name, shown on the dashboard")
    landing: Landing = Field(Landing(), description="your own data")
    audience: Audience | None = Field(None, description="the partner's data; leave out to work without a partner")
    collaboration: Collaboration | None = Field(None, description="the clean room; belongs with audience")
    identity_graph: bool = Field(True, description="step 6: build the graph; persons and households always exist")
    dashboard: bool = Field(True, description="step 7")
    targets: dict[Name, Target] = Field(min_length=1, description="what to predict, by name")
    segments: dict[Name, Segment] = Field({}, description="whom to reach, by name")
    destinations: dict[Name, Annotated[Destination, Field(discriminator="kind")]] = Field(
        {}, description="where segments are sent, by name"
    )
    policy: Policy = Field(Policy(), description="what runs when")
    alerts: Alerts = Field(Alerts(), description="whom to tell")
    aws: Aws | None = Field(None, description="where things are on AWS; not read on one machine")

    @model_validator(mode="after")
    def _references(self) -> "Segmentation":
        for name, segment in self.segments.items():
            if segment.target not in self.targets:
                raise ValueError(
                    f'segments.{name}.target: no target is named "{segment.target}" '
                    f"{nearest(segment.target, self.targets)}"
                )
            for destination in segment.destinations:
                if destination not in self.destinations:
                    raise ValueError(
                        f'segments.{name}.destinations: no destination is named "{destination}" '
                        f"{nearest(destination, self.destinations)}"
                    )
        if (self.audience is None) != (self.collaboration is None):
            raise ValueError("audience and collaboration belong together: give both, or leave both out")
        return self


def events_of(form: str) -> EventsLanding:
    """Events in a format that needs no mapping.

    Raises:
        ConfigError: there is no such format, or it needs a mapping.
    """
    known = [name for name in get_args(EventsLanding.model_fields["format"].annotation) if name != "table"]
    if form not in known:
        raise ConfigError(f'--format: no stream is called "{form}" {nearest(form, known)}')
    return EventsLanding.model_validate({"format": form})


def default_path() -> Path:
    """The file named by the environment, else ./segmentation.yaml, else the demo's."""
    if named := os.environ.get(CONFIG_VARIABLE):
        return Path(named)
    here = Path("segmentation.yaml")
    return here if here.exists() else DEMO_FILE


def load(path: Path | None = None) -> Segmentation:
    """Read and validate the file.

    Raises:
        ConfigError: one sentence per mistake, each with file, path in the file, what is wrong, and the nearest choice.
    """
    path = path or default_path()
    try:
        return Segmentation.model_validate(read(path))
    except ValidationError as bad:
        raise ConfigError("\n".join(f"{path.name}: {sentence(e, Segmentation)}" for e in bad.errors())) from bad
