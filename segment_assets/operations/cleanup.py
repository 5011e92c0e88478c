"""The lake kept small, every night: small files become few, and files that no snapshot needs go."""

import dagster as dg

from segment_assets.first_party.tables import ARRIVAL_DAYS, ENGAGEMENT_EVENTS, QUARANTINED_RECORDS, RAW_EVENTS
from segment_assets.lake import Lake
from segment_assets.lake.compaction import Compacted, compact
from segment_assets.lake.garbage import collect
from segment_assets.roles import ROLE

# Every table with partitions; all others are replaced whole by each write.
OF_DAYS = (RAW_EVENTS, QUARANTINED_RECORDS, ARRIVAL_DAYS, ENGAGEMENT_EVENTS)


def compacted(lake: Lake, *, dry_run: bool = False) -> list[Compacted]:
    """Compact every table that has partitions."""
    return compact(lake, OF_DAYS, dry_run=dry_run)


@dg.op(description="Write the small files of an arrival day as one.")
def compact_lake_op(context: dg.OpExecutionContext, lake: dg.ResourceParam[Lake]) -> None:
    """Tell which tables had many, and where a writer came first."""
    found = compacted(lake)
    for done in found:
        if done.overtaken:
            context.log.info("%s: written meanwhile, and left for the next time", done.table)
        elif done.before:
            context.log.info("%s: %d files became %d", done.table, done.before, done.after)
    if not any(done.overtaken or done.before for done in found):
        context.log.info("nothing to compact: no arrival day has many small files")


@dg.op(description="Forget old snapshots, and remove files that no retained snapshot needs.")
def clean_lake_op(context: dg.OpExecutionContext, lake: dg.ResourceParam[Lake]) -> None:
    """Tell how much went, per table where anything did."""
    found = [removed for removed in collect(lake) if removed.files or removed.overtaken]
    for removed in found:
        if removed.overtaken:
            context.log.info("%s: written meanwhile, and its snapshots are left for the next time", removed.table)
        if removed.files:
            context.log.info("%s: %d files, %d bytes", removed.table, removed.files, removed.size)
    if not found:
        context.log.info("nothing to remove: every file is needed by a snapshot of the last week, or a day old at most")


def compact_lake(role: str | None) -> dg.JobDefinition:
    """The job, under the role of the step that writes those tables: it reads and writes rows."""

    @dg.job(
        name="compact_lake",
        description="Writes the small files of an arrival day as one; no row changes, and nothing is built for it.",
        tags={ROLE: role} if role else None,
    )
    def job() -> None:
        """The one op."""
        compact_lake_op()

    return job


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


def schedules(compact_lake: dg.JobDefinition, clean_lake: dg.JobDefinition) -> list[dg.ScheduleDefinition]:
    """Every night, from the first `dagster dev` on."""
    return [
        dg.ScheduleDefinition(
            name="compact_lake_daily",
            job=compact_lake,
            cron_schedule="0 3 * * *",
            default_status=dg.DefaultScheduleStatus.RUNNING,
            description="Every night: the small files of an arrival day become one.",
        ),
        dg.ScheduleDefinition(
            name="clean_lake_daily",
            job=clean_lake,
            cron_schedule="30 3 * * *",
            default_status=dg.DefaultScheduleStatus.RUNNING,
            description="Every night: files that no retained snapshot needs are removed.",
        ),
    ]
