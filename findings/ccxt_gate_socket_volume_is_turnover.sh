#!/bin/sh
# ccxt.pro's gate gives the turnover as the volume of a spot candle; the same candle by REST has the volume.
#
# Gate's socket tells "v" (total volume, in the quote currency) and "a" (amount, in the base currency), its
# REST rows have both too. ccxt's fetch_ohlcv takes the base amount, watch_ohlcv "v": of one and the same
# candle one says 0.05 bitcoins and the other 5,000. Who completes a stream's candles from the record sees a
# revision at every close; who sizes or filters by volume is off by the price. The server below speaks as
# Gate's documents say (spot.candlesticks; GET /spot/candlesticks).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --target "$folder" ccxt==4.5.90
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import asyncio
import sys

import ccxt.pro
from aiohttp import web

OPENED, TURNOVER, AMOUNT = 1714557600, "5000", "0.05"


async def record(request):
    """[time, turnover, close, high, low, open, amount, closed]"""
    row = [str(OPENED), TURNOVER, "100000", "100100", "99900", "100000", AMOUNT, "true"]
    return web.json_response([row])


async def stream(request):
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        told = message.json()
        if told.get("event") != "subscribe":
            continue
        head = {"time": OPENED + 900, "channel": told["channel"]}
        accepted = {"event": "subscribe", "id": told["id"], "result": {"status": "success"}}
        await socket.send_json(head | accepted)
        candle = {"t": str(OPENED), "v": TURNOVER, "a": AMOUNT, "w": True, "n": "15m_BTC_USDT"}
        candle |= {"c": "100000", "h": "100100", "l": "99900", "o": "100000"}
        await socket.send_json(head | {"event": "update", "result": candle})
    return socket


async def main():
    app = web.Application()
    app.add_routes([web.get("/api/v4/spot/candlesticks", record), web.get("/ws/v4/", stream)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    gate = ccxt.pro.gate({"enableRateLimit": False})
    gate.urls["api"]["public"]["spot"] = f"http://127.0.0.1:{port}/api/v4"
    gate.urls["api"]["ws"] = gate.urls["api"]["spot"] = f"ws://127.0.0.1:{port}/ws/v4/"
    market = {"id": "BTC_USDT", "symbol": "BTC/USDT", "base": "BTC", "quote": "USDT", "baseId": "BTC"}
    market |= {"quoteId": "USDT", "type": "spot", "spot": True, "swap": False, "future": False, "option": False}
    gate.set_markets([market | {"contract": False, "active": True, "precision": {"amount": 1e-6, "price": 0.1}}])
    (row,) = await gate.fetch_ohlcv("BTC/USDT", "15m", OPENED * 1000, 1)
    (told,) = await asyncio.wait_for(gate.watch_ohlcv("BTC/USDT", "15m"), 10)
    await gate.close()
    await runner.cleanup()
    return row, told


row, told = asyncio.run(main())
print(f"ccxt {ccxt.pro.__version__}: volume of one candle: record {row[5]}, socket {told[5]}")
sys.exit(0 if (row[:5] == told[:5], row[5], told[5]) == (True, 0.05, 5000.0) else "ccxt's gate behaves otherwise now")
CODE
