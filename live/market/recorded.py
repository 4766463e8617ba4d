"""A live feed that plays events from memory: for replays, and without an exchange."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from stoptrail.adapter.backtrader import bt
from stoptrail.core.time import MINUTE_MS, date_number
from stoptrail.live.market.events import CandleClosed, Event, Tick
from stoptrail.rules.candles import UNKNOWN_VOLUME


class RecordedFeed(bt.DataBase):  # type: ignore[misc]
    """Plays `events` in order: candles as data, ticks to `on_tick`, the rest to `on_event`.

    `interval` is a candle's length in milliseconds, `live_from` the open time of the
    first candle that counts as live. Without `volume_known` no candle is silent (C2).
    """

    params = (
        ("events", ()),
        ("interval", 900_000),
        ("live_from", 0),
        ("on_tick", None),
        ("on_event", None),
        ("volume_known", True),
        ("timeframe", bt.TimeFrame.Minutes),
    )

    behind = False
    """Nothing that was recorded is late."""

    def __init__(self) -> None:
        super().__init__()
        self.interval: int = self.p.interval
        self.p.compression = self._compression = self.interval // MINUTE_MS
        self.live_from: int = self.p.live_from
        self._events: Iterator[Event] = iter(())

    def islive(self) -> bool:
        """True: Cerebro steps through it candle by candle."""
        return True

    def haslivedata(self) -> bool:
        """True: nothing has to be waited for."""
        return True

    def start(self) -> None:
        """Begin at the first event."""
        super().start()
        events: Iterable[Event] = self.p.events
        self._events = iter(events)

    def _load(self) -> bool:
        for event in self._events:
            if isinstance(event, CandleClosed):
                self._fill(event)
                return True
            receiver: Any = self.p.on_tick if isinstance(event, Tick) else self.p.on_event
            if receiver is not None:
                receiver(event)
        return False

    def _fill(self, candle: CandleClosed) -> None:
        lines = self.lines
        lines.datetime[0] = date_number(candle.time)
        lines.open[0], lines.high[0] = candle.open, candle.high
        lines.low[0], lines.close[0] = candle.low, candle.close
        known = self.p.volume_known or candle.volume > 0.0
        lines.volume[0] = candle.volume if known else UNKNOWN_VOLUME
        lines.openinterest[0] = 0.0
