"""`plot`, `backtest --plot` and `report`: a run, its trades, or a session, drawn again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stoptrail.backtest.kept_candles import read_kept
from stoptrail.cli.console import Voice
from stoptrail.cli.folder import RUNS, market_folders
from stoptrail.cli.picture import (
    Pictured,
    from_files,
    market_of_run,
    of_run,
    of_session,
)
from stoptrail.cli.runs import LAST, newest
from stoptrail.cli.runs import found as run_named
from stoptrail.config.settings import Settings
from stoptrail.core.errors import UsageError
from stoptrail.core.files import claimed
from stoptrail.core.text import plain
from stoptrail.feeds.market import MarketData
from stoptrail.reports.book_summary import by_market, sleeves_in
from stoptrail.reports.html.page import write_report
from stoptrail.reports.run_files import (
    RunFiles,
    TradeRecord,
    as_of_a_run,
    read_run,
    read_summary,
)
from stoptrail.rules.candles import Candles

Numbers = int | None


def run(
    config: Path | None,
    overrides: tuple[str, ...],
    run_or_session: str,
    trade: Numbers,
    worst: Numbers,
    best: Numbers,
    out: Path | None,
    trust: bool = False,
) -> None:
    """Draw trade `trade`, or the `worst` or `best` trades by R, or the whole; the files
    go to `out`, by default into the run's folder. A window opens where there is a screen.
    The run "last" is the newest in runs."""
    folder = newest(RUNS) if run_or_session == LAST else Path(run_or_session)
    if folder.exists():
        require_one_market(folder)
        with as_of_a_run(folder):
            pictured = of_run(folder, config, overrides, trust, Voice())
    else:
        pictured = of_session(run_or_session, config, overrides)
    chosen = chosen_trades(pictured.trades, trade, worst, best)
    target = out or pictured.folder
    with claimed(target), as_of_a_run(pictured.folder.parent):
        files = draw_all(pictured, target, chosen or [], whole=chosen is None)
    for file in files:
        print(plain(file))


def plot_run(folder: Path, market: MarketData, settings: Settings) -> list[Path]:
    """The overview, the best and the worst trade of the run that `folder` holds."""
    pictured = from_files(read_run(folder), market, settings)
    extremes = by_r(pictured.trades)
    chosen = [extremes[0], extremes[-1]] if len(extremes) > 1 else extremes
    with claimed(pictured.folder):
        return draw_all(pictured, pictured.folder, chosen, whole=True)


def report(config: Path | None, overrides: tuple[str, ...], run: Path, trust: bool = False) -> None:
    """Write report.html into the folder of the run and say where it is.

    `run` is a folder, the name of one in runs, or "last". Raises UsageError without it.
    """
    run = run if run.exists() else run_named(str(run), RUNS)
    with as_of_a_run(run):
        files = read_run(run)
        if "book" in files.summary:
            page = write_report(run, book_candles(files))
        else:
            market = market_of_run(files, config, overrides, trust, Voice())[0]
            page = write_report(run, market.candles)
    print(plain(page))


def require_one_market(folder: Path) -> None:
    """Raise UsageError where the run is a book: a plot has one market's candles."""
    if "book" in read_summary(folder):
        raise UsageError(
            f"{folder}: is a book, and a plot draws one market: its trades are drawn in report.html"
        )


def book_candles(files: RunFiles) -> dict[str, Candles]:
    """The candles of a book's markets that its folder keeps; without them the report has no
    charts of trades."""
    symbols = list(by_market(sleeves_in(files.summary)))
    kept = [read_kept(files.folder / place) for place in market_folders(symbols)]
    return {symbol: each.candles for symbol, each in zip(symbols, kept, strict=True) if each}


def chosen_trades(
    trades: Sequence[TradeRecord], trade: Numbers, worst: Numbers, best: Numbers
) -> list[TradeRecord] | None:
    """The trades asked for; None where the whole run is. Raises UsageError where there is
    no such trade."""
    if trade is None and worst is None and best is None:
        return None
    if not trades:
        raise UsageError("there are no trades to plot")
    if trade is not None:
        found = [record for record in trades if record.number == trade]
        if not found:
            last = trades[-1].number
            raise UsageError(f"--trade {trade}: there is no such trade, they go from 1 to {last}")
        return found
    ranked = by_r(trades)
    return ranked[:worst] if worst is not None else ranked[::-1][:best]


def by_r(trades: Sequence[TradeRecord]) -> list[TradeRecord]:
    """Closed trades, the worst first; of equal ones the earlier first."""
    closed = [record for record in trades if record.exit_time is not None]
    return sorted(closed, key=lambda record: (record.r_multiple, record.number))


def draw_all(
    found: Pictured, folder: Path, chosen: Sequence[TradeRecord], *, whole: bool
) -> list[Path]:
    """Draw into `folder`, and into windows where they can be had; the files written. Raises
    OutputError where one cannot be."""
    from stoptrail.reports.plots import plot_overview, plot_trade

    files = []
    if whole:
        drawn = found.drawn
        file = folder / overview_name(drawn.symbol, found.span)
        plot_overview(
            found.span,
            found.trades,
            found.equity,
            drawn.symbol,
            file,
            synthetic=drawn.synthetic,
            window=True,
        )
        files.append(file)
    for record in chosen:
        file = folder / trade_name(found.drawn.symbol, record)
        stops = found.stops.get(record.number, [])
        plot_trade(found.drawn, record, stops, file, window=True)
        files.append(file)
    return files


def overview_name(symbol: str, span: Candles) -> str:
    """Such as BTC-USDT-overview-2021-06-22-to-2026-06-22.png."""
    first, last = day_of(int(span.time[0])), day_of(int(span.time[-1]) + span.interval)
    return f"{_in_a_name(symbol)}-overview-{first}-to-{last}.png"


def trade_name(symbol: str, trade: TradeRecord) -> str:
    """Such as BTC-USDT-trade-26-long-2023-01-08-won-15.87R.png."""
    side = "long" if trade.side > 0 else "short"
    result = "open"
    if trade.exit_time is not None:
        how = "won" if trade.pnl > 0 else "lost"
        result = f"{how}-{abs(trade.r_multiple):.2f}R"
    day = day_of(trade.entry_time)
    return f"{_in_a_name(symbol)}-trade-{trade.number}-{side}-{day}-{result}.png"


def day_of(time: int) -> str:
    """The UTC day of a moment in milliseconds, as 2021-06-22."""
    return str(np.datetime64(time, "ms").astype("datetime64[D]"))


def _in_a_name(symbol: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", symbol).strip("-") or "market"
