#!/bin/sh
# The efficiency ratio of a straight line is 0.9 in NautilusTrader, and its rate of change over 10 is one over 9.
#
# Kaufman's ratio is the net change of a period over the sum of its steps: 1 if every step goes one way. Nautilus
# keeps 10 prices, between which there are 9 steps, but 10 steps: the net change of 9 is divided by 10. The
# perfect trend has 0.9 (with a period of 2: 0.5), the vertical horizontal filter too, and a rule "above 0.95"
# never trades. RateOfChange(10) compares with the price 9 candles ago, where charts and TA-Lib compare with 10.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --no-compile --target "$folder" nautilus_trader==1.221.0
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import sys

import nautilus_trader
from nautilus_trader.indicators import EfficiencyRatio, RateOfChange, VerticalHorizontalFilter


def value(indicator):
    """After closes of 100, 101, ... 159."""
    for step in range(60):
        indicator.update_raw(100.0 + step)
    return round(indicator.value, 9)


ratio, shortest, horizontal = value(EfficiencyRatio(10)), value(EfficiencyRatio(2)), value(VerticalHorizontalFilter(10))
change = value(RateOfChange(10))
print(f"nautilus_trader {nautilus_trader.__version__}, closes that rise by 1")
print(f"efficiency ratio {ratio} (period 2: {shortest}), vertical horizontal filter {horizontal}")
print(f"rate of change of 10: {change}; over 10 candles {10 / 149:.9f}, over 9 {9 / 150:.9f}")
same = (ratio, shortest, horizontal, change) == (0.9, 0.5, 0.9, 0.06)
sys.exit(0 if same else "NautilusTrader behaves otherwise now")
CODE
