"""ccxt.pro's sockets: guards for what its message handling leaves open, and a quiet market told
from a dead socket and a deaf one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
import weakref
from collections import deque
from typing import Any, NamedTuple

from stoptrail.exchange.rows import Row
from stoptrail.live.market.outbox import Outbox
from stoptrail.live.market.read_ahead import read_ahead
from stoptrail.live.market.subscriptions import Subscriptions
from stoptrail.live.market.warnings import Redaction, WarningLog

_PROTOBUF = "they need the package protobuf (pip install protobuf); data is polled"


def guard(
    exchange: Any, loop: asyncio.AbstractEventLoop, warning_log: WarningLog, outbox: Outbox
) -> None:
    """Let no malformed message end a socket's reading in silence, and none be read faster than
    `outbox` takes what follows from it.

    An exception in ccxt's handling of a message ends its receive loop while the socket
    stays open. Readable but odd messages are left out; after an unreadable one the
    sockets are opened anew.
    """
    original = exchange.handle_message
    made: Any = getattr(exchange, "client", None)
    known: weakref.WeakSet[Any] = weakref.WeakSet()

    def client(url: str) -> Any:
        found = made(url)
        if found not in known:
            known.add(found)
            read_ahead(found, outbox, warning_log)
        return found

    def handle(client: Any, message: object) -> None:
        if getattr(client, "error", None) is not None:
            return  # it was given up: what waits there is older than what came instead
        client.lastPong = exchange.milliseconds()  # who speaks is alive: ccxt counts pongs alone
        try:
            original(client, message)
        except Exception as error:
            if "protobuf" in str(error):
                warning_log.say("protobuf", f"{exchange.id}'s sockets cannot be read: {_PROTOBUF}")
                return
            warning_log.say("malformed message", _left_out(exchange, error))

    def failed(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if error is None or "handle" not in context:
            return
        warning_log.say(
            "malformed message", f"a message cannot be read: the connection is opened anew: {error}"
        )
        reset(exchange, "unreadable message")

    exchange.handle_message = handle
    if made is not None:
        exchange.client = client
    loop.set_exception_handler(failed)


def reset(exchange: Any, reason: str) -> None:
    """Give up every socket; whoever waits for a message gets a NetworkError."""
    give_up(list((exchange.clients or {}).values()), reason)


def _heard_at(client: Any, now: int) -> int:
    """When the socket last said anything, pongs included, or was opened, ms; not after `now`, as
    where this machine's clock was set back since."""
    said = getattr(client, "last_message_at", None), client.connectionEstablished, client.lastPong
    return max((at for at in said if at and at <= now), default=0)


async def dead(exchange: Any, bound: float, wait: float) -> list[Any]:
    """Of the sockets that have said nothing for `bound` seconds, each by itself: those that are
    closed, or answer no ping within `wait` seconds.

    A market in which nothing is traded says nothing either, on sockets that are well. ccxt
    asks for pongs itself, but every three minutes only on some exchanges.
    """
    sent = exchange.milliseconds()
    opened = [c for c in (exchange.clients or {}).values() if c.connection is not None]
    silent = [client for client in opened if _heard_at(client, sent) < sent - bound * 1000]
    for client in silent:
        with contextlib.suppress(Exception):  # a socket that cannot be pinged will not answer
            await asyncio.wait_for(client.connection.ping(), wait)
    until = time.monotonic() + wait
    while silent and time.monotonic() < until:
        await asyncio.sleep(wait / 8)
        now = exchange.milliseconds()
        silent = [client for client in silent if _heard_at(client, now) < sent]
    return silent


_BROKEN = (
    (r"Connection closed by remote server, closing code (\d+)", r"closed from outside, code \1"),
    (r"(?:.*: )?(\d{3}), message=.*", r"HTTP \1"),
    (r".* timed out due to a ping-pong keepalive missing on time", "no pong came"),
    (r"Connection timeout", "no connection came about in time"),
    (r"Cannot connect to host (\S+?):\d+ .*\[(.*)\]", r"\1 cannot be reached, \2"),
)
"""What ccxt and aiohttp say of a socket, and what a person is told instead."""
_REASONS = ("msg", "err-msg", "message", "retMsg", "ret_msg", "reason", "error", "data")
"""Where exchanges say in an answer why they refuse."""


def broken_by(error: Exception) -> str:
    """Why a socket broke, in words."""
    text = " ".join(str(error).split())
    for theirs, ours in _BROKEN:
        if found := re.fullmatch(theirs, text):
            return found.expand(ours)
    return _reason_in(text) or text or type(error).__name__


