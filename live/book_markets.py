"""The markets of a book as its session sees them: one status each, their events in one queue."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from stoptrail.core.errors import ConfigError, ExchangeError
from stoptrail.core.retry import backoff
from stoptrail.live.market.events import Event, is_fresh
from stoptrail.live.market_status import MarketStatus
from stoptrail.live.protocols import BookStore

Say = Callable[[str, str], None]

FIRST_PAUSE, LONGEST_PAUSE = 30.0, 1800.0
"""Seconds before a market whose data has ended is tried again."""


class BookMarkets:
    """Hears the events of all markets. `say(kind, text)` gets what is news, `completed(symbol)`
    is called when data of a market that was missing has been delivered, `again(symbol)` to let
    data of one that has failed come again."""

    def __init__(
        self,
        symbols: Sequence[str],
        say: Say,
        completed: Callable[[str], None],
        again: Callable[[str], None],
    ) -> None:
        self.price = None
        """None: each market has its own."""
        self.each = {
            symbol: MarketStatus(_named(symbol, say), partial(self._whole, symbol))
            for symbol in symbols
        }
        self.failed: dict[str, str] = {}
        """Why a market's data has ended, until it is tried again."""
        self.store: BookStore | None = None
        self._say, self._completed, self._again = say, completed, again
        self._tries: dict[str, int] = {}
        """How often each has failed in a row."""
        self._due: dict[str, float] = {}
        """When each is tried again, by the monotonic clock."""

    def connected(self, store: BookStore) -> None:
        """Data comes from `store` from now on."""
        self.store = store
        self.failed.clear()
        self._tries.clear()

    def heard(self, symbol: str, event: Event) -> None:
        """Take notice of one event."""
        if symbol in self.each:
            self.each[symbol].heard(event)

    def _whole(self, symbol: str) -> None:
        self._tries.pop(symbol, None)
        self._completed(symbol)

    def fail(self, symbol: str, reason: str) -> None:
        """Nothing more comes of a market for now: its sleeves stand still, the others go on."""
        self.failed[symbol] = reason
        self.each[symbol].lose(reason)
        tries = self._tries[symbol] = self._tries.get(symbol, 0) + 1
        self._due[symbol] = time.monotonic() + backoff(tries, FIRST_PAUSE, LONGEST_PAUSE)
        if tries == 1:
            text = f"{symbol}: {reason}; its sleeves stand still and their stops do not work"
            self._say("error", f"{text}, the others go on; it is tried again and again")

    def check(self) -> None:
        """See whose data has ended, and try those again whose time has come; raises
        ExchangeError where none is left."""
        assert self.store is not None
        for symbol in self.each:
            try:
                if symbol not in self.failed:
                    self.store.of(symbol).check()
                elif time.monotonic() >= self._due[symbol] and len(self.failed) < len(self.each):
                    self._again(symbol)
                    del self.failed[symbol]
            except (ExchangeError, ConfigError) as error:
                self.fail(symbol, str(error))
        if len(self.failed) == len(self.each):
            raise ExchangeError("; ".join(f"{name}: {why}" for name, why in self.failed.items()))

    def look(self) -> None:
        """See of which market nothing comes any more."""
        for symbol, status in self.each.items():
            if symbol not in self.failed:
                status.look()

    # As an inbox of live.book_steps

    def get(self, timeout: float) -> tuple[str, Event] | None:
        """The next event and its market, or None where none comes within `timeout` seconds."""
        assert self.store is not None
        return self.store.get(timeout)

    def ended(self, symbol: str) -> bool:
        """Whether nothing more comes of a market."""
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
        odd = {name: text for name, text in found.items() if not is_fresh(text)}
        if not odd:
            return next(iter(found.values()))
        worst = next(iter(odd.values())).split(":")[0]
        told = [f"{name} {text.removeprefix(f'{worst}: ')}" for name, text in odd.items()]
        return f"{worst}: " + "; ".join(told)

    @property
    def reading(self) -> dict[str, Any]:
        """What people want to know of each market: price, its time, and the state of its data."""
        found = {}
        for symbol, status in self.each.items():
            when, price = status.price or (None, None)
            state = self.connection_of(symbol)
            found[symbol] = {"price": price, "price_time": when, "connection": state}
            forecast = None if status.store is None else status.store.forecast
            if forecast is not None:
                rate, due = forecast
                found[symbol] |= {"forecast_rate": rate, "forecast_time": due}
        return found


def _named(symbol: str, say: Say) -> Say:
    return lambda kind, text: say(kind, f"{symbol}: {text}")
