#!/bin/sh
# ccxt's fetch_ohlcv gives the "timestamp" of a candle, when it opens, of every exchange. ndax's rows begin with
# when a candle ends and end with when it began: the hour from 11:00 to 12:00 comes as that of 12:00. Strategies see
# each candle an hour after it could have been known, and candles of another exchange beside it are of another
# hour. The answer is ccxt's own recorded one (ts/src/test/static/response/ndax.json), whose test expects 12:00.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --target "$folder" ccxt==4.5.90
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import ccxt

exchange = ccxt.ndax()
row = [1710331200000, 29869.01, 29869.01, 29869.01, 29869.01, 0, 0, 0, 82, 1710327600000]
told = exchange.parse_ohlcvs([row], None, "1h")[0][0]
print(f"ccxt {ccxt.__version__}: a candle from {exchange.iso8601(row[-1])} to {exchange.iso8601(row[0])}")
print(f"is given as that of {exchange.iso8601(told)}")
assert told == row[0], "its open is given now"
CODE
