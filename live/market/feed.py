"""A live Backtrader feed: warm-up candles, then closed live candles, ticks in between."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from stoptrail.adapter.backtrader import bt
from stoptrail.core.time import MINUTE_MS, date_number
from stoptrail.exchange.rows import Row
from stoptrail.live.market.events import (
    CandleClosed,
    ConnectionBack,
    ConnectionLost,
    Event,
    Marked,
    Notice,
    Tick,
    not_served,
)
from stoptrail.live.market.outbox import Outbox
from stoptrail.rules.candles import UNKNOWN_VOLUME
from stoptrail.rules.margin import Mark


class CCXTFeed(bt.DataBase):  # type: ignore[misc]
    """Candles of `dataname` (ccxt's symbol) at `compression` minutes from `store`.

    `since` (milliseconds) is the open time of the first warm-up candle; `candles`, if
    given, are warm-up candles known already, and only later ones are fetched.
    With `historical` the feed ends after them. `on_tick` and `on_event` are called with
    every Tick and every other event, in order, in the thread that runs Cerebro: all ticks
    of a candle before the strategy sees its close. Without `volume_known` no candle is
    silent (C2). `funding` is the time (ms) after which rows of a swap's funding are told too;
    with `marks` each candle is told its mark prices before it comes, where they do.
    """

    params = (
        ("store", None),
        ("timeframe", bt.TimeFrame.Minutes),
        ("compression", 15),
        ("since", 0),
        ("candles", ()),
        ("historical", False),
        ("ticks", True),
        ("on_tick", None),
        ("on_event", None),
        ("volume_known", True),
        ("funding", None),
        ("marks", False),
        ("qcheck", 0.2),
    )

    interval: int
    """Length of a candle in milliseconds."""

    def __init__(self, **unknown: Any) -> None:
        if unknown:  # Backtrader has taken out every known parameter
            raise TypeError(f"CCXTFeed has no parameter {', '.join(unknown)}")
        super().__init__()
        if self.p.timeframe != bt.TimeFrame.Minutes:
            raise ValueError("CCXTFeed counts its timeframe in minutes: set compression")
        self.interval = self.p.compression * MINUTE_MS
        self.warm_up: Sequence[Row] = ()
        """Candles that were closed before the feed went live."""
        self.live_from = 0
        """Open time of the first live candle, milliseconds; 0 before it is known."""
        self._at = 0
        self._marks: dict[int, Mark] = {}
        """Mark prices of warm-up candles, by open time."""
        self._outbox: Outbox | None = None
        self._over = False
        self.on_tick: Callable[[Tick], None] | None = self.p.on_tick
        self.on_event: Callable[[Event], None] | None = self.p.on_event

    def islive(self) -> bool:
        """True: Cerebro neither preloads nor runs vectorised."""
        return True

    def haslivedata(self) -> bool:
        """Whether more may be had without waiting."""
        return self._at < len(self.warm_up)

    @property
    def behind(self) -> bool:
        """Whether events have come that the strategy has not seen."""
        return self._outbox is not None and not self._outbox.empty

    def start(self) -> None:
        """Fetch the warm-up candles and begin to listen; raises ExchangeError."""
        super().start()
        self._over = False
        self._at = 0
        self.put_notification(self.CONNECTED)
        self.put_notification(self.DELAYED)
        known = list(self.p.candles)
        since = known[-1][0] + self.interval if known else self.p.since
        # From the last known one: an answer that holds it can be believed about what follows.
        first = known[-1][0] if known else since
        fetched = self.p.store.fetch_candles(self.p.dataname, self.interval, first)
        self.warm_up = known + [row for row in fetched if row[0] >= since]
        if self.p.marks:
            opens = [row[0] for row in self.warm_up[len(known) :]]
            self._marks = self.p.store.fetch_marks(self.p.dataname, self.interval, opens)
        for start, end in self.p.store.unserved if known else ():
            if end > since:  # the last known one itself is no loss
                self._pass_on(not_served(max(start, since), end, self.interval))
        if not self.p.historical:
            after = self.warm_up[-1][0] if self.warm_up else since - self.interval
            self.live_from = after + self.interval
            self._outbox = self.p.store.start_stream(
                self.p.dataname, self.interval, after, self.p.ticks, self.p.funding, self.p.marks
            )

    def stop(self) -> None:
        """Stop listening; a waiting Cerebro goes on at once."""
        self._over = True
        self.p.store.close()
        super().stop()

    def _load(self) -> bool | None:
        """One candle: True; nothing yet: None; the end: False."""
        if self._at < len(self.warm_up):
            opens = self.warm_up[self._at][0]
            if opens in self._marks:
                self._pass_on(Marked(opens, self._marks[opens]))
            self._fill(self.warm_up[self._at])
            self._at += 1
            return True
        if self._over or self._outbox is None:
            self.put_notification(self.DISCONNECTED)
            return False
        return self._next_candle(self._outbox)

    def _next_candle(self, outbox: Outbox) -> bool | None:
        event = outbox.get(self._qcheck)
        while event is not None:
            if isinstance(event, CandleClosed):
                self._fill(event)
                return True
            self._pass_on(event)
            event = outbox.get()
        self.p.store.check()
        return None

    def _pass_on(self, event: Event) -> None:
        if isinstance(event, Tick):
            if self.on_tick is not None:
                self.on_tick(event)
            return
        if isinstance(event, ConnectionLost):
            self.put_notification(self.DISCONNECTED, event.reason)
        elif isinstance(event, ConnectionBack):
            self.put_notification(self.CONNECTED)
            self.put_notification(self.LIVE)
        elif isinstance(event, Notice):
            self.put_notification(self.UNKNOWN, event.text)
        if self.on_event is not None:
            self.on_event(event)

    def _fill(self, row: tuple[Any, ...]) -> None:
        lines = self.lines
        lines.datetime[0] = date_number(row[0])
        for line, value in zip(
            (lines.open, lines.high, lines.low, lines.close, lines.volume), row[1:6], strict=True
        ):
            line[0] = value
        if not self.p.volume_known and not lines.volume[0] > 0.0:
            lines.volume[0] = UNKNOWN_VOLUME
        lines.openinterest[0] = 0.0
