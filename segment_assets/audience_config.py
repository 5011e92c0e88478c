"""The section audience of segmentation.yaml: what the partner delivers, and how it is read."""

from datetime import timedelta
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from segment_assets.config_types import Days, Model, Name, Prefix, Region, column_tags
from segment_assets.contract_config import AudienceContract


class TextAttribute(Model):
    """A column taken as it is written; a text that holds an address is left out."""

    kind: Literal["text"] = Field("text", description="the kind of attribute; may be left out")
    column: str = Field(description="the partner's column")


class CategoryAttribute(Model):
    """One of a few values, in whatever spelling the partner writes it."""

    kind: Literal["category"] = Field(description="the kind of attribute")
    column: str = Field(description="the partner's column")
    values: dict[str, list[str]] = Field(
        min_length=1, description="value -> other spellings of it; case and spaces do not count"
    )
    otherwise: str | None = Field(None, description="the value of spellings that are not listed; default: empty")

    @model_validator(mode="after")
    def _one_meaning(self) -> "CategoryAttribute":
        meant: dict[str, str] = {}
        for value, spellings in self.values.items():
            for spelling in (value, *spellings):
                if meant.setdefault(folded(spelling), value) != value:
                    raise ValueError(f'"{spelling}" is a spelling of two values, {meant[folded(spelling)]} and {value}')
        return self


class BandAttribute(Model):
    """A number, as the band it lies in."""

    kind: Literal["band"] = Field(description="the kind of attribute")
    column: str = Field(description="the partner's column")
    edges: list[float] = Field(
        min_length=1, description="numbers at which a band begins, ascending; below the first is a band of its own"
    )
    labels: list[str] = Field(
        [], description="names of the bands, one more than edges; default: under 18, 18-24, 25-34, ..., 65+"
    )
    ranges: bool = Field(
        False, description="take texts too, such as 25-34, $50K-$74K, under 18, 65+, where they lie within one band"
    )
    otherwise: str | None = Field(None, description="the band of what is no number; default: empty")

    @model_validator(mode="after")
    def _ascending(self) -> "BandAttribute":
        if any(one >= other for one, other in pairwise(self.edges)):
            raise ValueError("edges must be ascending, each larger than the one before")
        if self.labels and len(self.labels) != len(self.edges) + 1:
            raise ValueError(f"labels must be {len(self.edges) + 1}, one more than edges, and are {len(self.labels)}")
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("labels must differ from each other")
        return self


class DateAttribute(Model):
    """A day."""

    kind: Literal["date"] = Field(description="the kind of attribute")
    column: str = Field(description="the partner's column")
    format: str | None = Field(None, description="how it is written, such as %d.%m.%Y; default: ISO 8601")


class BooleanAttribute(Model):
    """Yes or no."""

    kind: Literal["boolean"] = Field(description="the kind of attribute")
    column: str = Field(description="the partner's column")
    # Without quotes YAML reads yes and no as on and off, as values and as keys.
    when_true: list[str] = Field(
        ["true", "yes", "y", "1", "t"], min_length=1, description="how yes is written, in quotes"
    )
    when_false: list[str] = Field(
        ["false", "no", "n", "0", "f"], min_length=1, description="how no is written, in quotes"
    )

    @model_validator(mode="after")
    def _one_meaning(self) -> "BooleanAttribute":
        if both := {folded(t) for t in self.when_true} & {folded(f) for f in self.when_false}:
            raise ValueError(f'"{min(both)}" stands under when_true and under when_false')
        return self


Attribute = TextAttribute | CategoryAttribute | BandAttribute | DateAttribute | BooleanAttribute
Tagged = Annotated[Attribute, Field(discriminator="kind")]


class PostalColumns(Model):
    """Columns of a postal address; both parties must hash the same two parts."""

    street: str = Field(description="column with street and number")
    code: str | None = Field(None, description="column with the postal code")


class PurposesColumn(Model):
    """What each row may be used for."""

    column: str = Field(description="column with the permitted purposes, separated by comma, semicolon or |")
    values: dict[Name, list[str]] = Field(
        {}, description="purpose -> other words for it; a word that is not listed is a purpose of its own"
    )


