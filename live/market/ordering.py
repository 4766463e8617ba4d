"""Puts what the exchange says into order: closed candles without gaps, ticks between them.

The streams only say that time has passed; what a closed candle is, the exchange's own
record (REST) says, and there only a candle that a later one follows is closed. So
duplicates, late, revised, unfinished and lost messages of a stream cannot change a
candle. Nothing here waits, reads or knows a clock.
"""

from __future__ import annotations

from collections import deque
from itertools import pairwise

from stoptrail.core.time import iso_time
from stoptrail.exchange.copies import same_candle
from stoptrail.exchange.rows import Row
from stoptrail.live.market.candle_check import CandleCheck
from stoptrail.live.market.events import CandleClosed, Event, Tick
from stoptrail.live.market.warnings import WarningLog
from stoptrail.rules.quotes import TradeQuote, believable

MOST_TICKS = 20_000
"""Ticks kept while they wait for the candle before them."""
_DOUBTS = 10
"""Readings of the record without progress after which a later event is disbelieved."""
_REREADS = 3
"""Readings of a record that lags behind the stream before it is believed."""
_REPEATED = 2048
"""Trades that are known again: many exchanges repeat up to a thousand after a reconnect."""
_AGAIN = 3
"""Readings of a record that shows nothing new before that is acted upon."""


