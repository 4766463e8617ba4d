"""`runs` and `ledger` on the command line: commands of several words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stoptrail.cli.flags import FILE, json_option, settings_options


@click.group()
@click.option(
    "--in",
    "folder",
    type=FILE,
    default="runs",
    metavar="DIR",
    show_default=True,
    help="Where the runs are.",
)
@click.pass_context
def runs(context: click.Context, folder: Path) -> None:
    """List, show, compare or open finished runs.

    RUN is the folder of a run, its name in DIR, or "last".
    """
    context.obj = folder


@runs.command("list")
@json_option
@click.pass_obj
def list_runs(folder: Path, as_json: bool) -> None:
    """Every finished run with its main figures, the newest last."""
    from stoptrail.cli.runs import show_list

    show_list(folder, as_json)


@runs.command("show")
@click.argument("run")
@json_option
@click.pass_obj
def show_run(folder: Path, run: str, as_json: bool) -> None:
    """The screen of a finished run again."""
    from stoptrail.cli.runs import show

    show(run, folder, as_json)


@runs.command("compare")
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@click.option("--out", type=FILE, metavar="FILE", help="The page; DIR/A-and-B.html by default.")
@json_option
@click.pass_obj
def compare_runs(folder: Path, first: str, second: str, out: Path | None, as_json: bool) -> None:
    """Figures and parameters of two runs side by side, their equity on one page."""
    from stoptrail.cli.runs import compare

    compare(first, second, folder, out, as_json)


@runs.command("open")
@click.argument("run")
@click.pass_obj
def open_run(folder: Path, run: str) -> None:
    """Open the report of a run in the browser."""
    from stoptrail.cli.runs import open_report

    open_report(run, folder)


@click.group()
def ledger() -> None:
    """Copy or check the ledger of the paper sessions."""


@ledger.command()
@settings_options
@click.argument("file", type=FILE)
@click.option("--force", is_flag=True, help="Replace FILE where it exists.")
def backup(**options: Any) -> int:
    """Copy the ledger to FILE, also while a session runs."""
    from stoptrail.cli.ledger import backup as run

    return run(**options)


@ledger.command()
@settings_options
def check(**options: Any) -> int:
    """Say what is wrong or odd in the ledger; exit code 1 where something is wrong."""
    from stoptrail.cli.ledger import check as run

    return run(**options)
