"""The section landing of segmentation.yaml: where our own data arrives, and in which format."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from segment_assets.config_types import Days, Model, Name, Prefix, Region, TimeFormat, TimeZone, column_tags
from segment_assets.contract_config import CustomersContract, EventsContract
from segment_assets.people.consent import Words, letters

_WRITTEN = (
    "how its times are written, such as `%d.%m.%Y %H:%M`; default: ISO 8601, or Unix time in 10, 13, 16 or 19 digits"
)
_ZONE = (
    "zone of times that name none, such as Europe/Berlin, default: UTC; of an hour that comes twice in autumn it is "
    "the first"
)


class EventTable(Model):
    """One's own table of events: which of its columns mean what."""

    customer: str = Field(description="column with the customer's id")
    time: str = Field(description="column with the time it happened")
    event: str | None = Field(None, description="column with the event's name")
    event_name: str | None = Field(None, description="the event's name, where every row is the same event")
    received: str | None = Field(None, description="column with the time it became known; default: when it happened")
    time_format: TimeFormat | None = Field(None, description=_WRITTEN)
    time_zone: TimeZone | None = Field(None, description=_ZONE)
    metrics: dict[Name, str] = Field({}, description="metric name -> column with a number")
    decimal: Literal[".", ","] = Field(
        ".",
        description='what stands before the fraction of numbers in texts; with "," points may part thousands: 1.234,50',
    )
    properties: dict[Name, str] = Field({}, description="property name -> column with a text")
    rename: dict[str, Name] = Field(
        {}, description="value in the event column, in any case, with or without blanks, - and _ -> event name to use"
    )

    @property
    def kept_names(self) -> list[str]:
        """Names that `rename` gives to themselves: somebody said that they are meant as they are."""
        return [name for written, name in self.rename.items() if written == name]

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
    device: str | None = Field(None, description="column with the identifier of a device that the customer uses")
    street: str | None = Field(
        None, description="column with street and number, or all of a postal address; counts with a postal code or city"
    )
    postal_code: str | None = Field(None, description="column with the postal code")
    city: str | None = Field(None, description="column with the city")
    country: str | None = Field(None, description="column with the country (ISO 3166 alpha-2)")
    updated: str | None = Field(None, description="column with the time the row was last changed")
    time_format: TimeFormat | None = Field(None, description=_WRITTEN)
    time_zone: TimeZone | None = Field(None, description=_ZONE)
    email_consent: str | None = Field(None, description="column: granted, denied, or true, false; empty is unknown")
    sms_consent: str | None = Field(None, description="the same for text messages")
    push_consent: str | None = Field(None, description="the same for push notifications")


class EventSource(Model):
    """One of several sources of events: a stream, or a table of one's own."""

    path: Prefix = Field(description="prefix in the landing place; what lies below it is of this source")
    errors_path: Prefix | None = Field(None, description="Firehose's error prefix of this stream: never read as events")
    format: Literal["auto", "pinpoint", "ses", "end_user_messaging", "whatsapp", "connect", "table"] = Field(
        "auto",
        description="whose stream it is: AWS's services as Firehose delivers them, auto where each record is to say it "
        "by itself; table: one's own CSV, JSON lines or Parquet",
    )
    table: EventTable | None = Field(None, description="format table: which column means what")
    contract: EventsContract | None = Field(None, description="what deliveries promise; nothing where left out")

    @model_validator(mode="after")
    def _mapping(self) -> Self:
        if (self.format == "table") != (self.table is not None):
            raise ValueError("format: table needs a column mapping under table:, and only that format has one")
        return self


