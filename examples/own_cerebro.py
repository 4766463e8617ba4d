"""MtfStrategy in a Cerebro of one's own: Backtrader's feed, analyzers and observers."""

from __future__ import annotations

import backtrader as bt
import pandas as pd
from example_market import candles

import stoptrail

WARM_UP = 100 * 96
"""Candles that warm the indicators up without being played: no analyzer sees them."""


def main() -> None:
    """Stock analyzers on the project's strategy and broker."""
    data = candles()
    past = stoptrail.Candles(*(column[:WARM_UP] for column in data[:6]), data.interval)
    columns = {name: getattr(data, name)[WARM_UP:] for name in data._fields[1:6]}
    frame = pd.DataFrame(columns, index=pd.to_datetime(data.time[WARM_UP:], unit="ms"))

    cerebro = bt.Cerebro()
    # Backtrader takes every row for a day unless it is told.
    timeframe = {"timeframe": bt.TimeFrame.Minutes, "compression": data.interval // 60_000}
    cerebro.adddata(bt.feeds.PandasData(dataname=frame, **timeframe))
    cerebro.setbroker(stoptrail.CandleBroker())
    cerebro.broker.setcash(10_000.0)
    cerebro.broker.setcommission(0.0006)
    cerebro.addstrategy(stoptrail.MtfStrategy, sides="long", past=past)
    cerebro.addanalyzer(bt.analyzers.TradeAnalyzer, _name="trades")
    cerebro.addanalyzer(bt.analyzers.DrawDown, _name="drawdown")
    cerebro.addanalyzer(
        bt.analyzers.SharpeRatio,
        _name="sharpe",
        timeframe=bt.TimeFrame.Days,
        factor=365,
        annualize=True,
        riskfreerate=0.0,
        stddev_sample=True,
    )
    (strategy,) = cerebro.run()

    trades = strategy.analyzers.trades.get_analysis()
    print(f"closed trades {trades.total.closed}, net {trades.pnl.net.total:.2f}")
    print(f"Sharpe ratio {strategy.analyzers.sharpe.get_analysis()['sharperatio']}")
    print(f"drawdown {strategy.analyzers.drawdown.get_analysis().max.drawdown:.2f} %")
    print(f"equity {cerebro.broker.getvalue():.2f}")


if __name__ == "__main__":
    main()
