"""The `segment-assets` command."""

import os
import re
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console

from segment_assets import cli_clean_room, cli_partner, deployment, segmentation

CONFIG_OPTION = click.option(
    "--config", type=click.Path(path_type=Path), help="segmentation.yaml to use; default: ./segmentation.yaml"
)
ACCOUNT_OPTION = click.option(
    "--account", type=click.Choice(["ours", "partner"]), help="look at this account alone; default: both"
)
# The project's own exceptions are a sentence each, for the user.
OWN = "segment_assets."


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="segment-assets")
def main() -> None:
    """Predictive customer segments as Dagster assets."""


@main.command()
def demo() -> None:
    """Replay a year of a real grocer's data and build everything."""
    from segment_assets.demo import command

    os.environ[segmentation.CONFIG_VARIABLE] = str(segmentation.DEMO_FILE)
    _finish(lambda console: command.demo(console, deployment.home(), datetime.now(UTC).date()))


@main.command("next-day")
def next_day() -> None:
    """Drop the next day of the demo's data into the landing place."""
    from segment_assets.demo import command

    os.environ[segmentation.CONFIG_VARIABLE] = str(segmentation.DEMO_FILE)
    _finish(lambda console: command.next_day(console, deployment.home()))


@main.command(short_help="Build what new data asks for, without a daemon.")
@CONFIG_OPTION
def refresh(config: Path | None) -> None:
    """Look for new data and build what must be built, without a daemon."""
    from segment_assets.operations import command

    _use(config)
    _finish(lambda console: command.refresh(console, deployment.home()))


@main.command()
@CONFIG_OPTION
@click.option("--port", default=3000, show_default=True, help="port of the UI")
def dev(config: Path | None, port: int) -> None:
    """Open the Dagster UI, with the daemon, on the same instance."""
    from segment_assets.operations.instance import become_dagster_dev

    _use(config)
    _finish(lambda _: become_dagster_dev(deployment.home(), port))


@main.command(short_help="Check segmentation.yaml and what landed last.")
@CONFIG_OPTION
def validate(config: Path | None) -> None:
    """Check segmentation.yaml, the definitions it leads to, and whether what landed last fits it."""
    from segment_assets.operations import command

    _use(config)
    _finish(command.validate)


@main.command(short_help="Write a commented segmentation.yaml into FOLDER.")
@click.argument("folder", type=click.Path(path_type=Path))
def init(folder: Path) -> None:
    """Write a commented segmentation.yaml for your own data into FOLDER."""
    from segment_assets.operations import starter

    _finish(lambda console: starter.write(console, folder))


@main.command("clean-lake", short_help="Compact small files, and remove unneeded ones.")
@click.option("--dry-run", is_flag=True, help="count, and remove nothing")
@CONFIG_OPTION
def clean_lake(config: Path | None, dry_run: bool) -> None:
    """Compact small files of the lake, and remove files that no retained snapshot needs."""
    from segment_assets.operations import command

    _use(config)
    _finish(lambda console: command.clean_lake(console, deployment.home(), dry_run=dry_run))


@main.command("sql", short_help="Print rows of a SELECT over the lake's tables.")
@click.argument("statement", required=False)
@click.option("--columns", "of", metavar="TABLE", help="list the columns of a table: name, type, and what they mean")
@click.option("--csv", "as_csv", is_flag=True, help="write every row as CSV, not the first 100 as a table")
@CONFIG_OPTION
def sql_(statement: str | None, of: str | None, as_csv: bool, config: Path | None) -> None:
    """Print the rows of a SELECT over the lake's tables, such as "SELECT * FROM raw.arrival_days"; nothing is written.

    Without STATEMENT the tables are listed, each with what it is. It is Spark SQL.
    """
    if statement and of:
        raise click.UsageError("give a statement, or --columns TABLE, not both")
    from segment_assets.operations import sql_command

    _use(config)
    _finish(lambda console: sql_command.ask(console, statement, of=of, as_csv=as_csv))


@main.command(short_help="Say why CUSTOMER is in each segment, or is not.")
@click.argument("customer")
@CONFIG_OPTION
def explain(customer: str, config: Path | None) -> None:
    """Say why CUSTOMER is in each segment, or is not: consent, score, what moved it, and what was told."""
    from segment_assets.operations import explain_command

    _use(config)
    _finish(lambda console: explain_command.explain(console, customer))


@main.command(short_help="Say how many customers moved in or out, and why.")
@click.argument("segments", nargs=-1)
@CONFIG_OPTION
def changes(segments: tuple[str, ...], config: Path | None) -> None:
    """Say how many customers each of SEGMENTS decided otherwise than the time before, by reason; default: of all."""
    from segment_assets.operations import changes_command

    _use(config)
    _finish(lambda console: changes_command.changes(console, segments))


@main.group()
def events() -> None:
    """Event files and deliveries."""