class EventsLanding(EventSource):
    """Where engagement events arrive, and in which format."""

    path: Prefix = Field("events/", description="prefix in the landing place")
    errors_path: Prefix = Field("errors/", description="Firehose's error prefix: never read as events")
    sources: dict[Name, EventSource] = Field(
        {},
        description="several sources, each with a path of its own, instead of one format; what lies under path and is "
        "of none of them goes to quarantine",
    )
    contract: EventsContract | None = Field(
        None, description="what deliveries promise, of all sources together; nothing where left out"
    )

    @property
    def mapping(self) -> dict[str, Any]:
        """What decides how objects are read, for versions. A file of one section has the version it always had."""
        promises = {"contract": True, "sources": {"__all__": {"contract"}} if self.sources else True}
        return self.model_dump(mode="json", exclude=promises)

    @property
    def by_place(self) -> dict[str, EventSource]:
        """Every source by where it stands in this file; one section is one source."""
        return {f"landing.events.sources.{name}": one for name, one in self.sources.items()} or {"landing.events": self}

    @property
    def contracts(self) -> dict[str, tuple[str, EventsContract]]:
        """What is promised, by where it stands in this file, with the prefix of the objects that it is about."""
        every = {"landing.events": (self.contract, "")}
        every |= {f"landing.events.sources.{name}": (one.contract, one.path) for name, one in self.sources.items()}
        return {f"{place}.contract": (path, promised) for place, (promised, path) in every.items() if promised}

    @property
    def by_path(self) -> dict[str, EventSource]:
        """Every source by its path, in the order of paths."""
        return {one.path: one for one in sorted(self.by_place.values(), key=lambda one: one.path)}

    @property
    def places(self) -> list[str]:
        """Prefixes with everything that may be events, none within another, in their order."""
        return _outermost([self.path, *self.by_path])

    @property
    def errors_places(self) -> list[str]:
        """Prefixes with everything that Firehose could not deliver, none within another."""
        return _outermost([self.errors_path, *(one.errors_path for one in self.by_path.values() if one.errors_path)])

    def source_of(self, key: str) -> EventSource | None:
        """The source that an object is of; None where it lies under the path of none."""
        return next((one for path, one in self.by_path.items() if key.startswith(path)), None)

    def replayed_to(self, key: str) -> str | None:
        """The prefix that what Firehose could not deliver belongs to; None where no source has its error prefix."""
        fitting = [one for one in self.by_path.values() if one.errors_path and key.startswith(one.errors_path)]
        return max(fitting, key=lambda one: len(one.errors_path or "")).path if fitting else None

    @model_validator(mode="after")
    def _sources(self) -> Self:
        if not self.sources:
            return self
        if "format" in self.model_fields_set or self.table:
            raise ValueError("give format and table here, or under each of sources, and not both")
        for kind in ("path", "errors_path"):
            named = {name: getattr(one, kind) for name, one in self.sources.items() if getattr(one, kind) is not None}
            for name, path in named.items():
                _refuse_within(f"sources.{name}.{kind}", path, f"sources.{{}}.{kind}", named, but=name)
        theirs = [(name, one.errors_path) for name, one in self.sources.items() if one.errors_path]
        errors = {f"sources.{name}.errors_path": path for name, path in theirs} | {"errors_path": self.errors_path}
        for name, one in self.sources.items():
            _refuse_within(f"sources.{name}.path", one.path, "{}", errors)
        return self


def _refuse_within(place: str, path: str, other: str, paths: Mapping[str, str], but: str = "") -> None:
    if not path:
        raise ValueError(f"{place} must name a folder below the landing place, such as events/orders/")
    for name, there in paths.items():
        if name != but and path.startswith(there):
            raise ValueError(
                f"{place}, {path}, lies in {other.format(name)}, {there}: an object is of one source, so give them "
                "paths of which none lies in another, such as events/orders/ and events/ses/"
            )


def _outermost(paths: Iterable[str]) -> list[str]:
    found: list[str] = []
    for path in sorted(paths):
        if not found or not path.startswith(found[-1]):
            found.append(path)
    return found


