"""What is said of an asset that failed: whether its table was replaced can be told from it."""

from collections.abc import Iterator

import dagster as dg
import duckdb
import pyarrow as pa

from segment_assets.operations.failures import Failure, blocked, failures, warned
from segment_assets.reporting import blocking


class MendableError(Exception):
    """As the package's own."""


MendableError.__module__ = "segment_assets.somewhere"


@dg.asset
def unread() -> None:
    """Something that can't be read."""
    raise MendableError("the file is cut off")


@dg.asset
def unfitting() -> None:
    """A value that is of another type."""
    duckdb.sql("SELECT CAST('ann@example.com' AS INT)").fetchall()


@dg.asset
def unfitting_too() -> None:
    """The same, by Arrow."""
    pa.array(["ann@example.com"]).cast(pa.int64())


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


def test_what_a_check_warns_of_is_told_until_it_passes():
    spec = dg.AssetCheckSpec("joined_as_before", asset=KEY)

    def run(instance, *, passed):
        @dg.asset(key=KEY, check_specs=[spec])
        def joined():
            said = {"severity": dg.AssetCheckSeverity.WARN, "description": "300 pairs."}
            return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=passed, **said)])

        dg.materialize([joined], instance=instance)
        return [*warned(instance, [spec.key])]

    with dg.instance_for_test() as instance:
        assert [*warned(instance, [spec.key])] == []
        assert run(instance, passed=False) == ["unkept: 300 pairs."]
        assert run(instance, passed=True) == []


def test_the_words_of_an_engine_that_quotes_values_are_not_shown():
    with dg.instance_for_test() as instance:
        run = dg.materialize([unfitting, unfitting_too], instance=instance, raise_on_error=False)
        told = [failure.sentence for failure in failures(instance, run.run_id)]
    assert len(told) == 2
    assert all("its words may quote a row, and are not shown" in sentence for sentence in told)
    assert "ann@example.com" not in " ".join(told)
