"""Commands of several words, `runs`, `ledger` and `data`, and what watches sessions: `dashboard`
and `telegram`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stoptrail.cli.options import FILE, json_option, settings_options


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
    """Figures and parameters of two runs side by side.

    Their equity is drawn on one page.
    """
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
    """Say what is wrong or odd in the ledger.

    Exit code 1 where something is wrong.
    """
    from stoptrail.cli.ledger import check as run

    return run(**options)


@click.command()
@settings_options
@click.option(
    "--ledger",
    "ledgers",
    metavar="LEDGER",
    multiple=True,
    help="SQLite file or database URL instead of [database]; may be repeated.",
)
@click.option(
    "--runs",
    "folders",
    type=FILE,
    metavar="DIR",
    multiple=True,
    help="Folder of finished runs; runs by default; may be repeated.",
)
@click.option("--host", metavar="ADDRESS", help="Address to listen on instead of [dashboard].")
@click.option("--port", type=click.IntRange(0, 65_535), help="Port instead of [dashboard].")
@click.option("--open", "opening", is_flag=True, help="Open the page in the browser.")
def dashboard(
    overrides: tuple[str, ...], host: str | None, port: int | None, **options: Any
) -> int:
    """Show paper sessions and finished runs in a browser.

    It serves them until Ctrl-C.
    """
    from stoptrail.cli.dashboard import run

    extra = [f"dashboard.host={host}"] if host is not None else []
    extra += [f"dashboard.port={port}"] if port is not None else []
    return run(overrides=(*overrides, *extra), **options)


@click.command()
@settings_options
def telegram(**options: Any) -> int:
    """Answer about paper sessions in one Telegram chat.

    Orders to them (pause, resume, close) are taken there too.
    """
    from stoptrail.cli.sessions import telegram as run

    return run(**options)


@click.group()
def data() -> None:
    """Download candles; check and convert candle files."""


@data.command()
@settings_options
@click.option("--exchange", metavar="ID", help="Exchange by its ccxt id instead of [data].")
@click.option("--symbol", metavar="A/B", help="Market instead of [data].")
@click.option("--timeframe", metavar="T", help="Length of a candle instead of [data].")
@click.option("--start", metavar="TIME", help="First moment, UTC, instead of [data].")
@click.option("--end", metavar="TIME", help="The moment after the last candle, UTC.")
@click.option("--archive", is_flag=True, help="Take Binance's public archive first.")
@click.option("--funding", is_flag=True, help="Bring a swap's funding rates too.")
@click.option("--mark", is_flag=True, help="Bring the candles of a swap's mark price too.")
def download(
    config: Path | None,
    overrides: tuple[str, ...],
    archive: bool,
    funding: bool,
    mark: bool,
    **keys: str | None,
) -> int:
    """Download closed candles into the cache.

    A download that was stopped goes on.
    """
    from stoptrail.cli.data import download as run
    from stoptrail.config.load import load_settings

    extra = [f"data.{key}={value}" for key, value in keys.items() if value is not None]
    settings = load_settings(config, (*overrides, *extra), searching=False)
    wanted = settings.data
    for timeframe in filter(None, (wanted.timeframe, wanted.detail)):
        run(
            wanted.exchange,
            settings.exchange.options(),
            wanted.symbol,
            timeframe,
            wanted.start_ms,
            wanted.end_ms,
            Path(wanted.cache),
            archive=wanted.archive if archive else "",
            market_type=settings.market.type,
            funding=funding and timeframe == wanted.timeframe,
            mark=mark and timeframe == wanted.timeframe,
            warm_up=timeframe == wanted.timeframe,
        )
    return 0


@data.command("check")
@settings_options
@click.argument("files", type=FILE, nargs=-1, required=True)
@click.option("--timeframe", metavar="T", help="Length that a candle has to have.")
def check_files(
    files: tuple[Path, ...],
    timeframe: str | None,
    config: Path | None,
    overrides: tuple[str, ...],
) -> int:
    """Say what candle files load as, and what is odd about them.

    FILES are files, folders, archives or quoted patterns.
    """
    from stoptrail.cli.data import check as run
    from stoptrail.cli.market import reading_of_files

    reading = reading_of_files(config, overrides)
    return max([run(file, timeframe, reading=reading) for file in files])


@data.command()
@settings_options
@click.argument("file", type=FILE)
@click.argument("out", type=FILE)
@click.option("--timeframe", metavar="T", help="Length that a candle has to have.")
def convert(
    file: Path,
    out: Path,
    timeframe: str | None,
    config: Path | None,
    overrides: tuple[str, ...],
) -> int:
    """Write the candles of FILE as Parquet.

    FILE is a file, folder, archive or quoted pattern.
    """
    from stoptrail.cli.data import convert as run
    from stoptrail.cli.market import reading_of_files

    return run(file, out, timeframe, reading=reading_of_files(config, overrides))
