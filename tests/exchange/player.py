"""Plays a recorded market: market time goes on, messages go out, faults happen."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from tests.exchange import messages
from tests.exchange.market import RecordedMarket, Trade
from tests.exchange.script import Fault, Message
from tests.exchange.streams import Streams
from tests.exchange.trouble import Troubles


class Pace(NamedTuple):
    """What market time waits for."""

    window: int = 4
    """Candles that may be on their way to a client that has not read them yet."""
    speed: float | None = None
    """Market seconds per second of the wall clock; then nobody is waited for."""
    polls: bool = False
    """One candle passes with every request for klines (for a client without sockets)."""
    wanted: tuple[str, ...] = ("kline",)
    """Kinds of stream that must have a listener before market time goes on."""


class Player:
    """Market time and what happens in it; lives in the server's event loop."""

    def __init__(
        self, market: RecordedMarket, streams: Streams, troubles: Troubles, start: int, pace: Pace
    ) -> None:
        self.streams = streams
        self.troubles = troubles
        self.clock_offset = 0
        """Milliseconds by which the exchange's own clock is off market time."""
        self.position = start
        """Candle that is under way."""
        self.now = market.times[start]
        """Market time: the time of the last event, milliseconds."""
        self._market = market
        self._pace = pace
        self._script: dict[int, list[Fault]] = defaultdict(list)
        self._away = 0
        self._later: list[Message] = []
        self._poll = asyncio.Event()

    def script(self, *faults: Fault) -> None:
        """Let `faults` happen at their candles."""
        for fault in faults:
            self._script[fault.at].append(fault)

    def pass_by(self, candles: int) -> None:
        """Let that many candles pass without waiting for anybody to listen."""
        self._away += candles

    def polled(self) -> None:
        """Hear that a client has asked for klines."""
        self._poll.set()

    async def run(self, until: int) -> None:
        """Play up to the first messages of candle `until`, which stays unfinished."""
        while self.position < until:
            await self._wait()
            await self._candle(self.position)
            self.position += 1
        await self._wait()
        for message in self._merged(self._messages(until)[:3]):
            await self._send(message)

    async def _wait(self) -> None:
        if self._away > 0:
            self._away -= 1
        elif self._pace.speed is not None:
            await asyncio.sleep(self._market.interval / 1000 / self._pace.speed)
        elif self._pace.polls:
            await self._poll.wait()
            self._poll.clear()
        else:
            await self.streams.keep_up(self._pace.window)
            await self.streams.subscribed(self._names(self._pace.wanted))

    async def _candle(self, at: int) -> None:
        faults = self._script.pop(at, [])
        for fault in faults:
            await fault.begin(self)
        sent, later = self._messages(at), []
        for fault in faults + self._script.pop(at, []):
            sent, postponed = fault.alter(sent)
            later += postponed
        for message in self._merged(sent):
            await self._send(message)
        self._later += later

    def _merged(self, sent: list[Message]) -> list[Message]:
        """The candle's messages, those left over from before after its first kline."""
        later, self._later = self._later, []
        first = next((at for at, message in enumerate(sent) if message.is_kline), -1) + 1
        return [*sent[:first], *later, *sent[first:]]

    async def _send(self, message: Message) -> None:
        self.now = max(self.now, message.time)
        if message.act is not None:
            await message.act.happen(self)
        else:
            await self.streams.send(message.stream, message.text)

    def _names(self, kinds: Iterable[str]) -> list[str]:
        id_ = self._market.id.lower()
        length = messages.interval_name(self._market.interval)
        return [f"{id_}@kline_{length}" if kind == "kline" else f"{id_}@{kind}" for kind in kinds]

    def _messages(self, at: int) -> list[Message]:
        """Everything the exchange sends of candle `at`, in order."""
        trades = self._market.trades(at)
        start = self._market.times[at]
        sent = [] if trades else [self._kline(at, start + 1)]
        for trade in trades:
            sent += [*self._trade(trade), self._kline(at, trade.time)]
        return [*sent, self._kline(at, start + self._market.interval)]

    def _kline(self, at: int, time: int) -> Message:
        kline = self._market.kline(at, time)
        event = messages.kline_event(self._market.id, kline, self._market.interval, time)
        return Message(time, self._names(["kline"])[0], json.dumps(event), kline.closed)

    def _trade(self, trade: Trade) -> list[Message]:
        """The trade and the quote that follows from it, for whoever listens."""
        id_, tick = self._market.id, float(self._market.filters.tick)
        events = {
            "trade": messages.trade_event(id_, trade),
            "aggTrade": messages.aggregate_event(id_, trade),
            "bookTicker": messages.quote(id_, trade.price, tick, trade.number),
        }
        heard = self.streams.heard()
        return [
            Message(trade.time, name, json.dumps(event))
            for (kind, event), name in zip(events.items(), self._names(events), strict=True)
            if name in heard
        ]
