#!/bin/sh
# Backtrader's resampledata builds shifted hours from candles that carry their opening time.
#
# Exchanges stamp a candle with its open. Backtrader takes a stamp as the end: an hour resampled from
# 15m candles ends with the candle stamped 00 of the next hour and begins with the one stamped 15. Its
# open is one of 15 minutes later than the exchange's own hour, its close that of the first quarter of
# the next hour, and the very first "hour" of a file is a single candle. It is no look ahead (it is
# handed over when that quarter has closed), but neither is it an hour that any exchange, chart or
# other backtester knows: indicators on it differ.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --target "$folder" backtrader==1.9.78.123
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import datetime
import sys

import backtrader as bt


class Quarters(bt.feed.DataBase):
    """15m candles by opening time from midnight on; every price is the number of the candle."""

    at = 0

    def _load(self):
        if self.at == 16:
            return False
        opened = datetime.datetime(2024, 1, 1) + datetime.timedelta(minutes=15 * self.at)
        self.lines.datetime[0] = bt.date2num(opened)
        for line in (self.lines.open, self.lines.high, self.lines.low, self.lines.close):
            line[0] = float(self.at)
        self.lines.volume[0] = 1.0
        self.at += 1
        return True


class Hours(bt.Strategy):
    def __init__(self):
        self.seen = []

    def next(self):
        hour = self.data1
        if len(hour) > len(self.seen):
            self.seen.append((f"{hour.datetime.datetime(0):%H:%M}", hour.open[0], hour.close[0], hour.volume[0]))


cerebro = bt.Cerebro(stdstats=False)
quarters = Quarters(timeframe=bt.TimeFrame.Minutes, compression=15)
cerebro.adddata(quarters)
cerebro.resampledata(quarters, timeframe=bt.TimeFrame.Minutes, compression=60)
cerebro.addstrategy(Hours)
seen = cerebro.run()[0].seen
print(f"backtrader {bt.__version__}: stamp, first and last quarter, number of quarters of each hour")
for hour in seen:
    print(" ", hour)
print("  the exchange's hours: quarters 0 to 3, 4 to 7, 8 to 11, 12 to 15")
expected = [("00:00", 0.0, 0.0, 1.0), ("01:00", 1.0, 4.0, 4.0), ("02:00", 5.0, 8.0, 4.0), ("03:00", 9.0, 12.0, 4.0)]
sys.exit(0 if seen[:4] == expected else "Backtrader behaves otherwise now")
CODE
