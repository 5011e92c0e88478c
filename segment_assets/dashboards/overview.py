"""The page: which sections, in which order, in which words."""

from sqlglot import exp

from segment_assets import sql
from segment_assets.collaboration_config import Collaboration
from segment_assets.dashboards.definitions import DEFINITIONS
from segment_assets.dashboards.groups import MOST_GROUPS, minimum_group
from segment_assets.dashboards.pages import (
    Bars,
    Field,
    Grid,
    Group,
    Intervals,
    Matrix,
    Page,
    Section,
    Sentences,
    Shares,
    Tiles,
    Timeline,
    Visual,
)
from segment_assets.dashboards.verdict import METRICS, judged_by
from segment_assets.segmentation import Segmentation, Target

_CONTENDER = Field("contender", "Predicted by")
_METRIC = Field("metric", "Metric")


def overview(config: Segmentation) -> Page:
    """The sections that this configuration has something to show for."""
    sections = [_delivery()]
    if config.collaboration is not None:
        sections.append(_partner(config.collaboration))
    sections += [_identity(), _targets(config)]
    if config.segments:
        sections += [_segments(config), _activations()]
    return Page(f"Segments of {config.name}", tuple(sections), DEFINITIONS)


def _delivery() -> Section:
    tiles = Tiles(
        dataset="delivery",
        title="What arrived, in numbers",
        fields=(
            Field("customers", "Customers", "count"),
            Field("events", "Events", "count", "things customers did, each once"),
            Field("delivered", "Records delivered", "count", "= events + copies + quarantined"),
            Field("duplicates", "Duplicates", "count", "copies of an event, and the stream's test records"),
            Field("quarantined", "Quarantined", "count", "no valid record; kept with the reason"),
        ),
    )
    arrivals = Timeline(
        dataset="arrivals",
        title="Records delivered per arrival day",
        day=Field("day", "Day", "date"),
        value=Field("delivered", "Records", "count"),
    )
    months = Grid(
        dataset="arrival_months",
        title="Records delivered per month",
        folded=True,
        fields=(
            Field("month", "Month"),
            Field("days", "Days with arrivals", "count"),
            Field("delivered", "Delivered", "count"),
            Field("good", "Valid", "count"),
            Field("quarantined", "Quarantined", "count"),
        ),
    )
    return Section(
        "arrivals",
        "What arrived",
        "Every record that was delivered is an event, a copy of one (or a test record), or quarantined. None is lost.",
        (Group("", "", (tiles, arrivals, months)),),
    )


def _partner(collaboration: Collaboration) -> Section:
    match = Tiles(
        dataset="partner",
        title="How much of the partner's audience is ours",
        fields=(
            Field("audience", "Partner's people", "count", "each counted once"),
            Field("matched", "Of them ours", "people", "known to both sides, by the hash that is joined on"),
            Field("match_rate", "Match rate", "share", "how many of the partner's people are ours"),
            Field("coverage", "Coverage", "share", "how many of our customers the partner can tell us about"),
        ),
    )
    groups = [Group("", "", (match,))]
    for name, query in collaboration.queries.items():
        fields = tuple(
            Field(s.alias_or_name, _words(s.alias_or_name), "count" if s.find(exp.AggFunc) else "text")
            for s in _selected(collaboration.text_of(name))
        )
        if (minimum := minimum_group(collaboration, name)) is not None:
            lead = f"The clean room lets a group leave only when it has at least {minimum} customers. "
            lead += f"At most {MOST_GROUPS} groups are shown."
            grid = Grid(
                dataset=f"query/{name}", title=f"{query.description} Groups of {minimum} or more.", fields=fields
            )
            groups.append(Group(_words(name), lead, (grid,)))
    budget = Tiles(
        dataset="query_budget",
        title="Protected queries spent",
        fields=(
            Field("total", "Queries so far", "count", "each content is asked, and paid for, once"),
            Field("on_last_day", "On the last day", "count", "of the days on which something was asked"),
            Field("budget", "Budget per day", "count", "more than this is refused"),
        ),
    )
    queries = Grid(
        dataset="queries",
        title="Protected queries, by query",
        fields=(
            Field("query", "Query", "code"),
            Field("rule_type", "Analysis rule"),
            Field("succeeded", "Succeeded", "count"),
            Field("failed", "Failed", "count"),
            Field("unfinished", "Unfinished", "count"),
            Field("last_run", "Last run on data of", "date"),
        ),
    )
    groups.append(
        Group("Protected queries", "Queries cost money and privacy, so they have a budget.", (budget, queries))
    )
    who = f"{collaboration.runner} and {collaboration.provider}"
    lead = f"{who} compare their customers in a clean room: neither sees the other's table."
    return Section("partner", "The partner", lead[0].upper() + lead[1:], tuple(groups))


