"""What is said of an asset that failed: whether its table was replaced can be told from it."""

from collections.abc import Iterator

import dagster as dg

from segment_assets.operations.failures import Failure, blocked, failures
from segment_assets.reporting import blocking


class MendableError(Exception):
    """As the package's own."""


MendableError.__module__ = "segment_assets.somewhere"


@dg.asset
def unread() -> None:
    """Something that can't be read."""
    raise MendableError("the file is cut off")


KEY = dg.AssetKey("unkept")


@dg.asset(check_specs=[blocking("contract", KEY, "A promise.")])
def unkept() -> Iterator[dg.Output[None] | dg.AssetCheckResult]:
    """Something that was built, and breaks a promise."""
    yield dg.Output(None)
    yield dg.AssetCheckResult(check_name="contract", passed=False, description="too few rows.")


def test_what_was_built_and_did_not_pass_is_told_apart_from_what_was_not_built():
    with dg.instance_for_test() as instance:
        run = dg.materialize([unread, unkept], instance=instance, raise_on_error=False)
        assert [*failures(instance, run.run_id)] == [Failure("unread", "the file is cut off")]
        [unpassed] = blocked(instance, [dg.AssetCheckKey(KEY, "contract")])
    assert Failure("unread", "it is cut off").line == "unread was not built, nor what lies below it: it is cut off"
    assert unpassed.line == "unkept was built, and nothing below it, for it did not pass a check: too few rows."
