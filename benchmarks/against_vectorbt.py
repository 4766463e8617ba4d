"""The kernel against vectorbt's `from_signals`, a sweep of ATR trailing stops.

vectorbt's own trailing stop is a fraction of the price; an ATR trail takes its
`adjust_sl_func_nb`, which gives the stop anew for every candle.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from benchmarks.market import FINE, Span
from benchmarks.plans import plan
from benchmarks.sections import Section, SkippedError, require, table
from benchmarks.timing import in_turns
from stoptrail.backtest.inputs import atr_of, setups_of, signals_of
from stoptrail.rules.candles import Floats
from stoptrail.rules.detail import NO_DETAIL
from stoptrail.rules.jit import compiled
from stoptrail.rules.sizing import ALL_IN
from stoptrail.rules.types import OPEN
from stoptrail.sweep.kernel.blocks import nodes_of
from stoptrail.sweep.kernel.reference import simulate
from stoptrail.sweep.kernel.results import Results, results_for
from stoptrail.sweep.kernel.rows import screen_rows
from stoptrail.sweep.kernel.rule_table import rule_rows

ROUNDS = 3
MULTIPLIERS = np.arange(3.0, 8.0, 0.5)
CLOSE = 1e-9


class Sweep(NamedTuple):
    """The common work: longs, all capital, one dynamic ATR trail for each multiplier."""

    span: Span
    plan: Any
    setups: Any
    atr: Floats


def against_vectorbt(span: Span) -> Section:
    """The section; SkippedError where vectorbt is not installed."""
    vbt = _vectorbt()
    sweep = _sweep(span)
    kernel = _kernel_side(sweep)
    peer = _vectorbt_side(vbt, sweep)
    statistics = partial(_with_statistics, peer)
    kernel(), statistics()
    ours, plain, full = in_turns(ROUNDS, kernel, peer, statistics)
    agreed = _compare(sweep, plain.result, ours.result)
    count = len(MULTIPLIERS)
    rows = [
        (name, f"{side.seconds / count * 1e3:,.2f}", f"{side.seconds / ours.seconds:,.0f}")
        for name, side in (
            ("kernel, all metrics", ours),
            ("vectorbt from_signals", plain),
            ("vectorbt with statistics", full),
        )
    ]
    return Section(
        "Pre-screen against vectorbt",
        (
            f"{count} trailing-stop multipliers on {span.length:,} candles and one signal, "
            f"medians of {ROUNDS} rounds in turns.",
            "",
            *table(("one combination", "ms", "times the kernel"), rows),
            agreed,
            "",
            "What differs, and why: vectorbt never tests a stop on the candle of the entry "
            "(C5), so the runs are compared up to the first trade that leaves there. So that "
            "nothing else differs, both sides trade longs with all capital, without breakeven, on "
            "steps too small to round, with a volume in every candle and no limit to a late open. "
            "Statistics are total return, Sharpe and Sortino ratio, drawdown, trades, win rate "
            "and profit factor.",
            "",
        ),
    )


def _vectorbt() -> Any:
    try:
        vectorbt = import_module("vectorbt")
    except ImportError as error:
        raise SkippedError(
            f"vectorbt is not installed ({error}); it is in the extra `peers`"
        ) from None
    return vectorbt


def _sweep(span: Span) -> Sweep:
    # vectorbt fills on any candle; the kernel needs a volume (C2).
    candles = span.candles._replace(volume=np.ones(len(span.candles.time)))
    span = span._replace(candles=candles)
    chosen = plan(FINE, trigger=0.0, kind=ALL_IN, delay=10**15)
    signals, atr = signals_of(chosen, candles), atr_of(chosen, candles)
    return Sweep(span, chosen, setups_of(chosen, span.inputs(FINE), signals, atr), atr)


def _kernel_side(sweep: Sweep) -> Callable[[], Results]:
    candles, marks = sweep.span.candles, sweep.span.inputs(FINE).marks
    nodes = nodes_of(candles, sweep.atr)
    rows = rule_rows(
        sweep.plan.run_rules, len(MULTIPLIERS), {"trade_rules.stop.multiplier": MULTIPLIERS}
    )

    def run() -> Results:
        results = results_for(len(rows))
        screen_rows(candles, nodes, sweep.setups, marks, rows, results)
        return results

    return run


def _vectorbt_side(vbt: Any, sweep: Sweep) -> Callable[[], Any]:
    candles, atr = sweep.span.candles, sweep.atr
    n, count = len(candles.time), len(MULTIPLIERS)
    entries = np.zeros((n, 1), bool)
    late = sweep.setups.candle + 1
    entries[late[late < n], 0] = True
    adjust = _adjust()

    def run() -> Any:
        level, extreme = np.full(count, np.nan), np.full(count, np.nan)
        return vbt.Portfolio.from_signals(
            candles.close[:, None],
            entries,
            np.zeros((n, 1), bool),
            open=candles.open[:, None],
            high=candles.high[:, None],
            low=candles.low[:, None],
            price=candles.open[:, None],
            size=np.inf,
            fees=0.001,
            slippage=0.0002,
            init_cash=100_000.0,
            sl_stop=np.full((1, count), 0.5),
            sl_trail=True,
            adjust_sl_func_nb=adjust,
            adjust_sl_args=(candles.high, atr, MULTIPLIERS, level, extreme),
            stop_entry_price="FillPrice",
            stop_exit_price="StopMarket",
            freq="15min",
        )

    return run


def _adjust() -> Any:
    """C7 in vectorbt's terms: the level as a fraction below its current price."""
    import numba

    @numba.njit
    def adjust(c, high, atr, multipliers, level, extreme):  # type: ignore[no-untyped-def]
        if c.position_now <= 0.0:
            return c.curr_stop, c.curr_trail
        col, before, breadth = c.col, c.i - 1, multipliers[c.col]
        if c.init_i == before:
            extreme[col] = c.init_price
            level[col] = c.init_price - breadth * atr[before - 1]
        extreme[col] = max(extreme[col], high[before])
        level[col] = max(level[col], extreme[col] - breadth * atr[before])
        # Its price leaves out the entry candle's high, above which the level may lie.
        return max(0.0, 1.0 - level[col] / c.curr_price), True

    return adjust


