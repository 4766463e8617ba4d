#!/bin/sh
# The volume of a swap's candle is in coins on OKX, and in contracts on Gate and MEXC.
#
# ccxt's fetch_ohlcv has one column of volume, which one takes for an amount of the base currency. For spot it
# is. For contracts ccxt takes the coins where a row tells them (OKX), and otherwise hands contracts on as they
# are, without the size that it knows: 12.5 bitcoins traded in a candle are 12.5, or 125,000. Volumes of two
# exchanges, or of the spot and the swap of one, cannot be compared or added; multiply by contractSize, on
# the exchanges where it is due. The rows have the form of the exchanges' documents.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --target "$folder" ccxt==4.5.90
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import sys

import ccxt

STAMP, PRICE = 1714557600, "50000"
COINS, CONTRACTS, SIZES = "12.5", 125000, {"okx": 0.01, "gate": 0.0001, "mexc": 0.0001}
ROWS = {
    # [time, open, high, low, close, contracts of 0.01, coins, turnover, finished]
    "okx": [str(STAMP * 1000), PRICE, PRICE, PRICE, PRICE, "1250", COINS, "625000", "1"],
    # contracts of 0.0001 in "v"
    "gate": {"t": STAMP, "v": CONTRACTS, "c": PRICE, "h": PRICE, "l": PRICE, "o": PRICE, "sum": "625000"},
    # columns, of which "vol" is in contracts of 0.0001
    "mexc": {
        "time": [STAMP], "open": [50000], "close": [50000], "high": [50000], "low": [50000],
        "vol": [CONTRACTS], "amount": [625000],
    },
}


def volume(name):
    exchange = getattr(ccxt, name)()
    market = exchange.safe_market_structure({
        "id": "BTC", "symbol": "BTC/USDT:USDT", "base": "BTC", "quote": "USDT", "settle": "USDT", "type": "swap",
        "swap": True, "spot": False, "contract": True, "linear": True, "contractSize": SIZES[name],
    })
    row = ROWS[name]
    if name == "mexc":  # as its fetch_ohlcv does
        (row,) = exchange.convert_trading_view_to_ohlcv(row, "time", "open", "high", "low", "close", "vol")
    return exchange.parse_ohlcv(row, market)[5]


told = {name: volume(name) for name in ROWS}
print(f"ccxt {ccxt.__version__}, 12.5 bitcoins traded in one candle of BTC/USDT:USDT: {told}")
print("times contractSize:", {name: told[name] * SIZES[name] for name in told})
same = told == {"okx": 12.5, "gate": 125000.0, "mexc": 125000.0}
sys.exit(0 if same else "ccxt behaves otherwise now")
CODE
