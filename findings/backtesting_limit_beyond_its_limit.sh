#!/bin/sh
# With a spread, a limit order of backtesting.py fills beyond its limit.
#
# A limit is the worst price that an order accepts: a bid in the book is filled at its own price, and pays no
# spread. backtesting.py adds `spread` to the price of every entry, limit orders included: a buy at 95 or better
# is filled at 95.95, within a candle that was at 95 for a moment and at 100 before. Strategies that wait for
# their price pay what they wait for. Its exits, at a target, a stop or the market, pay no spread.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --target "$folder" backtesting==0.6.6
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - 2>"$folder/progress" <<'CODE'
import sys

import backtesting
import pandas as pd

CANDLES = [(100, 100, 100, 100)] * 2 + [(100, 100, 95, 100)] + [(100, 100, 100, 100)] * 3


class Once(backtesting.Strategy):
    limit = None

    def init(self):
        self.sent = False

    def next(self):
        if not self.sent:
            self.sent = True
            self.buy(size=1, limit=self.limit)
        elif len(self.data) == 5:
            self.position.close()


def trade(limit, spread):
    dates = pd.date_range("2024-01-01", periods=len(CANDLES))
    days = pd.DataFrame(CANDLES, columns=["Open", "High", "Low", "Close"], index=dates)
    made = backtesting.Backtest(days.astype(float), Once, cash=10000, spread=spread)
    (row,) = made.run(limit=limit)["_trades"][["EntryPrice", "ExitPrice"]].to_numpy().round(6).tolist()
    return row


plain, limit, market = trade(95, 0.0), trade(95, 0.01), trade(None, 0.01)
print(f"backtesting {backtesting.__version__}, entry and exit prices of a buy")
print(f"limit 95 without a spread {plain}, limit 95 with 1 % {limit}, market with 1 % {market}")
same = (plain, limit, market) == ([95.0, 100.0], [95.95, 100.0], [101.0, 100.0])
sys.exit(0 if same else "backtesting.py behaves otherwise now")
CODE
