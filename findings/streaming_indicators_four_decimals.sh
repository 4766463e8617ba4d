#!/bin/sh
# streaming-indicators rounds to four decimals of the price: the averages of cheap coins have one digit, or none.
#
# Its RMA, SuperTrend and Heikin-Ashi round each value, and carry the rounded one on. Bitcoin does not show it.
# A coin at 0.00017 has an RMA of 0.0002 (15 % off), one at 0.00002 has 0.0, and SuperTrend's line, from which a
# stop is set, is 0 too. EMA and ATR of the same package are exact.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --target "$folder" streaming-indicators==0.1.8
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import importlib.metadata
import random
import sys

import streaming_indicators as si


def run(unit):
    """RMA, SuperTrend and EMA after 40 candles near 23 units, in units."""
    draw, price = random.Random(1), 23.0
    mean, trend, exact = si.RMA(3), si.SuperTrend(3, 2), si.EMA(3)
    for _ in range(40):
        opened, price = price, price * (1 + draw.uniform(-0.05, 0.05))
        high, low = max(opened, price) * 1.01, min(opened, price) * 0.99
        candle = {"open": opened * unit, "high": high * unit, "low": low * unit, "close": price * unit}
        told = mean.update(price * unit), trend.update(candle)[1], exact.update(price * unit)
    return [round(float(value) / unit, 3) for value in told]


print(f"streaming-indicators {importlib.metadata.version('streaming-indicators')}")
dear, cheap, cheaper = run(1.0), run(1e-5), run(1e-6)
for name, row in (("23", dear), ("0.00023", cheap), ("0.000023", cheaper)):
    print(f"a coin at {name}: RMA, SuperTrend, EMA in units {row}")
same = dear[2] == cheap[2] == cheaper[2] and abs(cheap[0] / dear[0] - 1) > 0.05 and cheaper[0] == 0.0
same = same and abs(cheap[1] / dear[1] - 1) > 0.05
sys.exit(0 if same else "streaming-indicators behaves otherwise now")
CODE