class CustomersLanding(Model):
    """Where the customers' addresses, consent and devices arrive."""

    path: Prefix = Field("customers/", description="prefix in the landing place; the latest export in it is read")
    format: Literal["pinpoint_endpoints", "table"] = Field(
        "pinpoint_endpoints",
        description="pinpoint_endpoints: an endpoint export; table: one's own CSV, JSON lines or Parquet",
    )
    table: CustomerTable | None = Field(None, description="format table: which column means what")
    consent_attribute: str = Field("marketing_consent", description="endpoint attribute: granted or denied")
    opt_out_none_is_consent: bool = Field(
        False, description="read OptOut=NONE as consent; by default it is unknown, and unknown is no consent"
    )
    granted: list[str] = Field(
        [], description="words that are consent beside `granted`, `true`, `yes` and the like, in any case: `[ja, oui]`"
    )
    denied: list[str] = Field([], description="words that are none, and beat consent: `[nein, non]`")
    phone_region: Region | None = Field(None, description="country (ISO 3166 alpha-2) of numbers written without one")
    contract: CustomersContract | None = Field(None, description="what an export promises; nothing where left out")

    @model_validator(mode="after")
    def _mapping(self) -> "CustomersLanding":
        if (self.format == "table") != (self.table is not None):
            raise ValueError("format: table needs a column mapping under table:, and only that format has one")
        return self

    @model_validator(mode="after")
    def _one_meaning(self) -> "CustomersLanding":
        if both := set(map(letters, self.granted)) & set(map(letters, self.denied)):
            raise ValueError(f'"{min(both)}" stands under granted and under denied: it means one of them')
        return self

    @property
    def words(self) -> Words:
        """Words of one's own for consent."""
        return Words(tuple(self.granted), tuple(self.denied))


class SuppressionList(Model):
    """A file of whom not to write to, whatever they agreed to: readable addresses, or their SHA-256."""

    path: Prefix = Field(
        description="CSV, JSON lines or Parquet in the landing place; ending in /, every file below it"
    )
    email: str | None = Field(
        None, description="column with e-mail addresses, or with SHA-256 of trimmed, lower-cased ones (hex)"
    )
    phone: str | None = Field(
        None, description="column with phone numbers, or with SHA-256 of E.164 numbers, with their + or as digits (hex)"
    )
    customer: str | None = Field(None, description="column with customers' ids: they are left alone on every channel")
    header: bool = Field(True, description="off: the file begins with its first row, and columns are called 1, 2, ...")
    everywhere: bool = Field(
        False, description="whoever is listed is left alone on every channel, not on that of the address alone"
    )

    @model_validator(mode="after")
    def _some_column(self) -> "SuppressionList":
        if not self.path:
            raise ValueError("path must name a file, or a folder that ends in /, below the landing place")
        if not self.columns:
            raise ValueError("name a column: email, phone or customer")
        return self

    @property
    def columns(self) -> dict[str, str]:
        """What is listed -> its column."""
        named = {"email": self.email, "phone": self.phone, "customer": self.customer}
        return {kind: column for kind, column in named.items() if column}


class Landing(Model):
    """The first party's landing places."""

    place: str | None = Field(None, description="folder, relative to this file; default: landing in the home folder")
    events: EventsLanding = Field(EventsLanding(), description="what customers did")
    customers: CustomersLanding = Field(CustomersLanding(), description="who they are")
    owner: str = Field("first party", description="who owns the data: a tag of every column computed from them")
    permitted_for: list[Name] = Field([], description="what they may be used for: a tag too")
    keep_for: Days | None = Field(None, description="how long they may be kept: a tag too; nothing is deleted by it")

    @property
    def tags(self) -> dict[str, str]:
        """Tags of every column of our own."""
        return column_tags(self.owner, self.permitted_for, self.keep_for)

    suppression: dict[Name, SuppressionList] = Field(
        {}, description="lists of whom not to write to; where one can't be read, nothing is sent"
    )

    @model_validator(mode="after")
    def _apart(self) -> "Landing":
        if self.events.sources:
            others = {"customers.path": self.customers.path}
            others |= {f"suppression.{name}.path": one.path for name, one in self.suppression.items()}
            for place in self.events.places:
                for name, path in others.items():
                    if path.startswith(place) or place.startswith(path):
                        raise ValueError(
                            f"events: {place or 'the whole landing place'} and {name}, {path}, lie in one another: "
                            "what is read as events is read as nothing else; give them paths apart"
                        )
        return self
