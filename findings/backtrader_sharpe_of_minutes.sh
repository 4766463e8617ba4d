#!/bin/sh
# Backtrader's SharpeRatio takes a whole year's interest off every intraday return, and does not annualise.
#
# With `timeframe=TimeFrame.Minutes` the analyzer finds no factor in its table (days, weeks, months, years), and
# then leaves out both conversions without a word: `riskfreerate`, 0.01 a year, is subtracted from the return
# of each candle, and `annualize=True` changes nothing. A strategy of 15 minute candles with a good ratio is
# told one of about -6. With `factor=35040` beside it (candles of a year) both are done.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --target "$folder" backtrader==1.9.78.123
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import datetime
import math
import random
import sys

import backtrader as bt

STEP = datetime.timedelta(minutes=15)
FIRST = datetime.datetime(2024, 1, 1)
YEAR = 4 * 24 * 365


class Quarters(bt.feed.DataBase):
    """Twenty days of 15m closes that drift upwards."""

    def start(self):
        self.at, self.price, self.draw = 0, 100.0, random.Random(2)

    def _load(self):
        if self.at == 20 * 96:
            return False
        self.lines.datetime[0] = bt.date2num(FIRST + self.at * STEP)
        for line in (self.lines.open, self.lines.high, self.lines.low, self.lines.close):
            line[0] = self.price
        self.lines.volume[0] = 1.0
        self.price *= math.exp(self.draw.gauss(1e-4, 0.002))
        self.at += 1
        return True


class Hold(bt.Strategy):
    def next(self):
        if len(self) == 1:
            self.buy(size=90)


def ratio(**options):
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(Quarters(timeframe=bt.TimeFrame.Minutes, compression=15))
    cerebro.addstrategy(Hold)
    scale = {"timeframe": bt.TimeFrame.Minutes, "compression": 15}
    cerebro.addanalyzer(bt.analyzers.SharpeRatio, _name="sharpe", **scale, **options)
    (strategy,) = cerebro.run()
    return strategy.analyzers.sharpe.get_analysis()["sharperatio"]


asked, plain = ratio(annualize=True), ratio()
free, given = ratio(annualize=True, riskfreerate=0.0), ratio(annualize=True, factor=YEAR)
print(f"backtrader {bt.__version__}: annualize=True {asked:.3f}, without {plain:.3f}")
print(f"without a rate {free:.4f}; with factor={YEAR} {given:.3f}")
same = asked == plain < -1 < 0 < free and math.isclose(given, free * math.sqrt(YEAR), rel_tol=0.1)
sys.exit(0 if same else "Backtrader behaves otherwise now")
CODE