class Duplicates(Model):
    """Which row counts where several are about one person."""

    rule: Literal["agreeing", "latest", "first", "most_complete", "drop_attribute"] = Field(
        "agreeing",
        description="agreeing: the row that says all that others say, and none where they contradict each other; "
        "latest: by the column in by; first: by file and line; most_complete: fewest empty values; "
        "drop_attribute: what they agree on, and nothing for an attribute on which they do not",
    )
    by: str | None = Field(
        None,
        description="rule latest: column with a time (ISO 8601, or Unix time in 10, 13 or 16 digits) or with numbers; "
        "beside times other numbers count as empty",
    )
    format: str | None = Field(None, description="rule latest: how the time is written, such as %d.%m.%Y %H:%M")

    @model_validator(mode="after")
    def _by(self) -> "Duplicates":
        if (self.rule == "latest") != (self.by is not None):
            raise ValueError("by belongs to rule: latest, and only to it")
        if self.format and self.by is None:
            raise ValueError("format belongs to rule: latest, and only to it")
        return self


def _with_kinds(value: Any) -> Any:
    """A column's name alone is a text attribute."""
    if not isinstance(value, dict):
        return value
    return {
        name: {"kind": "text", "column": given}
        if isinstance(given, str)
        else {"kind": "text"} | given
        if isinstance(given, dict)
        else given
        for name, given in value.items()
    }


def _as_purposes(value: Any) -> Any:
    return {"column": value} if isinstance(value, str) else value


class Audience(Model):
    """The partner's data about people."""

    place: str | None = Field(
        None, description="the partner's folder, relative to this file; default: partner_landing in the home folder"
    )
    path: Prefix = Field("partner/audience/", description="prefix in the partner's place; CSV, JSON lines or Parquet")
    identified_by: Literal["email", "phone", "name_and_postal"] = Field(
        "email", description="what tells people apart: one row is kept for each, and rows without it can't be used"
    )
    email: str | None = Field(
        "email", description="column with the e-mail address, readable or as SHA-256; null: there is none"
    )
    phone: str | None = Field(None, description="column with the phone number, readable or as SHA-256 of E.164")
    phone_region: Region | None = Field(None, description="country (ISO 3166 alpha-2) of numbers written without one")
    name: list[str] = Field([], description="columns of the name, in the order of speaking; kept as a hash")
    postal: PostalColumns | None = Field(None, description="columns of the postal address; kept as a hash")
    attributes: Annotated[dict[Name, Tagged], BeforeValidator(_with_kinds)] = Field(
        min_length=1, description="attribute name -> the partner's column, or keys that say how to read it"
    )
    consent: str | None = Field(
        None, description="column: granted, denied, or true, false; empty is unknown, and unknown is no consent"
    )
    purposes: Annotated[PurposesColumn | None, BeforeValidator(_as_purposes)] = Field(
        None, description="column with what a row may be used for, or keys that say how to read it"
    )
    duplicates: Duplicates = Field(Duplicates(), description="which row counts where several are about one person")
    contract: AudienceContract | None = Field(None, description="what deliveries promise; nothing where left out")
    owner: str = Field("partner", description="who owns the data: a tag of every column computed from them")
    permitted_for: list[Name] = Field([], description="what they may be used for: a tag too")
    keep_for: Days | None = Field(None, description="how long they may be kept: a tag too; nothing is deleted by it")
    data_within: Days = Field(timedelta(days=400), description="alert when the newest delivery is older than this")

    @model_validator(mode="after")
    def _identified(self) -> "Audience":
        given = {"email": self.email, "phone": self.phone, "name_and_postal": self.name and self.postal}
        if not given[self.identified_by]:
            what = "name and postal name" if self.identified_by == "name_and_postal" else f"{self.identified_by} names"
            raise ValueError(f"identified_by is {self.identified_by}, and {what} no column")
        if taken := sorted(set(self.attributes) & RESERVED):
            raise ValueError(f'attributes.{taken[0]}: "{taken[0]}" is a column that every audience may have; rename it')
        return self

    @property
    def tags(self) -> dict[str, str]:
        """Tags of every column of the partner's."""
        return column_tags(self.owner, self.permitted_for, self.keep_for)

    @property
    def governed(self) -> bool:
        """Whether rows say what they may be used for."""
        return self.consent is not None or self.purposes is not None


RESERVED = frozenset(
    ("email_sha256", "email_sha256_plain", "phone_sha256_e164", "phone_sha256_digits", "name_sha256", "postal_sha256",
     "name_postal_sha256", "identifier_form", "consent", "permitted_purposes", "synthetic")
)  # fmt: skip


def folded(text: str) -> str:
    """A spelling, as spellings are compared: without case, and with single spaces."""
    return " ".join(text.casefold().split())
