#!/bin/sh
# The limit of ccxt's build_ohlcvc counts trades, not candles, and takes the oldest.
#
# Everywhere else in ccxt `limit` says how many candles to return, the newest where no `since` is given.
# `build_ohlcvc(trades, timeframe, since, limit)` looks at the first `limit` trades of the list and builds
# candles of these alone: asked for three candles of thirty trades in ten minutes it answers with the first
# minute, whose high, low, close and volume lack nothing visibly. Trades before `since` use the limit up as
# well: with `since` in the fourth minute the same question has no candle at all.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --no-compile --target "$folder" ccxt==4.5.90
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import sys

import ccxt

MINUTE = 60_000
START = 1_704_067_200_000
trades = [
    {"timestamp": START + number * MINUTE // 3, "price": 100.0 + number, "amount": 1.0}
    for number in range(30)
]
exchange = ccxt.binance()


def minutes(*asked):
    return [(row[0] - START) // MINUTE for row in exchange.build_ohlcvc(trades, "1m", *asked)]


everything = minutes()
three = minutes(START, 3)
later = minutes(START + 3 * MINUTE, 3)
print(f"ccxt {ccxt.__version__}: all trades make the minutes {everything}")
print(f"limit 3 from the start: {three}, from minute 3: {later}")
same = everything == list(range(10)) and three == [0] and later == []
sys.exit(0 if same else "ccxt behaves otherwise now")
CODE
