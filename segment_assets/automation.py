"""What runs when: every freshness policy and automation condition, named once.

A policy sees runs, not data: beside each stands a check on data age. A condition sees data versions, so content that
comes out equal wakes nothing.
"""

import hashlib
import json
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from importlib import resources
from importlib.metadata import version
from importlib.resources.abc import Traversable
from itertools import chain
from typing import Any

import dagster as dg
from pyiceberg.exceptions import CommitFailedException

from segment_assets.checked import HoldsChecked
from segment_assets.left_behind import LeftBehind

Condition = dg.AutomationCondition[Any]

# One run for many days, and a condition of our own, need what 1.13 calls beta; a user can do nothing about that.
_BETA = "Parameter `(backfill_policy|include_sources|use_user_code_server)`"
warnings.filterwarnings("ignore", message=_BETA, category=dg.BetaWarning)

OWNERS = ["team:marketing-data"]

# What of the ground floor decides the content of tables: how addresses are hashed, what consent says, SQL as it is
# rendered, how CSV is cut, which day an object is of. The lake keeps what it is given. `people` imports `sql`, and is
# before it.
_FLOOR = {"people": "people", "sql": "sql", "separated": "separated.py", "lake.arrivals": "lake/arrivals.py"}

# Arrival days are dynamic partitions: they end where the data ends, and a new day needs no reload of the code.
arrival_days = dg.DynamicPartitionsDefinition(name="arrival_days")

_AC = dg.AutomationCondition
# `.since_last_handled()` would be reset by the first evaluation, and nothing would ever be built for the first time.
# What a failed run left unbuilt is asked for again when something above it is built.
_missing = (_AC.missing() & (_AC.missing().newly_true() | _AC.any_deps_updated())).with_label("never built")
_code_changed: Condition = _AC.code_version_changed()
_new_code = _code_changed.since_last_handled().with_label("new code or configuration")
# Kept until it is asked for, once: an asset whose run failed is asked for again when something above it is built.
_left_behind = (LeftBehind() & LeftBehind().newly_true().since(_AC.newly_requested())).with_label("left behind")
_changed_version = _AC.any_deps_match(_AC.data_version_changed()).since_last_handled().with_label("changed data")
# Below the gates a chain goes in one run: what is about to change counts as changed. A gate does not: it may come out
# equal, and would drag everything along: who else is asked for waits until it is told whether it changed. Beside a gate
# customers would be new, and what identity says of them old.
GATES = dg.AssetSelection.assets("raw_events", "customers", "suppression_lists", "partner_audience", "collaboration")
_about_to_change = _AC.any_deps_match(_AC.will_be_requested()).ignore(GATES)
_changed_or_will = (
    (_AC.any_deps_match(_AC.data_version_changed()) | _about_to_change)
    .since_last_handled()
    .with_label("changed data, or data about to change")
)
# A run that could read no export of customers has written nothing: what lies below goes on with the export before, for
# whoever unsubscribed must leave.
_PEOPLE = dg.AssetSelection.assets("customers")
_passed = _AC.all_deps_blocking_checks_passed().ignore(_PEOPLE) & _AC.all_deps_match(HoldsChecked()).allow(_PEOPLE)
_ready = (~_AC.any_deps_missing() & ~_AC.any_deps_in_progress() & ~_AC.in_progress() & _passed).with_label(
    "inputs are there, idle, and passed their checks"
)
_behind_the_gates = (_ready & ~_AC.any_deps_match(_AC.will_be_requested()).allow(GATES)).with_label(
    "inputs are there, idle, and passed their checks; no gate among them is about to be built"
)
_not_today = _AC.cron_tick_passed("0 0 * * *").since(_AC.newly_updated()).with_label("not yet today")

# Gates react to changed data alone: what lies below may run in one run with what will be requested.
at_a_gate: Condition = ((_missing | _changed_version | _new_code | _left_behind) & _ready).with_label("at a gate")
on_changed_data: Condition = ((_missing | _changed_or_will | _new_code | _left_behind) & _behind_the_gates).with_label(
    "on changed data"
)
on_changed_data_once_a_day: Condition = (
    (_missing | ((_changed_or_will | _new_code) & _not_today)) & _behind_the_gates
).with_label("on changed data, at most once a day")
# What is sent rests on events, however far below them: between a new mapping and the last day that it made again the
# inputs of a hand-off look as they should, and are not.
_one_mapping = _AC.asset_matches(
    "engagement_events",
    (~_code_changed.since(_AC.newly_updated()) & _AC.all_checks_match(_AC.check_passed(), blocking_only=True))
    | _AC.will_be_requested(),
).with_label("events are of the mapping in force, and passed their checks")
# A hand-off has `customers` above it, and so has its segment, which waits for more: told before that is decided anew it
# would be told of older customers, and refuse. For a gate that could not be built nothing waits: whoever unsubscribed
# must leave though an export of customers can't be read.
_decided_anew = (
    _AC.all_deps_match(~LeftBehind() | _AC.will_be_requested()).ignore(GATES).with_label("its segment is decided anew")
)
on_changed_data_of_one_mapping: Condition = (
    (_missing | _changed_or_will | _new_code | _left_behind) & _behind_the_gates & _one_mapping & _decided_anew
).with_label("on changed data, of one mapping")


