#!/bin/sh
# ccxt.pro's kraken hands whoever watches hours the candles of 15 minutes, if those were watched first.
#
# Two loops watch the same market on one client, each with a timeframe, as its interface invites. Both wait
# for one message hash, and subscribe under one, that name the market alone. So the second timeframe is never
# asked for, and its loop is woken with the candles of the first: rows of 15 minutes where hours were asked
# for, without an error. Other exchanges' classes have the timeframe in the hash. The server below speaks as
# Kraken's documents for WebSocket v2 say.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --target "$folder" ccxt==4.5.90
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import asyncio
import json
import sys

import ccxt.pro
from aiohttp import WSMsgType, web

ASKED = []
"""Intervals of the subscriptions that came, in minutes."""


def candle(interval, begin):
    data = {
        "symbol": "BTC/USD", "open": 100.0, "high": 101.0, "low": 99.0, "close": 100.5, "trades": 3,
        "volume": 2.0, "vwap": 100.2, "interval_begin": begin, "interval": interval,
    }
    return json.dumps({"channel": "ohlc", "type": "update", "timestamp": begin, "data": [data]})


async def serve(request):
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        if message.type != WSMsgType.TEXT:
            break
        told = message.json()
        if told.get("method") != "subscribe":
            continue
        interval = told["params"]["interval"]
        ASKED.append(interval)
        answer = {"method": "subscribe", "success": True, "req_id": told["req_id"], "result": told["params"]}
        await socket.send_json(answer)
        await asyncio.sleep(0.5)  # time for another subscription
        await socket.send_str(candle(interval, "2024-05-01T10:15:00.000000000Z"))
    return socket


async def main():
    app = web.Application()
    app.add_routes([web.get("/v2", serve)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    kraken = ccxt.pro.kraken()
    kraken.urls["api"]["ws"]["publicV2"] = f"ws://127.0.0.1:{port}/v2"
    precision = {"amount": 1e-8, "price": 0.1}
    market = {"id": "XXBTZUSD", "symbol": "BTC/USD", "base": "BTC", "quote": "USD", "spot": True, "type": "spot"}
    market |= {"baseId": "XXBT", "quoteId": "ZUSD", "active": True, "precision": precision}
    kraken.set_markets([market | {"info": {"wsname": "BTC/USD"}}])
    quarters = asyncio.create_task(kraken.watch_ohlcv("BTC/USD", "15m"))
    while not ASKED:
        await asyncio.sleep(0.01)
    hours = asyncio.create_task(kraken.watch_ohlcv("BTC/USD", "1h"))
    rows = await asyncio.wait_for(asyncio.gather(hours, quarters), 20)
    await kraken.close()
    await runner.cleanup()
    return [kraken.iso8601(row[0]) for (row,) in rows], sorted(kraken.ohlcvs["BTC/USD"])


told, filed = asyncio.run(main())
print(f"ccxt {ccxt.pro.__version__}: asked for {ASKED}; 1h and 15m got {told}, filed under {filed}")
same = ASKED == [15] and told == ["2024-05-01T10:15:00.000Z"] * 2 and filed == ["15m"]
sys.exit(0 if same else "ccxt's kraken behaves otherwise now")
CODE
