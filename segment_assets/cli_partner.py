"""`segment-assets partner`: why rows do not join, and rows to write queries against before any data is shared."""

from collections.abc import Callable
from pathlib import Path

import click
from rich.console import Console

from segment_assets.cli_clean_room import CONFIG_OPTION, JSON_OPTION


def group(use: Callable[[Path | None], None], finish: Callable[[Callable[[Console], bool]], None]) -> click.Group:
    """The group of commands.

    Args:
        use: makes a file the configuration.
        finish: runs a command and ends the process.
    """

    @click.group("partner", short_help="The partner's data: how well it joins.")
    def partner() -> None:
        """The partner's data: how well it joins, and made-up rows in its form."""

    @partner.command(short_help="Tell why the partner's rows do not join.")
    @CONFIG_OPTION
    @click.option("--purpose", default="marketing", show_default=True, help="what the rows are to be used for")
    @JSON_OPTION
    def ladder(config: Path | None, purpose: str, as_json: bool) -> None:
        """Tell why the partner's rows do not join, and what each mend would gain: counts, and none of few people."""
        from segment_assets.operations import partner_command

        use(config)
        finish(lambda console: partner_command.ladder(console, purpose, as_json=as_json))

    @partner.command(short_help="Make up rows from the partner's contract.")
    @click.option("--rows", type=click.IntRange(1, 10_000_000), required=True, help="how many")
    @click.option("--seed", type=int, default=0, show_default=True, help="the same seed makes the same file")
    @click.option(
        "--out",
        required=True,
        type=click.Path(dir_okay=False, path_type=Path),
        help="the file to write: .csv, .jsonl (each may be .gz) or .parquet",
    )
    @CONFIG_OPTION
    def synthesise(rows: int, seed: int, out: Path, config: Path | None) -> None:
        """Make up rows from the partner's contract, never from data, in the form of its deliveries."""
        from segment_assets.operations import partner_command

        use(config)
        finish(lambda console: partner_command.synthesise(console, rows, seed, out))

    return partner