@events.command("normalise", short_help="Write event files as rows of engagement_events.")
@click.argument("files", nargs=-1, required=True)
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="the Parquet file to write")
@click.option("--format", "form", metavar="NAME", help="whose stream; default: as segmentation.yaml says, else auto")
@CONFIG_OPTION
def events_normalise(files: tuple[str, ...], out: Path, form: str | None, config: Path | None) -> None:
    """Write the events of FILES, as a stream delivers them, as rows of engagement_events.

    A folder stands for every file below it, and a pattern such as 'events/**/*.gz' for what it matches.
    """
    from segment_assets.operations import events_command

    _use(config)
    _finish(lambda console: events_command.normalise(console, files, out, form))


@events.command("replay-errors", short_help="Land what Firehose could not deliver.")
@click.option("--dry-run", is_flag=True, help="count, and write nothing")
@CONFIG_OPTION
def events_replay_errors(dry_run: bool, config: Path | None) -> None:
    """Put what Firehose could not deliver into the landing place, at the hour it arrived."""
    from segment_assets.operations import events_command

    _use(config)
    _finish(lambda console: events_command.replay_errors(console, dry_run=dry_run))


@events.command("forget", short_help="Take back the opt-outs of a wrong file.")
@click.argument("object_key")
@click.option("--dry-run", is_flag=True, help="count, and take nothing back")
@CONFIG_OPTION
def events_forget(object_key: str, dry_run: bool, config: Path | None) -> None:
    """Take back the opt-outs of a file that should never have landed, once it is gone: OBJECT_KEY as it was called."""
    from segment_assets.operations import events_command

    _use(config)
    _finish(lambda console: events_command.forget(console, deployment.home(), object_key, dry_run=dry_run))


@main.group()
def aws() -> None:
    """The deployment on AWS."""


@aws.command("plan", short_help="Show what differs in Clean Rooms.")
@CONFIG_OPTION
@ACCOUNT_OPTION
def aws_plan(config: Path | None, account: str | None) -> None:
    """Show what differs between segmentation.yaml and Clean Rooms in both accounts."""
    from segment_assets.operations import aws_command

    _use(config)
    _finish(lambda console: aws_command.plan(console, (account,) if account else aws_command.BOTH))


@aws.command("apply", short_help="Make Clean Rooms as the file declares it.")
@CONFIG_OPTION
@ACCOUNT_OPTION
@click.option(
    "--delete", multiple=True, metavar="NAME", help="delete this, named as in the plan, and make nothing; repeat"
)
@click.option("--delete-all", is_flag=True, help="delete all that the plan finds of this deployment, and make nothing")
def aws_apply(config: Path | None, account: str | None, delete: tuple[str, ...], delete_all: bool) -> None:
    """Make Clean Rooms in both accounts as segmentation.yaml declares it; delete nothing that is not named."""
    from segment_assets.operations import aws_command

    _use(config)
    accounts = (account,) if account else aws_command.BOTH
    _finish(lambda console: aws_command.apply(console, accounts, delete, delete_all=delete_all))


@aws.command("smoke-test", short_help="Look at the live account, check by check.")
@CONFIG_OPTION
@click.option("--only", multiple=True, metavar="CHECK", help="this check alone; may be repeated")
@click.option("--with-cost", is_flag=True, help="run a protected query as well, which is billed")
@click.option("--json", "as_json", is_flag=True, help="tell it as JSON")
def aws_smoke_test(config: Path | None, only: tuple[str, ...], with_cost: bool, as_json: bool) -> None:
    """Look at the live account, check by check: what is there, and what is denied. Leaves nothing behind."""
    from segment_assets.operations import smoke_command

    _use(config)
    _finish(lambda console: smoke_command.smoke_test(console, only, with_cost=with_cost, as_json=as_json))


for commands in (cli_clean_room, cli_partner):
    main.add_command(commands.group(lambda config: _use(config), lambda work: _finish(work)))


def _use(config: Path | None) -> None:
    if config:
        os.environ[segmentation.CONFIG_VARIABLE] = str(config.resolve())


def _finish(work: Callable[[Console], bool]) -> None:
    """Run a command; a mistake that the user can mend is one sentence, not a stack."""
    # In a pipe or a log there is no width to ask for, and 80 columns would break the tables.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 110)
    try:
        ok = work(console)
    except Exception as mistake:
        if not type(mistake).__module__.startswith(OWN):
            raise
        console.print(_in_its_file(str(mistake)), style="red", markup=False, soft_wrap=True)
        ok = False
    except KeyboardInterrupt:
        console.print("\nStopped. The same command can be run again.")
        sys.exit(128 + signal.SIGINT)
    sys.exit(0 if ok else 1)


def _in_its_file(sentences: str) -> str:
    """Each by the name of the file that was read: the steps only know what it is called by default."""
    name = (segmentation.own_path() or segmentation.DEMO_FILE).name
    return re.sub(r"^segmentation\.yaml(?=: )", lambda _: name, sentences, flags=re.MULTILINE)


if __name__ == "__main__":
    main()
