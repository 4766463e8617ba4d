#!/bin/sh
# backtesting.py's Sharpe ratio is compounded return over compounded volatility, not mean over deviation.
#
# The usual annual Sharpe ratio is the mean of the daily returns over their deviation, times the root of the
# days in a year. backtesting.py divides the compounded yearly return by a volatility of compounded returns.
# Compounding takes half the variance off the numerator and spreads the denominator: at the volatility of a
# coin an account whose mean day is a little above zero has a negative ratio, and a year with a ratio of 2.2 is
# told as 0.9. Set beside another library's figure, or handed to a formula that takes daily means
# (probabilistic and deflated Sharpe ratios), it is another quantity.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --no-compile --target "$folder" backtesting==0.6.6 pandas==2.3.3
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - 2>/dev/null <<'CODE'
import sys

import numpy as np
import pandas as pd
from backtesting import Backtest, Strategy

DAYS = 365


class Hold(Strategy):
    def init(self):
        pass

    def next(self):
        if not self.position:
            self.buy(size=0.9999)


def ratios(mean):
    draw = np.random.default_rng(3).normal(0, 0.035, DAYS + 1)
    returns = draw - draw.mean() + mean
    close = 100 * np.cumprod(1 + returns)
    days = pd.date_range("2024-01-01", periods=DAYS + 1)
    frame = pd.DataFrame(dict.fromkeys(("Open", "High", "Low", "Close"), close), index=days)
    told = Backtest(frame, Hold, cash=1e6, finalize_trades=True).run()
    seen = told["_equity_curve"].Equity.pct_change().dropna()
    usual = seen.mean() / seen.std() * DAYS**0.5
    yearly = (1 + seen).prod() ** (DAYS / len(seen)) - 1
    growth = (1 + seen).prod() ** (1 / len(seen))
    spread = ((seen.var() + growth**2) ** DAYS - growth ** (2 * DAYS)) ** 0.5
    return float(told["Sharpe Ratio"]), float(usual), float(yearly / spread)


same = True
for mean in (0.0003, 0.004):
    told, usual, compounded = ratios(mean)
    print(f"backtesting 0.6.6: told {told:.2f}, usual {usual:.2f}, compounded over compounded {compounded:.2f}")
    same = same and abs(told - compounded) < 0.02 and abs(told - usual) > 0.3
sys.exit(0 if same and ratios(0.0003)[0] < 0 < ratios(0.0003)[1] else 1)
CODE
