"""A check of the live account, and how it ended. One that fails stops no other."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal
from uuid import uuid4

from segment_assets.aws import AwsRefusedError, client, code, session
from segment_assets.aws_config import Aws
from segment_assets.deployment import Settings
from segment_assets.segmentation import Segmentation

Outcome = Literal["passed", "failed", "skipped"]
# The project's own exceptions are a sentence each, for the user.
_OWN = "segment_assets."


class SmokeError(Exception):
    """What the account shows and should not, and what mends it."""


class SkippedError(Exception):
    """Why there is nothing to check."""


@dataclass(frozen=True)
class At:
    """Where the checks look.

    Attributes:
        settings: what adapters are made from.
    """

    settings: Settings

    @property
    def aws(self) -> Aws:
        """Where things are on AWS."""
        return self.settings.aws

    @property
    def config(self) -> Segmentation:
        """The user's file."""
        return self.settings.segmentation

    @property
    def deployment(self) -> str:
        """Its name, which stands before databases and prefixes."""
        return self.aws.deployment

    @cached_property
    def mark(self) -> str:
        """What everything that this one call makes is called by, and found by where it is left behind."""
        return f"smoke_{uuid4().hex[:8]}"

    def ours(self, service: str) -> Any:
        """A client in our account."""
        return client(service)

    def partners(self, service: str) -> Any:
        """A client in the partner's account, entered by its role."""
        return client(service, session(self.aws.partner.role_arn, self.aws.partner.external_id))


@dataclass(frozen=True)
class Check:
    """One thing to look at.

    Attributes:
        name: as it is shown, and named on the command line.
        proves: the row of docs/aws.md, "Not built, and not proved", that it answers.
        look: looks, and says what it saw; raises `SkippedError` or whatever stands in the way.
        costs: what it is billed as; empty where it costs next to nothing.
    """

    name: str
    proves: str
    look: Callable[[At], str]
    costs: str = ""


@dataclass(frozen=True)
class Seen:
    """How a check ended.

    Attributes:
        check: what was looked at.
        outcome: how it ended.
        says: what was seen, in a sentence.
    """

    check: Check
    outcome: Outcome
    says: str


def looked(checks: Sequence[Check], at: At, *, with_cost: bool) -> Iterator[Seen]:
    """Every check in order, each as soon as it is known.

    Args:
        checks: what to look at.
        at: where.
        with_cost: whether to do what is billed.
    """
    for check in checks:
        if check.costs and not with_cost:
            yield Seen(check, "skipped", f"it costs {check.costs}; --with-cost does it")
            continue
        try:
            yield Seen(check, "passed", check.look(at))
        except SkippedError as reason:
            yield Seen(check, "skipped", str(reason))
        except Exception as failed:  # noqa: BLE001 - whatever it is, the next check is looked at
            # A library's message may hold anything; its first line says enough to look further.
            ours = type(failed).__module__.startswith(_OWN)
            first = str(failed).strip().splitlines()[0] if str(failed).strip() else "no message"
            yield Seen(check, "failed", str(failed) if ours else f"unexpected {type(failed).__name__}: {first}")


def denied(refused: AwsRefusedError) -> bool:
    """Whether IAM stopped the call: AWS has several codes for that, and `aws.sentence` one word."""
    return "was denied" in str(refused)


def ended_as(refused: AwsRefusedError, *codes: str) -> bool:
    """Whether AWS's name of the refusal is one of these."""
    return refused.__cause__ is not None and code(refused.__cause__) in codes