def _identity() -> Section:
    tiles = Tiles(
        dataset="identity",
        title="Customers, persons and households",
        fields=(
            Field("customers", "Customers", "count"),
            Field("persons", "Persons", "count", "the same e-mail address, or telephone and device, is one person"),
            Field("households", "Households", "count", "persons who share an identifier"),
            Field("quarantined", "Quarantined customers", "people", "of clusters too large to be one person"),
            Field("apart", "Quarantined persons", "people", "of clusters too large to be one household"),
            Field("guarded", "Identifiers ignored", "count", "placeholders, or shared by too many to mean anything"),
        ),
    )
    sizes = Bars(
        dataset="household_sizes",
        title="Households by number of persons",
        label=Field("size", "Persons"),
        value=Field("households", "Households", "people"),
    )
    rules = Grid(
        dataset="person_rules",
        title="Why customers count as one person",
        fields=(Field("rule", "Rule"), Field("customers", "Customers", "people")),
    )
    return Section(
        "people",
        "Persons and households",
        "One person may be several customers, and persons may live together. A household is held out as a whole.",
        (Group("", "", (tiles, sizes, rules)),),
    )


def _targets(config: Segmentation) -> Section:
    return Section(
        "models",
        "How good the predictions are",
        "Each model is tested on later dates than it was trained on, beside simple baselines on the same customers.",
        tuple(_target(name, spec) for name, spec in config.targets.items()),
    )


def _target(name: str, spec: Target) -> Group:
    metric = METRICS[judged_by(spec.kind)[0]][0]
    visuals: tuple[Visual, ...] = (
        Sentences(dataset=f"verdict/{name}", title="Verdict"),
        Intervals(
            dataset=f"contenders/{name}",
            title=f"{metric} of the model and its baselines, over all test dates",
            unit=metric,
        ),
        Matrix(dataset=f"metrics/{name}", title="Every metric, over all test dates", row=_METRIC, column=_CONTENDER),
        Matrix(dataset=f"calibration/{name}", title="Calibration of the model", row=_METRIC, column=_CONTENDER),
        Matrix(
            dataset=f"cutoffs/{name}",
            title=f"{metric} at each test date",
            row=Field("cutoff", "Test date"),
            column=_CONTENDER,
            folded=True,
        ),
        Grid(
            dataset=f"deciles/{name}",
            title="Newest scores by tenth of customers",
            folded=True,
            fields=(
                Field("decile", "Tenth"),
                Field("customers", "Customers", "people"),
                Field("mean_score", "Mean expected value" if spec.kind == "value" else "Mean probability", "score"),
            ),
        ),
    )
    return Group(name, f"{_outcome(spec)} Scored: customers for whom {_eligible(spec)}.", visuals)


def _segments(config: Segmentation) -> Section:
    groups = []
    for name, spec in config.segments.items():
        decided = Shares(
            dataset=f"decisions/{name}",
            title="What was decided for every customer",
            label=Field("reason", "Decision"),
            value=Field("customers", "Customers", "people"),
        )
        channels = Grid(
            dataset=f"channels/{name}",
            title="Members who may be reached, by channel",
            fields=(Field("channel", "Channel"), Field("members", "Members", "people")),
        )
        unit = "value" if config.targets[spec.target].kind == "value" else "log-odds"
        reasons = Grid(
            dataset=f"reasons/{name}",
            title="What moved the members' scores most",
            fields=(
                Field("feature", "Feature", "code"),
                Field("members", "Members it moved", "people"),
                Field("contribution", f"Mean contribution ({unit})", "signed"),
            ),
        )
        chosen = f"Chosen by {spec.target}, {_rule(spec.where, spec.top)}."
        lead = f"{spec.purpose.rstrip('.')}. {chosen} Channels: {', '.join(spec.channels)}."
        groups.append(Group(name, lead, (decided, channels, reasons)))
    return Section(
        "segments",
        "Who is in each segment, and why",
        "Every customer has one decision with one reason. Nobody is in a segment without consent for its channels.",
        tuple(groups),
    )


def _activations() -> Section:
    grid = Grid(
        dataset="activations",
        title="The last activation of each segment at each destination",
        fields=(
            Field("destination", "Destination"),
            Field("segment", "Segment", "code"),
            Field("as_of", "Data of", "date"),
            Field("members", "Members", "people"),
            Field("joined", "Joined", "people"),
            Field("left", "Left", "people"),
            Field("sequence", "Activations", "count"),
            Field("state", "State"),
            Field("location", "Files", "code"),
        ),
    )
    return Section(
        "activations",
        "What is where",
        "What each destination holds now. Unchanged content is never sent again.",
        (Group("", "", (grid,)),),
    )


def _selected(text: str) -> list[exp.Expr]:
    return list(sql.parse_final(text).selects)


def _outcome(spec: Target) -> str:
    ahead = f"in the {spec.horizon.days} days after the date of scoring"
    if spec.kind == "absence":
        return f"Will the customer have no {spec.event} {ahead}?"
    if spec.kind == "presence":
        return f"Will the customer have at least one {spec.event} {ahead}?"
    return f"What will the customer's {spec.event} {spec.metric} add up to {ahead}?"


def _eligible(spec: Target) -> str:
    return "anything is known" if spec.eligible.strip().upper() == "TRUE" else spec.eligible


def _rule(where: str | None, top: float | None) -> str:
    parts = [f"where {where}"] if where else []
    if top is not None:
        parts.append(f"the highest {100 * top:g} %" if top < 1 else f"the {int(top):,} highest")
    return " and ".join(parts)


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()
