"""The sections contract of segmentation.yaml: what deliveries promise. A promise that is not made is not looked at."""

from datetime import timedelta
from typing import Literal

from pydantic import Field, model_validator

from segment_assets.config_types import Days, Model


class ColumnPromise(Model):
    """A column that everything below relies on."""

    nulls: float = Field(0.0, ge=0, le=1, description="share of rows in which it may be empty")
    type: Literal["number", "whole number", "time"] | None = Field(
        None, description="what a property must be, which arrives as text: every value that is there"
    )


class VolumePromise(Model):
    """How much arrives, as shares of the average of the 28 days before."""

    least: float = Field(0.0, ge=0, description="of the newest day that is over; 0.5 is half of the average")
    most: float | None = Field(None, gt=0, description="of the newest day")

    @model_validator(mode="after")
    def _in_order(self) -> "VolumePromise":
        if self.most is not None and self.least > self.most:
            raise ValueError("least is above most")
        return self


class EventsContract(Model):
    """What deliveries of events promise; where they break it, everything below engagement_events waits."""

    columns: dict[str, ColumnPromise] = Field(
        {}, description="column of engagement_events, properties.NAME or metrics.NAME, and what it promises"
    )
    over: Days = Field(timedelta(days=7), description="shares are looked at on each of that many newest arrival days")
    fresh_within: Days | None = Field(None, description="the newest arrival day is at most that old, by the clock")
    volume: VolumePromise | None = Field(None, description="records of a day, from the eighth arrival day on")
    duplicates: float | None = Field(None, ge=0, le=1, description="share of records that are copies or probes")
    late: float | None = Field(None, ge=0, le=1, description="share of events known more than 24 hours after they were")
    unknown_types: float | None = Field(None, ge=0, le=1, description="share of events whose AWS type has no name")
    in_future: float | None = Field(
        None, ge=0, le=1, description="share of events that are more than 5 minutes later than their receipt"
    )
    quarantined: float | None = Field(None, ge=0, le=1, description="share of records that are no valid record")


class RowsPromise(Model):
    """How many rows there are."""

    least: int = Field(1, ge=0, description="rows in a delivery")
    most: int | None = Field(None, ge=1, description="rows in a delivery")

    @model_validator(mode="after")
    def _in_order(self) -> "RowsPromise":
        if self.most is not None and self.least > self.most:
            raise ValueError("least is above most")
        return self


class AudienceColumn(Model):
    """A column of the partner's file: it is there, in every file, and holds what is said here."""

    nulls: float = Field(0.0, ge=0, le=1, description="share of rows in which it may be empty")
    type: Literal["text", "number", "whole number", "date", "boolean", "email", "phone", "sha256"] = Field(
        "text", description="what every value that is there must be"
    )
    format: str | None = Field(None, description="type date: how it is written, such as %d.%m.%Y; default: ISO 8601")
    values: list[str] = Field([], description="the only values that may be there, in quotes; default: any")
    least: float | None = Field(None, description="a number may not be below this")
    most: float | None = Field(None, description="a number may not be above this")

    @model_validator(mode="after")
    def _of_its_type(self) -> "AudienceColumn":
        if (self.least is not None or self.most is not None) and self.type not in ("number", "whole number"):
            raise ValueError("least and most belong to type: number and type: whole number")
        if self.format and self.type != "date":
            raise ValueError("format belongs to type: date, and only to it")
        if self.least is not None and self.most is not None and self.least > self.most:
            raise ValueError("least is above most")
        return self


class AudienceContract(Model):
    """What the partner's deliveries promise; where they break it, everything below partner_audience waits."""

    columns: dict[str, AudienceColumn] = Field({}, description="the partner's column, and what it promises")
    rows: RowsPromise | None = Field(None, description="how many rows a delivery has")
    fresh_within: Days | None = Field(None, description="the newest delivery is at most that old, by the clock")
    volume: VolumePromise | None = Field(
        None, description="bytes of the delivery, against those of the 28 days before, or else the one before it"
    )
    duplicates: float | None = Field(None, ge=0, le=1, description="share of rows about a person whom another is about")
    quarantined: float | None = Field(None, ge=0, le=1, description="share of rows that can't be used")
    unknown_values: float | None = Field(
        None, ge=0, le=1, description="share of an attribute's values that its mapping does not know"
    )


class CustomersContract(Model):
    """What an export of customers promises; where it breaks it, everything below customers waits."""

    columns: dict[str, ColumnPromise] = Field({}, description="column of customers, and what it promises")
    fresh_within: Days | None = Field(None, description="the export is at most that old, by the clock")
    volume: VolumePromise | None = Field(
        None, description="bytes of the export, against those of the 28 days before, or else the one before it"
    )
    duplicates: float | None = Field(None, ge=0, le=1, description="share of records of which newer ones say all")
    quarantined: float | None = Field(None, ge=0, le=1, description="share of records that are no valid record")
