#!/bin/sh
# ccxt's fetch_ohlcv takes since, "timestamp in ms of the earliest candle to fetch". Of weex's swaps it sends
# neither that nor until: the exchange answers with its newest candles, of which ccxt then drops what does not
# lie after since and beyond the limit. An old start gives the newest candles as if nothing had been before
# them; a loop that goes on from the last one ends at once, content, with a hole of years. Only with
# {"historical": True} does it ask for what was wanted. The answers have the fields of weex's documents
# (contract/Market_API, GetKlines).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --target "$folder" ccxt==4.5.90
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import sys
from urllib.parse import parse_qs, urlsplit

import ccxt

QUARTER, NOW = 900_000, 1_790_000_100_000
asked = []


def serve(url, *_, **__):
    """Candles up to NOW: the newest, or those of a window."""
    query = {name: int(value[0]) for name, value in parse_qs(urlsplit(url).query).items() if value[0].isdigit()}
    asked.append(sorted(query))
    times = range(1_700_000_100_000, NOW, QUARTER)
    window = [t for t in times if query.get("startTime", 0) <= t <= query.get("endTime", NOW)]
    return [[t, "9", "10", "8", "9", "1", t + QUARTER - 1, "9", 5, "1", "9"] for t in window[-query.get("limit", 100) :]]


weex = ccxt.weex()
weex.milliseconds = lambda: NOW
market = {"id": "BTCUSDT", "symbol": "BTC/USDT:USDT", "base": "BTC", "quote": "USDT", "settle": "USDT"}
market |= {"baseId": "BTC", "quoteId": "USDT", "settleId": "USDT", "type": "swap", "spot": False, "swap": True}
market |= {"future": False, "option": False, "contract": True, "linear": True, "inverse": False, "active": True}
weex.set_markets([market | {"contractSize": 1.0, "precision": {"amount": 1e-4, "price": 0.1}}])
weex.fetch = serve

since = 1_750_000_500_000
until = since + 99 * QUARTER
plain = weex.fetch_ohlcv("BTC/USDT:USDT", "15m", since, 100)
ended = weex.fetch_ohlcv("BTC/USDT:USDT", "15m", since, 100, {"until": until})
older = weex.fetch_ohlcv("BTC/USDT:USDT", "15m", since, 100, {"until": until, "historical": True})
first = [weex.iso8601(rows[0][0]) if rows else None for rows in (plain, ended, older)]
print(f"ccxt {ccxt.__version__}: weex, from {weex.iso8601(since)}: first candles {first}, sent {asked}")
same = asked == [["limit"], ["limit"], ["endTime", "startTime"]] and older[0][0] == since
sys.exit(0 if same and plain == ended and plain[-1][0] > NOW - 2 * QUARTER else "ccxt's weex asks otherwise now")
CODE
