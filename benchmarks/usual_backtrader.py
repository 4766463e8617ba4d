"""The same strategy as Backtrader users write it: PandasData, resampledata, stock
indicators and broker, a stop order that is cancelled and placed anew.

The cycle oscillator has no stock counterpart; it is an indicator with `next`, as the
manual shows. Longs only, on the signal mtf_cycle(trend="roc", structure="none").

`python -m benchmarks.usual_backtrader CANDLES.npz START` runs it in the package that PACKAGE names,
backtrader_next for one, and prints what it did as JSON.
"""

from __future__ import annotations

import json
import os
import time
from importlib import import_module
from typing import Any, ClassVar

import numpy as np

from benchmarks.arguments import Arguments, count, existing
from stoptrail.rules.candles import Candles
from stoptrail.rules.cycle import cycle_coefficients

PACKAGE = "STOPTRAIL_BENCHMARK_PACKAGE"
"""Names the package in the environment."""
bt: Any = import_module(os.environ.get(PACKAGE, "backtrader"))

CASH = 100_000.0
FEE = 0.001
SLIPPAGE = 0.0002


class Cycle(bt.Indicator):  # type: ignore[misc]
    """Roofing filter, normalised by its decaying peak."""

    lines: ClassVar[Any] = ("cycle",)
    params: ClassVar[Any] = (("period", 72),)

    def __init__(self) -> None:
        self.cycle_line = self.lines[0]
        self.numbers = cycle_coefficients("roofing", self.p.period)
        self.middle = [0.0, 0.0]
        self.band = [0.0, 0.0]
        self.closes: list[float] = []
        self.peak = 0.0

    def next(self) -> None:
        first, second = self.numbers.first, self.numbers.second
        close = self.data.close[0]
        close1, close2 = self.closes or (close, close)
        middle = first.b0 * close + first.b1 * close1 + first.b2 * close2
        middle += first.a1 * self.middle[0] + first.a2 * self.middle[1]
        band = second.b0 * middle + second.b1 * self.middle[0] + second.b2 * self.middle[1]
        band += second.a1 * self.band[0] + second.a2 * self.band[1]
        self.peak = max(self.peak * self.numbers.decay, abs(band))
        self.closes = [close, close1]
        self.middle = [middle, self.middle[0]]
        self.band = [band, self.band[0]]
        settled = len(self) >= self.numbers.settle
        self.cycle_line[0] = band / self.peak if settled and self.peak else float("nan")


