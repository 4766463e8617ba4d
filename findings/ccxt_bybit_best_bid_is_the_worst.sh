#!/bin/sh
# ccxt.pro's bybit tells the worst bid of the book as the best one, while the order book is watched too.
#
# watch_bids_asks listens to orderbook.1, watch_order_book to orderbook.50. ccxt keeps one book for both, and
# for the quote sorts its bids ascending and takes the first. With one level that is the best; beside a
# deeper book it is the lowest level that the book has, while the ask is right: spreads look wide, and a
# quote far from the market looks like one. Alone, watch_bids_asks tells the truth. The server speaks as
# Bybit's documents say (v5, orderbook).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --target "$folder" ccxt==4.5.90
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import asyncio
import sys

import ccxt.pro
from aiohttp import WSMsgType, web

DEEP, TOP = "orderbook.50.BTCUSDT", "orderbook.1.BTCUSDT"
STEPS = [
    (TOP, "snapshot", [["100", "5"]]),
    (DEEP, "snapshot", [["100", "5"], ["99", "7"], ["98", "9"]]),
    (TOP, "delta", [["100", "4"]]),
]



def message(number, topic, kind, bids):
    asks = [["101", "4"]] if kind == "snapshot" else []
    data = {"s": "BTCUSDT", "b": bids, "a": asks, "u": number + 1, "seq": 100 + number}
    return {"topic": topic, "type": kind, "ts": 1714557600000 + 10 * number, "data": data}


def server(wanted, go):
    async def serve(request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        asked = set()
        while not wanted <= asked:
            told = (await socket.receive()).json()
            if told.get("op") == "subscribe":
                asked |= set(told["args"])
                await socket.send_json({"success": True, "ret_msg": "", "op": "subscribe", "req_id": told["req_id"]})
        for number, step in enumerate(STEPS):
            if step[0] in wanted:
                await go.acquire()
                await socket.send_json(message(number, *step))
        while (await socket.receive()).type == WSMsgType.TEXT:
            pass
        return socket

    return serve


async def bids(wanted):
    """The best bids that watch_bids_asks tells."""
    go = asyncio.Semaphore(0)
    app = web.Application()
    app.add_routes([web.get("/v5/public/spot", server(wanted, go))])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    bybit = ccxt.pro.bybit()
    bybit.urls["api"]["ws"]["public"]["spot"] = f"ws://127.0.0.1:{runner.addresses[0][1]}/v5/public/spot"
    market = {"id": "BTCUSDT", "symbol": "BTC/USDT", "base": "BTC", "quote": "USDT", "baseId": "BTC"}
    market |= {"quoteId": "USDT", "type": "spot", "spot": True, "swap": False, "future": False, "option": False}
    bybit.set_markets([market | {"contract": False, "active": True, "precision": {"amount": 1e-6, "price": 0.01}}])
    found = []
    for topic, _, _ in STEPS:
        if topic not in wanted:
            continue
        book = asyncio.create_task(bybit.watch_order_book("BTC/USDT", 50)) if DEEP in wanted else None
        quote = asyncio.create_task(bybit.watch_bids_asks(["BTC/USDT"]))
        await asyncio.sleep(0.2)
        go.release()
        awaited = quote if topic == TOP else book
        told = await asyncio.wait_for(awaited, 20)
        if topic == TOP:
            found.append(told["BTC/USDT"]["bid"])
        for task in filter(None, (book, quote)):
            task.cancel()
    await bybit.close()
    await runner.cleanup()
    return found


async def main():
    return await bids({TOP}), await bids({TOP, DEEP})


alone, together = asyncio.run(main())
print(f"ccxt {ccxt.pro.__version__}: best bids alone {alone}, beside the book {together}")
same = (alone, together) == ([100.0, 100.0], [100.0, 98.0])
sys.exit(0 if same else "ccxt's bybit behaves otherwise now")
CODE
