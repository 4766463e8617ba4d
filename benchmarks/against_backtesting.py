"""The kernel and the full run against backtesting.py and its optimiser, an ATR trail on the same
signals."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from multiprocessing.pool import ThreadPool
from typing import Any

import numpy as np

from benchmarks.market import FINE, Span
from benchmarks.plans import plan
from benchmarks.sections import Section, SkippedError, require, table
from benchmarks.timing import in_turns
from stoptrail.backtest.engine import run_backtrader
from stoptrail.backtest.inputs import atr_of, setups_of, signals_of
from stoptrail.backtest.plan import Plan
from stoptrail.rules.types import OPEN, TradeLog
from stoptrail.sweep.kernel.blocks import nodes_of
from stoptrail.sweep.kernel.results import COLUMN, results_for
from stoptrail.sweep.kernel.rows import screen_rows
from stoptrail.sweep.kernel.rule_table import rule_rows

ROUNDS = 3
MULTIPLIERS = (3.0, 4.0, 5.0, 6.0, 7.0)
"""What the peer's optimiser tries."""
CASH = 1e9
"""For one unit at a time: the peer's account must never limit a trade."""
CLOSE = 1e-9


def against_backtesting(span: Span) -> Section:
    """The section; SkippedError where backtesting.py is not installed."""
    peer_class = _backtesting()
    # The peer fills on any candle, after any gap, and has no slippage on a stop.
    candles = span.candles._replace(volume=np.ones(len(span.candles.time)))
    span = span._replace(candles=candles)
    chosen = plan(FINE, trigger=0.0, slippage=0.0, delay=10**15)
    full = partial(run_backtrader, candles, span.start, chosen)
    kernel, peer = _kernel_side(span, chosen), _peer_side(peer_class, span, chosen)
    full(), kernel(), peer()
    quick, ours, theirs = in_turns(ROUNDS, kernel, full, peer)
    agreed = _compare(ours.result.trades, theirs.result)
    require(int(quick.result.trades[0]) == len(ours.result.trades.entry), "the kernel's trades")
    searched = _optimised(peer_class, span, chosen)
    rows = [
        (name, f"{side.seconds * 1e3:,.1f}", f"{theirs.seconds / side.seconds:,.0f}")
        for name, side in (
            ("kernel, all metrics", quick),
            ("MtfStrategy in full Backtrader", ours),
            ("backtesting.py, with its statistics", theirs),
        )
    ]
    return Section(
        "Against backtesting.py",
        (
            f"One run over {span.length:,} candles; medians of {ROUNDS} rounds in turns.",
            "",
            *table(("one run", "ms", "times as fast as the peer"), rows),
            agreed,
            "",
            *searched,
            "What differs, and why: backtesting.py knows no slippage on a stop and no risk "
            "sizing, so slippage is 0, breakeven is off and the peer trades one unit; its stop is "
            "placed at the close of the entry candle (C5). It takes signals and ATR as arrays "
            "made before, which the full Backtrader run computes.",
            "",
        ),
    )


def _backtesting() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            backtesting = import_module("backtesting")
    except ImportError as error:
        raise SkippedError(
            f"backtesting.py is not installed ({error}); it is in the extra `peers`"
        ) from None
    return backtesting


def _optimised(backtesting: Any, span: Span, chosen: Plan) -> tuple[str, ...]:
    """Lines about the peer's own search of a grid beside the kernel's, in one process each."""
    varied = {"trade_rules.stop.multiplier": np.array(MULTIPLIERS)}
    kernel = _kernel_side(span, chosen, rule_rows(chosen.run_rules, len(MULTIPLIERS), varied))
    test = _test(backtesting, span, chosen)

    def search() -> Any:
        with _silenced():
            return test.optimize(
                multiplier=list(MULTIPLIERS), maximize="# Trades", return_heatmap=True
            )[1]

    kernel()
    with _in_one_process(backtesting):
        ours, theirs = in_turns(1, kernel, search)
    found = theirs.result.sort_index().astype(int).tolist()
    closed = ours.result.metrics[:, COLUMN.trades].astype(int).tolist()
    require(found == closed, f"the optimiser's trades are {found}, not {closed}")
    each = [side.seconds / len(MULTIPLIERS) * 1e3 for side in (ours, theirs)]
    return (
        f"A search of {len(MULTIPLIERS)} multipliers by `Backtest.optimize`, in one process: "
        f"{each[1]:,.0f} ms a combination, {each[1] / each[0]:,.0f} times the kernel's "
        f"{each[0]:.2f} ms. Checked: both close the same number of trades with each multiplier.",
        "",
    )


