#!/bin/sh
# quantstats tells prices from returns by their size: those of a coin below 1 count as returns.
#
# Its functions take either. A series that is nowhere below 0 and somewhere above 1 is prices, anything else
# returns. Prices of DOGE, between 0.1 and 0.4, are thus returns of 10 to 40 % a day: no drawdown, where two
# thirds were lost. Monthly returns without a loss but with one above 100 % are prices in turn, and the figures
# those of their changes. Prices times ten are told rightly; such returns cannot be helped that way.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --no-compile --target "$folder" quantstats==0.0.86
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import sys

import pandas as pd
import quantstats as qs

days = pd.date_range("2024-01-01", periods=6)
prices = pd.Series([0.10, 0.36, 0.15, 0.30, 0.12, 0.20], index=days)
months = pd.Series([0.1, 0.5, 1.2, 0.2, 0.3], index=pd.date_range("2024-01-31", periods=5, freq="ME"))


def told(series):
    return round(float(qs.stats.max_drawdown(series)), 4), round(float(qs.stats.sharpe(series)), 2)


cheap, tenfold = told(prices), told(prices * 10)
print(f"quantstats {qs.__version__}: drawdown and Sharpe of prices {cheap}, of ten times the prices {tenfold}")
spread, right = float(qs.stats.volatility(months, annualize=False)), float(months.std())
print(f"volatility of monthly returns up to 120 %: {spread:.3f}, their deviation {right:.3f}")
ratios = float(months.pct_change().dropna().std())
print(f"deviation of the changes between these returns: {ratios:.3f}")
same = cheap[0] == 0.0 and tenfold[0] == round(0.12 / 0.36 - 1, 4) and cheap[1] != tenfold[1]
same = same and abs(spread - right) > 0.5
sys.exit(0 if same else "quantstats behaves otherwise now")
CODE
