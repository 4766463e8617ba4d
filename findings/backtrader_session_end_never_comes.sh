#!/bin/sh
# Backtrader's timer for the end of a session never fires on intraday candles of a market that is always open.
#
# `add_timer(when=SESSION_END)` is meant to call the strategy at the close of each day. Without set sessions a day
# ends at 23:59:59.99999; a timer fires on the first candle of the same day at or after its time. Candles of 15
# minutes are stamped up to 23:45 and then with the next day's 00:00, so none is ever late enough: no call, no
# error, and what was to close positions daily does nothing. SESSION_START fires each day. With
# `sessionend=datetime.time(23, 45)` on the feed the end does, too.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --target "$folder" backtrader==1.9.78.123
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import datetime
import sys

import backtrader as bt

STEP = datetime.timedelta(minutes=15)
FIRST = datetime.datetime(2024, 1, 1)


class Quarters(bt.feed.DataBase):
    """Three days of 15m candles, all prices 100."""

    at = 0

    def _load(self):
        if self.at == 3 * 96:
            return False
        self.lines.datetime[0] = bt.date2num(FIRST + self.at * STEP)
        for line in (self.lines.open, self.lines.high, self.lines.low, self.lines.close):
            line[0] = 100.0
        self.lines.volume[0] = 1.0
        self.at += 1
        return True


class Daily(bt.Strategy):
    def __init__(self):
        self.calls = {"start": [], "end": []}
        self.add_timer(when=bt.timer.SESSION_START, name="start")
        self.add_timer(when=bt.timer.SESSION_END, name="end")

    def notify_timer(self, timer, when, *args, name, **kwargs):
        self.calls[name].append(f"{self.data.datetime.datetime(0):%d %H:%M}")


def calls(**sessions):
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(Quarters(timeframe=bt.TimeFrame.Minutes, compression=15, **sessions))
    cerebro.addstrategy(Daily)
    (strategy,) = cerebro.run()
    return strategy.calls


plain, told = calls(), calls(sessionend=datetime.time(23, 45))
print(f"backtrader {bt.__version__}, three days of 15m candles: {plain}")
print("with sessionend=23:45:", told["end"])
same = len(plain["start"]) == 3 and not plain["end"]
same = same and told["end"] == ["01 23:45", "02 23:45", "03 23:45"]
sys.exit(0 if same else "Backtrader behaves otherwise now")
CODE
