"""What a strategy of Backtrader's hears of a liquidation (C20)."""

from __future__ import annotations

from typing import Any

import backtrader as bt
import numpy as np
import pytest

from stoptrail.brokers.candle import CandleBroker
from stoptrail.feeds.columnar import ColumnarFeed
from stoptrail.rules.candles import Candles
from stoptrail.rules.margin import Margin
from stoptrail.rules.stops import LIQUIDATED
from tests.contract.tables import run_rules

QUARTER = 900_000


class AllIn(bt.Strategy):  # type: ignore[misc]
    """Buys on the second candle and never leaves."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, int, float]] = []

    def next(self) -> None:
        if len(self) == 2:
            self.buy(size=1000.0)

    def notify_order(self, order: Any) -> None:
        self.heard.append((order.status, order.info.get("reason", -1), order.size))


def test_an_order_of_the_exchange_closes_a_position_without_a_stop() -> None:
    prices = np.array([100.0, 100.0, 100.0, 100.0, 93.0, 90.0, 95.0])
    time = QUARTER * np.arange(7, dtype=np.int64)
    candles = Candles(time, prices, prices, prices, prices, np.ones(7), QUARTER)
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(ColumnarFeed(candles=candles))
    rules = run_rules(max_leverage=10.0, margin=Margin(0.01, False, True), taker_fee=0.001)
    cerebro.setbroker(CandleBroker(run_rules=rules))
    cerebro.addstrategy(AllIn)
    cerebro.addanalyzer(bt.analyzers.TradeAnalyzer, _name="trades")
    (strategy,) = cerebro.run()
    broker = strategy.broker
    assert broker.open is None
    assert strategy.position.size == 0.0
    last = strategy.heard[-1]
    assert last[:2] == (bt.Order.Completed, LIQUIDATED)
    # 999 units: at 90.91 there is 1 % of the notional left; 90 is met.
    assert last[2] == -999.0
    found = strategy.analyzers.trades.get_analysis()
    assert found.pnl.net.total == pytest.approx(broker.getvalue() - 10_000.0)
    assert found.total.closed == 1


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("TimeReturn", ZeroDivisionError),
        ("SharpeRatio", ZeroDivisionError),
        ("GrossLeverage", ZeroDivisionError),
        ("PyFolio", ZeroDivisionError),
        ("Returns", ValueError),
        ("VWR", ValueError),
        ("TradeAnalyzer", None),
        ("DrawDown", None),
        ("SQN", None),
        ("PositionsValue", None),
    ],
)
def test_which_analyzers_go_on_with_an_account_of_0(name: str, error: type | None) -> None:
    """As docs/library.md says; the price halves over night at ten times the account."""
    day = 86_400_000
    prices = np.array([100.0, 100.0, 100.0, 100.0, 50.0, 50.0, 50.0, 50.0, 50.0])
    time = day * np.arange(9, dtype=np.int64)
    candles = Candles(time, prices, prices, prices, prices, np.ones(9), day)
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(ColumnarFeed(candles=candles))
    rules = run_rules(max_leverage=10.0, margin=Margin(0.01, False, True), taker_fee=0.001)
    cerebro.setbroker(CandleBroker(run_rules=rules))
    cerebro.addstrategy(AllIn)
    timeframe = {"timeframe": bt.TimeFrame.Days} if name in ("TimeReturn", "SharpeRatio") else {}
    cerebro.addanalyzer(getattr(bt.analyzers, name), _name="one", **timeframe)
    if error is None:
        (strategy,) = cerebro.run()
        strategy.analyzers.one.get_analysis()
    else:
        with pytest.raises(error):
            cerebro.run()
    assert cerebro.broker.getvalue() == 0.0
