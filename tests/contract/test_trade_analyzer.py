"""What Backtrader's TradeAnalyzer adds up is what the account has gained: with parts that leave,
with funding, and where positions are liquidated."""

from __future__ import annotations

from collections import Counter

import backtrader as bt
import numpy as np
import pytest

from stoptrail.backtest.engine import strategy_options
from stoptrail.backtest.journal import RecordingJournal
from stoptrail.brokers.candle import CandleBroker
from stoptrail.feeds.columnar import ColumnarFeed
from stoptrail.rules.stops import LIQUIDATED
from stoptrail.strategies.mtf_strategy import MtfStrategy
from tests.contract.test_liquidation_parity import levered_case


def test_the_analyzers_net_profit_is_the_change_of_the_account() -> None:
    seen: Counter[str] = Counter()
    for seed in range(14_000, 14_012):
        case = levered_case(seed, exits=True)
        cerebro, journal = bt.Cerebro(stdstats=False), RecordingJournal()
        cerebro.adddata(ColumnarFeed(candles=case.candles))
        rules = case.plan.run_rules
        broker = CandleBroker(run_rules=rules, journal=journal, funding=case.funding)
        cerebro.setbroker(broker)
        cerebro.addstrategy(MtfStrategy, **strategy_options(case.plan, int(case.candles.time[0])))
        cerebro.addanalyzer(bt.analyzers.TradeAnalyzer, _name="trades")
        (strategy,) = cerebro.run()
        found = strategy.analyzers.trades.get_analysis()
        closed = [each.end for each in journal.exits]
        if not closed:
            continue
        assert found.total.closed == len(closed)
        gained = broker.balance - rules.cash
        assert found.pnl.net.total == pytest.approx(gained, abs=1e-6 * rules.cash)
        sides = [entry.position.held.side for entry in journal.entries]
        parted = np.bincount([row[3] for row in journal.closed], minlength=len(sides)) > 1
        for k, (side, exit_) in enumerate(zip(sides, journal.exits, strict=False)):
            name = "long" if side > 0 else "short"
            seen[f"{name} in parts"] += int(parted[k])
            seen[f"{name} funded"] += int(exit_.end.funding != 0.0)
            seen["liquidated"] += int(exit_.reason == LIQUIDATED)
    kinds = ("long in parts", "short in parts", "long funded", "short funded", "liquidated")
    assert min(seen[kind] for kind in kinds) >= 3, seen
