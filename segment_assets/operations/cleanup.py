"""The nightly clean-up of files that no snapshot needs, as a Dagster job and schedule."""

import dagster as dg

from segment_assets.lake import Lake
from segment_assets.lake.garbage import collect
from segment_assets.roles import ROLE


@dg.op(description="Forget old snapshots, and remove files that no retained snapshot needs.")
def clean_lake_op(context: dg.OpExecutionContext, lake: dg.ResourceParam[Lake]) -> None:
    """Tell how much went, per table where anything did."""
    for removed in collect(lake):
        if removed.files:
            context.log.info("%s: %d files, %d bytes", removed.table, removed.files, removed.size)


def clean_lake(role: str | None) -> dg.JobDefinition:
    """The job, under a role of its own where it has one: no step may forget what another wrote."""

    @dg.job(
        name="clean_lake",
        description="Removes files of the lake that nobody needs any more.",
        tags={ROLE: role} if role else None,
    )
    def job() -> None:
        """The one op."""
        clean_lake_op()

    return job


def schedules(clean_lake: dg.JobDefinition) -> list[dg.ScheduleDefinition]:
    """Every night, from the first `dagster dev` on."""
    return [
        dg.ScheduleDefinition(
            name="clean_lake_daily",
            job=clean_lake,
            cron_schedule="30 3 * * *",
            default_status=dg.DefaultScheduleStatus.RUNNING,
            description="Every night: files that no retained snapshot needs are removed.",
        )
    ]