class UsualStrategy(bt.Strategy):  # type: ignore[misc]
    """Daily rate of change, cycle trough on the base candles, ATR trail with breakeven."""

    params: ClassVar[Any] = (
        ("start", 0),
        ("trend_period", 30),
        ("cycle_period", 72),
        ("threshold", 0.2),
        ("multiplier", 5.0),
        ("trigger", 1.0),
        ("risk", 0.01),
    )

    def __init__(self) -> None:
        self.base, self.four_hours, self.days = self.datas
        self.change = bt.ind.Momentum(self.days.close, period=self.p.trend_period)
        self.atr = bt.ind.ATR(self.four_hours, period=14)
        indicator: Any = Cycle
        self.cycle = indicator(self.base, period=self.p.cycle_period)
        self.seen = 0
        self.zone = False
        self.entry: Any = None
        self.stop_order: Any = None
        self.signals: list[int] = []
        self.entries: list[tuple[int, float]] = []
        self.exits: list[tuple[int, float]] = []

    def notify_order(self, order: Any) -> None:
        if order.status in (order.Margin, order.Rejected) and order is self.entry:
            self.entry = None
        if order.status != order.Completed:
            return
        fill = (len(self.base) - 1, order.executed.price)
        if order.isbuy():
            self.entry = None
            self.entries.append(fill)
            self.fill = self.extreme = order.executed.price
            self.level = self.fill - self.p.multiplier * self.signal_atr
        else:
            self.stop_order = None
            self.exits.append(fill)

    def prenext(self) -> None:
        self.seen = len(self.base)

    def next(self) -> None:
        if len(self.base) == self.seen:  # a higher timeframe's candle came alone
            return
        self.seen = len(self.base)
        if self.position:
            self.trail()
        zone = self.is_zone()
        if zone and not self.zone:
            self.signal()
        self.zone = zone

    def is_zone(self) -> bool:
        now, before = self.cycle[0], self.cycle[-1]
        return bool(now < -self.p.threshold and now > before and self.change[0] > 0.0)

    def signal(self) -> None:
        index = len(self.base) - 1
        if index < self.p.start:
            return
        self.signals.append(index)
        if self.position or self.entry:
            return
        value = self.broker.getvalue()
        price = self.base.close[0]
        self.signal_atr = self.atr[0]
        units = value * self.p.risk / (self.p.multiplier * self.signal_atr)
        units = min(units, 0.99 * value / (price * (1.0 + FEE)))
        self.entry = self.buy(data=self.base, size=round(units, 5))

    def trail(self) -> None:
        before = self.level
        self.extreme = max(self.extreme, self.base.high[0])
        if self.p.trigger and self.extreme >= self.fill + self.p.trigger * self.signal_atr:
            even = self.fill * (1.0 + FEE) / ((1.0 - FEE) * (1.0 - SLIPPAGE)) * 1.0002
            if self.base.close[0] > even:
                self.level = max(self.level, even)
        self.level = max(self.level, self.extreme - self.p.multiplier * self.atr[0])
        if self.stop_order is not None and self.level == before:
            return
        if self.stop_order is not None:
            self.cancel(self.stop_order)
        self.stop_order = self.sell(
            data=self.base, size=self.position.size, exectype=bt.Order.Stop, price=self.level
        )


def usual_cerebro(candles: Candles) -> Any:
    """Cerebro with the candles on three timeframes, without a strategy."""
    import pandas as pd

    closes = pd.to_datetime(candles.time + candles.interval - 1000, unit="ms")
    columns = {name: getattr(candles, name) for name in ("open", "high", "low", "close", "volume")}
    frame = pd.DataFrame(columns, index=closes)
    cerebro = bt.Cerebro(stdstats=False)
    table = "dataname" if bt.__name__ == "backtrader" else "dataframe"
    options = {"timeframe": bt.TimeFrame.Minutes, "compression": 15, "openinterest": None}
    feed = bt.feeds.PandasData(**{table: frame}, **options)
    cerebro.adddata(feed)
    cerebro.resampledata(feed, timeframe=bt.TimeFrame.Minutes, compression=240)
    cerebro.resampledata(feed, timeframe=bt.TimeFrame.Days)
    cerebro.broker.setcash(CASH)
    cerebro.broker.setcommission(commission=FEE)
    cerebro.broker.set_slippage_perc(SLIPPAGE, slip_open=True, slip_match=True, slip_out=True)
    return cerebro


def run_usual(candles: Candles, **parameters: Any) -> Any:
    """One run; the strategy holds signals, entries and exits."""
    cerebro = usual_cerebro(candles)
    cerebro.addstrategy(UsualStrategy, **parameters)
    return cerebro.run()[0]


def main() -> None:
    """Run over the columns of a file, from a candle on."""
    parser = Arguments(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=existing, help="columns of candles, .npz")
    parser.add_argument("start", type=count, help="the candle that decides first")
    given = parser.parse_args()
    with np.load(given.file) as columns:
        candles = Candles(
            *(columns[name] for name in Candles._fields[:6]), int(columns["interval"])
        )
    begin = time.process_time()
    run = run_usual(candles, start=given.start)
    seconds = time.process_time() - begin
    found = {name: getattr(run, name) for name in ("signals", "entries", "exits")}
    print(json.dumps({"seconds": seconds, **found}))


if __name__ == "__main__":
    main()
