#!/bin/sh
# ccxt.pro tells a corrected candle as the newest one, and changes rows that it has handed over.
#
# Exchanges send a closed candle once more where a late trade belongs to it. ccxt files the correction in its
# place, counts one update, and gives the awaiting watch_ohlcv the LAST row of its cache: the newest candle,
# unchanged, and not the corrected one. Who keeps what is told never hears of the correction, but the row kept
# from before changes under the hands: it is the same list. Any exchange's class does so, Kraken's is driven
# here by a server that speaks as its documents for WebSocket v2 say.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --target "$folder" ccxt==4.5.90
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import asyncio
import sys

import ccxt.pro
from aiohttp import web

FIRST, SECOND = "2024-05-01T10:00:00.000000000Z", "2024-05-01T10:15:00.000000000Z"
STEPS = [(FIRST, 2.0), (SECOND, 1.0), (FIRST, 2.5)]
"""Begin and volume of what is told; the last one corrects the first."""
go = asyncio.Semaphore(0)


def candle(begin, volume):
    data = {
        "symbol": "BTC/USD", "open": 100.0, "high": 101.0, "low": 99.0, "close": 100.5, "trades": 3,
        "volume": volume, "vwap": 100.2, "interval_begin": begin, "interval": 15,
    }
    return {"channel": "ohlc", "type": "update", "timestamp": begin, "data": [data]}


async def serve(request):
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    told = (await socket.receive()).json()
    answer = {"method": "subscribe", "success": True, "req_id": told["req_id"], "result": told["params"]}
    await socket.send_json(answer)
    for step in STEPS:
        await go.acquire()
        await socket.send_json(candle(*step))
    await socket.receive()
    return socket


async def main():
    app = web.Application()
    app.add_routes([web.get("/v2", serve)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    kraken = ccxt.pro.kraken({"newUpdates": True})
    kraken.urls["api"]["ws"]["publicV2"] = f"ws://127.0.0.1:{runner.addresses[0][1]}/v2"
    market = {"id": "XXBTZUSD", "symbol": "BTC/USD", "base": "BTC", "quote": "USD", "spot": True, "type": "spot"}
    market |= {"baseId": "XXBT", "quoteId": "ZUSD", "active": True, "precision": {"amount": 1e-8, "price": 0.1}}
    kraken.set_markets([market | {"info": {"wsname": "BTC/USD"}}])
    kept = []
    for _ in STEPS:
        go.release()
        kept.append(await asyncio.wait_for(kraken.watch_ohlcv("BTC/USD", "15m"), 20))
        if len(kept) == 1:
            before = kept[0][0][5]
    told = [[(kraken.iso8601(row[0])[11:16], row[5]) for row in rows] for rows in kept]
    await kraken.close()
    await runner.cleanup()
    return before, told


before, told = asyncio.run(main())
print(f"ccxt {ccxt.pro.__version__}: the correction of 10:00 told {told[2]}; the row of 10:00 kept from before went from {before} to {told[0][0][1]}")
same = (before, told) == (2.0, [[("10:00", 2.5)], [("10:15", 1.0)], [("10:15", 1.0)]])
sys.exit(0 if same else "ccxt behaves otherwise now")
CODE
