"""`segment-assets clean-room`: check a query before paying for it."""

from collections.abc import Callable
from pathlib import Path
from typing import IO

import click
from rich.console import Console

CONFIG_OPTION = click.option(
    "--config", type=click.Path(path_type=Path), help="segmentation.yaml to use; default: ./segmentation.yaml"
)
JSON_OPTION = click.option("--json", "as_json", is_flag=True, help="tell it as JSON")
AS_OPTION = click.option("--as", "runner", metavar="MEMBER", help="the member who asks; default: the query runner")
QUERY = click.argument("query", type=click.File("r", encoding="utf-8-sig"))  # some editors begin a file with a mark


def group(use: Callable[[Path | None], None], finish: Callable[[Callable[[Console], bool]], None]) -> click.Group:
    """The group of commands.

    Args:
        use: makes a file the configuration.
        finish: runs a command and ends the process.
    """

    @click.group("clean-room")
    def clean_room() -> None:
        """Check queries against the rules of the collaboration, offline."""

    @clean_room.command(short_help="Judge a query: may it run, and if not, why.")
    @QUERY
    @CONFIG_OPTION
    @AS_OPTION
    @click.option("--template", metavar="NAME", help="QUERY is the text of this analysis template")
    @click.option("--parameter", multiple=True, metavar="NAME=VALUE", help="of the template; may be repeated")
    @click.option("--strict", is_flag=True, help="refuse what AWS would run and document as misleading")
    @JSON_OPTION
    def check(
        query: IO[str],
        config: Path | None,
        runner: str | None,
        template: str | None,
        parameter: tuple[str, ...],
        strict: bool,
        as_json: bool,
    ) -> None:
        """Judge the SQL in the file QUERY (- is standard input): exit 0 where it may run, 1 where it may not."""
        from segment_assets.operations import clean_room_command

        use(config)
        values = dict(p.partition("=")[::2] for p in parameter)
        finish(
            lambda console: clean_room_command.check(
                console, _text(query), runner=runner, template=template, values=values, strict=strict, as_json=as_json
            )
        )

    @clean_room.command(short_help="Show what of a query runs, and what leaves.")
    @QUERY
    @CONFIG_OPTION
    @AS_OPTION
    @JSON_OPTION
    def explain(query: IO[str], config: Path | None, runner: str | None, as_json: bool) -> None:
        """Show what is added to the SQL in the file QUERY, what runs, and which columns leave."""
        from segment_assets.operations import clean_room_command

        use(config)
        finish(lambda console: clean_room_command.explain(console, _text(query), runner=runner, as_json=as_json))

    @clean_room.command(short_help="Tell how many queries are spent and left.")
    @CONFIG_OPTION
    @JSON_OPTION
    def budget(config: Path | None, as_json: bool) -> None:
        """Tell how many protected queries, and how many uses of tables, are spent and left."""
        from segment_assets.operations import clean_room_command

        use(config)
        finish(lambda console: clean_room_command.budget(console, as_json=as_json))

    @clean_room.command(short_help="Tell results that differ by too few people.")
    @CONFIG_OPTION
    @JSON_OPTION
    def warnings(config: Path | None, as_json: bool) -> None:
        """For the owner of the data: results that differ by too few people. Exit 1 where there are any."""
        from segment_assets.operations import clean_room_command

        use(config)
        finish(lambda console: clean_room_command.warnings(console, as_json=as_json))

    @clean_room.command(short_help="Tell how much of each row is one person's.")
    @CONFIG_OPTION
    @JSON_OPTION
    def shares(config: Path | None, as_json: bool) -> None:
        """For the owner of the data: how much of each row that left is one person, and how much the runner's."""
        from segment_assets.operations import clean_room_command

        use(config)
        finish(lambda console: clean_room_command.shares(console, as_json=as_json))

    @clean_room.command(short_help="Run a file of conformance cases.")
    @click.argument("cases", type=click.Path(exists=True, dir_okay=False, path_type=Path))
    @JSON_OPTION
    def conformance(cases: Path, as_json: bool) -> None:
        """Run the file CASES of conformance cases: exit 1 where one disagrees."""
        from segment_assets.operations import clean_room_command

        finish(lambda console: clean_room_command.conformance(console, cases, as_json=as_json))

    return clean_room


def _text(query: IO[str]) -> str:
    try:
        return query.read()
    except UnicodeDecodeError as bad:
        raise click.ClickException(f"{query.name}: this is no text in UTF-8: save the query as UTF-8") from bad
