"""Options that several commands take, and what the user asked of `backtest`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from stoptrail.core.errors import UsageError
from stoptrail.core.text import plain

if TYPE_CHECKING:  # help has to come at once
    from stoptrail.config.settings import Settings


class BacktestOptions(NamedTuple):
    """The options of `stoptrail backtest` that do not change settings by themselves."""

    config: Path | None
    overrides: tuple[str, ...]
    walk_forward: bool | None
    """None: as the settings say."""
    plot: bool
    files: tuple[Path, ...]
    symbols: tuple[str, ...]
    out: Path | None
    force: bool
    """Whether a run that is in `out` may be replaced."""
    resume: Path | None
    as_json: bool
    book: bool = False
    """Whether the sleeves of [book] are run on one account."""
    trust: bool = False
    """Whether import paths in the folders of finished runs may be used."""
    settings: Settings | None = None
    """Checked settings, in place of `config` and `overrides`."""


Command = TypeVar("Command", bound=Callable[..., Any])

FILE = click.Path(path_type=Path)


def require_once(markets: Sequence[str]) -> None:
    """UsageError where a market comes twice."""
    twice = sorted({name for name in markets if markets.count(name) > 1})
    if twice:
        raise UsageError(
            f"the market {plain(twice[0])} is given twice: name each once with --symbols"
        )


def settings_options(command: Command) -> Command:
    """--config and --set, which every command that reads settings takes."""
    command = click.option(
        "--set",
        "overrides",
        metavar="KEY=VALUE",
        multiple=True,
        help="Override a setting, e.g. stop.trailing_atr_multiplier=4; may be repeated.",
    )(command)
    return click.option(
        "--config", type=FILE, metavar="FILE", help="Settings; strategy.toml by default."
    )(command)


def json_option(command: Command) -> Command:
    """--json, for scripts."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")(command)


def trust_option(command: Command) -> Command:
    """--trust, for commands that read the folder of a run."""
    return click.option(
        "--trust",
        is_flag=True,
        help="A run's folder is yours: its import paths and candle files may be used.",
    )(command)