def when_stale_or_outgrown(check: dg.AssetCheckKey) -> Condition:
    """For a model: stale and changed, or the check of its scores fails that says that the features it reads are gone.

    It asks once, and again whenever the examples changed: what could not be learnt from may be enough then.
    """
    this = dg.AssetSelection.checks(check)  # and no other one of the scores, such as their age
    failed: Condition = _AC.asset_matches(check.asset_key, _AC.any_checks_match(_AC.check_failed()).allow(this))
    outgrown = failed.newly_true().since_last_handled() | (failed & _changed_version)
    stale = _AC.freshness_failed() & _changed_version
    label = "stale and changed, features that are gone, or new code"
    asked = _missing | stale | outgrown.with_label("its features are gone") | _new_code
    return (asked & _behind_the_gates).with_label(label)


def on_change_of(*keys: dg.AssetKey) -> Condition:
    """For what must follow some of its inputs only, such as an evaluation its model."""
    only = dg.AssetSelection.assets(*keys)
    changed = _AC.any_deps_match(_AC.data_version_changed() | _AC.will_be_requested()).allow(only)
    label = f"on changed {', '.join(k.to_user_string() for k in keys)}"
    return ((_missing | changed.since_last_handled() | _new_code) & _behind_the_gates).with_label(label)


def fresh_within(window: timedelta) -> dg.FreshnessPolicy:
    """Alert when not built for that long; warn after three quarters of it."""
    return dg.FreshnessPolicy.time_window(fail_window=window, warn_window=window * 3 / 4)


@contextmanager
def again_if_overtaken() -> Iterator[None]:
    """Begin the asset anew where another run wrote its tables since it began: that one may have read more.

    Each asset that replaces a table by what it read has a pool, in which its runs wait for one another; this is for a
    run that no pool holds back, such as one of another instance. Clean-room results have none: the log of queries, to
    which they add, says what was done.
    """
    try:
        yield
    except CommitFailedException as overtaken:
        raise dg.RetryRequested(max_retries=2) from overtaken


def code_version(step: str, *parts: Any, libraries: Sequence[str] = ()) -> str:
    """Hash of a step's source, of the configuration it reads, and of the libraries its result depends on.

    The source is the step's own, and what it imports of the ground floor that decides the content of tables.

    Args:
        step: the step's package name, such as `modelling`.
        parts: configuration, as pydantic models or JSON values.
        libraries: distribution names.
    """
    digest = hashlib.sha256()
    for path, source in _sources(step):
        digest.update(path.encode() + source)
    for part in parts:
        plain = part.model_dump(mode="json") if hasattr(part, "model_dump") else part
        digest.update(json.dumps(plain, sort_keys=True, default=str).encode())
    for library in libraries:
        digest.update(f"{library}={version(library)}".encode())
    return digest.hexdigest()[:12]


def events_version(landing: Any) -> str:
    """The version of what raw events mean: code, mapping and libraries. What deliveries promise is no part of it.

    Args:
        landing: `landing.events` of segmentation.yaml.
    """
    return code_version("first_party", landing.mapping, libraries=["msgspec", "pyarrow", "phonenumbers", "idna"])


def _sources(step: str) -> list[tuple[str, bytes]]:
    """Path and content of a step's modules and SQL, and of what they import of the ground floor, by path."""
    package = resources.files("segment_assets")
    found = _within(package / step, step)
    for name, path in _FLOOR.items():
        imported = re.compile(rf"segment_assets(\.| import .*\b){re.escape(name)}\b".encode())
        if any(imported.search(source) for source in found.values()):
            found |= _within(package / path, path)
    return sorted(found.items())


def _within(place: Traversable, path: str) -> dict[str, bytes]:
    if not place.is_dir():
        return {path: place.read_bytes()} if path.endswith((".py", ".sql")) else {}
    parts = (_within(part, f"{path}/{part.name}") for part in place.iterdir() if part.name != "__pycache__")
    return dict(chain.from_iterable(part.items() for part in parts))