def _reason_in(text: str) -> str:
    """What the answer says that ccxt shows whole behind the exchange's name; empty where it shows
    none."""
    _, _, answer = text.partition(" ")
    try:
        told = json.loads(answer)
    except ValueError:
        return ""
    found = [told[name] for name in _REASONS if name in told] if isinstance(told, dict) else []
    return next((str(reason) for reason in found if isinstance(reason, str) and reason), "")


def _refuses(error: Exception) -> bool:
    """Whether ccxt read in an error's answer that the exchange will not do something."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    return "ExchangeError" in kinds


def _left_out(exchange: Any, error: Exception) -> str:
    """What a person is told of a message that ccxt could not handle."""
    refused = f"{exchange.id} refuses what was asked for on a socket"
    words = refused if _refuses(error) else "a message makes no sense and is left out"
    return f"{words}: {broken_by(error)}"


def told_of_failure(name: str, error: Exception, redaction: Redaction) -> tuple[str, str]:
    """Why the stream `name` failed, for the connection's state; and what a person is told."""
    text = redaction.clean(broken_by(error))[:160]
    if _refuses(error):
        said = f"the {name} subscription was refused: it is asked for again ({text})"
        return f"{name} subscription: refused, {text}", said
    return f"{name} socket: {text}", f"the {name} socket broke: it is opened anew ({text})"


def give_up(clients: list[Any], reason: str) -> None:
    """Open these sockets anew; whoever waits for a message of theirs gets a NetworkError."""
    from ccxt.base.errors import NetworkError

    for client in clients:
        client.on_error(NetworkError(reason))


class Traded(NamedTuple):
    """What is known of a market's trades, whoever showed it."""

    trade: int
    """Time of the newest trade, ms; 0 where none was told."""
    candle: tuple[float, float]
    """Open time and volume of the newest candle of the stream with a trade in it, or zeros."""
    record: Row | None
    """The newest candle of the record."""

    def since(self, then: Traded) -> bool:
        """Whether there was a trade since `then`. The first that is heard of may be older."""
        record, before = self.record, then.record
        return (
            (then.trade > 0 and self.trade > then.trade)
            or (then.candle[1] > 0 and self.candle > then.candle)
            or (record is not None and record[5] > 0 and before is not None and record != before)
        )


class Silence:
    """When what was last heard; `bound` is the silence in seconds after which to look."""

    def __init__(self, exchange: Any, bound: float, subscriptions: Subscriptions) -> None:
        self.heard_at = self.trade_at = self.traded_at = time.monotonic()
        """When anything came, when a trade did, and when a candle last showed one."""
        self._exchange = exchange
        self._bound = bound
        self._subscriptions = subscriptions
        self._renewed = False
        self._quiet: deque[Row | None] = deque(maxlen=2)

    @property
    def quiet(self) -> bool:
        """Whether nothing was said for long, on sockets that are well."""
        return bool(self._quiet)

    def heard(self) -> None:
        """A socket has said something."""
        self.heard_at = time.monotonic()
        self._quiet.clear()

    def held_back(self) -> None:
        """Nothing could be heard: the consumer was behind."""
        self.heard_at = self.trade_at = time.monotonic()

    def hides_trades(self, watched: bool) -> bool:
        """Whether candles show trades that the socket of trades, where `watched`, does not."""
        return watched and self.traded_at - self.trade_at > self._bound

    def lasts(self, watched: bool) -> bool:
        """Whether it is time to `look`."""
        return self.hides_trades(watched) or time.monotonic() - self.heard_at > self._bound

    async def dead(self, wait: float) -> list[Any]:
        """Sockets to open anew because nobody answers there, whatever the others say; takes up to
        `wait` seconds."""
        found = await dead(self._exchange, self._bound, wait)
        if found:
            self.held_back()
            self._quiet.clear()
        return found

    def look(self, watched: bool, record: Row | None) -> list[Any]:
        """The deaf sockets, to be opened anew; [] where the market is quiet, and the record is to
        be read before the next look.

        record: the newest candle that the exchange's record showed when it was last read.
        """
        found = []
        if self.hides_trades(watched):
            found = self._trades_hidden()
        elif self._deaf(record):
            found = self._subscriptions.every()  # of a book's other markets nothing is known here
        self.held_back()
        if found:
            self._quiet.clear()
        else:
            self._quiet.append(record)
        return found

    def _trades_hidden(self) -> list[Any]:
        """Ask for the trades alone; where that was done before, their socket is opened anew."""
        self._renewed = not self._renewed
        if not self._renewed:
            return self._subscriptions.sockets("trades")
        self._subscriptions.renew("trades", "trades do not come")
        return []

    def _deaf(self, record: Row | None) -> bool:
        """Whether the record, read twice while no socket said anything, shows new trades."""
        first = self._quiet[0] if len(self._quiet) == 2 else None
        return first is not None and record is not None and record[5] > 0.0 and record != first
