"""The section destinations of segmentation.yaml: where segments are told, and under which names."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Literal

from pydantic import Field, model_validator

from segment_assets.config_types import Days, Model, Text

# What an activation says of a customer on their profile, each in an attribute of its own.
PROFILE_SAYS = ("state", "consent", "channels", "band", "score", "run", "as_of")


class PinpointDestination(Model):
    """Pinpoint's import file and job. The embedded service is a folder that validates the file as documented."""

    kind: Literal["pinpoint_import"] = Field(description="the kind of destination")
    application_id: Text = Field(description="the Pinpoint application")
    attribute_prefix: str = Field("pred_", description="put before the names of the attributes and metrics written")

    @model_validator(mode="after")
    def _allowed(self) -> "PinpointDestination":
        if not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", self.application_id):
            raise ValueError("application_id is letters, digits, _ and -, at most 64: the id, and not the name")
        _refuse_prefix(self.attribute_prefix)
        return self


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
        _refuse_prefix(self.attribute_prefix)
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


def endpoint_names(segment: str, prefix: str) -> dict[str, str]:
    """Column -> name of what Pinpoint is told of an endpoint; `score` is a metric, the others are attributes."""
    return {"state": f"{prefix}{segment}", "band": f"{prefix}{segment}_band", "score": f"{prefix}{segment}_score"}


def profile_names(segment: str, prefix: str) -> dict[str, str]:
    """What is said of a customer in Customer Profiles -> the attribute that says it."""
    return {what: f"{prefix}{segment}_{what}" for what in PROFILE_SAYS}


def refuse_clashes(destinations: Mapping[str, Destination], told: Iterable[tuple[str, str]]) -> None:
    """Two segments must not write one name: who leaves one would be told out of both.

    Args:
        destinations: by name.
        told: destination and segment of every pair.

    Raises:
        ValueError: two pairs share a table or an attribute, or an attribute is where a domain keeps its customers' ids.
    """
    tables: dict[str, tuple[str, str]] = {}
    names: dict[tuple[str, ...], tuple[str, str]] = {}
    for pair in told:
        to, segment = destinations[pair[0]], pair[1]
        # The name of activation.active_members_...: it can't be taken apart, and who was told must not be forgotten.
        if (other := tables.setdefault("_".join(pair), pair)) != pair:
            raise ValueError(
                f"segments.{segment}.destinations: {segment} at {pair[0]} and {other[1]} at {other[0]} would share "
                f"the table active_members_{'_'.join(pair)}: rename the segment or the destination that was told "
                "nothing yet"
            )
        for name in _written(to, segment):
            if (other := names.setdefault(name, pair)) != pair:
                raise ValueError(
                    f"segments.{segment}.destinations: {segment} at {pair[0]} and {other[1]} at {other[0]} would both "
                    f"write {name[-1]} in {name[1]}: rename one, or give the destinations prefixes (attribute_prefix) "
                    "by which the names differ"
                )
        if isinstance(to, CustomerProfilesDestination) and to.matching_key in _attributes(to, segment):
            raise ValueError(
                f"destinations.{pair[0]}.matching_key: {to.matching_key} is what {segment} writes: name the field that "
                "holds the customer's id"
            )


def _written(to: Destination, segment: str) -> Iterator[tuple[str, ...]]:
    """Service, place and name of all that is written there."""
    if isinstance(to, PinpointDestination):
        for what, name in endpoint_names(segment, to.attribute_prefix).items():
            kind = "Metrics" if what == "score" else "Attributes"
            yield "Pinpoint", f"application {to.application_id}", f"{kind}.{name}"
    elif isinstance(to, CustomerProfilesDestination):
        for name in _attributes(to, segment):
            yield "Customer Profiles", f"domain {to.domain}", name


def _attributes(to: CustomerProfilesDestination, segment: str) -> list[str]:
    return [f"Attributes.{name}" for name in profile_names(segment, to.attribute_prefix).values()]


def _refuse_prefix(prefix: str) -> None:
    # Names of attributes hold no # : ? \ / at Pinpoint, and none may break a line of a file.
    if not re.fullmatch(r"[a-zA-Z0-9_-]{0,20}", prefix):
        raise ValueError("attribute_prefix is letters, digits, _ and -, at most 20")
