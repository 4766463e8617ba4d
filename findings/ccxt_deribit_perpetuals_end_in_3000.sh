#!/bin/sh
# A market of ccxt's that has an `expiry` is dated, one would think: perpetuals of other exchanges have none. All of
# deribit's have one, coins and perpetuals too, in the year 3000, as its answer says (`expiration_timestamp`):
# whoever leaves out what expires leaves out all of deribit.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --target "$folder" ccxt==4.5.90
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import ccxt

told = {
    "instrument_name": "BTC_USDC-PERPETUAL",
    "kind": "future",
    "base_currency": "BTC",
    "counter_currency": "USDC",
    "quote_currency": "USDC",
    "settlement_currency": "USDC",
    "settlement_period": "perpetual",
    "expiration_timestamp": 32503708800000,
    "is_active": True,
}
exchange = ccxt.deribit({"options": {"fetchAllMarkets": True}})
exchange.fetch = lambda *_, **__: {"result": [told]}
[market] = exchange.fetch_markets()
print(f"ccxt {ccxt.__version__}: {market['symbol']} is a {market['type']}, it ends {market['expiryDatetime']}")
assert market["swap"] and market["expiry"] == 32503708800000, "it has no end now"
CODE
