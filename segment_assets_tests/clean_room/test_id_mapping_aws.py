"""ID mapping tables in two accounts on the double: made, filled once per version of the data, joined through."""

from collections.abc import Iterator

import pytest

from segment_assets.aws import AwsRefusedError
from segment_assets.aws_config import AwsIdMapping
from segment_assets.clean_room import assets as clean_room_assets
from segment_assets.clean_room import aws_plan, protected_query
from segment_assets.clean_room.aws_plan import PlanError
from segment_assets.clean_room.embedded import EmbeddedCleanRoom
from segment_assets.clean_room.id_mapping import Bridge, Side
from segment_assets.clean_room.port import QueryFailedError
from segment_assets.lake import embedded
from segment_assets_tests.aws_double import world as double
from segment_assets_tests.aws_double.entity_resolution import EntityResolution, Workflow
from segment_assets_tests.aws_double.front import OURS, PARTNER, REGION
from segment_assets_tests.aws_double.services import the
from segment_assets_tests.clean_room import bridge_world, world

CONFIG = bridge_world.config()
AT = f"arn:aws:entityresolution:{REGION}"
WHERE = AwsIdMapping(
    workflow_arn=f"{AT}:{OURS}:idmappingworkflow/people",
    source_namespace_arn=f"{AT}:{OURS}:idnamespace/customers",
    target_namespace_arn=f"{AT}:{PARTNER}:idnamespace/audience",
)


def _workflow(here: world.World) -> Workflow:
    """As a person made it in Entity Resolution, over what Glue has."""
    names = {n: f"dev_{t.name}" for n, t in clean_room_assets.sources(CONFIG).items()}
    ours, theirs = names["customers"], names["partner_audience"]
    match = tuple(tuple(rule.items()) for rule in bridge_world.BRIDGE["match"])
    bridge = Bridge(Side(ours, "customer_id"), Side(theirs, "email_sha256"), match)
    return Workflow(WHERE.source_namespace_arn, WHERE.target_namespace_arn, bridge)


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[world.World]:
    with (
        pytest.MonkeyPatch.context() as patch,
        world.clean_rooms(patch, tmp_path_factory.mktemp("there"), apply=False, config=CONFIG) as made,
    ):
        rooms = made.where.clean_rooms.model_copy(update={"id_mappings": {"people": WHERE}})
        made.where = made.where.model_copy(update={"clean_rooms": rooms})
        the(made.aws, EntityResolution).workflows[WHERE.workflow_arn] = _workflow(made)
        bridge_world.fill(made.lake, CONFIG)
        made.apply()
        yield made


def test_each_member_brings_its_namespace_and_we_make_the_table(there):
    assert {c.action for c in there.plan()} == {"unchanged"}
    made = {(r.account, r.name) for r in there.wanted() if r.kind in ("id_namespace", "id_mapping_table")}
    assert made == {("ours", "people_source"), ("partner", "people_target"), ("ours", "people")}
    assert {n["idMappingConfig"]["allowUseAsDimensionColumn"] for n in there.service.namespaces.values()} == {False}


@pytest.mark.parametrize("name", ["ages_listed", "ages_counted", "ages_ranked"])
def test_a_query_through_it_gives_the_same_table_in_both_clean_rooms(name, there, tmp_path):
    here = embedded.lake(double.settings(None, tmp_path / "here"))
    bridge_world.fill(here, CONFIG)
    query = there.queries[name]
    local = protected_query.run(query, here, EmbeddedCleanRoom(tmp_path / "scratch", "500MB"), "r")
    remote = protected_query.run(query, there.lake, there.room(), "r")
    assert remote.rows.equals(local.rows)
    assert remote.rows.num_rows
    assert (local.recounted, remote.recounted) == (True, False)


def test_it_is_filled_once_per_version_of_the_data(there):
    room = there.room()
    room.fill({"people": "one"})
    before = there.service.filled
    room.fill({"people": "one"})
    assert there.service.filled == before
    room.fill({"people": "two"})
    assert there.service.filled == before + 1


def test_a_job_that_takes_long_is_found_by_the_next_run(there):
    resolution = the(there.aws, EntityResolution)
    resolution.looks, before = 10_000, there.service.filled
    with pytest.raises(QueryFailedError, match="RESOURCE_LIMIT: ID mapping table people: not filled within 0 s"):
        there.room(deadline=0.1).fill({"people": "slow"})
    resolution.jobs = dict.fromkeys(resolution.jobs, 0)
    there.room().fill({"people": "slow"})
    assert there.service.filled == before + 1
    resolution.looks = 1


def test_a_job_that_failed_is_told_and_begun_anew(there):
    resolution = the(there.aws, EntityResolution)
    resolution.failing = True
    with pytest.raises(QueryFailedError, match="of Entity Resolution failed"):
        there.room().fill({"people": "bad"})
    resolution.failing = False
    there.room().fill({"people": "bad"})


def test_a_table_that_is_not_there_is_told(there):
    [ident] = there.service.mapping_tables
    hidden = there.service.mapping_tables.pop(ident)
    try:
        with pytest.raises(AwsRefusedError, match='no ID mapping table "people": `segment-assets aws apply` makes it'):
            there.room().fill({"people": "gone"})
    finally:
        there.service.mapping_tables[ident] = hidden


def test_an_id_that_may_be_shown_is_changed_in_place_and_another_namespace_is_not(there):
    before, there.config = (
        there.config,
        bridge_world.config(source=bridge_world.BRIDGE["source"] | {"may_be_shown": True}),
    )
    try:
        assert [(s.verb, s.resource.label) for s in there.apply()] == [("change", "ours/id_namespace/people_source")]
    finally:
        there.config = before
    there.apply()
    assert {c.action for c in there.plan()} == {"unchanged"}
    wanted = [r for r in there.wanted() if r.kind == "id_mapping_table"]
    found = [aws_plan.Resource("ours", "id_mapping_table", "people", {"workflow": "another"})]
    with pytest.raises(PlanError, match="AWS can't change workflow in place"):
        aws_plan.steps(aws_plan.plan(wanted, found))


def test_without_a_workflow_the_plan_says_what_to_name(there):
    nowhere = there.where.model_copy(
        update={"clean_rooms": there.where.clean_rooms.model_copy(update={"id_mappings": {}})}
    )
    before, there.where = there.where, nowhere
    try:
        with pytest.raises(PlanError, match=r"aws.clean_rooms.id_mappings.people: name the ID mapping workflow"):
            there.wanted()
    finally:
        there.where = before
