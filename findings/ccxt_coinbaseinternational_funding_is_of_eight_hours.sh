#!/bin/sh
# The funding rates that ccxt tells of coinbaseinternational, and of deribit, add up to eight times what was paid.
#
# Both have one engine, whose rows of public/get_funding_rate_history come every hour and tell two rates:
# interest_1h, of that hour, and interest_8h, of eight hours. `fetch_funding_rate_history` takes the second
# one as fundingRate of each row: the 24 rows of a day hold 24 times the rate of eight hours.
# The rows below have the fields that a comment of that method shows.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --target "$folder" ccxt==4.5.90
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import sys

import ccxt

HOUR = 3_600_000
ROWS = [
    {
        "timestamp": 1_786_269_600_000 + hour * HOUR,
        "index_price": 64832.34,
        "prev_index_price": 64773.05,
        "interest_1h": 1e-5,
        "interest_8h": 8e-5,
    }
    for hour in range(24)
]

print("ccxt", ccxt.__version__)
paid = sum(row["interest_1h"] for row in ROWS)
print(f"paid in a day: {paid:.5f}")
told = {}
for name in ("coinbaseinternational", "deribit"):
    exchange = getattr(ccxt, name)()
    exchange.markets = exchange.markets_by_id = {}
    market = {"id": "BTC_USDC-PERPETUAL", "symbol": "BTC/USDC:USDC"}
    exchange.load_markets = lambda *_: None
    exchange.market = lambda *_, market=market: market
    exchange.safe_symbol = lambda *_, market=market: market["symbol"]
    exchange.publicGetGetFundingRateHistory = lambda *_: {"result": ROWS}
    rows = exchange.fetch_funding_rate_history(market["symbol"], ROWS[0]["timestamp"], 100)
    told[name] = sum(row["fundingRate"] for row in rows)
    print(f"{name}: {len(rows)} rows, sum of fundingRate {told[name]:.5f}")
if any(round(total / paid, 6) != 8.0 for total in told.values()):
    sys.exit("ccxt tells another rate now")
CODE
