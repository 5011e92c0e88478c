"""Customer Profiles' adapters: one contract over both."""

from datetime import timedelta

import pytest

from segment_assets.activation import ledger
from segment_assets.activation.activate import activate
from segment_assets.activation.customer_profiles import aws
from segment_assets.activation.customer_profiles.destination import CustomerProfilesImport
from segment_assets.activation.customer_profiles.embedded import FolderCustomerProfiles
from segment_assets.activation.customer_profiles.segment import segment_groups
from segment_assets.activation.plan import plan
from segment_assets.activation.port import ActivationError
from segment_assets.activation.recipients import wanted
from segment_assets.activation.tables import ACTIVATION_LEDGER
from segment_assets_tests.activation import profiles_world
from segment_assets_tests.activation.profiles_world import DOMAIN, EMPTY, profiles, staged, to, told
from segment_assets_tests.activation.world import DAY, PEOPLE, members, order
from segment_assets_tests.aws_double.customer_profiles import CustomerProfiles
from segment_assets_tests.aws_double.services import the
from segment_assets_tests.aws_double.world import settings, world

STEPS = ("plan", "begin", "submit", "poll", "verify", "commit")


@pytest.fixture(params=["folder", "aws"])
def service_and_double(request, tmp_path, monkeypatch):
    """The service, and the double it talks to; the folder has none."""
    if request.param == "folder":
        service = FolderCustomerProfiles(tmp_path / "home" / "exports" / "customer_profiles")
        profiles_world.known(service)
        yield service, None
        return
    with world(monkeypatch) as (front, where):
        the(front, CustomerProfiles).know(DOMAIN, *PEOPLE)
        the(front, CustomerProfiles).know(EMPTY)
        yield aws.customer_profiles(settings(where, tmp_path)), front


@pytest.fixture
def both(service_and_double):
    """The service, and what the domain holds."""
    service, front = service_and_double
    return service, lambda: profiles(service, front)


def jobs(service):
    return service.list_upload_jobs(DOMAIN)


def test_the_attributes_say_who_is_in_and_who_left(known, both):
    service, held = both
    for scores in ({"anna": 0.98764, "bo": 0.8}, {"bo": 0.7}):
        members(known, scores, channels=("email", "sms"))
        outcome = told(known, service)
    run = outcome.plan.content_key[:12]
    assert {name.removeprefix("pred_win_back_"): value for name, value in held()["anna"].items()} == {
        "state": "out", "consent": "none", "band": "none", "run": run, "as_of": DAY.isoformat(),
    }  # fmt: skip
    assert held()["bo"] == {
        "pred_win_back_state": "in",
        "pred_win_back_consent": "granted",
        "pred_win_back_channels": "email|sms",
        "pred_win_back_band": "high",
        "pred_win_back_score": "0.7000",
        "pred_win_back_run": run,
        "pred_win_back_as_of": DAY.isoformat(),
    }
    assert held()["cleo"] == {}
    assert (outcome.plan.left, outcome.status.state, outcome.status.processed) == (1, "SUCCEEDED", 2)


def test_of_the_snapshots_that_it_is_held_against_none_is_kept(known, both):
    service, _ = both
    members(known, {"anna": 0.9, "bo": 0.8})
    told(known, service)
    killed = "profiles/win_back/000001-of-a-killed-run/snapshot-0123456789ab/part.jsonl"
    service.put(killed, b"{}")
    members(known, {"bo": 0.8})
    assert told(known, service).plan.left == 1
    kept = [found.key for found in service.store.list("") if "/win_back/" in found.key]
    assert len(kept) == 2, "the files of both activations"
    assert all(key.endswith(".csv") for key in kept)


def test_the_same_content_is_sent_once(known, both):
    service, _ = both
    members(known, {"anna": 0.9})
    first, again = told(known, service), told(known, service)
    assert again.receipt is None
    assert again.plan.why_nothing.startswith("unchanged")
    assert [job["JobId"] for job in jobs(service)] == [first.receipt.job_id]


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_between_any_two_stages_makes_no_second_job(known, both, step):
    service, held = both
    members(known, {"anna": 0.9})
    for done in staged(known, service):
        if done == step:
            break
    told(known, service)
    assert len(jobs(service)) == known.state(ACTIVATION_LEDGER).rows == 1
    assert profiles_world.members(held()) == {"anna": "0.9000"}


