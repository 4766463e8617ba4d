"""Markets of a book played from memory through a whole session, without an exchange."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np

from stoptrail.backtest.book import SleevePlan, run_book, terms_of
from stoptrail.backtest.inputs import Inputs
from stoptrail.backtest.plan import Record
from stoptrail.config.settings import Settings
from stoptrail.core.errors import ExchangeError
from stoptrail.exchange.rows import Row
from stoptrail.feeds.funding.rates import constant_rows
from stoptrail.live.book_origin import active_settings, kept_candles, share_of
from stoptrail.live.book_recovery import Sleeve
from stoptrail.live.book_session import BookSession
from stoptrail.live.ledger.check import problems
from stoptrail.live.ledger.database import Ledger, open_existing
from stoptrail.live.ledger.records import all_sessions, rows, sleeves_of, with_sleeves
from stoptrail.live.ledger.spoken import Commands
from stoptrail.live.ledger.tables import PaperTrades, Sessions, StoredEquity
from stoptrail.live.market.events import CandleClosed, ConnectionBack, Event, Published
from stoptrail.live.market.long_waits import LongWaits
from stoptrail.live.market.warnings import Redaction, WarningLog
from stoptrail.live.session import Options
from stoptrail.live.session_settings import plan_from, settings_from
from stoptrail.live.watch.book_replay import book_recording, compare_book, replay_book
from stoptrail.live.watch.control import ask
from stoptrail.live.watch.differences import Compared
from stoptrail.live.watch.messages import Message
from stoptrail.rules.detail import NO_DETAIL, Detail
from stoptrail.rules.funding import FundingRow, funding_of, funding_rows
from stoptrail.rules.paths import TICKS
from stoptrail.rules.types import day_marks
from tests.live.books import TABLES_COMPARED, TRADE, columns_of, plain_row, trades_of
from tests.live.playback import PlaybackStore, TicksOf
from tests.live.small_market import HOUR, WARM_UP, settings, small_rows
from tests.live.victim import exit_code

SYMBOLS = ("BTC/USDT", "ETH/USDT", "SOL/USDT")
Events = Iterator[tuple[str, Event] | None]


def three_markets(count: int = 1200) -> dict[str, list[Row]]:
    """Three markets with gaps of their own, of which one begins late and one ends early."""
    found = {
        symbol: small_rows(count, seed) for symbol, seed in zip(SYMBOLS, (3, 8, 5), strict=True)
    }
    return {
        "BTC/USDT": found["BTC/USDT"],
        "ETH/USDT": found["ETH/USDT"][WARM_UP // 3 :],
        "SOL/USDT": found["SOL/USDT"][30:-60],
    }


def book_settings(**changes: dict[str, Any]) -> Settings:
    """Settings of a book that trades often, its caps in reach."""
    caps = {"max_open_risk": 0.012, "max_notional": 1.0}
    return settings(**{"book": caps, **changes})


def four_sleeves(whole: Settings, swaps: Sequence[str] = ()) -> list[Sleeve]:
    """One for each market, and one more set of the first; `swaps` pay a constant funding."""
    found = []
    for symbol, share in zip((*SYMBOLS, SYMBOLS[0]), (0.3, 0.3, 0.2, 0.2), strict=True):
        table = whole.model_dump(mode="json", exclude_unset=True)
        table.setdefault("data", {})["symbol"] = symbol
        if len(found) == 3:
            table["stop"]["trailing_atr_multiplier"] = 1.5
        if symbol in swaps:
            table["market"] = {**table.get("market", {}), "type": "swap"}
            table["costs"] = {**table.get("costs", {}), "funding_rate": 0.002}
        table.pop("book")
        found.append(Sleeve(symbol, share, Settings.model_validate(table)))
    return found


class PlaybackBook:
    """The store of a book: of each market `rows` that open before `live` have closed before it
    came up; the rest come as `order` says, all of a moment together by default. `failing`: from
    when to when the data of a market ends; whoever asks for it then gets nothing. `ticks` come
    before the candle that they are of, rows of `funding` with the first candle after them."""

    def __init__(
        self,
        markets: Mapping[str, list[Row]],
        live: int,
        order: Callable[[Mapping[str, list[Row]]], Events] | None = None,
        failing: Mapping[str, tuple[int, int]] | None = None,
        ticks: TicksOf = lambda row: [],
        funding: Mapping[str, list[FundingRow]] | None = None,
    ) -> None:
        self.markets, self.live = markets, live
        self.ticks, self.funding = ticks, dict(funding or {})
        self.over = False
        self.long_waits = LongWaits("binance", WarningLog(Redaction({})))
        self.started: set[str] = set()
        self._stores = {
            symbol: _OneMarket(self, symbol, market, live) for symbol, market in markets.items()
        }
        self._failing = dict(failing or {})
        self.now = live
        self._dead: set[str] = set()
        self.asked: list[int | None] = []
        """Since when rows of funding were asked for where a market's data came again."""
        self._again: deque[tuple[str, Event]] = deque()
        self._events = self._told((order or together)(self._coming()))

    def _coming(self) -> dict[str, list[Row]]:
        return {
            symbol: [row for row in market if row[0] >= self.live]
            for symbol, market in self.markets.items()
        }

    def _told(self, events: Events) -> Events:
        for entry in events:
            if entry is not None:
                symbol, event = entry
                if isinstance(event, CandleClosed):
                    self.now = max(self.now, event.time)
                if self.failed(symbol):
                    continue
                if isinstance(event, CandleClosed):
                    yield from self._before(symbol, event)
            yield entry
        self.over = True

    def _before(self, symbol: str, candle: CandleClosed) -> Iterator[tuple[str, Event]]:
        before = [row[0] for row in self.markets[symbol] if row[0] < candle.time]
        since = before[-1] if before else candle.time - HOUR
        told = [row for row in self.funding.get(symbol, []) if since < row.time <= candle.time]
        yield from ((symbol, Published(row)) for row in told)
        yield from ((symbol, tick) for tick in self.ticks(candle[:6]))

    def failed(self, symbol: str) -> bool:
        """Whether the data of a market has ended, and was not begun anew."""
        first, last = self._failing.get(symbol, (0, 0))
        if first <= self.now < last:
            self._dead.add(symbol)
        return symbol in self._dead

    def begin(self, symbol: str, after: int, funding: int | None) -> None:
        """Somebody wants the data of a market, from the candle after the one at `after` on, and
        the rows of funding after a time."""
        if self.failed(symbol) and self.now >= self._failing[symbol][1]:
            self._dead.remove(symbol)
            rows = [row for row in self.markets[symbol] if after < row[0] <= self.now]
            self._again.extend((symbol, CandleClosed(*row)) for row in rows)
            self.asked.append(funding)
            known = [r for r in self.funding.get(symbol, []) if (funding or 0) < r.time <= self.now]
            self._again.extend((symbol, Published(row)) for row in known)
            self._again.append((symbol, ConnectionBack()))
        self.started.add(symbol)

    def of(self, symbol: str) -> Any:
        return self._stores[symbol]

    def get(self, timeout: float) -> tuple[str, Event] | None:
        del timeout
        return self._again.popleft() if self._again else next(self._events, None)

    def clock_offset(self) -> int | None:
        return self._stores[next(iter(self.markets))].clock_offset()

    def give_up(self) -> None:
        """Nothing is waited for."""

    def close(self) -> None:
        """Nothing is open."""


