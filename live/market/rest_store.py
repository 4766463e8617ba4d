"""What is read of an exchange over REST: markets, candles, trades, funding, its clock."""

from __future__ import annotations

import copy
import time
from collections.abc import Coroutine, Mapping
from typing import Any, Self, TypeVar

from stoptrail.config.market import Filters, Maintenance
from stoptrail.core.errors import ConfigError, ExchangeError
from stoptrail.core.time import Spans, timeframe_name, within
from stoptrail.exchange.client import construct, listen, public_only
from stoptrail.exchange.errors import UnreachableError
from stoptrail.exchange.funding import check_published
from stoptrail.exchange.history import MOST, History
from stoptrail.exchange.markets import (
    check_tradable,
    checked_market,
    facts_of,
    filters_of,
    maintenance_of,
    market_type,
    page_of,
    tells_tiers,
    unit_note,
    volume_unit,
)
from stoptrail.exchange.needed import only_the_kind_needed
from stoptrail.exchange.rows import Row
from stoptrail.live.market.background import Background, GivenUpError
from stoptrail.live.market.funding_poller import published
from stoptrail.live.market.listing import trouble_of
from stoptrail.live.market.long_waits import LongWaits
from stoptrail.live.market.mark_reader import MarkReader
from stoptrail.live.market.outbox import Outbox
from stoptrail.live.market.reader import Reader
from stoptrail.live.market.sockets import guard
from stoptrail.live.market.timing import Timing
from stoptrail.live.market.trade_ticks import CACHE
from stoptrail.live.market.warnings import Redaction, WarningLog
from stoptrail.rules.funding import FundingRow
from stoptrail.rules.margin import Mark

T = TypeVar("T")

_ROUNDS = 5
"""Times that candles are read on which have closed while the others were read: no more,
or one would run after a market that is played fast."""


