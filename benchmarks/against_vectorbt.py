"""The kernel against vectorbt's `from_signals`: sweeps of trailing stops.

vectorbt's own trailing stop is a fraction of the price, its fastest road, with either of its
engines; an ATR trail takes its `adjust_sl_func_nb`, which gives the stop anew for every candle.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

from benchmarks.market import FINE, Span
from benchmarks.plans import plan
from benchmarks.sections import Section, SkippedError, require, table
from benchmarks.timing import Timed, in_turns
from stoptrail.backtest.inputs import atr_of, setups_of, signals_of
from stoptrail.rules.candles import Floats
from stoptrail.rules.detail import NO_DETAIL
from stoptrail.rules.jit import compiled
from stoptrail.rules.sizing import ALL_IN
from stoptrail.rules.stops import PERCENT
from stoptrail.rules.types import OPEN
from stoptrail.sweep.kernel.blocks import nodes_of
from stoptrail.sweep.kernel.reference import simulate
from stoptrail.sweep.kernel.results import Results, results_for
from stoptrail.sweep.kernel.rows import screen_rows
from stoptrail.sweep.kernel.rule_table import rule_rows

ROUNDS = 3
MULTIPLIERS = np.arange(3.0, 8.0, 0.5)
SHARES = np.arange(0.03, 0.08, 0.005)
"""Of the price, at which a percentage trails it."""
FAR = 50.0
"""ATRs to a first stop that no entry candle reaches: vectorbt tests none there."""
CLOSE = 1e-9
ALIKE = 0.5
"""Share of trades that have to be the same where a percentage trails."""


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
    sides = {
        "kernel, all metrics": ours,
        "vectorbt from_signals, stop from a callback": plain,
        "the same with statistics": full,
    }
    return Section(
        "Pre-screen against vectorbt",
        (
            f"{count} trailing-stop multipliers on {span.length:,} candles and one signal, "
            f"medians of {ROUNDS} rounds in turns.",
            "",
            "A trail in ATRs:",
            "",
            *table(("one combination", "ms", "times the kernel"), _rows(sides, count)),
            agreed,
            "",
            *_percentages(vbt, sweep, ours),
            "What differs, and why: vectorbt never tests a stop on the candle of the entry "
            "(C5), so the runs are compared up to the first trade that leaves there. So that "
            "nothing else differs, both sides trade longs with all capital, without breakeven, on "
            "steps too small to round, with a volume in every candle and no limit to a late open. "
            "Statistics are total return, Sharpe and Sortino ratio, drawdown, trades, win rate "
            "and profit factor.",
            "",
        ),
    )


def _rows(sides: dict[str, Timed], count: int) -> list[tuple[str, ...]]:
    """Each side beside the first."""
    first = next(iter(sides.values())).seconds
    return [
        (name, f"{side.seconds / count * 1e3:,.2f}", f"{side.seconds / first:,.0f}")
        for name, side in sides.items()
    ]


def _percentages(vbt: Any, sweep: Sweep, atr_trail: Timed) -> tuple[str, ...]:
    """The lines about vectorbt's fastest road, beside the kernel's."""
    kernel = _percent_kernel(sweep)
    peers = {"vectorbt from_signals, Numba": _percent_peer(vbt, sweep, "numba")}
    if find_spec("vectorbt_rust") is not None:
        peers["vectorbt from_signals, Rust"] = _percent_peer(vbt, sweep, "rust")
    last = next(reversed(peers))
    peers[f"{last}, with statistics"] = partial(_with_statistics, peers[last])
    work = kernel, *peers.values()
    for each in work:
        each()
    timed = in_turns(ROUNDS, *work)
    named = dict(zip(("kernel, a percentage", *peers), timed, strict=True))
    sides = {"kernel, a trail in ATRs": atr_trail, **named}
    agreed = _compare_shares(sweep, timed[1].result, timed[0].result)
    return (
        f"A trail of {len(SHARES)} percentages of the price, which is vectorbt's fastest road:",
        "",
        *table(("one combination", "ms", "times the kernel"), _rows(sides, len(SHARES))),
        agreed,
        "",
    )


def _percent_plan(sweep: Sweep) -> Any:
    trade_rules = sweep.plan.run_rules.trade_rules
    stop = trade_rules.stop._replace(trail=PERCENT, multiplier=FAR, trail_percent=SHARES[0])
    return sweep.plan.run_rules._replace(trade_rules=trade_rules._replace(stop=stop))


def _percent_kernel(sweep: Sweep) -> Callable[[], Results]:
    varied = {"trade_rules.stop.trail_percent": SHARES}
    return _screened(sweep, rule_rows(_percent_plan(sweep), len(SHARES), varied))


def _percent_peer(vbt: Any, sweep: Sweep, engine: str) -> Callable[[], Any]:
    arrays = _arrays(sweep)

    def run() -> Any:
        return vbt.Portfolio.from_signals(
            **arrays, sl_stop=SHARES[None], sl_trail=True, engine=engine
        )

    return run


def _compare_shares(sweep: Sweep, portfolio: Any, screened: Results) -> str:
    """How many trades of both are the same; raises DisagreementError where most are not."""
    records, marks = portfolio.trades.records, sweep.span.inputs(FINE).marks
    run_rules = _percent_plan(sweep)
    last, alike, all_ours = len(sweep.span.candles.time) - 1, 0, 0
    for k, share in enumerate(SHARES.tolist()):
        stop = run_rules.trade_rules.stop._replace(trail_percent=share)
        trade_rules = run_rules.trade_rules._replace(stop=stop)
        given = sweep.atr, marks, run_rules._replace(trade_rules=trade_rules), NO_DETAIL
        ours = compiled(simulate)(sweep.span.candles, sweep.setups, *given).trades
        require(len(ours.entry) == screened.trades[k] > 0, "the kernel's trades are the oracle's")
        ends = np.where(ours.exit == OPEN, last, ours.exit)
        theirs = records[records["col"] == k]
        peer = set(zip(theirs["entry_idx"].tolist(), theirs["exit_idx"].tolist(), strict=True))
        alike += len(peer & set(zip(ours.entry.tolist(), ends.tolist(), strict=True)))
        all_ours += len(ours.entry)
    require(alike > ALIKE * all_ours, f"{alike} of {all_ours} trades are the same")
    return (
        f"Checked: {alike:,} of {all_ours:,} trades have the same entry and exit candle. "
        "vectorbt's trail leaves out the high of the entry candle, so that some end elsewhere. "
        "The kernel's short cuts are for trails in ATRs; a percentage it follows candle by candle."
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
    varied = {"trade_rules.stop.multiplier": MULTIPLIERS}
    return _screened(sweep, rule_rows(sweep.plan.run_rules, len(MULTIPLIERS), varied))


def _screened(sweep: Sweep, rows: Floats) -> Callable[[], Results]:
    candles, marks = sweep.span.candles, sweep.span.inputs(FINE).marks
    nodes = nodes_of(candles, sweep.atr)

    def run() -> Results:
        results = results_for(len(rows))
        screen_rows(candles, nodes, sweep.setups, marks, rows, results)
        return results

    return run


def _arrays(sweep: Sweep) -> dict[str, Any]:
    """Candles, entries and costs as `from_signals` takes them."""
    candles, n = sweep.span.candles, len(sweep.span.candles.time)
    entries = np.zeros((n, 1), bool)
    late = sweep.setups.candle + 1
    entries[late[late < n], 0] = True
    return {
        "close": candles.close[:, None],
        "entries": entries,
        "exits": np.zeros((n, 1), bool),
        "open": candles.open[:, None],
        "high": candles.high[:, None],
        "low": candles.low[:, None],
        "price": candles.open[:, None],
        "size": np.inf,
        "fees": 0.001,
        "slippage": 0.0002,
        "init_cash": 100_000.0,
        "stop_entry_price": "FillPrice",
        "stop_exit_price": "StopMarket",
        "freq": "15min",
    }


def _vectorbt_side(vbt: Any, sweep: Sweep) -> Callable[[], Any]:
    candles, atr, count = sweep.span.candles, sweep.atr, len(MULTIPLIERS)
    arrays, adjust = _arrays(sweep), _adjust()

    def run() -> Any:
        level, extreme = np.full(count, np.nan), np.full(count, np.nan)
        return vbt.Portfolio.from_signals(
            **arrays,
            sl_stop=np.full((1, count), 0.5),
            sl_trail=True,
            adjust_sl_func_nb=adjust,
            adjust_sl_args=(candles.high, atr, MULTIPLIERS, level, extreme),
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