class _OneMarket(PlaybackStore):
    def __init__(self, book: PlaybackBook, symbol: str, market: list[Row], live: int) -> None:
        rows = book.funding.get(symbol, [])
        super().__init__(market, sum(row[0] < live for row in market), HOUR, funding=rows)
        self._book, self._symbol = book, symbol

    def start_stream(
        self,
        symbol: str,
        interval: int,
        after: int,
        ticks: bool = True,
        funding: int | None = None,
    ) -> None:
        assert symbol == self._symbol
        self._book.begin(symbol, after, funding)

    def check(self) -> None:
        if self._book.failed(self._symbol):
            raise ExchangeError("binance does not list it any more")


def together(coming: Mapping[str, list[Row]]) -> Events:
    """Everything that closes at one moment, then what closes at the next."""
    known = {symbol: {row[0]: row for row in market} for symbol, market in coming.items()}
    for time in sorted({row[0] for market in coming.values() for row in market}):
        for symbol, market in known.items():
            if time in market:
                yield symbol, CandleClosed(*market[time])
        yield None


def play_book(
    whole: Settings,
    store: PlaybackBook,
    url: str,
    sleeves: Sequence[Sleeve] | None = None,
    options: Options | None = None,
) -> BookSession:
    """One session from its start to the end of the recording."""
    with Ledger(url, patience=whole.live.database_retry_seconds) as ledger:
        session = BookSession(whole, sleeves or four_sleeves(whole), lambda: store, ledger, options)
        session.run()
    return session


