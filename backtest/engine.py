"""One full Backtrader run of one parameter set."""

from __future__ import annotations

from typing import Any

import backtrader as bt

from backtest.journal import RecordingJournal
from backtest.plan import Plan, Record
from brokers.candle import CandleBroker
from feeds.columnar import ColumnarFeed
from rules.account import CYCLE_EXIT
from rules.candles import Candles
from sizers.atr_risk import AtrRiskSizer
from strategies.mtf_strategy import MtfStrategy


def strategy_options(plan: Plan, journal: Any, start: int) -> dict[str, Any]:
    """The parameters that MtfStrategy takes for `plan`; `start` in ms."""
    return {
        "signal": plan.signal,
        "parameters": plan.parameters,
        "sides": plan.sides,
        "atr_period": plan.atr_period,
        "atr_interval": plan.atr_interval,
        "conduct": plan.conduct,
        "journal": journal,
        "start": start,
    }


def run_backtrader(candles: Candles, start: int, plan: Plan, *, runonce: bool = True) -> Record:
    """Run `plan` over `candles` in Cerebro; candles before index `start` warm up.

    `runonce=False` steps through every indicator candle by candle, as a live session does.
    """
    journal = RecordingJournal(with_stops=plan.conduct.exits != CYCLE_EXIT)
    cerebro = bt.Cerebro(stdstats=False, runonce=runonce, preload=runonce)
    feed = ColumnarFeed(candles=candles)
    cerebro.adddata(feed)
    broker = CandleBroker(conduct=plan.conduct, journal=journal)
    cerebro.setbroker(broker)
    cerebro.addsizer(AtrRiskSizer, terms=plan.conduct.terms)
    cerebro.addstrategy(MtfStrategy, **strategy_options(plan, journal, int(candles.time[start])))
    (strategy,) = cerebro.run()
    _let_go(feed, strategy)
    return Record(
        journal.trades(candles, plan.conduct.terms, broker.balance),
        journal.stops(candles),
        journal.counts,
    )


def _let_go(feed: Any, strategy: Any) -> None:
    """Empty the line buffers: Cerebro, strategy and lines refer to each other in circles,
    so that the buffers of many runs would wait for the garbage collector together."""
    for each in (feed, strategy, *strategy.getindicators()):
        each.reset()
