"""Which of ccxt.pro's sockets and subscriptions each stream uses, so that one can be asked for
again without the others."""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any

_STREAM: ContextVar[tuple[Any, str]] = ContextVar("stream", default=(None, ""))
"""For whose stream the task at hand watches, and its name."""


class Subscriptions:
    """Notes what `exchange` subscribes to for the task of each stream.

    ccxt remembers a subscription once its request is sent, also where the exchange refused it
    or never answered: whoever watches again would then wait for ever.
    """

    def __init__(self, exchange: Any) -> None:
        self._exchange = exchange
        self._asked: dict[str, set[tuple[str, str, str]]] = {}
        """Of each stream: address of the socket, hash of the message, of the subscription."""
        for method in ("watch", "watch_multiple"):
            original = getattr(exchange, method, None)
            # Once for all streams: a market whose data ends is tried again for months.
            if original is not None and not hasattr(original, "noted"):
                setattr(exchange, method, _noting(original))

    def begin(self, name: str) -> None:
        """From here on the current task watches for the stream `name`."""
        _STREAM.set((self, name))

    def sockets(self, name: str) -> list[Any]:
        """The sockets that the stream uses now."""
        clients = self._exchange.clients or {}
        urls = dict.fromkeys(url for url, _, _ in self._asked.get(name, ()))
        return [clients[url] for url in urls if url in clients]

    def asked(self, name: str) -> bool:
        """Whether the stream was asked for on a socket that is there: its messages are to come,
        also before the first has."""
        return bool(self.sockets(name))

    def every(self) -> list[Any]:
        """Those of all streams of this market."""
        return list(dict.fromkeys(found for name in self._asked for found in self.sockets(name)))

    def own(self, name: str, others: Iterable[str]) -> list[Any]:
        """Those of them that none of the streams `others` uses."""
        shared = [socket for other in others if other != name for socket in self.sockets(other)]
        return [socket for socket in self.sockets(name) if socket not in shared]

    def forget(self, name: str) -> None:
        """Let the next watch of the stream subscribe anew, alone."""
        clients = self._exchange.clients or {}
        for url, _, subscription in self._asked.pop(name, ()):
            if url in clients:
                clients[url].subscriptions.pop(subscription, None)

    def renew(self, name: str, reason: str) -> None:
        """The same, and at once: whoever waits for the stream gets a NetworkError."""
        from ccxt.base.errors import NetworkError

        clients = self._exchange.clients or {}
        ours = list(self._asked.get(name, ()))
        self.forget(name)
        for url, hash_, _ in ours:
            if url in clients and hash_ in clients[url].futures:
                clients[url].reject(NetworkError(reason), hash_)

    def note(self, stream: str, url: str, pairs: Iterable[tuple[str, str]]) -> None:
        """The stream has asked at `url` for messages, each with its subscription."""
        self._asked.setdefault(stream, set()).update((url, *pair) for pair in pairs)


def _noting(original: Any) -> Any:
    def watch(
        url: str,
        hashes: Any,
        message: Any = None,
        subscribed: Any = None,
        *more: Any,
    ) -> Any:
        hashes_ = hashes if isinstance(hashes, list) else [hashes]
        theirs = subscribed if isinstance(subscribed, list) else [subscribed]
        if len(theirs) != len(hashes_):
            theirs = [theirs[0] if theirs else None] * len(hashes_)
        whose, stream = _STREAM.get()
        if whose is not None:
            whose.note(stream, url, zip(hashes_, theirs, strict=True))
        return original(url, hashes, message, subscribed, *more)

    noting: Any = watch
    noting.noted = True
    return noting
