"""The markets of a book as its session sees them: one status each, their events in one queue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from stoptrail.core.errors import ExchangeError
from stoptrail.live.market.events import Event
from stoptrail.live.market_status import MarketStatus
from stoptrail.live.protocols import BookStore

Say = Callable[[str, str], None]


class BookMarkets:
    """Hears the events of all markets. `say(kind, text)` gets what is news, `completed(symbol)`
    is called when data of a market that was missing has been delivered."""

    def __init__(self, symbols: Sequence[str], say: Say, completed: Callable[[str], None]) -> None:
        self.price = None
        """None: each market has its own."""
        self.each = {
            symbol: MarketStatus(_named(symbol, say), _of(symbol, completed)) for symbol in symbols
        }
        self.failed: dict[str, str] = {}
        """Why a market's data has ended for good."""
        self.store: BookStore | None = None
        self._say = say

    def connected(self, store: BookStore) -> None:
        """Data comes from `store` from now on."""
        self.store = store
        self.failed.clear()

    def heard(self, symbol: str, event: Event) -> None:
        """Take notice of one event."""
        if symbol in self.each:
            self.each[symbol].heard(event)

    def fail(self, symbol: str, reason: str) -> None:
        """Nothing more comes of a market: its sleeves stand still, the others go on."""
        self.failed[symbol] = reason
        text = f"{symbol}: {reason}; its sleeves stand still and their stops do not work"
        self._say("error", f"{text}, the others go on")

    def check(self) -> None:
        """See whose data has ended; raises ExchangeError where none is left."""
        assert self.store is not None
        for symbol in self.each:
            if symbol not in self.failed:
                try:
                    self.store.of(symbol).check()
                except ExchangeError as error:
                    self.fail(symbol, str(error))
        if len(self.failed) == len(self.each):
            raise ExchangeError("; ".join(f"{name}: {why}" for name, why in self.failed.items()))

    # As an inbox of live.book_steps

    def get(self, timeout: float) -> tuple[str, Event] | None:
        """The next event and its market, or None where none comes within `timeout` seconds."""
        assert self.store is not None
        return self.store.get(timeout)

    def ended(self, symbol: str) -> bool:
        """Whether nothing more comes of a market, for good."""
        return symbol in self.failed or (self.store is not None and self.store.over)

    def behind(self, symbol: str) -> bool:
        """Whether a market's data cannot be relied on now."""
        return symbol in self.failed or self.each[symbol].stale

    # As what people look at

    @property
    def stale(self) -> bool:
        """Whether the data of a market cannot be relied on now."""
        return any(self.behind(symbol) for symbol in self.each)

    def connection_of(self, symbol: str) -> str:
        """The state of a market's data, in words."""
        if symbol in self.failed:
            return f"stale: {self.failed[symbol]}"
        return self.each[symbol].connection

    @property
    def connection(self) -> str:
        """The state of all data, in words: the worst first word, and where it is so."""
        found = {symbol: self.connection_of(symbol) for symbol in self.each}
        odd = {name: text for name, text in found.items() if text.split(":")[0] not in _FRESH}
        if not odd:
            return next(iter(found.values()))
        worst = next(iter(odd.values())).split(":")[0]
        return f"{worst}: " + "; ".join(f"{name} {text}" for name, text in odd.items())

    @property
    def reading(self) -> dict[str, Any]:
        """What people want to know of each market: price, its time, and the state of its data."""
        found = {}
        for symbol, status in self.each.items():
            when, price = status.price or (None, None)
            state = self.connection_of(symbol)
            found[symbol] = {"price": price, "price_time": when, "connection": state}
        return found


_FRESH = ("live", "polling")


def _named(symbol: str, say: Say) -> Say:
    return lambda kind, text: say(kind, f"{symbol}: {text}")


def _of(symbol: str, completed: Callable[[str], None]) -> Callable[[], None]:
    return lambda: completed(symbol)
