#!/bin/sh
# ccxt's backpack has candles of 15 and 30 minutes under the names "15" and "30".
#
# Everywhere else timeframes are called 15m and 30m. Who looks a timeframe up in `timeframes`, as ccxt's manual
# tells, finds 15m missing and refuses it, though fetch_ohlcv sends "15m" as it is, which the exchange knows; who
# takes the name from there gives "15" to parse_timeframe, which fails on it.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --target "$folder" ccxt==4.5.90
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import ccxt

exchange = ccxt.backpack()
odd = {name: sent for name, sent in exchange.timeframes.items() if name.isdigit()}
print(f"ccxt {ccxt.__version__}; backpack: {', '.join(exchange.timeframes)}; of these {odd}")
assert odd == {"15": "15m", "30": "30m"}, "they are called as everywhere now"

others = [name for name in ccxt.exchanges for key in getattr(ccxt, name)().timeframes or {} if key.isdigit()]
print("exchanges with such names:", sorted(set(others)))

asked = []
market = {"id": "BTC_USDC", "symbol": "BTC/USDC", "base": "BTC", "quote": "USDC", "spot": True, "type": "spot"}
exchange.set_markets([{**market, "precision": {}, "limits": {}}])
exchange.fetch = lambda url, *_: asked.append(url) or []
exchange.fetch_ohlcv("BTC/USDC", "15m", 1_700_000_000_000, 10)
print("asked for 15m it sends", asked[-1].rpartition("?")[2])
assert "interval=15m" in asked[-1]
try:
    print("15:", exchange.fetch_ohlcv("BTC/USDC", "15", 1_700_000_000_000, 10), asked[-1])
except Exception as error:
    print(f"15: {type(error).__name__}: {error}")
CODE