def told_and_tested(
    url: str,
    funding: Mapping[str, list[FundingRow]] | None = None,
    details: Mapping[str, Detail] | None = None,
) -> list[tuple[list[Any], list[Any]]]:
    """Of each sleeve the ledger's trades, and those of the book's backtest on the candles that
    the ledger has: with the rows of `funding`, a constant rate without them, and by the ticks of
    finer candles where there are `details`."""
    database = open_existing(url)
    try:
        (book,) = all_sessions(database)
        sleeves = sleeves_of(database, book.id)
        columns = {
            symbol: columns_of(market, HOUR)
            for symbol, market in kept_candles(database, sleeves).items()
        }
        whole = active_settings(database, book.id).content
        plans = []
        for row in sleeves:
            own = settings_from(active_settings(database, row.id).content)
            plan, candles = plan_from(own), columns[row.symbol]
            if details is not None:
                plan = plan._replace(run_rules=plan.run_rules._replace(path=TICKS))
            start = int(np.searchsorted(candles.time, row.start))
            market = plan.run_rules.trade_rules.market
            detail = NO_DETAIL if details is None else details[row.symbol]
            inputs = Inputs(candles, start, day_marks(candles, start), market, detail)
            if own.market_type == "swap":
                given = constant_rows(candles)
                if funding is not None:
                    given = funding_rows(*zip(*funding[row.symbol], strict=True))
                inputs = inputs._replace(funding=funding_of(given, candles, plan.tiers))
            lends = own.market_type != "spot"
            plans.append(SleevePlan(plan, inputs, share_of(whole, row.sleeve), lends))
        records: list[Record] = run_book(plans, terms_of(settings_from(whole)))
        return [
            (_told(rows(database, PaperTrades, row.id)), trades_of(columns[row.symbol], record))
            for row, record in zip(sleeves, records, strict=True)
        ]
    finally:
        database.close()


def _told(trades: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in TRADE) for row in trades]


def run_book_victim(
    url: str,
    markets: Mapping[str, list[Row]],
    missed: int,
    fate: Any = None,
    asks: Sequence[tuple[int, int, str]] = (),
    coming: Mapping[str, Any] | None = None,
    **changes: Any,
) -> None:
    """Start or go on with the book's session; `missed` hours have closed since its last step.
    `asks`: a time, the number of a session and a verb; `coming`: what else PlaybackBook takes."""
    whole = book_settings(**changes)
    beat = 0.0 if asks else 1.0
    with Ledger(url) as ledger, patch("stoptrail.live.session._BEAT_SECONDS", beat):
        found = all_sessions(ledger.database)
        live = markets[SYMBOLS[0]][WARM_UP][0]
        if found:
            live = found[0].candle + (1 + missed) * HOUR
        ledger.fault = fate
        store = PlaybackBook(markets, live, **(coming or {}))
        options = Options(watchers=(BookAsker(asks),) if asks else ())
        BookSession(whole, four_sleeves(whole), lambda: store, ledger, options).run()


class BookAsker:
    """Leaves each command once the step of its time was taken."""

    def __init__(self, asks: Sequence[tuple[int, int, str]]) -> None:
        self._asks = asks

    def happened(self, message: Message) -> None:
        """Nothing to do."""

    def turned(self, session: BookSession) -> None:
        database = session.ledger.database
        asked = Commands.select().bind(database).count()
        for time, number, verb in self._asks[asked : asked + 1]:
            if session.engine.broker.closes > time:
                ask(database, number, verb)


in_process = partial(exit_code, run_book_victim)


def whole_ledger(url: str) -> dict[tuple[int, str], list[dict[str, Any]]]:
    """Everything that the ledger says of a book and its sleeves, but for marks of what was
    caught up."""
    database = open_existing(url)
    try:
        found: dict[tuple[int, str], list[dict[str, Any]]] = {}
        for row in with_sleeves(database):
            for table in (*TABLES_COMPARED, StoredEquity):
                found[row.id, table.__name__] = [
                    plain_row(entry) for entry in rows(database, table, row.id)
                ]
        every = Sessions.select().order_by(Sessions.id).dicts().execute(database)
        found[0, "Sessions"] = [plain_row(entry) for entry in every]
        return found
    finally:
        database.close()


def replayed(url: str) -> Compared:
    """The ledger beside the session played again from it."""
    database = open_existing(url)
    try:
        (book,) = all_sessions(database)
        with closing(replay_book(book_recording(database, book))) as again:
            assert list(problems(database)) == []
            return compare_book(database, again, book.id)
    finally:
        database.close()
