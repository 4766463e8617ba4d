#!/bin/sh
# limits.amount.min of a ccxt swap counts contracts, as orders do. htx's does not: ccxt puts the size of one
# contract there, though its step is one contract. An order of DOGE/USDT:USDT, whose contract is 100 coins, is said
# to need 100 contracts, 10,000 coins; the exchange takes one. Of BTC (0.001) it is too little instead of too much.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --target "$folder" ccxt==4.5.90
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import ccxt

told = {
    "symbol": "DOGE",
    "contract_code": "DOGE-USDT",
    "contract_size": 100.0,
    "price_tick": 0.00001,
    "delivery_date": "",
    "create_date": "20201021",
    "contract_status": 1,
    "business_type": "swap",
    "pair": "DOGE-USDT",
    "contract_type": "swap",
}
exchange = ccxt.htx()
exchange.fetch = lambda url, *_, **__: {"status": "ok", "data": [told] if "linear-swap" in url else []}
[market] = exchange.fetch_markets({"types": {"linear": True}})
step, least = market["precision"]["amount"], market["limits"]["amount"]["min"]
print(f"ccxt {ccxt.__version__}: {market['symbol']}, a contract is {market['contractSize']:g} coins")
print(f"step {step:g} contract, least order {least:g} contracts = {least * market['contractSize']:g} coins")
assert step == 1.0 and least == market["contractSize"] == 100.0, "the least order is one contract now"
CODE