class Sequence:
    """Candles and ticks of one market in the order of C14.

    `interval` is a candle's length in milliseconds, `delivered` the open time of the
    last candle that the consumer has already.
    """

    def __init__(self, interval: int, delivered: int, warning_log: WarningLog) -> None:
        self.interval = interval
        self.delivered = delivered
        self.last_trade = 0
        """Time of the newest trade, milliseconds."""
        self.overlaps = False
        """True once trades are polled, which may tell them a second time."""
        self.settled = False
        """Whether the record's last reading has been told to its end, or to the candle of
        the newest trade."""
        self.awaited = 0
        """End of the closed candle that the last reading left for its trades, ms."""
        self.hole: int | None = None
        """Open time of the candle before which the last reading left something out."""
        self.record: Row | None = None
        """The newest candle that the record's last reading had, finished or not."""
        self._last: Row | None = None
        """The candle that was delivered last."""
        self._warning_log = warning_log
        self._under_way: int | None = None
        self._newest = delivered
        self._states = CandleCheck(interval, warning_log)
        self._price = 0.0
        self._ticks: deque[Tick] = deque()
        self._trades: deque[str] = deque(maxlen=_REPEATED)
        self._trade_set: set[str] = set()
        self._rereads = 0
        self._stalls = 0
        self._empty = 0
        self._ahead = False
        self._told = 0
        """Time of the newest tick that was told: one before it, told late, is left out."""

    @property
    def since(self) -> int:
        """Open time of the first candle not delivered yet."""
        return self.delivered + self.interval

    @property
    def newest(self) -> int:
        """The latest event time seen, milliseconds."""
        return self._newest

    @property
    def due(self) -> bool:
        """Whether a candle must have closed that is not delivered."""
        return self._under_way is None or self._newest >= self._under_way + self.interval

    @property
    def missing(self) -> int:
        """How many candles to ask the record for: those since, and the one under way."""
        return max(0, self._newest - self.delivered) // self.interval + 2

    @property
    def waiting(self) -> bool:
        """Whether ticks wait for a candle."""
        return bool(self._ticks)

    def stream_candle(self, row: Row) -> None:
        """A state of a candle from the stream: a sign of time, and something to check."""
        self._states.heard(row)
        self._newest = max(self._newest, row[0])

    def tick(self, time: int, price: float, quote: TradeQuote, trade: str) -> list[Event]:
        """A trade, known by its number `trade` (empty: unknown); what may be told now."""
        if trade and self._known(trade):
            if not self.overlaps:
                self._warning_log.say("duplicate", "a trade came twice: the second is left out")
            return []
        if self._price and not believable(price, self._price):
            self._warning_log.say(
                "malformed message", f"a trade at {price:g} makes no sense and is left out"
            )
            return []
        self._newest = max(self._newest, time)
        self.last_trade = max(self.last_trade, time)
        tick = Tick(time, price, quote.bid, quote.ask, False, quote.age, quote.rule)
        if time < self.since:
            return []
        if self._under_way is not None and time < self._under_way + self.interval:
            return self._in_order([tick])
        if self._ahead:
            return self._in_order([tick._replace(ahead=True)])
        if len(self._ticks) == MOST_TICKS:
            self._ticks.popleft()
            self._warning_log.say(
                "ticks dropped", "too many ticks wait for a candle: the oldest are left out"
            )
        self._ticks.append(tick)
        return []

    def shown_again(self, row: Row) -> None:
        """The record's `row` of a candle that may have been delivered: where that had other values,
        they stay, which is said."""
        last = self._last
        if last is None or last[0] != row[0] or same_candle(last, row):
            return
        self._warning_log.say(
            "record changed",
            f"the exchange's record has another candle of {iso_time(row[0])} than it had at first: "
            "the first one stays",
        )

    def leaves_out(self, row: Row) -> bool:
        """Whether candles are missing before `row`, of the record."""
        return row[0] > self.since and row[0] != self._under_way

    def confirm(
        self, rows: list[Row], heard: int | None = None, passed: int | None = None
    ) -> list[Event]:
        """The record's candles from `since` on, ascending; what may be told now.

        Candles that end after `heard`, the newest trade's time, are left for later, and so are
        those behind a hole, unless it lies before the one that opens at `passed`.
        """
        events: list[Event] = []
        moved, self.settled, self.hole = False, False, None
        self._look_at(rows)
        self.record = rows[-1] if rows else None
        for row, following in pairwise([*rows, None]):
            if row is None or self._doubtful(row, following is None, passed):
                break
            if heard is not None and following is not None and row[0] + self.interval > heard:
                # Its trades are under way: nothing before it is missing.
                self.awaited = row[0] + self.interval
                moved, self.settled = True, heard >= row[0]
                break
            moved = moved or row[0] != self._under_way
            if following is None and not self._ended(row):
                self._begun(row)
            else:
                moved = True
                self._states.check(row)
                events += self._released(row[0] + self.interval)
                events.append(CandleClosed(*row))
                self._delivered(row)
        self._newest = max(self._newest, self._under_way or 0, self.delivered)
        self._believe(moved)
        if self._under_way is not None:
            events += self._released(self._under_way + self.interval)
        return events

    def release_ahead(self) -> list[Event]:
        """Every waiting tick, marked; until the next candle later ones come so at once."""
        self._ahead = True
        held = [tick._replace(ahead=True) for tick in self._ticks]
        self._ticks.clear()
        return self._in_order(held)

    def _begun(self, row: Row) -> None:
        self._under_way, self.settled = row[0], True
        if not self._price and row[4] > 0.0:
            self._price = row[4]

    def _delivered(self, row: Row) -> None:
        self.delivered, self._price, self._last = row[0], row[4], row
        self._empty = 0

    def _ended(self, row: Row) -> bool:
        """Whether the record's last candle has ended, though nothing follows it there.

        Some exchanges list closed candles alone. Then the stream has to say so: the same
        values, and the next candle begun, while the record was read again and again.
        """
        if self._stalls < _AGAIN or not self._states.ended_as(row):
            return False
        self._under_way, self.settled = row[0] + self.interval, True
        return True

    def _look_at(self, rows: list[Row]) -> None:
        """See whether the record goes on showing nothing, not even a candle under way."""
        self._empty = 0 if rows else self._empty + 1
        if self._empty >= _AGAIN and self._newest < self.since + self.interval:
            self._under_way, self.settled = self.since, True  # nor need there be one

    def _known(self, trade: str) -> bool:
        if trade in self._trade_set:
            return True
        if len(self._trades) == self._trades.maxlen:
            self._trade_set.discard(self._trades[0])
        self._trades.append(trade)
        self._trade_set.add(trade)
        return False

    def _doubtful(self, row: Row, unfinished: bool, passed: int | None) -> bool:
        """Whether the record should be read again before `row` is believed."""
        if self.leaves_out(row) and row[0] != passed:
            self.hole = row[0]
            return True
        if not unfinished and self._states.lags(row):
            self._rereads += 1
            if self._rereads <= _REREADS:
                return True
        self._rereads = 0
        return False

    def _believe(self, moved: bool) -> None:
        """Give up a later event that the record does not show however often it is read."""
        if moved:
            self._stalls = 0
            self._ahead = False
        elif self.due:
            self._stalls += 1
        if self._stalls >= _DOUBTS and self._under_way is not None:
            self._stalls = 0
            self._newest = self._under_way
            far = self._under_way + 2 * self.interval
            self._ticks = deque(tick for tick in self._ticks if tick.time < far)
            self._warning_log.say(
                "wrong time",
                "a message carries a later time than the exchange's candles: it is not believed",
            )

    def _released(self, end: int) -> list[Event]:
        """Waiting ticks before `end`; those of delivered candles are left out."""
        free = [tick for tick in self._ticks if self.since <= tick.time < end]
        if self._ticks:
            self._ticks = deque(tick for tick in self._ticks if tick.time >= end)
        return self._in_order(free)

    def _in_order(self, ticks: list[Tick]) -> list[Event]:
        """Those that are not older than one told before: a reconnect may bring an old trade
        after a newer one, and it moves and hits nothing any more."""
        kept: list[Event] = []
        for tick in ticks:
            if tick.time >= self._told:
                self._told = tick.time
                kept.append(tick)
        return kept
