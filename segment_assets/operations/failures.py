"""Why something was not built, or nothing below it: the sentence of its exception, or of the check that failed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import dagster as dg
from dagster._core.storage.asset_check_execution_record import (
    AssetCheckExecutionRecord,
    AssetCheckExecutionRecordStatus,
)
from dagster_shared.error import SerializableErrorInfo

OWN = "segment_assets."
QUOTE_VALUES = ("duckdb.", "_duckdb.", "pyarrow.")  # what these say of a value that does not fit has the value in it
LONGEST = 500
_NOT_BUILT = {"customers": "was not built, and what lies below it goes on with those of the export before, if any"}
# Checks that block nothing, and that nobody sees where only the screen is looked at.
TOLD = (
    "asks_for_somebody",
    "beats_baselines",
    "consent_is_understood",
    "control_as_asked",
    "every_value_is_summed",
    "everybody_is_taken",
    "few_in_quarantine",
    "ids_are_no_addresses",
    "joined_as_before",
    "lines_name_somebody",
    "model_still_holds",
    "names_are_unambiguous",
    "names_suppress_as_they_sound",
    "suppressions_are_read",
    "objects_are_there",
    "suppressions_name_somebody",
    "top_is_told_apart",
)


@dataclass(frozen=True)
class Failure:
    """One asset that was not built, or was and did not pass a check.

    Attributes:
        asset: its key.
        sentence: what is wrong, and how to mend it.
        built: it was: its table holds what the check looked at, and what lies below waits.
    """

    asset: str
    sentence: str
    built: bool = False

    @property
    def line(self) -> str:
        """What became of it and of what lies below, and why."""
        became = (
            "was built, and nothing below it, for it did not pass a check"
            if self.built
            else _NOT_BUILT.get(self.asset, "was not built, nor what lies below it")
        )
        return f"{self.asset} {became}: {self.sentence}"


def failures(instance: dg.DagsterInstance, run_id: str) -> Iterator[Failure]:
    """What failed in a run, in order; steps that only waited for those are left out."""
    kinds = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE}
    stepped = False
    for entry in instance.all_logs(run_id, of_type=kinds):
        data = entry.dagster_event.event_specific_data if entry.dagster_event else None
        error = getattr(data, "error", None)
        if entry.dagster_event_type == dg.DagsterEventType.STEP_FAILURE:
            stepped = True
            # A check that blocks fails its step, too: `blocked` says more about it.
            if error and error.cls_name != "DagsterAssetCheckFailedError":
                yield Failure((entry.step_key or "").replace("__", "/"), _sentence(error, run_id))
        elif not stepped and error:
            yield Failure("the run", _sentence(error, run_id))


def blocked(instance: dg.DagsterInstance, checks: Iterable[dg.AssetCheckKey]) -> Iterator[Failure]:
    """Assets whose last evaluation of a blocking check did not pass: nothing below them is built.

    Args:
        instance: where evaluations are kept.
        checks: the blocking checks.
    """
    for check in checks:
        last = instance.get_latest_asset_check_evaluation_record(check)
        if last is None or last.status != AssetCheckExecutionRecordStatus.FAILED:
            continue
        yield Failure(check.asset_key.to_user_string(), why_not(last, check), built=True)


def warned(instance: dg.DagsterInstance, checks: Iterable[dg.AssetCheckKey]) -> Iterator[str]:
    """What checks that block nothing said where they did not pass, of those that people have to look at."""
    for check in checks:
        last = instance.get_latest_asset_check_evaluation_record(check)
        if check.name in TOLD and last and last.status == AssetCheckExecutionRecordStatus.FAILED:
            said = evaluated(last)
            yield f"{check.asset_key.to_user_string()}: {said.description if said else check.name}"


def why_not(record: AssetCheckExecutionRecord, check: dg.AssetCheckKey) -> str:
    """Why a check did not pass: its own sentence, or else what it measured."""
    evaluation = evaluated(record)
    told = [f"{name}: {value.value}" for name, value in evaluation.metadata.items()] if evaluation else []
    return (evaluation.description if evaluation else None) or f"the check {check.name} failed ({', '.join(told)})."


def evaluated(record: AssetCheckExecutionRecord) -> dg.AssetCheckEvaluation | None:
    """What a check said; None where its run ended before it said anything."""
    event = record.event.dagster_event if record.event else None
    return event.asset_check_evaluation_data if event else None


def _sentence(error: SerializableErrorInfo, run_id: str) -> str:
    # Dagster's own error is outermost; what was raised in the asset is its cause.
    raised = error.cause or error
    kind, _, text = raised.message.strip().partition(": ")
    if kind.startswith(OWN):
        return text
    if kind.startswith(QUOTE_VALUES):
        return f"unexpected {kind}; its words may quote a row, and are not shown (`segment-assets dev`: run {run_id})"
    return f"unexpected {raised.message.strip().splitlines()[0][:LONGEST]} (`segment-assets dev`: run {run_id})"
