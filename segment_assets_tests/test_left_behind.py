"""What was built from other data than there is now is asked for, whatever came between two looks."""

from collections.abc import Iterator

import dagster as dg
import pytest

from segment_assets.automation import on_changed_data


def definitions(customers: str = "1", code: str = "1", *, broken: bool = False) -> dg.Definitions:
    """A segment, and what is sent of it, over customers of a version."""

    @dg.asset(name="customers")
    def exported() -> dg.MaterializeResult:
        return dg.MaterializeResult(data_version=dg.DataVersion(customers))

    @dg.asset(deps=["customers"], code_version=code, automation_condition=on_changed_data)
    def segment() -> dg.MaterializeResult:
        if broken:
            raise InterruptedError
        return dg.MaterializeResult(data_version=dg.DataVersion(f"of customers {customers}"))

    return dg.Definitions([exported, segment])


class Daemon:
    """Its looks, and what is built between them."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.cursor = None

    def build(self, key: str, defs: dg.Definitions) -> None:
        job = defs.resolve_implicit_global_asset_job_def()
        job.execute_in_process(instance=self.instance, asset_selection=[dg.AssetKey(key)], raise_on_error=False)

    def asks(self, defs: dg.Definitions) -> int:
        tick = dg.evaluate_automation_conditions(defs, self.instance, cursor=self.cursor)
        self.cursor = tick.cursor
        return tick.total_requested


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Daemon(instance)


def test_an_input_that_came_after_the_asset_was_built_within_one_tick_is_not_lost(daemon: Daemon) -> None:
    daemon.build("customers", definitions())
    assert daemon.asks(definitions()) == 1
    daemon.build("segment", definitions())
    assert daemon.asks(definitions()) == 0
    daemon.build("segment", definitions())
    daemon.build("customers", definitions("2"))
    assert daemon.asks(definitions("2")) == 1
    assert daemon.asks(definitions("2")) == 0
    daemon.build("segment", definitions("2"))
    assert daemon.asks(definitions("2")) == 0


def test_the_first_look_finds_what_changed_before_it(daemon: Daemon) -> None:
    daemon.build("customers", definitions())
    daemon.build("segment", definitions())
    assert daemon.asks(definitions(code="2")) == 1
    daemon.build("segment", definitions(code="2"))
    assert daemon.asks(definitions(code="2")) == 0


def test_what_fails_is_not_asked_for_again_and_again(daemon: Daemon) -> None:
    daemon.build("customers", definitions())
    daemon.build("segment", definitions())
    daemon.build("customers", definitions("2"))
    asked = []
    for _ in range(4):
        asked.append(daemon.asks(definitions("2")))
        daemon.build("segment", definitions("2", broken=True))
    assert asked == [1, 0, 0, 0]
    daemon.build("customers", definitions("3"))
    assert daemon.asks(definitions("3")) == 1


def test_what_is_as_it_should_be_is_left_alone(daemon: Daemon) -> None:
    daemon.build("customers", definitions())
    daemon.build("segment", definitions())
    daemon.build("customers", definitions())
    assert [daemon.asks(definitions()) for _ in range(3)] == [0, 0, 0]