def _with_statistics(run: Callable[[], Any]) -> list[Any]:
    portfolio = run()
    trades = portfolio.trades
    return [
        portfolio.total_return(),
        portfolio.sharpe_ratio(),
        portfolio.sortino_ratio(),
        portfolio.max_drawdown(),
        trades.count(),
        trades.win_rate(),
        trades.profit_factor(),
    ]


def _compare(sweep: Sweep, portfolio: Any, screened: Results) -> str:
    """Trades of both, one by one; raises DisagreementError."""
    records = portfolio.trades.records
    marks = sweep.span.inputs(FINE).marks
    compared = apart = 0
    worst = 0.0
    for k, multiplier in enumerate(MULTIPLIERS):
        trade_rules = sweep.plan.run_rules.trade_rules
        stop = trade_rules.stop._replace(multiplier=float(multiplier))
        run_rules = sweep.plan.run_rules._replace(trade_rules=trade_rules._replace(stop=stop))
        run = compiled(simulate)(
            sweep.span.candles, sweep.setups, sweep.atr, marks, run_rules, NO_DETAIL
        )
        ours, theirs = run.trades, records[records["col"] == k]
        require(len(ours.entry) == screened.trades[k] > 0, "the kernel's trades are the oracle's")
        at_once = np.flatnonzero(ours.exit == ours.entry)
        until = int(at_once[0]) if len(at_once) else len(ours.entry)
        apart += len(ours.entry) - until
        ends = np.where(ours.exit == OPEN, len(sweep.span.candles.time) - 1, ours.exit)[:until]
        peer = theirs[:until]
        require(len(peer) == until, f"multiplier {multiplier}: {len(peer)} trades, not {until}")
        require(bool(np.all(peer["entry_idx"] == ours.entry[:until])), "entry candles differ")
        require(bool(np.all(peer["exit_idx"] == ends)), "exit candles differ")
        closed = ours.exit[:until] != OPEN
        for name, mine in (("entry_price", ours.fill), ("size", ours.units)):
            worst = max(worst, float(np.max(np.abs(peer[name] / mine[:until] - 1.0))))
        prices = peer["exit_price"][closed] / ours.price[:until][closed]
        worst = max(worst, float(np.max(np.abs(prices - 1.0))))
        compared += until
    # Prices are rounded to 1e-8, which compounds into the units of all capital.
    require(worst < CLOSE, f"prices or units differ by {worst:.1e}")
    return (
        f"Checked: {compared:,} trades have the same entry and exit candle, prices and units to a "
        f"relative {worst:.0e}; {apart:,} more follow a stop-out on the entry candle."
    )
