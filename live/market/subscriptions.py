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
            if hasattr(exchange, method):
                setattr(exchange, method, self._noting(getattr(exchange, method)))

    def begin(self, name: str) -> None:
        """From here on the current task watches for the stream `name`."""
        _STREAM.set((self, name))

    def sockets(self, name: str) -> list[Any]:
        """The sockets that the stream uses now."""
        clients = self._exchange.clients or {}
        urls = dict.fromkeys(url for url, _, _ in self._asked.get(name, ()))
        return [clients[url] for url in urls if url in clients]

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

    def _noting(self, original: Any) -> Any:
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
            if whose is self:  # another market's may be watched on the same exchange
                ours = self._asked.setdefault(stream, set())
                ours.update((url, *pair) for pair in zip(hashes_, theirs, strict=True))
            return original(url, hashes, message, subscribed, *more)

        return watch
