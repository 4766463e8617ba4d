#!/bin/sh
# ccxt's market["precision"] is not always what the exchange says. The market lists of upbit, coinone
# and mercado have no tick and no lot; ccxt fills in one constant for all of their markets. For
# upbit it is 1e-8, also where a price is 90 million won and moves in steps of a thousand. Nothing
# marks it, so a price rounded by price_to_precision looks valid and is not. Where "precision"
# matters, see whether market["info"] holds it.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --target "$folder" ccxt==4.5.90
PYTHONPATH="$folder" "${PYTHON:-python3}" - <<'CODE'
import ccxt

listed = [
    {"market": "KRW-BTC", "korean_name": "x", "english_name": "Bitcoin"},
    {"market": "KRW-DOGE", "korean_name": "x", "english_name": "Dogecoin"},
    {"market": "USDT-BTC", "korean_name": "x", "english_name": "Bitcoin"},
]
exchange = ccxt.upbit()
exchange.set_markets([exchange.parse_market(entry) for entry in listed])
print(f"ccxt {ccxt.__version__}")
steps = set()
for market in exchange.markets.values():
    steps.add((market["precision"]["price"], market["precision"]["amount"]))
    print(market["symbol"], market["precision"], "from", sorted(market["info"]))
rounded = exchange.price_to_precision("BTC/KRW", 90_000_123.456789)
print("price_to_precision of 90,000,123.456789 won:", rounded)
assert steps == {(1e-8, 1e-8)}, "the steps are no longer made up"
assert rounded == "90000123.456789"
CODE
