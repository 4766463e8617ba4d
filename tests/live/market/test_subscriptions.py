"""Which sockets each stream uses, where several markets are watched on one exchange."""

from __future__ import annotations

import asyncio
from typing import Any

from stoptrail.live.market.sockets import Silence
from stoptrail.live.market.subscriptions import Subscriptions


class Exchange:
    """ccxt's as far as streams subscribe: a socket for each address."""

    def __init__(self) -> None:
        self.clients: dict[str, Any] = {}

    def watch(self, url: str, hash_: str, message: Any, subscribed: str) -> str:
        del message, subscribed
        self.clients.setdefault(url, Socket(url)).subscriptions[hash_] = True
        return hash_

    def watch_multiple(self, *_: Any) -> None:
        """Nobody does."""


class Socket:
    def __init__(self, url: str) -> None:
        self.url = url
        self.subscriptions: dict[str, bool] = {}


def watched(exchange: Any, *urls: str) -> Subscriptions:
    """Of a market whose streams are heard at `urls`."""
    found = Subscriptions(exchange)

    async def stream(name: str, url: str) -> None:
        found.begin(name)
        exchange.watch(url, name, None, name)

    async def all_of_them() -> None:
        await asyncio.gather(*(asyncio.create_task(stream(url, url)) for url in urls))

    asyncio.run(all_of_them())
    return found


def test_markets_on_one_exchange_know_their_own_sockets_alone() -> None:
    exchange: Any = Exchange()
    one, other = watched(exchange, "spot", "both"), watched(exchange, "swap", "both")
    assert {socket.url for socket in one.every()} == {"spot", "both"}
    assert {socket.url for socket in other.every()} == {"swap", "both"}
    assert one.own("spot", ["both"])[0].url == "spot"
    one.forget("spot")
    assert exchange.clients["spot"].subscriptions == {}
    assert {socket.url for socket in one.every()} == {"both"}


def test_a_market_that_is_tried_again_for_months_leaves_nothing_behind() -> None:
    """Each try had made every later subscription call itself once more, up to Python's limit."""
    exchange: Any = Exchange()
    first = watched(exchange, "spot")
    noting = exchange.watch, exchange.watch_multiple
    for _ in range(3):
        watched(exchange, "swap")
    assert (exchange.watch, exchange.watch_multiple) == noting
    assert {socket.url for socket in first.every()} == {"spot"}


def test_a_market_that_hears_nothing_opens_no_socket_of_another_anew() -> None:
    exchange: Any = Exchange()
    watched(exchange, "swap")
    silence = Silence(exchange, 30.0, watched(exchange, "spot"))
    seen = [(time_, 1.0, 1.0, 1.0, 1.0, 1.0) for time_ in (0, 900_000, 1_800_000)]
    assert silence.look(False, seen[0]) == []
    assert silence.look(False, seen[1]) == []
    assert [socket.url for socket in silence.look(False, seen[2])] == ["spot"]
