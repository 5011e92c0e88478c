"""Code versions follow the source and the configuration they are asked about, and nothing else."""

import json
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from shutil import copytree, ignore_patterns

import dagster as dg

from segment_assets.automation import at_a_gate, code_version, on_changed_data, on_changed_data_of_one_mapping
from segment_assets.reporting import blocking
from segment_assets.segmentation import DEMO_FILE, load


def test_configuration_and_libraries_are_part_of_a_code_version() -> None:
    targets = load(DEMO_FILE).targets
    plain = code_version("sql", targets["churn_28d"])
    assert plain == code_version("sql", targets["churn_28d"])
    assert plain != code_version("sql", targets["spend_28d"])
    assert plain != code_version("sql", targets["churn_28d"], libraries=["duckdb"])
    assert plain != code_version("lake", targets["churn_28d"])


def test_new_code_of_the_ground_floor_is_new_code_of_each_step_it_decides_for(tmp_path: Path) -> None:
    people = {"first_party", "third_party", "identity", "segments"}
    read = {"first_party", "third_party"}
    changed = {
        "people/addresses.py": people,
        "people/sql/said_consent.sql": people,
        "sql/query.py": people | {"clean_room", "modelling", "activation", "dashboards"},
        "separated.py": read,
        "lake/arrivals.py": read,
        "lake/private.py": set[str](),
    }
    copytree(Path(str(files("segment_assets"))), tmp_path / "segment_assets", ignore=ignore_patterns("__pycache__"))
    script = """
import json, sys
from pathlib import Path
from segment_assets.automation import code_version

steps = "first_party third_party identity segments clean_room modelling activation dashboards".split()
before = {step: code_version(step) for step in steps}
for changed in sys.argv[1:]:
    path = Path("segment_assets") / changed
    whole = path.read_text()
    path.write_text(whole + "\\n")
    print(json.dumps([step for step in steps if code_version(step) != before[step]]))
    path.write_text(whole)
"""
    told = subprocess.run([sys.executable, "-c", script, *changed], cwd=tmp_path, capture_output=True, check=True)
    assert [set(json.loads(line)) for line in told.stdout.splitlines()] == list(changed.values())


