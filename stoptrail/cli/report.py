"""`report`: the report of a finished run, made again from its folder."""

from __future__ import annotations

from pathlib import Path

from stoptrail.cli.console import Voice
from stoptrail.cli.folder import RUNS
from stoptrail.cli.picture import market_of_run
from stoptrail.cli.runs import found
from stoptrail.core.text import plain
from stoptrail.reports.html.page import write_report
from stoptrail.reports.run_files import as_of_a_run, read_run


def run(config: Path | None, overrides: tuple[str, ...], run: Path, trust: bool = False) -> None:
    """Write report.html into the folder of the run and say where it is.

    `run` is a folder, the name of one in runs, or "last". Raises UsageError without it.
    """
    run = run if run.exists() else found(str(run), RUNS)
    with as_of_a_run(run):
        market = market_of_run(read_run(run), config, overrides, trust, Voice())[0]
        page = write_report(run, market.candles)
    print(plain(page))
