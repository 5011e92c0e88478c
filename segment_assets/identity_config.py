"""The section identity of segmentation.yaml: what is nobody's own, and how long evidence holds."""

from typing import Annotated

from pydantic import AfterValidator, Field

from segment_assets.config_types import Days, Model, Text


def _email(written: str) -> str:
    return _of_its_kind("email", written, "no e-mail address: write one whole, such as frontdesk@hotel.example")


def _device(written: str) -> str:
    return _of_its_kind("device", written, "no identifier of a device")


def _street(written: str) -> str:
    return _of_its_kind("address", written, "no street: write it as your data does, such as 1 Mall Road")


def _of_its_kind(kind: str, written: str, what_else: str, region: str | None = None) -> str:
    from segment_assets.people.addresses import normalised  # 0.1 s, for the few who need it

    if normalised(kind, written, region) is None:
        raise ValueError(f'"{written}" is {what_else}')
    return written


class Placeholders(Model):
    """Values that join nobody, because they are no one's own, besides those that are known. Compared as data is."""

    email: list[Annotated[str, AfterValidator(_email)]] = Field(
        [], description="addresses, such as the one that the till types in for whoever gives none"
    )
    phone: list[Text] = Field([], description="numbers, with their + or as written in landing.customers.phone_region")
    device: list[Annotated[str, AfterValidator(_device)]] = Field(
        [], description="identifiers of devices, or tokens of apps"
    )
    address: list[Annotated[str, AfterValidator(_street)]] = Field(
        [], description="streets with their number, without postal code and city: they join nobody, whatever these are"
    )

    def check_phones(self, region: str | None) -> None:
        """Check the numbers, once the region is known.

        Raises:
            ValueError: one of them is none.
        """
        else_ = (
            "no telephone number"
            if region
            else "no number with a +, and landing.customers.phone_region names no country"
        )
        for at, number in enumerate(self.phone):
            try:
                _of_its_kind("phone", number, else_, region)
            except ValueError as bad:
                raise ValueError(f"identity.placeholders.phone.{at}: {bad}") from bad


class Identity(Model):
    """What is evidence that two customers are one person or live together."""

    placeholders: Placeholders = Field(Placeholders(), description="values of yours that are nobody's own, by kind")
    confirmed_within: Days | None = Field(
        None,
        description="a telephone or device that an endpoint confirmed last (`EffectiveDate`, `updated`) longer ago "
        "than this, before the newest such time, joins nobody; default: however long ago",
    )
