#!/bin/sh
# ccxt's fetch_time is "the current integer timestamp in milliseconds from the exchange server". dydx's is in
# seconds, 1970 for whoever compares it with candles: a download up to the exchange's own time brings nothing,
# and says nothing. ccxt's recorded test (ts/src/test/static/response/dydx.json) has the seconds too, so that no
# test of its own tells.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --target "$folder" ccxt==4.5.90
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import ccxt

exchange = ccxt.dydx()
exchange.fetch = lambda *_, **__: {"iso": "2025-07-29T05:45:08Z", "epoch": 1753767908}
told = exchange.fetch_time()
print(f"ccxt {ccxt.__version__}: dydx says 2025-07-29T05:45:08Z, fetch_time {told}: {exchange.iso8601(told)}")
assert told == 1753767908, "it is in milliseconds now"
CODE
