#!/bin/sh
# The ATR trailing stop that backtesting.py ships knows the future at the start of a run.
#
# `TrailingStrategy.set_atr_periods(n)` fills the first n - 1 values of its ATR backwards with the first
# one that exists, that of candle n. A position within the first n candles (100 unless told) trails a
# stop whose distance depends on candles still to come. Below, two markets are the same for 30
# candles; the stops on candle 3 are not.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --target "$folder" backtesting==0.6.5
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - 2>"$folder/progress" <<'CODE'
import sys

import backtesting
import numpy as np
import pandas as pd
from backtesting.lib import TrailingStrategy

SAME = 30


def first_stop(range_later):
    """The stop on candle 3: 30 days of range 2, then days of another range."""
    reach = np.where(np.arange(120) < SAME, 1.0, range_later / 2)
    days = pd.DataFrame(
        {"Open": 100.0, "High": 100 + reach, "Low": 100 - reach, "Close": 100.0, "Volume": 1.0},
        index=pd.date_range("2024-01-01", periods=120),
    )
    stops = {}

    class Trail(TrailingStrategy):
        def init(self):
            super().init()
            self.set_atr_periods(50)
            self.set_trailing_sl(2)

        def next(self):
            super().next()
            if not self.position and len(self.data) < SAME:
                self.buy(size=1)
            for trade in self.trades:
                stops[len(self.data)] = trade.sl

    backtesting.Backtest(days, Trail, cash=10_000).run()
    return round(float(stops[3]), 6)


calm, wild = first_stop(2.0), first_stop(42.0)
print(f"backtesting {backtesting.__version__}: stop on candle 3 of two markets that part on candle 31")
print(f"  calm later: {calm}   wild later: {wild}")
sys.exit(0 if (calm, wild) == (96.0, 62.4) else "backtesting.py behaves otherwise now")
CODE
