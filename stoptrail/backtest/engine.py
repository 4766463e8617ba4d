"""One full Backtrader run of one parameter set."""

from __future__ import annotations

from typing import Any

from stoptrail.adapter.backtrader import bt
from stoptrail.backtest.journal import RecordingJournal
from stoptrail.backtest.plan import Plan, Record
from stoptrail.backtest.quick_cerebro import QuickCerebro
from stoptrail.brokers.candle import CandleBroker
from stoptrail.config.own_code import own_errors
from stoptrail.core.program import is_plain
from stoptrail.feeds.columnar import ColumnarFeed
from stoptrail.rules.candles import Candles
from stoptrail.rules.detail import Detail
from stoptrail.rules.funding import NO_FUNDING, Funding
from stoptrail.rules.types import CYCLE_EXIT
from stoptrail.strategies.mtf_strategy import MtfStrategy


def strategy_options(plan: Plan, start: int) -> dict[str, Any]:
    """The parameters that MtfStrategy takes for `plan`; `start` in ms."""
    return {
        "signal": plan.signal,
        "parameters": plan.parameters,
        "sides": plan.sides,
        "atr_period": plan.atr_period,
        "atr_interval": plan.atr_interval,
        "start": start,
        "exit_rule": plan.rule,
    }


def run_backtrader(
    candles: Candles,
    start: int,
    plan: Plan,
    funding: Funding = NO_FUNDING,
    *,
    detail: Detail | None = None,
    runonce: bool = True,
) -> Record:
    """Run `plan` over `candles` in Cerebro; candles before index `start` warm up. `funding` is
    what positions pay while they last.

    detail: finer candles of them, walked while a position is open (C21).

    `runonce=False` steps through every indicator candle by candle, as a live session does.
    """
    journal = RecordingJournal(with_stops=plan.run_rules.exits != CYCLE_EXIT)
    cerebro = QuickCerebro(stdstats=False, runonce=runonce, preload=runonce)
    feed = ColumnarFeed(candles=candles)
    feed.only_read = runonce and not is_plain()
    cerebro.adddata(feed)
    broker = CandleBroker(
        run_rules=plan.run_rules,
        journal=journal,
        detail=detail,
        own_size=plan.size_call,
        funding=funding,
    )
    cerebro.setbroker(broker)
    cerebro.addstrategy(MtfStrategy, **strategy_options(plan, int(candles.time[start])))
    with own_errors(*plan.own_code):
        (strategy,) = cerebro.run()
    let_go(feed, strategy)
    paid = broker.paid_by(int(candles.time[-1]) + candles.interval)
    return Record(
        journal.trades(candles, plan.run_rules.trade_rules, broker.balance, paid),
        journal.stops(candles),
        journal.counts,
        journal.fills(candles),
    )


def let_go(*feeds_and_strategies: Any) -> None:
    """Empty the line buffers: Cerebro, strategy and lines refer to each other in circles,
    so that the buffers of many runs would wait for the garbage collector together."""
    for each in feeds_and_strategies:
        each.reset()
        for indicator in each.getindicators() if isinstance(each, bt.Strategy) else ():
            indicator.reset()