@contextlib.contextmanager
def _in_one_process(backtesting: Any) -> Iterator[None]:
    """The optimiser's pool as threads: processor time is then that of this process."""
    before = getattr(backtesting, "Pool", None)
    backtesting.Pool = ThreadPool
    try:
        yield
    finally:
        backtesting.Pool = before


@contextlib.contextmanager
def _silenced() -> Iterator[None]:
    """It draws a progress bar wherever it runs."""
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


def _kernel_side(span: Span, chosen: Plan, rows: Any = None) -> Callable[[], Any]:
    inputs = span.inputs(FINE)
    signals, atr = signals_of(chosen, span.candles), atr_of(chosen, span.candles)
    events = setups_of(chosen, inputs, signals, atr)
    nodes = nodes_of(span.candles, atr)
    rows = rule_rows(chosen.run_rules, 1, {}) if rows is None else rows

    def run() -> Any:
        results = results_for(len(rows))
        screen_rows(span.candles, nodes, events, inputs.marks, rows, results)
        return results

    return run


def _peer_side(backtesting: Any, span: Span, chosen: Plan) -> Callable[[], Any]:
    def run() -> Any:
        with _silenced():
            return _test(backtesting, span, chosen).run()["_trades"]

    return run


def _test(backtesting: Any, span: Span, chosen: Plan) -> Any:
    import pandas as pd

    candles = span.candles
    columns = {name.title(): getattr(candles, name) for name in ("open", "high", "low", "close")}
    frame = pd.DataFrame(columns, index=pd.to_datetime(candles.time, unit="ms"))
    signals, atr = signals_of(chosen, candles), atr_of(chosen, candles)
    begins = np.zeros(len(atr), bool)
    begins[setups_of(chosen, span.inputs(FINE), signals, atr).candle] = True
    strategy = _strategy(backtesting, begins, atr, chosen.run_rules.trade_rules.stop.multiplier)
    return backtesting.Backtest(frame, strategy, cash=CASH, commission=0.001, finalize_trades=False)


def _strategy(backtesting: Any, begins: Any, atr: Any, usual: float) -> Any:
    class Trail(backtesting.Strategy):  # type: ignore[misc]
        """One unit at each signal; the stop follows the extreme by N ATR, never back."""

        multiplier = usual

        def init(self) -> None:
            self.entry_atr = 0.0
            self.managed: Any = None

        def next(self) -> None:
            index = len(self.data) - 1
            if self.trades:
                trade = self.trades[0]
                if trade is not self.managed:
                    self.managed, self.extreme = trade, trade.entry_price
                    self.level = trade.entry_price - self.multiplier * self.entry_atr
                self.extreme = max(self.extreme, self.data.High[-1])
                self.level = max(self.level, self.extreme - self.multiplier * atr[index])
                trade.sl = self.level
            elif begins[index] and not self.orders:
                self.entry_atr = atr[index]
                self.buy(size=1)

    return Trail


def _compare(ours: TradeLog, theirs: Any) -> str:
    """Closed trades of both, one by one, up to the first that leaves on its entry candle."""
    at_once = np.flatnonzero(ours.exit == ours.entry)
    until = int(at_once[0]) if len(at_once) else len(ours.exit)
    count = int((ours.exit[:until] != OPEN).sum())
    require(count > 0 and len(theirs) >= count, f"{len(theirs)} trades of {count}")
    theirs = theirs.iloc[:count]
    require(theirs["EntryBar"].tolist() == ours.entry[:count].tolist(), "entry candles differ")
    require(theirs["ExitBar"].tolist() == ours.exit[:count].tolist(), "exit candles differ")
    apart = max(
        float(np.max(np.abs(theirs["EntryPrice"].to_numpy() / ours.fill[:count] - 1.0))),
        float(np.max(np.abs(theirs["ExitPrice"].to_numpy() / ours.price[:count] - 1.0))),
    )
    require(apart < CLOSE, f"prices differ by {apart:.1e}")
    return (
        f"Checked: {count} closed trades of the full run and of backtesting.py have the same entry "
        f"and exit candle and prices to a relative {apart:.0e}; "
        f"{len(ours.exit) - until} more follow a stop-out on the entry candle."
    )
