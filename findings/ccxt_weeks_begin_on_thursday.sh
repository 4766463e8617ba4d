#!/bin/sh
# ccxt builds weekly candles that begin on Thursdays, and months that begin on any day.
#
# `build_ohlcvc` makes candles from trades, and takes a timeframe like fetch_ohlcv. Exchanges begin a week on
# Monday and a month on its first day, and ccxt's own `round_timeframe` does so. build_ohlcvc divides the time
# since 1970, which began on a Thursday, by 7 or 30 days. Trades that complete a fetched weekly candle come out
# as two others that overlap it.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --target "$folder" ccxt==4.5.90
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import sys

import ccxt

exchange = ccxt.binance()
TIMES = ["2024-05-13T00:00:00Z", "2024-05-15T12:00:00Z", "2024-05-16T12:00:00Z"]
trades = [{"timestamp": exchange.parse8601(time), "price": 100.0, "amount": 1.0} for time in TIMES]


def built(timeframe):
    return [exchange.iso8601(row[0])[:10] for row in exchange.build_ohlcvc(trades, timeframe)]


def rounded(timeframe):
    stamps = [exchange.round_timeframe(timeframe, trade["timestamp"]) for trade in trades]
    return sorted({exchange.iso8601(stamp)[:10] for stamp in stamps})


print(f"ccxt {ccxt.__version__}, trades from Monday 2024-05-13 to Thursday 2024-05-16")
for timeframe in ("1d", "1w", "1M"):
    print(f"{timeframe}: build_ohlcvc {built(timeframe)}, round_timeframe {rounded(timeframe)}")
same = built("1d") == rounded("1d") and rounded("1w") == ["2024-05-13"] and rounded("1M") == ["2024-05-01"]
same = same and built("1w") == ["2024-05-09", "2024-05-16"] and built("1M") == ["2024-04-17"]
sys.exit(0 if same else "ccxt behaves otherwise now")
CODE
