"""segmentation.yaml, the user's one file, as validated models.

`load(path)` is the only way in: whatever is wrong ends in a `ConfigError`, one sentence with the file, the path in it,
what is wrong and the nearest valid choice.
"""

import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import Field, ValidationError, model_validator
from sqlglot import exp

from segment_assets.audience_config import Audience as Audience
from segment_assets.aws_config import Aws
from segment_assets.collaboration_config import Collaboration
from segment_assets.config_file import ConfigError as ConfigError
from segment_assets.config_file import nearest as nearest
from segment_assets.config_file import read, sentence
from segment_assets.config_types import Condition, Days, Model, Name, Number, Share, Text, Top, Url
from segment_assets.destination_config import CustomerProfilesDestination as CustomerProfilesDestination
from segment_assets.destination_config import Destination, refuse_clashes
from segment_assets.destination_config import FileDestination as FileDestination
from segment_assets.destination_config import PinpointDestination as PinpointDestination
from segment_assets.identity_config import Identity
from segment_assets.landing_config import EventsLanding, Landing
from segment_assets.sql import predicate

CONFIG_VARIABLE = "SEGMENTATION_FILE"
DEMO_FILE = Path(__file__).parent / "demo" / "segmentation.yaml"

Channel = Literal["email", "sms", "push"]


class Target(Model):
    """What is predicted for each customer."""

    kind: Literal["absence", "presence", "value"] = Field(
        description="absence: none of the event in the horizon (churn); presence: at least one; value: sum of a metric"
    )
    event: Text = Field(description="event name, or source event type for custom events")
    metric: Text | None = Field(None, description="kind value: the metric summed")
    horizon: Days = Field(description="how far ahead, such as 28d")
    eligible: Condition = Field(
        "TRUE", description="SQL predicate over features: who can be scored at all; not known is not true"
    )
    cutoffs: Days = Field(timedelta(days=28), description="distance between training cutoffs; the newest 30 count")
    history: Days = Field(timedelta(days=365), description="how far back features look")
    seed: int = Field(0, ge=0, le=2**32 - 1, description="seed of whatever is drawn in training")

    @model_validator(mode="after")
    def _metric_for_value(self) -> "Target":
        if self.kind == "value" and self.metric is None:
            raise ValueError("metric is missing: kind: value sums one, such as metric: amount")
        if self.kind != "value" and self.metric is not None:
            raise ValueError("metric belongs to kind: value, and only to it")
        return self


class Segment(Model):
    """Who is to be reached, why, and through which channels.

    `where` may name `score`, which is also called `probability` (targets of kind absence and presence) or `value` (of
    kind value); `decile`, 1 is the highest tenth; `percentile`, the percentage of scored customers with this score or a
    lower one, 100 is the highest, so that the best tenth is `decile = 1` and nearly the same is `percentile > 90`; and
    every column of `features`, all as of the newest cutoff. A feature that is not known (`days_since_visit` of somebody
    who never visited) is neither above nor below any number: `days_since_visit > 60` leaves such customers out, and
    `days_since_visit > 60 OR days_since_visit IS NULL` takes them in.
    """

    target: str = Field(description="the target whose scores decide")
    purpose: Text = Field(description="what the segment is for: shown to marketers, recorded with every activation")
    channels: list[Channel] = Field(min_length=1, description="consent is checked per channel")
    where: Condition | None = Field(None, description="SQL predicate over scores and features, see above")
    top: Top | None = Field(None, gt=0, description="the highest scores: a share below 1, or a number of customers")
    holdout: float = Field(0.1, ge=0, le=0.5, description="share of households kept out to measure the effect")
    min_size: Number = Field(1, ge=0, description="fewer members than this are not activated")
    max_change: Share = Field(1.0, description="larger membership change than this share is not activated; 1.0: any is")
    valid_for: Days = Field(timedelta(days=30), description="how long a hand-off may be used")
    destinations: list[str] = Field(min_length=1, description="where it is sent")

    @model_validator(mode="after")
    def _selection(self) -> "Segment":
        if self.where is None and self.top is None:
            raise ValueError("give where (a predicate), top (a number or share), or both")
        return self

    @property
    def lets_all_leave(self) -> bool:
        """`where` is FALSE: nobody is to be in it any more."""
        asked = predicate(self.where or "TRUE", None).unnest()
        return isinstance(asked, exp.Boolean) and not asked.this


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
    name: Text = Field(description="the project's name, shown on the dashboard")
    landing: Landing = Field(Landing(), description="your own data")
    audience: Audience | None = Field(None, description="the partner's data; leave out to work without a partner")
    collaboration: Collaboration | None = Field(None, description="the clean room; belongs with audience")
    identity: Identity = Field(Identity(), description="who is one person, and who lives together")
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
            if segment.where and self.collaboration is None:
                _refuse_no_column(name, segment.where, self.targets[segment.target])
            if segment.where:
                _refuse_off_scale(name, segment.where, self.targets[segment.target])
            for destination in segment.destinations:
                if destination not in self.destinations:
                    raise ValueError(
                        f'segments.{name}.destinations: no destination is named "{destination}" '
                        f"{nearest(destination, self.destinations)}"
                    )
        self.identity.placeholders.check_phones(self.landing.customers.phone_region)
        told = [(to, name) for name, segment in self.segments.items() for to in dict.fromkeys(segment.destinations)]
        refuse_clashes(self.destinations, told)
        if (self.audience is None) != (self.collaboration is None):
            raise ValueError("audience and collaboration belong together: give both, or leave both out")
        if self.audience and self.collaboration and (permitted := self.audience.permitted_for):
            for name, purpose in self.collaboration.purposes().items():
                if purpose not in permitted:
                    kind = "id_mapping" if name in self.collaboration.id_mapping_tables else "configured"
                    raise ValueError(
                        f"collaboration.{kind}_tables.{name}.purpose: {purpose} is no purpose that the audience may be "
                        f"used for (audience.permitted_for: {', '.join(permitted)})"
                    )
        return self


