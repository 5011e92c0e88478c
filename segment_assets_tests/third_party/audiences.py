"""Audiences and rows for the tests of step 3."""

from segment_assets.audience_config import Audience
from segment_assets.third_party.cleaning import Cleaned, clean, columns
from segment_assets.third_party.delivery import Row


def audience(**keys) -> Audience:
    return Audience.model_validate({"attributes": {"age_band": "age", "income_band": "income"}} | keys)


def sort(*values: tuple[str | None, ...] | None, places: list[int] | None = None, **keys) -> Cleaned:
    """Rows of the columns that the audience reads, in the order of `cleaning.columns`, cleaned."""
    declared = audience(**keys)
    names = list(columns(declared))
    rows = [
        Row("k", at, None if v is None else dict(zip(names, v, strict=True)))
        for at, v in zip(places or range(len(values)), values, strict=True)
    ]
    return clean(rows, declared)
