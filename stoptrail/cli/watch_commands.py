"""`dashboard` and `telegram` on the command line."""

from __future__ import annotations

from typing import Any

import click

from stoptrail.cli.flags import FILE, settings_options


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
    """Show paper sessions and finished runs in a browser, until Ctrl-C."""
    from stoptrail.cli.dashboard import run

    extra = [f"dashboard.host={host}"] if host is not None else []
    extra += [f"dashboard.port={port}"] if port is not None else []
    return run(overrides=(*overrides, *extra), **options)


@click.command()
@settings_options
def telegram(**options: Any) -> int:
    """Answer about paper sessions, and take orders to them, in one Telegram chat."""
    from stoptrail.cli.telegram import run

    return run(**options)
