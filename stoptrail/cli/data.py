"""`data download` and `data check`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from stoptrail.core.errors import ConfigError
from stoptrail.core.time import iso, timeframe_ms, timeframe_name
from stoptrail.feeds.check import FileCheck, check_file
from stoptrail.feeds.download import download_candles
from stoptrail.feeds.source import Wanted, span_to_fetch

SHOWN = 20
"""Findings of one kind that are listed one by one."""


def download(
    exchange_id: str,
    ccxt_options: Mapping[str, Any],
    symbol: str,
    timeframe: str,
    start: int | None,
    end: int | None,
    cache: Path,
    console: Console | None = None,
) -> int:
    """Bring a market's closed candles into the cache and say what is there; exit code 0.

    `start` and `end` are in milliseconds, None as in the settings: the last five years.
    The warm-up before the span comes along. Raises the errors of `download_candles`.
    """
    console = console or Console()
    interval = _interval(timeframe)
    wanted = Wanted(symbol=symbol, interval=interval, start=start, end=end)
    first, last = span_to_fetch(wanted, int(time.time() * 1000))
    with _progress(console, f"{exchange_id} {symbol} {timeframe}") as on_progress:
        cached = download_candles(
            exchange_id,
            dict(ccxt_options),
            symbol,
            interval,
            first,
            last,
            cache,
            on_progress,
            lambda line: console.print(escape(line), style="yellow"),
        )
    times = cached.columns.time
    span = f"{iso(int(times[0]))} to {iso(int(times[-1]) + interval)}" if len(times) else "no span"
    console.print(f"{len(times):,} candles, {span}: {escape(str(cached.path))}", soft_wrap=True)
    return 0


def check(path: Path, timeframe: str | None = None, console: Console | None = None) -> int:
    """List what is odd about a candle file; exit code 0 where it can be used, else 1.

    Gaps and candles without volume are listed, yet normal. Raises DataError where there
    is nothing to check.
    """
    console = console or Console()
    result = check_file(path, _interval(timeframe) if timeframe else None)
    _print_overview(console, result)
    kinds = dict.fromkeys(finding.kind for finding in result.findings)
    for kind in kinds:
        _print_kind(console, result, kind)
    verdict = "can be used" if result.usable else "cannot be used as it is"
    console.print(f"The file {verdict}.", style="green" if result.usable else "bold red")
    return 0 if result.usable else 1


def _interval(timeframe: str) -> int:
    try:
        return timeframe_ms(timeframe)
    except ValueError as error:
        raise ConfigError(f"timeframe = {timeframe!r}: {error}") from None


def _print_overview(console: Console, result: FileCheck) -> None:
    console.print(escape(str(result.path)), style="bold", soft_wrap=True)
    end = result.last + result.interval
    step = timeframe_name(result.interval) if result.interval else "unknown"
    console.print(
        f"{result.rows:,} rows of {step}, {iso(result.first)} to {iso(end)}, "
        f"{result.missing:,} candles missing",
        soft_wrap=True,
    )


def _print_kind(console: Console, result: FileCheck, kind: str) -> None:
    findings = [finding for finding in result.findings if finding.kind == kind]
    candles = sum(finding.candles for finding in findings)
    style = "red" if findings[0].fault else "cyan"
    console.print(f"{kind}: {candles:,} in {len(findings):,}", style=style)
    for finding in findings[:SHOWN]:
        more = (
            f" (and {finding.candles - 1:,} more)" if finding.fault and finding.candles > 1 else ""
        )
        console.print(f"  {escape(finding.text)}{more}", soft_wrap=True, highlight=False)
    if len(findings) > SHOWN:
        console.print(f"  ... and {len(findings) - SHOWN:,} more")


@contextmanager
def _progress(console: Console, label: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, a line for every tenth elsewhere."""
    if not console.is_terminal:
        yield _lines(console, label)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(escape(label), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _lines(console: Console, label: str) -> Callable[[int, int], None]:
    tenths = -1

    def show(done: int, total: int) -> None:
        nonlocal tenths
        now = 10 * done // total if total else 10
        if now > tenths:
            tenths = now
            console.print(f"{escape(label)}: {done:,} of {total:,} candles", soft_wrap=True)

    return show
