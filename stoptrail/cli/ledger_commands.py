"""`ledger` on the command line."""

from __future__ import annotations

from typing import Any

import click

from stoptrail.cli.flags import FILE, settings_options


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
