"""What besides its text and the rules decides over a query: who asks, who receives, and what is left to spend."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from segment_assets.clean_room.part import Part


class Encryption(Part):
    """What a collaboration says of columns encrypted with C3R: AWS's `dataEncryptionMetadata`."""

    allow_cleartext: bool
    allow_duplicates: bool
    allow_joins_on_columns_with_different_names: bool
    preserve_nulls: bool


class PrivacyBudget(Part):
    """The collaboration's one privacy budget template."""

    epsilon: int
    users_noise_per_query: int


@dataclass(frozen=True)
class Run:
    """A run of an analysis template: which, by whom it was written, and the values of its parameters."""

    arn: str
    creator: str
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Circumstances:
    """The state of a collaboration at the time of a query.

    Attributes:
        receivers: members who receive the result; empty: the query runner.
        run: the analysis template that is run; None for free text, whose author is the query runner.
        encryption: None where nothing is encrypted.
        privacy_budget: None where the collaboration has no privacy budget template.
        aggregations_left: noisy aggregates the privacy budget still pays for; None where nobody counts.
        uses_left: configured table -> uses its access budget still pays for; under "*" what holds for every table.
        strict: what misleads (C3R) is refused, and not only warned of.
    """

    receivers: tuple[str, ...] = ()
    run: Run | None = None
    encryption: Encryption | None = None
    privacy_budget: PrivacyBudget | None = None
    aggregations_left: int | None = None
    uses_left: Mapping[str, int] = field(default_factory=dict)
    strict: bool = False


PLAIN = Circumstances()
