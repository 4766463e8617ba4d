"""`runs` on the command line."""

from __future__ import annotations

from pathlib import Path

import click

from stoptrail.cli.flags import FILE, json_option


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
