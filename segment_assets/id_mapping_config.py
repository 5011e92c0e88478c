"""The section collaboration.id_mapping_tables of segmentation.yaml: whose ids are bridged, and who is matched how."""

from typing import Literal

from pydantic import Field, model_validator

from segment_assets.config_types import Model, Name


class IdMappingSide(Model):
    """One side of an ID mapping table: the table of one member, and the column that its id comes from."""

    table: Literal["customers", "partner_audience"] = Field(description="the catalog table whose people are mapped")
    id: str = Field(description="its column that becomes the side's id")
    purpose: Name = Field(
        "marketing",
        description="table partner_audience: what its people may be mapped for, as `purpose` of a configured table",
    )
    may_be_shown: bool = Field(
        False,
        description="let queries select, filter and group by this side's id, and not join on it alone (AWS: "
        "allowUseAsDimensionColumn)",
    )


class IdMappingTable(Model):
    """AWS Clean Rooms ID mapping table: which id of one member is which id of the other; queries join on both sides."""

    source: IdMappingSide = Field(description="the side that is mapped: each of its ids has one partner at most")
    target: IdMappingSide = Field(description="the side it is mapped to")
    match: list[dict[str, str]] = Field(
        min_length=1,
        max_length=25,
        description="rules, the surest first: columns of the source and the columns of the target they must all equal; "
        "the first rule that finds anybody decides, and where it finds several there is no partner",
    )

    @property
    def purpose(self) -> str:
        """What the partner's people are mapped for."""
        return next(s.purpose for s in (self.source, self.target) if s.table == "partner_audience")

    @model_validator(mode="after")
    def _two_members(self) -> "IdMappingTable":
        if self.source.table == self.target.table:
            raise ValueError("source and target: name a table of each member, one customers and one partner_audience")
        if not all(self.match):
            raise ValueError("match: a rule without columns would match everybody: name at least one pair")
        return self
