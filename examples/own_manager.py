"""An order manager and a sizer of one's own, in a Cerebro of one's own.

Sweeps and sessions refuse both: their engines agree because they share one set of rules.
"""

from __future__ import annotations

from typing import Any

import backtrader as bt
from example_market import candles

import stoptrail


class StepTrail(stoptrail.StopTrail):
    """Moves the stop only when the shipped trail would move it by half an ATR or more."""

    def next_stop(
        self,
        stop: Any,
        position: Any,
        high: float,
        low: float,
        close: float,
        atr: float,
        now: int,
    ) -> Any:
        """The shipped stop where it is far enough from the one in force."""
        wanted = super().next_stop(stop, position, high, low, close, atr, now)
        far_enough = abs(wanted.level - stop.level) >= 0.5 * atr
        return wanted if far_enough else stop._replace(extreme=wanted.extreme)


class TenthOfTheAccount(bt.Sizer):
    """A tenth of the equity in every trade."""

    def _getsizing(self, comminfo: Any, cash: float, data: Any, isbuy: bool) -> float:
        return 0.1 * self.broker.getvalue() / data.close[0]


def run(**options: Any) -> float:
    """Equity at the end of a run."""
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(stoptrail.ColumnarFeed(candles=DATA))
    cerebro.setbroker(stoptrail.CandleBroker())
    cerebro.addstrategy(stoptrail.MtfStrategy, **options)
    cerebro.addsizer(TenthOfTheAccount)
    cerebro.run()
    return float(cerebro.broker.getvalue())


if __name__ == "__main__":
    DATA = candles()
    print(f"shipped manager {run():.2f}, own manager {run(manager=StepTrail):.2f}")
