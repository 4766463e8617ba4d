#!/bin/sh
# ccxt.pro's mexc says that it can watch bids and asks, subscribes, gets them, and never tells them.
#
# Spot sockets of MEXC speak Protocol Buffers since 2025. ccxt subscribes watch_bids_asks to the aggregated
# book ticker, but the decoded message goes to the handler of tickers alone: `tickers` fills, `bidsasks` stays
# empty, and whoever awaits watch_bids_asks waits for ever, without an error. watch_ticker on the same channel
# works. Besides, nothing of it is decoded without the package protobuf, which ccxt does not ask for.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --target "$folder" ccxt==4.5.90 protobuf==5.29.5
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import asyncio
import sys

import ccxt.pro
from aiohttp import web
from ccxt.protobuf.mexc.PushDataV3ApiWrapper_pb2 import PushDataV3ApiWrapper

CHANNEL = "spot@public.aggre.bookTicker.v3.api.pb@100ms@BTCUSDT"
ASKED = []


def quote():
    message = PushDataV3ApiWrapper(channel=CHANNEL, symbol="BTCUSDT", sendTime=1714557600000)
    ticker = message.publicAggreBookTicker
    ticker.bidPrice, ticker.bidQuantity = "100000.0", "2"
    ticker.askPrice, ticker.askQuantity = "100000.1", "3"
    return message.SerializeToString()


async def stream(request):
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        told = message.json()
        if told.get("method") == "SUBSCRIPTION":
            ASKED.extend(told["params"])
            await socket.send_json({"id": 0, "code": 0, "msg": told["params"][0]})
            await socket.send_bytes(quote())
    return socket


async def main():
    app = web.Application()
    app.add_routes([web.get("/ws", stream)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    mexc = ccxt.pro.mexc()
    mexc.urls["api"]["ws"]["spot"] = f"ws://127.0.0.1:{runner.addresses[0][1]}/ws"
    market = {"id": "BTCUSDT", "symbol": "BTC/USDT", "base": "BTC", "quote": "USDT", "baseId": "BTC"}
    market |= {"quoteId": "USDT", "type": "spot", "spot": True, "swap": False, "future": False, "option": False}
    mexc.set_markets([market | {"contract": False, "active": True, "precision": {"amount": 1e-6, "price": 0.01}}])
    waits = asyncio.create_task(mexc.watch_bids_asks(["BTC/USDT"]))
    async with asyncio.timeout(20):
        while "BTC/USDT" not in mexc.tickers:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.5)
    found = mexc.has["watchBidsAsks"], mexc.tickers["BTC/USDT"]["bid"], dict(mexc.bidsasks), waits.done()
    waits.cancel()
    await mexc.close()
    await runner.cleanup()
    return found


has, bid, bidsasks, told = asyncio.run(main())
print(f"ccxt {ccxt.pro.__version__}: has {has}, asked for {ASKED}, tickers has the bid {bid}, bidsasks {bidsasks}, told {told}")
same = (has, ASKED, bid, bidsasks, told) == (True, [CHANNEL], 100000.0, {}, False)
sys.exit(0 if same else "ccxt's mexc behaves otherwise now")
CODE
