"""Scripted faults of the streams, each tied to the candle at which it happens.

Every fault has `begin`, called before the candle's messages go out, and `alter`, which
gets the candle's messages and gives (messages now, messages for the next candle: they
go out after its first one).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from tests.exchange.trouble import INTERNAL_ERROR, RestTrouble

if TYPE_CHECKING:
    from tests.exchange.player import Player


class Message(NamedTuple):
    """One stream message at its market time."""

    time: int
    stream: str
    text: str
    closes: bool = False
    """True for the kline message that ends a candle."""
    act: Fault | None = None
    """Not a message at all: something that happens at this moment."""

    @property
    def is_kline(self) -> bool:
        """Whether the message belongs to the kline stream."""
        return "@kline" in self.stream


Altered = tuple[list[Message], list[Message]]


@dataclass(frozen=True)
class Fault:
    """Base: nothing happens. `at` is the candle's position in the recording."""

    at: int

    async def begin(self, player: Player) -> None:
        """Act before the candle's messages."""

    async def happen(self, player: Player) -> None:
        """Act at the moment of a message that names this fault."""

    def alter(self, sent: list[Message]) -> Altered:
        """Change the candle's messages."""
        return sent, []


def _first_state(sent: list[Message]) -> Altered:
    """(the candle's messages without the later states of its kline, those states)."""
    later = [message for message in sent if message.is_kline][1:]
    return [message for message in sent if message not in later], later


@dataclass(frozen=True)
class Gap(Fault):
    """No kline message of `candles` candles; REST has them. With `everything`, no trades
    and quotes either."""

    candles: int = 1
    everything: bool = False

    async def begin(self, player: Player) -> None:
        for at in range(self.at + 1, self.at + self.candles):
            player.script(replace(self, at=at, candles=1))

    def alter(self, sent: list[Message]) -> Altered:
        if self.everything:
            return [], []
        return [message for message in sent if not message.is_kline], []


@dataclass(frozen=True)
class Unfinished(Fault):
    """Of the candle only the first state is sent."""

    def alter(self, sent: list[Message]) -> Altered:
        return _first_state(sent)[0], []


@dataclass(frozen=True)
class Duplicate(Fault):
    """Every message of the candle comes twice."""

    def alter(self, sent: list[Message]) -> Altered:
        return [message for message in sent for _ in range(2)], []


@dataclass(frozen=True)
class OldAgain(Fault):
    """Every message of the candle `earlier` before it comes once more."""

    earlier: int = 1

    async def begin(self, player: Player) -> None:
        for message in player._messages(self.at - self.earlier):
            await player.streams.send(message.stream, message.text)


@dataclass(frozen=True)
class OutOfOrder(Fault):
    """All states of the candle but the first come after the next candle has begun."""

    def alter(self, sent: list[Message]) -> Altered:
        return _first_state(sent)


@dataclass(frozen=True)
class LateTrades(Fault):
    """The candle's trades come after the next candle has begun: their socket is slower."""

    async def begin(self, player: Player) -> None:
        player.script(_CandleFirst(self.at + 1))

    def alter(self, sent: list[Message]) -> Altered:
        late = [message for message in sent if message.stream.endswith("@trade")]
        return [message for message in sent if message not in late], late


@dataclass(frozen=True)
class _CandleFirst(Fault):
    """The candle's first state comes before its first trade."""

    def alter(self, sent: list[Message]) -> Altered:
        first = next(message for message in sent if message.is_kline)
        return [first, *(message for message in sent if message is not first)], []


@dataclass(frozen=True)
class Revised(Fault):
    """After the candle has ended it is sent again with another close."""

    close: float = 0.0

    def alter(self, sent: list[Message]) -> Altered:
        return sent, [self._changed(message) for message in sent if message.closes]

    def _changed(self, message: Message) -> Message:
        body = json.loads(message.text)
        body["k"]["c"] = f"{self.close:.8f}"
        body["k"]["h"] = f"{max(self.close, float(body['k']['h'])):.8f}"
        body["k"]["l"] = f"{min(self.close, float(body['k']['l'])):.8f}"
        return message._replace(text=json.dumps(body))


@dataclass(frozen=True)
class RecordRevised(Fault):
    """From this candle on REST shows another close for the candle `earlier` before it."""

    close: float = 0.0
    earlier: int = 2

    async def begin(self, player: Player) -> None:
        player.market.revise(player.market.times[self.at - self.earlier], self.close)


@dataclass(frozen=True)
class Disconnect(Fault):
    """Every socket breaks; `away` candles pass with nobody connected, and the next
    `refusals` handshakes fail. `halfway` breaks in the middle of the candle."""

    away: int = 0
    refusals: int = 0
    halfway: bool = False

    async def begin(self, player: Player) -> None:
        if not self.halfway:
            await self.happen(player)

    async def happen(self, player: Player) -> None:
        player.streams.refusals += self.refusals
        player.streams.cut()
        player.pass_by(self.away)

    def alter(self, sent: list[Message]) -> Altered:
        if not self.halfway:
            return sent, []
        middle = len(sent) // 2
        cut = Message(sent[middle].time, "", "", act=self)
        return [*sent[:middle], cut, *sent[middle:]], []


@dataclass(frozen=True)
class SilentSocket(Fault):
    """Sockets stay open but send nothing more, not even pongs; `away` candles pass.

    With `only`, just those that have subscribed to that kind of stream.
    """

    away: int = 1
    only: str = ""

    async def begin(self, player: Player) -> None:
        player.streams.silence(self.only)
        player.pass_by(self.away)


@dataclass(frozen=True)
class Malformed(Fault):
    """Texts that are no valid message come on every socket."""

    texts: tuple[str, ...] = (
        "this is not JSON",
        '{"e":"kline","s":"BTCUSDT"',
        '{"e":"kline","E":1,"s":"BTCUSDT","k":{"t":null,"s":"BTCUSDT","i":"15m"}}',
        '{"e":"trade","s":"BTCUSDT"}',
        '{"e":"something new","x":[1,2,3]}',
        "[]",
        "{}",
    )

    async def begin(self, player: Player) -> None:
        for text in self.texts:
            await player.streams.send_everywhere(text)


@dataclass(frozen=True)
class RestFails(Fault):
    """From this candle on REST answers with `trouble` (see trouble.py)."""

    trouble: RestTrouble = INTERNAL_ERROR

    async def begin(self, player: Player) -> None:
        player.warning_log.add(self.trouble)


@dataclass(frozen=True)
class ClockOff(Fault):
    """The exchange's clock is `offset` milliseconds off from this candle on."""

    offset: int = 0

    async def begin(self, player: Player) -> None:
        player.clock_offset = self.offset
