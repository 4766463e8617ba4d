#!/bin/sh
# Tulip's MACD of 12 and 26 candles, and of no other pair, takes other averages than its EMA.
#
# An exponential average over n candles weighs the newest with 2 / (n + 1): 0.1538 for 12 and 0.0741 for 26.
# For exactly these two periods Tulip Indicators takes 0.15 and 0.075, as the indicator was first drawn by hand.
# 12 and 27, or 13 and 26, are the difference of its own EMAs. In a grid over the periods the usual pair is
# thus of another kind than its neighbours, and it is the one that is compared with other libraries, whose line
# differs by up to a seventh of its size for good, not only at its beginning.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --no-compile --target "$folder" tulipy==0.4.0 numpy==2.4.6
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import sys

import numpy as np
import tulipy

COUNT = 2000
draw = np.random.default_rng(8)
close = 100 * np.exp(np.cumsum(draw.normal(0, 0.01, COUNT)))


def average(weight):
    line = [close[0]]
    for price in close[1:]:
        line.append(line[-1] + weight * (price - line[-1]))
    return np.array(line)


def gap(fast, slow, fast_weight, slow_weight):
    """Of the last 1,000 candles, long after where the averages began; over the line's size."""
    line = tulipy.macd(close, fast, slow, 9)[0][-1000:]
    difference = (average(fast_weight) - average(slow_weight))[-1000:]
    return float(np.abs(line - difference).max() / np.abs(line).mean())


usual = gap(12, 26, 2 / 13, 2 / 27)
drawn = gap(12, 26, 0.15, 0.075)
beside = gap(12, 27, 2 / 13, 2 / 28), gap(13, 26, 2 / 14, 2 / 27)
print(f"tulipy 0.4.0: MACD(12, 26) from EMA(12) - EMA(26): {usual:.3f} of its mean size; from weights 0.15, 0.075: {drawn:.0e}")
print(f"MACD(12, 27) and MACD(13, 26) from their EMAs: {beside[0]:.0e}, {beside[1]:.0e}")
same = usual > 0.02 and drawn < 1e-9 and max(beside) < 1e-9
sys.exit(0 if same else "tulipy behaves otherwise now")
CODE
