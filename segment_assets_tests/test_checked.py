"""What an asset holds passed its checks, whatever became of the runs that wrote nothing since."""

from collections.abc import Iterator

import dagster as dg
import pytest

from segment_assets.checked import holds_checked
from segment_assets.operations.owed import PEOPLE, waiting
from segment_assets.reporting import blocking

CHECK = dg.AssetCheckKey(PEOPLE, "nothing_lost")


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as opened:
        yield opened


def definitions(*, reads: bool = True, passes: bool = True, answers: bool = True) -> dg.Definitions:
    @dg.asset(key=PEOPLE, check_specs=[blocking("nothing_lost", PEOPLE, "")])
    def customers(context: dg.AssetExecutionContext) -> Iterator[dg.AssetMaterialization | dg.MaterializeResult]:
        if not reads:
            raise ValueError("no export can be read")
        yield dg.AssetMaterialization(PEOPLE)
        if not answers:
            raise InterruptedError
        yield dg.MaterializeResult(check_results=[dg.AssetCheckResult(check_name="nothing_lost", passed=passes)])

    @dg.asset(deps=[PEOPLE])
    def segment() -> None: ...

    return dg.Definitions([customers, segment])


def run(instance: dg.DagsterInstance, **how: bool) -> bool:
    """Whether it holds what passed, after such a run."""
    job = definitions(**how).resolve_implicit_global_asset_job_def()
    job.execute_in_process(instance=instance, asset_selection=[PEOPLE], raise_on_error=False)
    holds = holds_checked(instance, PEOPLE, [CHECK])
    assert waiting(definitions(), instance, [PEOPLE]) == (set() if holds else {dg.AssetKey("segment")})
    return holds


def test_what_was_never_written_holds_nothing(instance: dg.DagsterInstance) -> None:
    assert not run(instance, reads=False)


def test_a_run_that_reads_nothing_leaves_what_was_found_of_the_one_before(instance: dg.DagsterInstance) -> None:
    assert run(instance)
    assert run(instance, reads=False)
    assert run(instance, reads=False)


def test_what_did_not_pass_does_not_pass_by_a_run_that_reads_nothing(instance: dg.DagsterInstance) -> None:
    assert run(instance)
    assert not run(instance, passes=False)
    assert not run(instance, reads=False)
    assert run(instance)


def test_what_was_written_by_a_run_that_ended_before_its_checks_is_not_checked(instance: dg.DagsterInstance) -> None:
    assert run(instance)
    assert not run(instance, answers=False)
