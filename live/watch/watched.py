"""What watchers and controls may see of a running session."""

from __future__ import annotations

from typing import Any, Protocol

from stoptrail.live.engine import Engine
from stoptrail.live.ledger.database import Ledger
from stoptrail.live.market.funding_poller import Forecast


class WatchedMarket(Protocol):
    """The market as the session sees it."""

    @property
    def price(self) -> tuple[int, float] | None:
        """Time in ms and price of the last trade or close; None before the first."""

    @property
    def connection(self) -> str:
        """How the market data comes, in words."""

    @property
    def stale(self) -> bool:
        """Whether the price is older than it should be."""


class Watched(Protocol):
    """A running session."""

    @property
    def number(self) -> int:
        """Of the session in its ledger."""

    @property
    def ledger(self) -> Ledger:
        """Where it is written down."""

    @property
    def exchange(self) -> str:
        """ccxt's id of the exchange."""

    @property
    def symbol(self) -> str:
        """The market's name there."""

    @property
    def restarts(self) -> int:
        """How often a process has taken it up again."""

    @property
    def reading(self) -> dict[str, Any]:
        """What the signal's indicators say, for people."""

    @property
    def forecast(self) -> Forecast | None:
        """The funding that the exchange expects next."""

    @property
    def engine(self) -> Engine | None:
        """What trades; None before it begins."""

    @property
    def market(self) -> WatchedMarket:
        """What it sees."""