@pytest.mark.parametrize(
    ("when", "call"),
    [
        ("before", "create_upload_job"),
        ("after", "create_upload_job"),
        ("after", "upload"),
        ("after", "start_upload_job"),
    ],
)
def test_a_kill_within_submit_makes_no_second_job(known, both, monkeypatch, when, call):
    service, held = both
    members(known, {"anna": 0.9})
    real = getattr(service, call)

    def killed(*arguments):
        if when == "after":
            real(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(service, call, killed)
        with pytest.raises(KeyboardInterrupt):
            told(known, service)
    told(known, service)
    assert len(jobs(service)) == known.state(ACTIVATION_LEDGER).rows == 1
    assert profiles_world.members(held()) == {"anna": "0.9000"}


def test_an_upload_whose_work_is_gone_is_sent_again(known, both, monkeypatch):
    """The ledger was lost, or the domain was told something else meanwhile: the old job must not count."""
    service, held = both
    members(known, {"anna": 0.9})
    for step in staged(known, service):
        if step == "poll":
            break
    for attributes in held().values():
        attributes.clear()
    if isinstance(service, FolderCustomerProfiles):
        profiles_world.known(service)
    monkeypatch.setattr(service, "settles_within", 0.0)
    told(known, service)
    assert len(jobs(service)) == 2
    assert profiles_world.members(held()) == {"anna": "0.9000"}


def test_whoever_a_killed_run_told_and_is_not_wanted_after_it_leaves(known, both):
    service, held = both
    members(known, {"anna": 0.9, "dan": 0.8})
    for step in staged(known, service):
        if step == "submit":
            break
    members(known, {"anna": 0.9})
    told(known, service)
    assert profiles_world.members(held()) == {"anna": "0.9000"}
    assert [job["Status"] for job in jobs(service)] == ["SUCCEEDED"] * 2, "else the older one might end last"


def test_a_guard_lets_departures_pass_alone(known, both):
    service, held = both
    members(known, {"anna": 0.9, "bo": 0.8})
    told(known, service)
    members(known, {"anna": 0.7, "cleo": 0.6})
    departed = told(known, service, min_size=3)
    assert departed.receipt.rows == 1
    assert profiles_world.members(held()) == {"anna": "0.9000"}


def test_one_definition_is_made_for_good_and_asks_for_state_and_consent(known, both):
    service, _ = both
    for scores in ({"anna": 0.9}, {"bo": 0.9}):
        members(known, scores)
        told(known, service)
    job = CustomerProfilesImport(service, to(), "win_back")
    assert service.segment_groups(DOMAIN, "pred_win_back") == segment_groups(job.names)
    assert service.segment_groups(DOMAIN, "pred_win_back-v2") is None


def test_a_definition_of_that_name_that_asks_for_something_else_is_left_alone(known, both):
    service, _ = both
    others = CustomerProfilesImport(service, to(), "other").groups
    service.create_segment_definition(DOMAIN, "pred_win_back", "another's", others)
    members(known, {"anna": 0.9})
    job = CustomerProfilesImport(service, to(), "win_back")
    activate(known, job, order("profiles"), wanted(known, "win_back", "members"), "run", 60)
    assert service.segment_groups(DOMAIN, "pred_win_back") == others
    assert job.target["SegmentDefinitionName"] == "pred_win_back-v2"
    assert service.segment_groups(DOMAIN, "pred_win_back-v2") == job.groups


def test_profiles_that_the_domain_did_not_have_are_made_only_where_that_is_wanted(known, both):
    service, _ = both
    members(known, {"anna": 0.9})
    nobody = {"settings": {"domain": EMPTY}}
    with pytest.raises(ActivationError, match=r"made 1 profiles that nobody-yet did not have.*create_profiles: on"):
        told(known, service, **nobody)
    assert not known.state(ACTIVATION_LEDGER).rows
    told(known, service, settings={"domain": EMPTY, "create_profiles": True})
    assert len(service.list_upload_jobs(EMPTY)) == known.state(ACTIVATION_LEDGER).rows == 1


@pytest.fixture
def erasable(service_and_double, monkeypatch):
    """The service, what the domain holds, and what deletes a profile there; what was told is seen at once."""
    service, front = service_and_double
    monkeypatch.setattr(service, "settles_within", 0.0)
    return service, lambda: profiles(service, front), lambda customer: profiles_world.forget(service, front, customer)


def test_a_leaver_whom_the_domain_has_deleted_is_not_made_again(known, erasable):
    service, there, forget = erasable
    members(known, {"anna": 0.9, "bo": 0.8, "cleo": 0.7})
    told(known, service)
    forget("bo")
    members(known, {"anna": 0.9})
    outcome = told(known, service)
    assert "bo" not in there()
    assert outcome.plan.left == 2
    assert outcome.plan.rows["customer_id"].to_pylist() == ["anna", "cleo"]
    assert profiles_world.members(there()) == {"anna": "0.9000"}
    assert told(known, service).plan.why_nothing.startswith("unchanged")


def test_where_a_snapshot_may_be_too_early_every_leaver_is_told(known, erasable, monkeypatch):
    service, _, forget = erasable
    members(known, {"anna": 0.9, "bo": 0.8, "cleo": 0.7})
    told(known, service)
    members(known, {"anna": 0.9})
    monkeypatch.setattr(service, "settles_within", 600.0)
    job, before = CustomerProfilesImport(service, to(), "win_back"), ledger.held(known, "profiles", "win_back")
    planned = plan(order("profiles"), wanted(known, "win_back", "members"), before)
    assert job.absent(planned, before) == set()
    monkeypatch.setattr(service, "settles_within", 0.0)
    assert job.absent(planned, before) == set(), "both are there"
    forget("bo")
    assert job.absent(planned, before) == {"bo"}
    forget("anna")
    assert job.absent(planned, before) == set(), "a snapshot that lacks who stays is not believed"


def test_where_all_leave_a_deleted_profile_keeps_nobody_in(known, erasable):
    service, there, forget = erasable
    members(known, {"anna": 0.9, "bo": 0.8})
    told(known, service)
    forget("bo")
    members(known, {})
    told(known, service)
    assert profiles_world.members(there()) == {}
    assert known.state(ACTIVATION_LEDGER).rows == 2


def test_a_domain_may_keep_the_customers_id_elsewhere(known, both):
    service, _ = both
    members(known, {"anna": 0.9})
    elsewhere = {"domain": EMPTY, "create_profiles": True, "matching_key": "Attributes.loyalty_id"}
    assert told(known, service, settings=elsewhere).status.state == "SUCCEEDED"


def test_what_was_told_is_told_again_before_the_service_forgets_it(known, both):
    service, _ = both
    members(known, {"anna": 0.9})
    told(known, service)
    soon, later = DAY + timedelta(days=1), DAY + timedelta(days=45)
    assert told(known, service, as_of=soon).receipt is None
    renewed = told(known, service, as_of=later)
    assert renewed.receipt
    assert (renewed.plan.joined, renewed.plan.left, renewed.plan.stayed) == (0, 0, 1)


def test_a_failed_file_commits_nothing_and_the_next_run_makes_it_anew(known, both, monkeypatch):
    service, held = both
    members(known, {"anna": 0.9})
    real = service.upload
    with monkeypatch.context() as patched:
        patched.setattr(service, "upload", lambda domain, job, _: real(domain, job, b"nothing\n"))
        with pytest.raises(ActivationError, match=r"ended FAILED: 0 of 1 rows taken.*VALIDATION_FAILURE"):
            told(known, service)
    assert not known.state(ACTIVATION_LEDGER).rows
    told(known, service)
    assert [job["Status"] for job in sorted(jobs(service), key=lambda j: j["DisplayName"])] == ["FAILED", "SUCCEEDED"]
    assert {job["DisplayName"].rpartition("/")[2] for job in jobs(service)} == {"part-000", "part-000-r2"}
    assert profiles_world.members(held()) == {"anna": "0.9000"}


def test_partial_success_names_lines_and_nobody(known, both, monkeypatch):
    service, held = both
    members(known, {"anna": 0.9, "bo": 0.8, "cleo": 0.7})
    real = service.upload
    with monkeypatch.context() as patched:
        patched.setattr(service, "upload", lambda d, job, content: real(d, job, content.replace(b"0.8000", b"high")))
        with pytest.raises(ActivationError) as refused:
            told(known, service)
    assert "ended PARTIAL: 2 of 3 rows taken, 1 refused; the segment lacks 1 of 3 members" in str(refused.value)
    assert "(lines 3 of part-000.csv)" in str(refused.value)
    assert not {*PEOPLE} & {*str(refused.value).split()}
    assert not known.state(ACTIVATION_LEDGER).rows
    assert told(known, service).status.state == "SUCCEEDED"
    assert len(profiles_world.members(held())) == 3


def test_a_copy_of_what_was_sent_is_in_the_exports(known, both, tmp_path):
    service, _ = both
    members(known, {"anna": 0.9})
    outcome = told(known, service)
    assert outcome.receipt.location.startswith("customer_profiles/profiles/win_back/000001-")
    kept = service.store.read(f"{outcome.receipt.location}part-000.csv".removeprefix(
        "customer_profiles/" if isinstance(service, FolderCustomerProfiles) else ""))  # fmt: skip
    assert kept.decode().splitlines()[0].startswith("customer_id,pred_win_back_state,pred_win_back_consent")
    assert b"@" not in kept
