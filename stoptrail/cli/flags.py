"""Options that several commands take."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

FILE = click.Path(path_type=Path)


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
        help="RUN is yours: its import paths and candle files may be used.",
    )(command)
