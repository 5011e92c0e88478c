"""What was requested and never built, because a run failed or was killed: kept beside the cursor of the conditions.

A condition asks once. The daemon leaves it at that and waits for new data; `segment-assets refresh` tries again.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

import dagster as dg

from segment_assets.checked import holds_checked
from segment_assets.operations.failures import blocked

# First parts of the keys of what tells a segment to somebody.
DESTINATIONS = ("pinpoint_import", "customer_profiles_import", "file_handoff")
PEOPLE = dg.AssetKey("customers")
# Partitions of each asset; none for an asset without partitions.
Wanted = dict[dg.AssetKey, list[str]]


def read(path: Path) -> Wanted:
    """What the last call left."""
    if not path.exists():
        return {}
    return {dg.AssetKey.from_user_string(key): days for key, days in json.loads(path.read_text()).items()}


def text(owed: Mapping[dg.AssetKey, Sequence[str]]) -> str:
    """As `read` reads it."""
    return json.dumps({key.to_user_string(): list(days) for key, days in owed.items()}, indent=1)


def union(*parts: Wanted) -> Wanted:
    """Everything that any of them wants."""
    keys = {key for part in parts for key in part}
    return {key: sorted({day for part in parts for day in part.get(key, ())}) for key in sorted(keys)}


def unbuilt(instance: dg.DagsterInstance, run_id: str, wanted: Wanted) -> Wanted:
    """What a run was asked for and did not build."""
    built: set[tuple[dg.AssetKey | None, str | None]] = set()
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION):
        if entry.dagster_event:
            built.add((entry.dagster_event.asset_key, entry.dagster_event.partition))
    left = {key: [day for day in days if (key, day) not in built] for key, days in wanted.items()}
    return {key: left[key] for key, days in wanted.items() if (left[key] if days else (key, None) not in built)}


def payable(defs: dg.Definitions, instance: dg.DagsterInstance, owed: Wanted, requested: Wanted) -> Wanted:
    """What to build now: what is requested, and of what is owed all that waits for nothing.

    What is owed waits for a check that failed, and for what lies between it and what is built now: a destination told
    beside new customers would be told what was decided of the old ones.

    Args:
        defs: the platform; what it has no longer is forgotten.
        instance: where evaluations of checks are kept.
        owed: what was left.
        requested: what is built anyway: its checks are evaluated again.
    """
    graph = defs.resolve_asset_graph()
    stopped = {failure.asset for failure in blocked(instance, blocking_checks(defs))}
    ready = dict(requested)
    for key in graph.toposorted_asset_keys:
        if key not in owed:
            continue
        old = stopped | {k.to_user_string() for k in below(defs, ready)}
        if all(_passes(parent, ready, owed, old) for parent in graph.get(key).parent_keys):
            ready = union(ready, {key: owed[key]})
    return ready


def below(defs: dg.Definitions, keys: Iterable[dg.AssetKey]) -> set[dg.AssetKey]:
    """Everything that depends on one of the keys, however far away."""
    graph = defs.resolve_asset_graph()
    found: set[dg.AssetKey] = set()
    open_keys = list(keys)
    while open_keys:
        children = graph.get(open_keys.pop()).child_keys - found
        found |= children
        open_keys += children
    return found


def waiting(defs: dg.Definitions, instance: dg.DagsterInstance, failed: Iterable[dg.AssetKey]) -> set[dg.AssetKey]:
    """What must wait below what failed: nothing is built on the old.

    Scores go on with the model in service where no other could be trained: a target that the data no longer carries
    must not keep anybody in a segment who has withdrawn consent. So does everything below customers where no export
    could be read, with those of the export before: whoever unsubscribed must leave. The page goes on beside a
    destination that failed: it shows what each was told last, and is of today otherwise.
    """
    graph, checks = defs.resolve_asset_graph(), [check for check in blocking_checks(defs) if check.asset_key == PEOPLE]
    found: set[dg.AssetKey] = set()
    open_keys = list(failed)
    while open_keys:
        parent = open_keys.pop()
        children = {key for key in graph.get(parent).child_keys if not _goes_on(instance, parent, key, checks)} - found
        found |= children
        open_keys += children
    return found


def broken(instance: dg.DagsterInstance, run_id: str) -> set[dg.AssetKey]:
    """Assets that failed themselves, in their step or in a check that blocks; the rest of a run waited for them."""
    steps = instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    return {dg.AssetKey((entry.step_key or "").split("__")) for entry in steps}


def blocking_checks(defs: dg.Definitions) -> list[dg.AssetCheckKey]:
    """Every check that keeps what lies below from running."""
    graph = defs.resolve_asset_graph()
    return sorted(key for key in graph.asset_check_keys if graph.get_check_spec(key).blocking)


def _goes_on(
    instance: dg.DagsterInstance, parent: dg.AssetKey, child: dg.AssetKey, of_people: Collection[dg.AssetCheckKey]
) -> bool:
    if parent == PEOPLE:
        return holds_checked(instance, PEOPLE, of_people)
    if child.path[0] == "dashboard":
        return parent.path[0] in DESTINATIONS
    scores = (parent.path[0], child.path[0]) == ("trained_model", "customer_scores")
    return scores and instance.get_latest_materialization_event(parent) is not None


def _passes(parent: dg.AssetKey, ready: Wanted, owed: Wanted, old: Collection[str]) -> bool:
    return parent in ready or (parent not in owed and parent.to_user_string() not in old)
