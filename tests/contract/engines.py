"""Every engine of the contract behind one call, so that one table tests them all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import backtrader as bt
import numpy as np
import pytest

from stoptrail.backtest.engine import run_backtrader, strategy_options
from stoptrail.backtest.inputs import (
    Inputs,
    atr_of,
    setups_of,
    signals_of,
)
from stoptrail.backtest.journal import RecordingJournal
from stoptrail.backtest.plan import Plan, Record
from stoptrail.brokers.paper import PaperBroker
from stoptrail.feeds.columnar import ColumnarFeed
from stoptrail.rules.candles import Candles, Floats
from stoptrail.rules.detail import NO_DETAIL, Detail
from stoptrail.rules.funding import NO_FUNDING, Funding
from stoptrail.rules.jit import compiled
from stoptrail.rules.metrics import (
    Metrics,
)
from stoptrail.rules.own_exit import compiled_exit, exit_call
from stoptrail.rules.stops import Stop
from stoptrail.rules.trade import (
    EntryOrder,
    credited,
    entry_units,
    leave,
    stand,
)
from stoptrail.rules.types import (
    CYCLE_EXIT,
    OPEN,
    Setups,
    StopLog,
    TradeLog,
    day_marks,
    fill_log,
    window_of,
)
from stoptrail.rules.volatility import sums_of_squares
from stoptrail.rules.window import reaches
from stoptrail.strategies.mtf_strategy import MtfStrategy
from stoptrail.sweep.kernel import account as accounts
from stoptrail.sweep.kernel import hold, path_exits
from stoptrail.sweep.kernel.account import booked
from stoptrail.sweep.kernel.blocks import nodes_of
from stoptrail.sweep.kernel.days import KeptRows, midnights_of, net_midnights
from stoptrail.sweep.kernel.ending import Ending
from stoptrail.sweep.kernel.fingerprint import fingerprint_of
from stoptrail.sweep.kernel.flow import flow_of
from stoptrail.sweep.kernel.hold import settle
from stoptrail.sweep.kernel.memo import NOTHING
from stoptrail.sweep.kernel.path_exits import ended, room_for_parts
from stoptrail.sweep.kernel.reference import simulate
from stoptrail.sweep.kernel.results import results_for
from stoptrail.sweep.kernel.rows import screen_rows
from stoptrail.sweep.kernel.rule_table import rule_row
from stoptrail.sweep.kernel.screen import at_signals, run

_TYPES = {"signal": np.int64, "entry": np.int64, "exit": np.int64, "trade": np.int64}
_TYPES |= {"entry_time": np.int64, "exit_time": np.int64, "tick": np.int64}
_TYPES |= {"candle": np.int64, "side": np.int8, "reason": np.int8}


class Prepared(NamedTuple):
    """What the looping engines need of a plan besides its rules."""

    inputs: Inputs
    setups: Setups
    atr: Floats


def prepared(candles: Candles, start: int, plan: Plan) -> Prepared:
    """Signal, ATR and day marks of `plan`; candles before index `start` warm up."""
    inputs = Inputs(candles, start, day_marks(candles, start), plan.run_rules.trade_rules.market)
    signals, atr = signals_of(plan, candles), atr_of(plan, candles)
    return Prepared(inputs, setups_of(plan, inputs, signals, atr), atr)


def by_rules(
    candles: Candles,
    start: int,
    plan: Plan,
    detail: Detail = NO_DETAIL,
    funding: Funding = NO_FUNDING,
) -> Record:
    """The rule functions in plain Python, candle by candle."""
    ready = prepared(candles, start, plan)
    marks = ready.inputs.marks
    given = candles, ready.setups, ready.atr, marks, plan.run_rules, detail
    ask = plan.exit_rule and exit_call(plan.exit_rule)
    return Record(*simulate(*given, plan.size_call, ask, funding))


def by_compiled_rules(
    candles: Candles,
    start: int,
    plan: Plan,
    detail: Detail = NO_DETAIL,
    funding: Funding = NO_FUNDING,
) -> Record:
    """The same loop as machine code."""
    ready = prepared(candles, start, plan)
    marks = ready.inputs.marks
    given = candles, ready.setups, ready.atr, marks, plan.run_rules, detail
    ask = plan.exit_rule and compiled_exit(plan.exit_rule)
    return Record(*compiled(simulate)(*given, plan.size_call, ask, funding))


def by_backtrader(
    candles: Candles,
    start: int,
    plan: Plan,
    detail: Detail = NO_DETAIL,
    funding: Funding = NO_FUNDING,
) -> Record:
    """MtfStrategy and CandleBroker in Cerebro, indicators computed at once."""
    return run_backtrader(candles, start, plan, funding, detail=detail)


def by_backtrader_steps(
    candles: Candles,
    start: int,
    plan: Plan,
    detail: Detail = NO_DETAIL,
    funding: Funding = NO_FUNDING,
) -> Record:
    """The same, each indicator stepping from candle to candle as in a live session."""
    return run_backtrader(candles, start, plan, funding, detail=detail, runonce=False)


class Screened(NamedTuple):
    """What the compiled pre-screen says of one combination."""

    trades: int
    ignored: Any
    fingerprint: int
    metrics: Metrics


def screened(candles: Candles, start: int, plan: Plan, funding: Funding = NO_FUNDING) -> Screened:
    """The pre-screen kernel as a sweep runs it."""
    ready = prepared(candles, start, plan)
    results = results_for(1)
    nodes = nodes_of(candles, ready.atr)
    rows = rule_row(plan.run_rules)[None, :]
    own = {"own_size": plan.own_size, "exit_rule": plan.exit_rule, "funding": funding}
    screen_rows(candles, nodes, ready.setups, ready.inputs.marks, rows, results, **own)
    return Screened(
        int(results.trades[0]),
        results.ignored[0],
        int(results.fingerprint[0]),
        Metrics(*results.metrics[0]),
    )


def by_kernel(candles: Candles, start: int, plan: Plan, funding: Funding = NO_FUNDING) -> Record:
    """The pre-screen kernel, its trades overheard where it books them.

    A pre-screen keeps figures only. Its code is run in plain Python here, each trade being
    noted as it is booked; the compiled kernel must then give the fingerprint of just these
    trades and the same ignored signals. It tells of the last level, which is overheard too, as
    a pre-screen keeps none, and of no other.
    """
    ready = prepared(candles, start, plan)
    marks, trade_rules = ready.inputs.marks, plan.run_rules.trade_rules
    ignored = np.zeros_like(results_for(1).ignored[0])
    rows: list[tuple[Any, ...]] = []
    levels: list[tuple[Any, ...]] = []
    stops: list[Stop] = []

    def settled(*given: Any) -> Stop:
        stops.append(settle(*given))
        return stops[-1]

    def closed_with(*given: Any) -> Ending:
        stops.append(given[-2])
        return ended(*given)

    def noted(account: Any, candles_: Any, marks_: Any, signal: int, *rest: Any) -> Any:
        entry, position, stop, end, _, paid, charge = rest[:7]
        held, closed = position.held, end.exit != OPEN
        if closed:
            time = candles.time[end.exit]
            out = leave(position, end.price, time, trade_rules, end.reason, paid, charge)
        else:
            closes = candles.time[-1] + candles.interval
            out = stand(position, account.balance, candles.close[-1], closes, trade_rules, paid)
        out = credited(out, account.balance)
        sizes = (entry_units(position), held.fill, stop.level, held.atr)
        costs = (out.borrow, out.pnl, out.funding, out.shortfall)
        money = (out.price, position.fee + out.fee, *costs)
        left = candles.time[end.exit] if closed else OPEN
        times = (candles.time[entry], left)
        rows.append((signal, entry, end.exit, held.side, end.reason, *sizes, *money, *times))
        levels.append((len(rows) - 1, end.exit, stops[-1].level, end.reason, 0, 0.0))
        return booked(account, candles_, marks_, signal, *rest)

    nodes = nodes_of(candles, ready.atr)
    results = results_for(1)
    kept = KeptRows(results.block_sums[0], results.equity[0])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accounts, "booked", noted)
        patch.setattr(hold, "settle", settled)
        patch.setattr(path_exits, "ended", closed_with)
        patch.setattr(accounts, "with_trade", lambda state, *_: state)  # machine code only
        turn = ready.setups.turn
        scale = trade_rules.costs.funding
        flow = flow_of(funding, candles.close, scale)
        midnights = net_midnights(midnights_of(marks, candles.close, 0, funding), scale)
        rules, memo = plan.run_rules, (0, NOTHING)
        own = sums_of_squares(candles.close), plan.size_call
        own = *own, reaches(candles, window_of(rules)), plan.exit_rule and exit_call(plan.exit_rule)
        own = *memo, flow, *own, room_for_parts()
        events = at_signals(candles, nodes, ready.setups, midnights)
        run(candles, nodes, events, midnights, rules, turn, ignored, kept, *own)
    trades = _columns(TradeLog, rows)
    fast = screened(candles, start, plan, funding)
    assert fast.trades == len(rows)
    assert fast.fingerprint == int(compiled(fingerprint_of)(trades))
    np.testing.assert_array_equal(fast.ignored, ignored)
    return Record(trades, _columns(StopLog, levels), ignored, fill_log(0))


class PaperJournal(RecordingJournal):
    """The common log, which also keeps orders and when a signal was ignored."""

    def __init__(self, *, with_stops: bool) -> None:
        super().__init__(with_stops=with_stops)
        self.refused: list[tuple[int, int, int]] = []
        """Time of the signal, side and reason."""
        self.orders: list[EntryOrder] = []

    def ignored(self, side: int, reason: int, time: int) -> None:
        """A signal led to no trade."""
        super().ignored(side, reason, time)
        self.refused.append((time, side, reason))

    def ordered(self, entry_order: EntryOrder) -> None:
        """An entry order was sent."""
        self.orders.append(entry_order)

    def closing(self, until: int) -> None:
        """Which rows of funding are those of a fill."""


def paper(
    candles: Candles,
    start: int,
    plan: Plan,
    funding: Funding = NO_FUNDING,
    **more: Any,
) -> tuple[Record, PaperJournal]:
    """The paper broker in candle mode, its feed loaded candle by candle (C14)."""
    journal = PaperJournal(with_stops=plan.run_rules.exits != CYCLE_EXIT)
    cerebro = bt.Cerebro(stdstats=False, runonce=False, preload=False)
    feed = ColumnarFeed(candles=candles)
    cerebro.adddata(feed)
    broker = PaperBroker(
        run_rules=plan.run_rules,
        journal=journal,
        ticks=False,
        own_size=plan.size_call,
        funding=funding,
        **more,
    )
    cerebro.setbroker(broker)
    options = strategy_options(plan, int(candles.time[start]))
    cerebro.addstrategy(MtfStrategy, **options)
    cerebro.run()
    paid = broker.paid_by(int(candles.time[-1]) + candles.interval)
    trades = journal.trades(candles, plan.run_rules.trade_rules, broker.balance, paid)
    fills = journal.fills(candles)
    return Record(trades, journal.stops(candles), journal.counts, fills), journal


def by_paper(candles: Candles, start: int, plan: Plan, funding: Funding = NO_FUNDING) -> Record:
    """The record of `paper`."""
    return paper(candles, start, plan, funding)[0]


def _columns(kind: Any, rows: list[tuple[Any, ...]]) -> Any:
    """Rows as the log `kind`, whose fields they follow."""
    columns = list(zip(*rows, strict=True)) or [()] * len(kind._fields)
    return kind(
        *(
            np.array(column, _TYPES.get(name, np.float64))
            for name, column in zip(kind._fields, columns, strict=True)
        )
    )


ENGINES: dict[str, Callable[..., Record]] = {
    "rules": by_rules,
    "kernel": by_kernel,
    "backtrader": by_backtrader,
    "backtrader-steps": by_backtrader_steps,
    "paper": by_paper,
}
"""Every engine that must agree, by name: `engine(candles, start, plan, funding=...)`."""

LOOPS = {
    "rules": by_rules,
    "compiled rules": by_compiled_rules,
    "kernel": by_kernel,
}
"""The engines that can also ratchet within a candle (C9)."""

DETAILED = {
    "rules": by_rules,
    "compiled rules": by_compiled_rules,
    "backtrader": by_backtrader,
    "backtrader-steps": by_backtrader_steps,
}
"""The engines that walk a candle by finer ones (C21): `engine(candles, start, plan, detail)`."""
