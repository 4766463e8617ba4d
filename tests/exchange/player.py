"""Plays a recorded market: market time goes on, messages go out, faults happen."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from tests.exchange import messages
from tests.exchange.market import RecordedMarket, Trade
from tests.exchange.script import Fault, Message
from tests.exchange.streams import Streams
from tests.exchange.trouble import WarningLog


class Pace(NamedTuple):
    """What market time waits for."""

    window: int = 4
    """Candles that may be on their way to a client that has not read them yet."""
    speed: float | None = None
    """Market seconds per second of the wall clock; then nobody is waited for."""
    polls: bool = False
    """One candle passes with every request for klines (for a client without sockets)."""
    lockstep: bool = False
    """After the first message of a candle, a request for klines is waited for (0.1 s at
    most): so the client settles a candle before the next one goes on."""
    ahead: int | None = None
    """Candles that may pass after the one from which klines were last asked for; beyond them
    each waits for 2 s at most. An outage of REST then lasts as many candles as on a real market,
    a few, at any speed, and a client is not outrun."""
    wanted: tuple[str, ...] = ("kline",)
    """Kinds of stream that must have a listener before market time goes on."""


class Player:
    """Market time and what happens in it; lives in the server's event loop."""

    def __init__(
        self,
        market: RecordedMarket,
        streams: Streams,
        warning_log: WarningLog,
        start: int,
        pace: Pace,
    ) -> None:
        self.streams = streams
        self.warning_log = warning_log
        self.clock_offset = 0
        """Milliseconds by which the exchange's own clock is off market time."""
        self.position = start
        """Candle that is under way."""
        self.now = market.times[start]
        """Market time: the time of the last event, milliseconds."""
        self.market = market
        self._pace = pace
        self._script: dict[int, list[Fault]] = defaultdict(list)
        self._away = 0
        self._later: list[Message] = []
        self._poll = asyncio.Event()
        self._answered = start
        streams.greeting = self._greeting

    def script(self, *faults: Fault) -> None:
        """Let `faults` happen at their candles."""
        for fault in faults:
            self._script[fault.at].append(fault)

    def pass_by(self, candles: int) -> None:
        """Let that many candles pass without waiting for anybody to listen."""
        self._away += candles

    def polled(self, since: int | None = None) -> None:
        """Hear that a client has asked for klines, from `since` on where it said so: that is
        as far as it has come."""
        reached = self.position if since is None else self.market.last_before(since)
        self._answered = max(self._answered, min(self.position, reached))
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
            await asyncio.sleep(self.market.interval / 1000 / self._pace.speed)
        elif self._pace.polls:
            await self._poll.wait()
            self._poll.clear()
        else:
            await self.streams.keep_up(self._pace.window)
            await self.streams.subscribed(self._names(self._pace.wanted))
            await self._record_read()

    async def _record_read(self) -> None:
        """Until klines were asked for not too long ago; for 2 s at most, in which somebody may
        ask for older ones first."""
        if self._pace.ahead is None:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2.0):
                while self.position - self._answered > self._pace.ahead:
                    self._poll.clear()
                    await self._poll.wait()

    async def _candle(self, at: int) -> None:
        faults = self._script.pop(at, [])
        for fault in faults:
            await fault.begin(self)
        sent, later = self._messages(at), []
        for fault in faults + self._script.pop(at, []):
            sent, postponed = fault.alter(sent)
            later += postponed
        settle = self._pace.lockstep and self._away == 0
        for message in self._merged(sent):
            await self._send(message)
            if settle and message.is_kline:
                settle = False
                await self._settle()
        self._later += later

    async def _settle(self) -> None:
        """Until somebody asks for klines, for 0.1 s at most."""
        self._poll.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._poll.wait(), 0.1)

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

    def _greeting(self, stream: str) -> str | None:
        """The candle under way, for a new listener of candles; the exchange repeats it."""
        if stream != self._names(["kline"])[0]:
            return None
        return self._kline(self.position, self.now).text

    def _names(self, kinds: Iterable[str]) -> list[str]:
        id_ = self.market.id.lower()
        length = messages.interval_name(self.market.interval)
        return [f"{id_}@kline_{length}" if kind == "kline" else f"{id_}@{kind}" for kind in kinds]

    def _messages(self, at: int) -> list[Message]:
        """Everything the exchange sends of candle `at`, in order."""
        trades = self.market.trades(at)
        start = self.market.times[at]
        sent = [] if trades else [self._kline(at, start + 1)]
        for trade in trades:
            sent += [*self._trade(trade), self._kline(at, trade.time)]
        return [*sent, self._kline(at, start + self.market.interval)]

    def _kline(self, at: int, time: int) -> Message:
        kline = self.market.kline(at, time)
        event = messages.kline_event(self.market.id, kline, self.market.interval, time)
        return Message(time, self._names(["kline"])[0], json.dumps(event), kline.closed)

    def _trade(self, trade: Trade) -> list[Message]:
        """The trade and the quote that follows from it, for whoever listens."""
        id_, tick = self.market.id, float(self.market.filters.tick)
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
