#!/bin/sh
# The funding payments that ccxt tells have the other sign on Bybit: there a payment is positive.
#
# `fetch_funding_history` gives an amount with each row. On Binance, BingX and Hyperliquid it is what the account
# gains: negative where funding was paid. Bybit lists funding among the executions, as a fee, and a fee is
# positive where it is paid; ccxt hands that number on as the amount, while its own fetch_my_trades tells
# the same record as a cost. A sum over exchanges is off by twice what was paid on Bybit.
# The records below are of the form in the exchanges' documents: a position worth 10,000 pays 0.01 %.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --target "$folder" ccxt==4.5.90
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import sys

import ccxt

STAMP = 1714550400000
BYBIT = {
    "symbol": "BTCUSDT", "execType": "Funding", "side": "Buy", "execTime": str(STAMP), "execId": "a1",
    "feeRate": "0.0001", "execFee": "1", "execPrice": "50000", "execQty": "0.2", "execValue": "10000",
    "orderId": "b1", "orderType": "UNKNOWN", "orderQty": "0", "closedSize": "0", "isMaker": False,
}
BINANCE = {
    "symbol": "BTCUSDT", "incomeType": "FUNDING_FEE", "income": "-1", "asset": "USDT", "time": STAMP, "tranId": 1,
}
BINGX = {
    "symbol": "BTC-USDT", "incomeType": "FUNDING_FEE", "income": "-1", "asset": "USDT", "time": STAMP, "tranId": "1",
}
HYPERLIQUID = {
    "time": STAMP, "hash": "0x0",
    "delta": {"type": "funding", "coin": "BTC", "usdc": "-1.0", "szi": "0.2", "fundingRate": "0.0001"},
}


def exchange(name, market_id):
    made = getattr(ccxt, name)()
    settle = "USDC" if name == "hyperliquid" else "USDT"
    made.set_markets([made.safe_market_structure({
        "id": market_id, "symbol": f"BTC/{settle}:{settle}", "base": "BTC", "quote": settle, "settle": settle,
        "type": "swap", "swap": True, "spot": False, "contract": True, "linear": True, "inverse": False,
        "contractSize": 1.0,
    })])
    return made, made.markets[f"BTC/{settle}:{settle}"]


amounts = {}
for name, market_id, record in (
    ("binance", "BTCUSDT", BINANCE), ("bingx", "BTC-USDT", BINGX), ("hyperliquid", "BTC", HYPERLIQUID),
    ("bybit", "BTCUSDT", BYBIT),
):
    made, market = exchange(name, market_id)
    amounts[name] = made.parse_income(record, market)["amount"]
fee = made.parse_trade(BYBIT, market)["fee"]["cost"]
print(f"ccxt {ccxt.__version__}, funding of 1 that the account paid: {amounts}")
print(f"bybit's parse_trade of the same record: a fee that costs {fee}")
same = amounts == {"binance": -1.0, "bingx": -1.0, "hyperliquid": -1.0, "bybit": 1.0} and float(fee) == 1.0
sys.exit(0 if same else "ccxt behaves otherwise now")
CODE
