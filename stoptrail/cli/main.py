"""The command line of StopTrail; every command is one function in a file of its own.

A command's function gets the options by name and raises where it fails.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from stoptrail.cli.ending import DEBUG as DEBUG
from stoptrail.cli.ending import INTERRUPTED, TERMINATED, ended, in_order, memory_is_spent
from stoptrail.cli.groups import dashboard, data, ledger, runs, telegram
from stoptrail.cli.options import FILE as _FILE
from stoptrail.cli.options import json_option, require_once, settings_options, trust_option
from stoptrail.core.errors import UsageError
from stoptrail.core.program import (
    collect_seldom,
    end_quickly,
    give_back_at_once,
    program_name,
    run_alone,
)

COMPLETE = "_STOPTRAIL_COMPLETE"
"""What a shell sets to ask for completions, however the program was called."""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="stoptrail", prog_name="stoptrail")
def cli() -> None:
    """Swing trading with asymmetric exits: backtest, sweep and paper trading.

    Messages point to pages such as docs/fills.md: "docs fills" shows it.
    """


@cli.command()
@settings_options
@click.option("--sweep", is_flag=True, help="Search the grid of [sweep.grid] for the best set.")
@click.option(
    "--walk-forward/--no-walk-forward",
    default=None,
    help="Test the search out of sample; part of a sweep unless switched off.",
)
@click.option(
    "--book",
    is_flag=True,
    help="Run the sleeves of [book] on one account; with --sweep choose them.",
)
@click.option("--plot", is_flag=True, help="Draw Backtrader plots as well.")
@click.option(
    "--data",
    "files",
    type=_FILE,
    metavar="FILE",
    multiple=True,
    help="Candle file, folder, archive or quoted pattern instead of [data]; may be repeated.",
)
@click.option(
    "--symbols", metavar="A,B,...", default="", help="Several markets, in a sweep or a book."
)
@click.option("--out", type=_FILE, metavar="DIR", help="Result folder; runs/<time>-backtest.")
@click.option("--force", is_flag=True, help="Write over the run that is in the folder of --out.")
@click.option("--jobs", type=click.IntRange(min=0), help="Processes; 0 is one a core.")
@click.option(
    "--cluster",
    metavar="URL",
    help="Run on a cluster: tcp://host:8786 (Dask), ray://host:10001 (Ray).",
)
@click.option(
    "--permutations",
    type=click.IntRange(min=0),
    metavar="N",
    help="Repeat the search on N markets of permuted days; the verdict needs 19, 0 is off.",
)
@click.option("--resume", type=_FILE, metavar="DIR", help="Go on with a sweep that was stopped.")
@trust_option
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
@json_option
def backtest(
    overrides: tuple[str, ...],
    symbols: str,
    jobs: int | None,
    cluster: str | None,
    permutations: int | None,
    out: Path | None,
    resume: Path | None,
    **options: Any,
) -> None:
    """Run one set of settings, or with --sweep a grid, on the past."""
    if options["sweep"] or resume:
        from stoptrail.cli.activity import compile_ahead

        compile_ahead()  # before anything else is read: it takes longest
    from stoptrail.cli.backtest import run

    if out and resume:
        raise UsageError("--resume goes on in its own folder: leave --out away")
    if options["force"] and not out:
        raise UsageError("--force replaces the run in the folder of --out: name that folder")
    names = _markets(symbols)
    extra = [f"sweep.jobs={jobs}"] if jobs is not None else []
    extra += [f"sweep.cluster={cluster}"] if cluster is not None else []
    extra += [f"sweep.permutations={permutations}"] if permutations is not None else []
    run(overrides=(*overrides, *extra), symbols=names, out=out, resume=resume, **options)


def _markets(symbols: str) -> tuple[str, ...]:
    """The names of --symbols. Raises UsageError where there are none, or one comes twice."""
    names = tuple(name.strip() for name in symbols.split(",") if name.strip())
    if symbols and not names:
        raise UsageError(f"--symbols must name markets such as BTC/USDT,ETH/USDT, not {symbols!r}")
    require_once(names)
    return names


@cli.command()
@settings_options
@click.argument("signal", required=False)
@click.option("--data", "file", type=_FILE, metavar="FILE", help="Candle file instead of [data].")
@json_option
def audit(signal: str | None, overrides: tuple[str, ...], **options: Any) -> int:
    """Check a signal for looking ahead and for too short a warm-up.

    SIGNAL is a shipped signal or "module:function"; without it, the one in the settings.
    """
    from stoptrail.cli.audit import run

    extra = [f"strategy.signal={signal}"] if signal else []
    return run(overrides=(*overrides, *extra), **options)


@cli.command()
@settings_options
@click.option("--paper", is_flag=True, help="Simulated money; there is no other kind.")
@click.option(
    "--from", "source", type=_FILE, metavar="RUN", help="Trade the best set of a finished run."
)
@trust_option
@click.option(
    "--max-candles", type=click.IntRange(min=1), metavar="N", help="Stop after N closed candles."
)
@click.option("--book", is_flag=True, help="Trade the sleeves of [book] on one account.")
@click.option(
    "--symbols",
    metavar="A,B,...",
    default="",
    help="Trade the settings on several markets, in equal parts of one account.",
)
@click.option("-v", "--verbose", is_flag=True, help="Show the program's log as well.")
def live(paper: bool, book: bool, symbols: str, **options: Any) -> None:
    """Trade on live exchange data with simulated money."""
    if not paper:
        raise UsageError("live trades with simulated money only: add --paper")
    from stoptrail.cli.live import run

    run(book=book, symbols=_markets(symbols), **options)


@cli.command()
@settings_options
@click.argument("session")
def pause(**options: Any) -> None:
    """Let SESSION make no new entries; its stops go on working."""
    from stoptrail.cli.sessions import pause as run

    run(**options)


@cli.command()
@settings_options
@click.argument("session")
def resume(**options: Any) -> None:
    """Let a paused SESSION make entries again."""
    from stoptrail.cli.sessions import resume as run

    run(**options)


@cli.command()
@settings_options
@click.argument("session")
@click.option(
    "--at",
    "price",
    type=float,
    metavar="PRICE",
    help="Leave at this price at once: for a market that is halted or gone.",
)
def close(**options: Any) -> None:
    """Let SESSION leave its position at market, or at a price named."""
    from stoptrail.cli.sessions import close as run

    run(**options)


@cli.command()
@settings_options
@click.argument("run_or_session", metavar="RUN_OR_SESSION")
@click.option("--trade", type=click.IntRange(min=1), metavar="N", help="Trade number N.")
@click.option("--worst", type=click.IntRange(min=1), metavar="K", help="The K worst trades.")
@click.option("--best", type=click.IntRange(min=1), metavar="K", help="The K best trades.")
@click.option("--out", type=_FILE, metavar="DIR", help="Folder for the pictures.")
@trust_option
def plot(trade: int | None, worst: int | None, best: int | None, **options: Any) -> None:
    """Draw Backtrader plots of a finished run or a paper session.

    A run is its folder or "last", the newest.
    """
    if sum(chosen is not None for chosen in (trade, worst, best)) > 1:
        raise UsageError("--trade, --worst and --best exclude each other: give one of them")
    from stoptrail.cli.plot import run

    run(trade=trade, worst=worst, best=best, **options)


@cli.command()
@settings_options
@click.argument("run", type=_FILE, metavar="RUN")
@trust_option
def report(**options: Any) -> None:
    """Make report.html of a finished run again.

    RUN is its folder or "last", the newest.
    """
    from stoptrail.cli import plot

    plot.report(**options)


for command in (dashboard, data, ledger, runs, telegram):
    cli.add_command(command)


@cli.command()
@settings_options
@click.argument("session")
@json_option
def replay(**options: Any) -> int:
    """Run what SESSION has stored again and show the difference.

    That is its candles and its ticks.
    """
    from stoptrail.cli.replay import run

    return run(**options)


@cli.command()
@settings_options
@click.option("--brief", is_flag=True, help="One line for each session.")
@click.option("--watch", is_flag=True, help="Show it again every two seconds, until Ctrl-C.")
@json_option
def status(**options: Any) -> int:
    """Show the paper sessions: position, stop, equity, connection.

    Exit code: 0 all is well, 2 wrong usage, 3 a session is gone, 4 its market data is stale,
    5 it is not warm yet, 6 the database cannot be read; the highest of several.
    """
    from stoptrail.cli.sessions import status as run

    return run(**options)


@cli.command()
@click.argument("folder", type=_FILE, default=Path())
@click.option("--force", is_flag=True, help="Replace a strategy.toml that is there.")
def init(folder: Path, force: bool) -> None:
    """Write strategy.toml, every setting explained.

    It goes into FOLDER, here by default.
    """
    from stoptrail.cli.init import run

    run(folder, force)


def _pages(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    from stoptrail.cli.docs import names

    return [name for name in names() if name.startswith(begun.removeprefix("docs/"))]


@cli.command()
@click.argument("name", default="", shell_complete=_pages)
@click.option("--path", is_flag=True, help="Print where the page or, without NAME, the folder is.")
def docs(name: str, path: bool) -> None:
    """List the pages of documentation, or show one of them.

    NAME is a page as it is listed, or as messages write it: docs/fills.md.
    """
    from stoptrail.cli.docs import run

    run(name, path)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    return ended(
        lambda: cli.main(
            args=arguments,
            prog_name=program_name(),
            complete_var=COMPLETE,
            standalone_mode=False,
        )
    )


def run() -> None:
    """The program: `main`, whose exit code an interrupt that comes too late leaves alone."""
    collect_seldom()
    give_back_at_once()
    run_alone()
    with in_order() as came:
        code = main()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
    if memory_is_spent():
        os._exit(code)
    end_quickly()
    sys.exit(TERMINATED if came and code == INTERRUPTED else code)
