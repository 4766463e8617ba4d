"""The ledgers that the dashboard shows, and the sessions in them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from peewee import Database

from stoptrail.core.database import Address, place_of
from stoptrail.core.errors import StopTrailError, StoreError, UsageError
from stoptrail.core.text import plain
from stoptrail.core.time import DAY_MS, timeframe_name
from stoptrail.live.ledger.reading import NoSessionError, reading
from stoptrail.live.ledger.records import SessionRow, all_sessions, with_sleeves
from stoptrail.live.ledger.tables import StoredEquity
from stoptrail.live.watch.beats import Beats
from stoptrail.live.watch.book_snapshot import snapshot_of
from stoptrail.live.watch.snapshot import Snapshot, health_of

_TRADE = (
    "number",
    "side",
    "units",
    "held",
    "funding",
    "entry_time",
    "entry",
    "initial_stop",
    "sl",
    "sl_reason",
    "extreme",
    "breakeven",
    "atr",
)
"""What a card tells of the open trade."""
_NOT_TOLD = ("trade", "recent", "pid", "sleeves")


class Place(NamedTuple):
    """A session: the number of its ledger in the list, and its own in the ledger."""

    ledger: int
    session: int

    @property
    def key(self) -> str:
        """As addresses name it."""
        return f"{self.ledger}/{self.session}"


class Ledgers:
    """The ledgers by their place in the list; every look opens its own connection."""

    def __init__(self, urls: Sequence[Address]) -> None:
        self.urls = tuple(urls)
        self._beats = tuple(Beats() for _ in self.urls)

    @contextmanager
    def opened(self, place: Place) -> Iterator[tuple[Database, SessionRow]]:
        """The session's ledger for reading, and its row. Raises StoreError."""
        if not 0 <= place.ledger < len(self.urls):
            raise StoreError(f"there is no ledger number {place.ledger}")
        with reading(self.urls[place.ledger]) as database:
            for row in with_sleeves(database):
                if row.id == place.session:
                    yield database, row
                    return
            raise StoreError(f"there is no session {place.session} in this ledger")

    def look(self) -> dict[str, Any]:
        """Every ledger with what keeps it from being read, and a card for each session."""
        found: dict[str, Any] = {"ledgers": [], "sessions": []}
        for number, url in enumerate(self.urls):
            told = {"name": plain(place_of(url)), "error": None, "empty": False}
            try:
                with reading(url) as database:
                    cards = [
                        _card(number, snapshot_of(database, row, 8, self._beats[number]))
                        for row in all_sessions(database)
                    ]
                found["sessions"] += cards
                told["empty"] = not cards
            except NoSessionError:
                told["empty"] = True
            except StopTrailError as error:
                told["error"] = plain(error)
            found["ledgers"].append(told)
        _tell_apart(found["sessions"], [told["name"] for told in found["ledgers"]])
        return found

    def order(self, place: Place, verb: str, at: str | None = None) -> str:
        """Say `verb` to the session as its commands in a terminal do, `at` a price where a person
        has written one for "close"; the answer. Raises UsageError, the errors of
        live.watch.remote_control."""
        from stoptrail.live.watch.remote_control import VERBS, answered

        if verb not in VERBS:
            raise UsageError(f"there is no order {plain(verb)[:40]}")
        price = None if at is None else _price(verb, at)
        with self.opened(place):
            """It is there."""
        return answered(self.urls[place.ledger], str(place.session), verb, price)[1]

    def marks(self) -> dict[str, dict[str, list[Any]]]:
        """Equity at each 00:00 UTC and at the newest close, by the session's key."""
        found: dict[str, dict[str, list[Any]]] = {}
        for number, url in enumerate(self.urls):
            try:
                with reading(url) as database:
                    for row in all_sessions(database):
                        key = Place(number, row.id).key
                        times, equity = _daily(database, row.id)
                        found[key] = {"time": times, "equity": equity}
            except StopTrailError:  # the look at the ledger says it
                continue
        return found


def _price(verb: str, at: str) -> float:
    """The price of a close. Raises UsageError."""
    if verb != "close":
        raise UsageError(f"{verb} takes no price")
    try:
        price = float(at)
    except ValueError:
        price = math.nan
    if not 0.0 < price < math.inf:
        raise UsageError(f"a price is a number above 0, not {plain(at)[:40]!r}")
    return price


def _tell_apart(cards: list[dict[str, Any]], names: list[str]) -> None:
    """Let cards of the same market say which of the ledgers `names` each is from; the others, and
    those of one ledger, say nothing."""
    places: dict[tuple[str, str], set[str]] = defaultdict(set)
    for card in cards:
        places[card["exchange"], card["symbol"]].add(card["key"].partition("/")[0])
    for card in cards:
        several = len(places[card["exchange"], card["symbol"]]) > 1
        name = names[int(card["key"].partition("/")[0])]
        card["ledger"] = "/".join(name.split("/")[-2:]) if several else ""


def _card(ledger: int, found: Snapshot, book: str | None = None) -> dict[str, Any]:
    """A session at a glance, of a book with its sleeves; times in ms, money in the quote currency,
    shares as fractions. `book` is the key of a sleeve's."""
    key = Place(ledger, found.session).key
    sleeves = [_card(ledger, sleeve, key) for sleeve in found.sleeves]
    quotes = {sleeve["quote"] for sleeve in sleeves} or {_quote(found.symbol)}
    values = {k: v for k, v in found._asdict().items() if k not in _NOT_TOLD}
    trade = found.trade
    return values | {
        "key": key,
        "book": book,
        "sleeves": sleeves,
        "at_stop": _sum(sleeve["at_stop"] for sleeve in sleeves) if sleeves else found.at_stop,
        "timeframe": timeframe_name(found.interval),
        "quote": quotes.pop() if len(quotes) == 1 else "",
        "base": found.symbol.partition("/")[0],
        "health": health_of(found).words,
        "cold": found.cold,
        "day": found.day_name,
        "forecast": None if found.forecast is None else found.forecast._asdict(),
        "r_multiple": found.r_multiple,
        "trade": None if trade is None else {name: trade[name] for name in _TRADE},
    }


def _quote(symbol: str) -> str:
    return symbol.partition("/")[2].partition(":")[0]


def _sum(values: Iterable[float | None]) -> float | None:
    """Of those that are known; None where none is."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _daily(database: Database, session: int) -> tuple[list[int], list[float]]:
    table = StoredEquity
    query = table.select(table.time, table.equity).where(table.session == session)
    midnight = table.time / DAY_MS * DAY_MS == table.time  # whole numbers; % is peewee's LIKE
    marks = list(query.where(midnight).order_by(table.time).tuples().execute(database))
    last = list(query.order_by(table.time.desc()).limit(1).tuples().execute(database))
    if last and last != marks[-1:]:
        marks += last
    return [time for time, _ in marks], [equity for _, equity in marks]
