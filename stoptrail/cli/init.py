"""`init`: a strategy.toml of one's own, with every setting explained."""

from __future__ import annotations

from pathlib import Path

import click

from stoptrail.config.load import FILE_NAME, SHIPPED
from stoptrail.core.errors import OutputError
from stoptrail.core.files import write_whole
from stoptrail.core.program import program_name
from stoptrail.core.text import plain


def run(folder: Path, force: bool) -> None:
    """Write the shipped, commented strategy.toml into `folder`, which is made if need be.

    Raises OutputError where the file is there already, unless `force`, or cannot be written.
    """
    file = folder / FILE_NAME
    if file.exists() and not force:
        raise OutputError(f"{file} is there already: --force replaces it")
    is_new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made ({error.strerror})") from None
    try:
        write_whole(file, SHIPPED.read_bytes())
    except OutputError:
        if is_new:
            folder.rmdir()
        raise
    click.echo(f"{plain(file)}: every setting with its unit, range and default")
    click.echo(f"Next: {program_name()} backtest")