def test_loading_the_embedded_definitions_imports_no_aws_library_and_no_scikit_learn() -> None:
    script = (
        "import sys, warnings; warnings.simplefilter('ignore'); from segment_assets.definitions import defs; "
        "defs(); "
        "print([m for m in ('boto3', 'botocore', 'dagster_aws', 'sklearn', 'skops', 'opendp') if m in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert printed.strip().splitlines()[-1] == "[]"


def test_what_is_sent_waits_while_events_are_made_again_or_their_making_was_killed() -> None:
    def definitions(code: str, passes: bool, *, killed: bool = False) -> dg.Definitions:
        @dg.asset(code_version=code, check_specs=[blocking("one_mapping", dg.AssetKey("engagement_events"), "")])
        def engagement_events() -> dg.MaterializeResult:
            if killed:
                raise InterruptedError
            return dg.MaterializeResult(check_results=[dg.AssetCheckResult(check_name="one_mapping", passed=passes)])

        @dg.asset
        def segment() -> dg.MaterializeResult:
            return dg.MaterializeResult(data_version=dg.DataVersion(code + str(passes)))

        @dg.asset(deps=[segment], automation_condition=on_changed_data_of_one_mapping)
        def sent() -> None: ...

        return dg.Definitions([engagement_events, segment, sent])

    asked = []
    with dg.DagsterInstance.ephemeral() as instance:
        cursor = None

        def tick(defs: dg.Definitions, *built: str) -> None:
            nonlocal cursor
            if built:
                job = defs.resolve_implicit_global_asset_job_def()
                keys = [dg.AssetKey(key) for key in built]
                job.execute_in_process(instance=instance, asset_selection=keys, raise_on_error=False)
            result = dg.evaluate_automation_conditions(defs, instance, cursor=cursor)
            cursor = result.cursor
            asked.append(result.total_requested)

        old = definitions("1", passes=True)
        tick(old, "engagement_events", "segment")
        tick(old, "sent")
        tick(definitions("1", passes=False, killed=True), "segment", "engagement_events")
        tick(old, "engagement_events")
        tick(old, "sent")
        half = definitions("2", passes=False)
        tick(half, "segment")
        tick(half, "engagement_events")
        tick(definitions("2", passes=True), "engagement_events")
    assert asked == [1, 0, 0, 1, 0, 0, 0, 1]


def test_new_configuration_waits_until_a_gate_beside_it_has_told_whether_it_changed() -> None:
    def definitions(customers_changed: bool, code: str) -> dg.Definitions:
        source = dg.AssetSpec("delivery")

        @dg.asset(deps=[source], automation_condition=at_a_gate)
        def customers() -> dg.MaterializeResult:
            return dg.MaterializeResult(data_version=dg.DataVersion("2" if customers_changed else "1"))

        @dg.asset(deps=[customers], automation_condition=on_changed_data)
        def persons() -> None: ...

        @dg.asset(deps=[customers, persons], automation_condition=on_changed_data, code_version=code)
        def segment() -> None: ...

        return dg.Definitions([source, customers, persons, segment])

    for customers_changed, then in ((True, {"persons", "segment"}), (False, {"segment"})):
        with dg.DagsterInstance.ephemeral() as instance:
            cursor = None

            def tick(defs: dg.Definitions, instance: dg.DagsterInstance) -> set[str]:
                nonlocal cursor
                result = dg.evaluate_automation_conditions(defs, instance, cursor=cursor)
                cursor = result.cursor
                keys = list(defs.resolve_asset_graph().executable_asset_keys)
                asked = [key for key in keys if result.get_num_requested(key)]
                if asked:
                    job = defs.resolve_implicit_global_asset_job_def()
                    job.execute_in_process(instance=instance, asset_selection=asked)
                return {key.to_user_string() for key in asked}

            first = definitions(customers_changed=False, code="1")
            deliver(instance, "1")
            while tick(first, instance):
                pass
            deliver(instance, "2")
            now = definitions(customers_changed, code="2")
            assert tick(now, instance) == {"customers"}
            assert tick(now, instance) == then
            assert tick(now, instance) == set()


class Destination:
    """Customers and scores above a segment, and what is sent of it; a daemon's looks, and what is built at them."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance, self.cursor = instance, None
        self.scored, self.read = True, True
        self.version = {"customers": "1", "scores": "1"}

    @property
    def defs(self) -> dg.Definitions:
        delivery = dg.AssetSpec("delivery")

        @dg.asset
        def engagement_events() -> None: ...

        lost = blocking("nothing_lost", dg.AssetKey("customers"), "")

        @dg.asset(deps=[delivery], automation_condition=at_a_gate, check_specs=[lost])
        def customers() -> dg.MaterializeResult:
            if not self.read:
                raise InterruptedError
            nothing_lost = dg.AssetCheckResult(check_name="nothing_lost", passed=True)
            version = dg.DataVersion(self.version["customers"])
            return dg.MaterializeResult(data_version=version, check_results=[nothing_lost])

        @dg.asset(check_specs=[blocking("whole", dg.AssetKey("scores"), "")])
        def scores() -> dg.MaterializeResult:
            whole = dg.AssetCheckResult(check_name="whole", passed=self.scored)
            return dg.MaterializeResult(data_version=dg.DataVersion(self.version["scores"]), check_results=[whole])

        @dg.asset(deps=[customers, scores], automation_condition=on_changed_data)
        def segment() -> dg.MaterializeResult:
            return dg.MaterializeResult(data_version=dg.DataVersion(str(self.version)))

        @dg.asset(deps=[customers, segment], automation_condition=on_changed_data_of_one_mapping)
        def sent() -> None: ...

        return dg.Definitions([delivery, engagement_events, customers, scores, segment, sent])

    def build(self, *names: str) -> None:
        job = self.defs.resolve_implicit_global_asset_job_def()
        keys = [dg.AssetKey(name) for name in names]
        job.execute_in_process(instance=self.instance, asset_selection=keys, raise_on_error=False)

    def look(self) -> set[str]:
        """What the daemon asks for, which is built."""
        tick = dg.evaluate_automation_conditions(self.defs, self.instance, cursor=self.cursor)
        self.cursor = tick.cursor
        keys = self.defs.resolve_asset_graph().executable_asset_keys
        asked = {key.to_user_string() for key in keys if tick.get_num_requested(key)}
        if asked:
            self.build(*asked)
        return asked

    def built(self) -> "Destination":
        deliver(self.instance, "1")
        self.build("engagement_events", "scores")
        while self.look():
            pass
        return self


def test_what_is_sent_waits_for_its_segment_when_customers_come_while_scores_are_in_the_making() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        daemon = Destination(instance).built()
        daemon.scored, daemon.version["scores"] = False, "2"
        daemon.build("scores")
        deliver(instance, "2")
        daemon.version["customers"] = "2"
        assert [daemon.look(), daemon.look(), daemon.look()] == [{"customers"}, set(), set()]
        daemon.scored = True
        daemon.build("scores")
        assert [daemon.look(), daemon.look()] == [{"segment", "sent"}, set()]


def test_who_unsubscribed_is_told_though_an_export_of_customers_can_not_be_read() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        daemon = Destination(instance).built()
        deliver(instance, "2")
        daemon.read = False
        assert [daemon.look(), daemon.look()] == [{"customers"}, set()]
        daemon.version["scores"] = "2"
        daemon.build("scores")
        assert [daemon.look(), daemon.look()] == [{"segment", "sent"}, set()]


def deliver(instance: dg.DagsterInstance, version: str) -> None:
    tags = {"dagster/data_version": version}
    instance.report_runless_asset_event(dg.AssetMaterialization("delivery", tags=tags))
