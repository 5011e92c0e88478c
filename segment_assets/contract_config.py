"""The sections contract of segmentation.yaml: what deliveries promise. A promise that is not made is not looked at."""

from datetime import timedelta
from typing import Literal

from pydantic import Field

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


class CustomersContract(Model):
    """What an export of customers promises; where it breaks it, everything below customers waits."""

    columns: dict[str, ColumnPromise] = Field({}, description="column of customers, and what it promises")
    fresh_within: Days | None = Field(None, description="the export is at most that old, by the clock")
    volume: VolumePromise | None = Field(
        None, description="bytes of the export, against the exports that still lie there"
    )
    duplicates: float | None = Field(None, ge=0, le=1, description="share of records of which newer ones say all")
    quarantined: float | None = Field(None, ge=0, le=1, description="share of records that are no valid record")
