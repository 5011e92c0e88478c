"""How much of one person may count: declared by the owner of a table, and never read off the data.

AWS takes these numbers from the data, and pays for it from the budget. Here they are configuration: a limit that was
found in the data would tell of the data, for nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from segment_assets import collaboration_config

Bounds = tuple[float, float]


@dataclass(frozen=True)
class Limits:
    """What one person may add to an answer.

    Attributes:
        rows: rows of one person that count; the surplus is left out at random. None: nothing was declared.
        groups: groups that one person is counted in, where persons are counted.
        bounds: column -> its lowest and highest value; values beyond count as these.
        values: column -> its values, where they are no secret: these groups are shown, and no others.
    """

    rows: int | None = None
    groups: int = 1
    bounds: Mapping[str, Bounds] = field(default_factory=dict)
    values: Mapping[str, tuple[str | int, ...]] = field(default_factory=dict)

    def described(self) -> dict[str, Any]:
        """As plain JSON, for a hash of what is declared."""
        bounds, values = {c: list(b) for c, b in self.bounds.items()}, {c: list(v) for c, v in self.values.items()}
        return {"rows": self.rows, "groups": self.groups, "bounds": bounds, "values": values}


def from_config(rule: collaboration_config.CustomRule | None) -> Limits | None:
    """The limits of a table under differential privacy; None for every other table."""
    if rule is None or rule.user_column is None:
        return None
    declared = rule.privacy or collaboration_config.PrivacyLimits()
    return Limits(
        declared.rows_per_person,
        declared.groups_per_person,
        dict(declared.bounds),
        {c: tuple(v) for c, v in declared.values.items()},
    )


def named(limits: Limits) -> Iterator[tuple[str, list[str]]]:
    """Every place of the configuration that names columns, and the columns."""
    yield "bounds", list(limits.bounds)
    yield "values", list(limits.values)


def typed(values: Sequence[str | int], kind: pa.DataType) -> list[Any]:
    """Declared values, which are texts and numbers of a file, as those of the column; each once.

    Raises:
        pa.ArrowException: one of them is none of that type.
    """
    return list(dict.fromkeys(pa.array([str(v) for v in values], pa.string()).cast(kind).to_pylist()))


def mistyped(limits: Limits, schema: pa.Schema) -> Iterator[tuple[str, str | int]]:
    """Columns and declared values that are no values of their type."""
    for column, values in limits.values.items():
        for value in values if column in schema.names else ():
            try:
                typed([value], schema.field(column).type)
            except pa.ArrowException:
                yield column, value