def _refuse_no_column(segment: str, where: str, target: Target) -> None:
    """Features are named by two words or more; a name of one is a score's, or nobody's.

    A clean room's results are features too, under whatever names its queries give.
    """
    scores = ("score", "value" if target.kind == "value" else "probability", "decile", "percentile")
    for column in predicate(where, None).find_all(exp.Column):
        if "_" not in column.name and column.name not in scores:
            close = nearest(column.name, scores)
            raise ValueError(f'segments.{segment}.where: "{where}": no column is named "{column.name}" {close}')


def _refuse_off_scale(segment: str, where: str, target: Target) -> None:
    """`decile = 11` asks for nobody, and `probability < 30` for everybody. `decile > 0` may well mean everybody."""
    scales = {"decile": (1, 10), "percentile": (0, 100)}
    if target.kind != "value":
        scales |= {"score": (0, 1), "probability": (0, 1)}
    compared = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.In, exp.Between)
    for node in predicate(where, None).find_all(*compared):
        sides = [*node.iter_expressions()]
        names = [side.name for side in sides if isinstance(side, exp.Column) and side.name in scales]
        numbers = [side.to_py() for side in sides if side.is_number]
        for name in names:
            low, high = scales[name]
            for number in numbers:
                if number > high or (number < low and not isinstance(node, exp.GT | exp.GTE)):
                    raise ValueError(
                        f'segments.{segment}.where: "{where}": {name} goes from {low} to {high}, and never to {number}'
                    )


def events_of(form: str) -> EventsLanding:
    """Events in a format that needs no mapping.

    Raises:
        ConfigError: there is no such format, or it needs a mapping.
    """
    known = [name for name in get_args(EventsLanding.model_fields["format"].annotation) if name != "table"]
    if form not in known:
        raise ConfigError(f'--format: no stream is called "{form}" {nearest(form, known)}')
    return EventsLanding.model_validate({"format": form})


def own_path() -> Path | None:
    """The file named by the environment, else ./segmentation.yaml, if it is there."""
    if named := os.environ.get(CONFIG_VARIABLE):
        return Path(named)
    here = Path("segmentation.yaml")
    return here if here.exists() else None


def default_path() -> Path:
    """The user's own file; where there is none, the demo's, but in the project's own folder alone.

    Raises:
        ConfigError: there is none, and elsewhere nobody means the demo's by naming none.
    """
    if own := own_path():
        return own
    if Path.cwd().samefile(DEMO_FILE.parents[2]):
        return DEMO_FILE
    raise ConfigError(
        f"{Path.cwd()}: there is no segmentation.yaml: go to the folder that has yours, name it with --config, or "
        f"write one with `segment-assets init DIR` (the demo's: --config {DEMO_FILE})"
    )


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
