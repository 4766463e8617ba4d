#!/bin/sh
# TA-Lib's BETA wants the market first and the asset second.
#
# Beta is the slope of an asset's returns on the market's. The two inputs are called real0 and real1, and the
# comment in its source speaks of the stock in the first and the index in the second. But the slope is that of
# the second on the first: an asset that moves twice as far as the market, with noise of its own, has a
# `BETA(asset, market)` of a quarter. Read as beta, the wildest coins look like the calmest.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --target "$folder" TA-Lib==0.8.2 numpy==2.4.6
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import sys

import numpy as np
import talib

draw = np.random.default_rng(7)
market = draw.normal(0, 0.01, 500)
asset = 2 * market + draw.normal(0, 0.02, 500)


def prices(returns):
    return 100 * np.cumprod(np.r_[1.0, 1 + returns])


def slope(of, on):
    return np.cov(of, on)[0, 1] / np.var(on, ddof=1)


asset_first = talib.BETA(prices(asset), prices(market), timeperiod=500)[-1]
market_first = talib.BETA(prices(market), prices(asset), timeperiod=500)[-1]
print(f"TA-Lib {talib.__version__}: an asset with a beta of {slope(asset, market):.3f}")
print(f"BETA(asset, market) {asset_first:.3f}, BETA(market, asset) {market_first:.3f}")
print(f"slope of the market on the asset {slope(market, asset):.3f}")
same = np.isclose(asset_first, slope(market, asset)) and np.isclose(market_first, slope(asset, market))
sys.exit(0 if same and asset_first < 0.5 else "TA-Lib behaves otherwise now")
CODE