class RestStore:
    """Reads of one exchange; live.market.store adds its sockets. Nothing is connected before the
    first of them."""

    def __init__(
        self,
        exchange: str,
        currency: str,
        config: Mapping[str, Any],
        retries: int,
        debug: bool = False,
        sandbox: bool = False,
        *,
        timing: Timing | None = None,
        market_type: str = "auto",
    ) -> None:
        self.id = exchange
        self.currency = currency
        self.retries = retries
        self.debug = debug
        self.timing = timing or Timing()
        self.warning_log = WarningLog(Redaction(config))
        """What went wrong so far, each kind with its count."""
        self.long_waits = LongWaits(exchange, self.warning_log)
        self.unserved: Spans = ()
        """Spans of the last reading of candles in which the exchange gave none."""
        self.trouble = ""
        """Why the market of a session that goes on all the same is not traded."""
        self.names: tuple[str, ...] = ()
        """All markets that are read on this connection, where there are several."""
        self._unlisted = False
        self._config = dict(config)
        self._sandbox = sandbox
        self._market_type = market_type
        self._background: Background | None = None
        self._given_up = False
        self._exchange: Any = None
        self._reader: Reader | None = None
        self._opened = False
        self._outbox = Outbox()
        self.warning_log.heard = self._outbox.put  # what is said during a start is shown after it
        self._offset = 0
        """Milliseconds by which the exchange's clock is ahead of ours, where it was asked."""

    def market(self, symbol: str) -> Filters:
        """Tick, lot, least quantity (in coins) and least notional from the exchange.

        Raises ConfigError, in words, for a market that a session cannot trade.
        """
        found = self._market(symbol)
        check_tradable(self.id, found, self._market_type)
        return filters_of(self._exchange, found)

    def held_market(self, symbol: str) -> Filters | None:
        """The same of a market that a session has: one that is halted is `trouble` and no error,
        nor is one that is not listed any more, of which there is None."""
        exchange, _ = self._open(symbol)
        found = exchange.markets.get(symbol)
        self.trouble, self._unlisted = trouble_of(self.id, symbol, found), found is None
        if found is None:
            return None
        check_tradable(self.id, {**found, "active": True}, self._market_type)
        return filters_of(exchange, found)

    def maintenance(self, symbol: str) -> Maintenance | None:
        """The tiers of a swap's maintenance margin as they stand now; None on spot and where the
        exchange shows none without a key; None and said where it does not answer with any.

        Raises UnreachableError.
        """
        found = self._market(symbol)
        if market_type(found) != "swap" or not tells_tiers(self.id):
            return None
        exchange, reader = self._connected()
        what = "maintenance margin"
        try:
            entries = self._run(
                reader.read(what, lambda: exchange.fetch_market_leverage_tiers(symbol))
            )
            return maintenance_of(self.id, found, entries, self._clock())
        except UnreachableError:
            raise
        except (ConfigError, ExchangeError) as error:
            self.warning_log.say(what, f"the {what} of {symbol} was not read: {error}")
            return None

    def clock_offset(self) -> int | None:
        """Milliseconds by which the exchange's clock is ahead of ours; None if unknown.

        Only said, never used: decisions follow the exchange's event times.
        """
        sent = time.time()
        theirs = self._their_time()
        if theirs is None:
            return None
        offset = self._offset = int(theirs - (sent + time.time()) * 500)
        if abs(offset) > 5000:
            self.warning_log.say(
                "clock",
                f"the clocks of {self.id} and this machine differ by {offset / 1000:.0f} s: "
                "harmless, decisions follow the exchange's event times",
            )
        return offset

    def fetch_ohlcv(
        self, symbol: str, timeframe: str, since: int, limit: int = MOST, until: int | None = None
    ) -> list[Row]:
        """One page of candles from `since` (milliseconds), the newest maybe unfinished; `until`:
        none that opens later, where the exchange hears that."""
        reader = self._reading(symbol, timeframe)
        return self._run(reader.page(symbol, timeframe, max(0, since), limit, until=until))

    def fetch_trades(self, symbol: str) -> list[dict[str, Any]]:
        """The newest public trades, as ccxt describes them, oldest first."""
        self._market(symbol)
        return self._run(self._connected()[1].trades(symbol))

    def fetch_candles(
        self, symbol: str, interval: int, since: int, until: int | None = None
    ) -> list[Row]:
        """Closed candles that open in [since, until), ascending.

        `interval`, `since` and `until` in milliseconds; None is up to now. A candle counts
        as closed where the exchange has a later one. What it did not serve is `unserved`.
        Raises ExchangeError.
        """
        if self._unlisted:
            return []
        name = timeframe_name(interval)
        reader = self._reading(symbol, name)
        history = History(
            lambda at, limit, until=None: self.fetch_ohlcv(symbol, name, at, limit, until),
            interval,
            reader.most,
        )
        end = self._now(interval) if until is None else until
        found: list[Row] = []
        for _ in range(_ROUNDS):
            start = found[-1][0] + interval if found else since
            for piece in history.between(start, end, last=found[-1] if found else None):
                piece.append_to(found)
            if until is not None or history.seen < end:
                break
            end = history.seen - history.seen % interval  # candles have closed meanwhile
            if found and end <= found[-1][0] + interval:
                break
        if history.refusal and not found:
            raise history.refusal
        self._reread(found, history, symbol, name)
        if found and history.seen <= found[-1][0]:
            found.pop()  # nothing follows it: who knows whether it has closed
        reach = found[-1][0] + interval if found else since
        for line in history.copies.lines(self.id, reach):
            self.warning_log.say("copies", line)
        self.unserved = within(history.unserved, since, reach) if found else history.unserved
        return found

    def _reread(self, found: list[Row], history: History, symbol: str, name: str) -> None:
        """Take the candles of `found` that were read before it was sure that they had closed, as
        where this machine's clock is ahead, from an answer in which another one follows."""
        last = found[-1][0] if found else 0
        for at in (at for at in history.unsure() if at <= last and at < history.seen):
            again = self.fetch_ohlcv(symbol, name, at)
            if again and again[-1][0] > at:
                found[:] = history.copies.merged(found, (row for row in again if row[0] == at))
            else:
                found[:] = [row for row in found if row[0] < at]

    def _now(self, interval: int) -> int:
        """The beginning of the candle under way, by the exchange's clock where it has one."""
        now = self._their_time() or self._local_time()
        return now - now % interval

    def _local_time(self) -> int:
        """Milliseconds; only ever to know how far to read."""
        return int(time.time() * 1000)

    def _their_time(self) -> int | None:
        """The exchange's clock in milliseconds; None where it has none to ask."""
        return self._run(self._connected()[1].clock())

    def fetch_funding(self, symbol: str, since: int) -> list[FundingRow]:
        """The rows of a swap's funding published from `since` (ms) on, ascending.

        Raises ConfigError where the exchange publishes none, ExchangeError.
        """
        if self._unlisted:
            return []
        exchange, reader = self._open(symbol)
        check_published(exchange)
        return self._run(published(reader, exchange, symbol, since, self._clock()))

    @property
    def tells_marks(self) -> bool:
        """Whether the exchange serves mark candles of its swaps."""
        return bool(self._connected()[0].has.get("fetchMarkOHLCV"))

    def fetch_marks(self, symbol: str, interval: int, opens: list[int]) -> dict[int, Mark]:
        """The mark prices of the closed candles that opened at `opens` (ms); of those that have
        none, and of all where the exchange does not answer, nothing (said)."""
        return self._run(self._mark_reader(symbol, interval).read(opens))

    def priced(self, symbol: str, interval: int, rows: list[FundingRow]) -> list[FundingRow]:
        """`rows` of a swap's funding; those without a price with that of the mark candle of
        `interval` (ms) that opens at their time, where it can be had."""
        return self._run(self._mark_reader(symbol, interval).price(rows))

    def _mark_reader(self, symbol: str, interval: int) -> MarkReader:
        exchange, reader = self._connected()
        return MarkReader(exchange, reader, symbol, interval, self.timing)

    def _clock(self) -> int:
        """The exchange's, as far as it is known; ms."""
        return self._local_time() + self._offset

    def beside(self, outbox: Outbox, market_type: str = "auto") -> Self:
        """A store of another market on the same connection; its events go into `outbox`."""
        _, reader = self._connected()
        other = copy.copy(self)
        other._market_type = market_type
        other.warning_log = WarningLog(Redaction(self._config))
        other.unserved, other.trouble, other._unlisted = (), "", False
        other._reader, other._outbox = reader.beside(other.warning_log), outbox
        return other

    def give_up(self) -> None:
        """Let no read be waited for any longer: it raises GivenUpError. Safe in a signal
        handler."""
        self._given_up = True
        if self._background is not None:
            self._background.give_up()

    def _connected(self) -> tuple[Any, Reader]:
        """The ccxt exchange and its reader, made at the first need (ccxt imports slowly)."""
        if self._reader is None:
            self._exchange = self._background_or_new().run(self._connect())
            self._reader = Reader(self._exchange, self.retries, self.timing, self.warning_log)
            listen(self._exchange, self._reader.answered)
            self.long_waits.reader = self._reader
        return self._exchange, self._reader

    def _open(self, symbol: str) -> tuple[Any, Reader]:
        """The same with the markets read among which `symbol` must be."""
        exchange, reader = self._connected()
        if not self._opened:
            only_the_kind_needed(exchange, *(self.names or (symbol,)))
            self._run(reader.read("market list", exchange.load_markets))
            self._opened = True
        return exchange, reader

    def _reading(self, symbol: str, timeframe: str) -> Reader:
        """The reader, told of the market whose candles are to be read."""
        exchange, reader = self._open(symbol)
        market = checked_market(exchange, symbol, timeframe)
        reader.most = page_of(exchange, symbol)
        if note := unit_note(self.id, symbol, facts_of(exchange, market)):
            self.warning_log.say("volumes", note)
        reader.unit = volume_unit(self.id, market) or 1.0
        return reader

    async def _connect(self) -> Any:
        import ccxt.pro

        module = ccxt.pro if self.id in ccxt.pro.exchanges else ccxt.async_support
        try:
            exchange = construct(module, self.id, public_only(self._config))
        except ConfigError:
            raise
        except Exception as error:
            text = self.warning_log.redaction.clean(error)
            raise ConfigError(f"[exchange.ccxt] is not accepted by ccxt: {text}") from None
        exchange.timeout = int(self.timing.timeout * 1000)
        exchange.verbose = False  # it would print what it sends and hears
        exchange.newUpdates = True  # else every trade would be told again and again
        if self._sandbox:
            exchange.set_sandbox_mode(True)
        exchange.options["tradesLimit"] = CACHE
        guard(exchange, self._background_or_new().loop, self.warning_log, self._outbox)
        return exchange

    def _background_or_new(self) -> Background:
        if self._outbox.closed:
            raise RuntimeError("the store is closed")
        if self._given_up:
            raise GivenUpError
        if self._background is None:
            self._background = Background()
        return self._background

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            background = self._background_or_new()
        except (RuntimeError, GivenUpError):
            work.close()
            raise
        return background.run(work, waiting=self.long_waits.waited)

    def _market(self, symbol: str) -> dict[str, Any]:
        return checked_market(self._open(symbol)[0], symbol, None)
