"""Backtrader indicators over the rules: vectorised in `once`, one step in `next`.

None of them raises the minimum period: the strategy's `next` sees every candle and
decides by NaN (0 for zones) what is still warming up.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from array import array
from collections import deque
from typing import Any, ClassVar

import numpy as np

from stoptrail.adapter.backtrader import bt
from stoptrail.adapter.feed_candles import (
    as_candles,
    candles_of,
    current,
    following,
    interval_of,
    is_daily,
    is_stock,
    lent,
    require_followed,
    require_usable,
    write,
)
from stoptrail.core.time import HOUR_MS
from stoptrail.rules.atr import ATR_START, atr_step, stop_atr
from stoptrail.rules.candles import Candles
from stoptrail.rules.jit import compiled
from stoptrail.rules.sizing import Sizing
from stoptrail.rules.volatility import needs_volatility, squared_return, volatility_of, yearly
from stoptrail.rules.window import reaches
from stoptrail.strategies.quick_candles import forward
from stoptrail.strategies.signals.checked import checked_signals, require_zone
from stoptrail.strategies.signals.mtf_cycle import mtf_cycle
from stoptrail.strategies.signals.timeframe_lines import HigherStep

FOUR_HOURS = 4 * HOUR_MS


class CandleIndicator(bt.Indicator):  # type: ignore[misc]
    """Base: subclasses give `over` (vectorised) and `stepper` (one candle at a time).

    past: candles before the feed's first (Candles, or rows of time, open, high, low, close
    and volume), which the indicator takes in at once: a run need not play them again.
    """

    params: ClassVar[Any] = (("past", ()),)
    _stepper: Any = None
    _stepped = 0
    _last: tuple[float, ...] = ()

    def __init__(self, *_datas: Any, **_params: Any) -> None:  # Backtrader took them
        self._past = as_candles(self.p.past, interval_of(self.data))
        self._daily = is_daily(self.data)

    @abstractmethod
    def over(self, candles: Any) -> tuple[Any, ...]:
        """The value arrays of all lines, shape (n,) each."""

    @abstractmethod
    def stepper(self, interval: int) -> Any:
        """An object whose `step(time, open, high, low, close, volume)` gives the values
        of all lines."""

    def forward(self, value: float = math.nan, size: int = 1) -> None:
        """Make room in all lines; once for a vectorised run, where columns may be lent to them."""
        for line in self.lines:
            if self._is_lent(line):
                line.array = range(size)  # no more than a length, until `once` lends a column
                line.idx += size
                line.lencount += size
            else:
                forward(line, value, size)

    def _is_lent(self, line: Any) -> bool:
        return getattr(self.data, "only_read", False) and not line.extension

    def oncestart(self, start: int, end: int) -> None:
        """Nothing: `once` fills the whole buffer."""

    def once(self, start: int, end: int) -> None:
        """All candles up to `end` at once."""
        del start
        known = len(self._past.time)
        values = self.over(following(self._past, candles_of(self.data, end)))
        for line, column in zip(self.lines, values, strict=True):
            if self._is_lent(line):
                line.array = lent(column[known:])
            else:
                write(line, column[known:], end)

    def next(self) -> None:
        """One more candle; called again on the same candle, the same values again."""
        if len(self) != self._stepped:
            if self._stepper is None:
                self._stepper = self._begun()
            self._last = self._stepper.step(*current(self.data, self._daily))
            self._stepped = len(self)
        for line, value in zip(self.lines, self._last, strict=True):
            line[0] = float(value)

    def _begun(self) -> Any:
        stepper = self.stepper(interval_of(self.data))
        for row in zip(*(column.tolist() for column in self._past[:6]), strict=True):
            stepper.step(*row)
        return stepper


_MANY = 100
"""As many rows of a feed that gives them one by one, and one at least follows another at once."""
_CODES = "qddddd"
"""Types of the columns of candles."""


class _Recomputed:
    """Steps of a signal without a stepper: the whole signal over the candles so far, which it
    keeps itself, as a feed may keep the last few only."""

    def __init__(self, indicator: EntrySignal, interval: int) -> None:
        self._over = indicator.over
        self._interval = interval
        self._columns: list[Any] = [array(code) for code in _CODES]

    def step(self, *candle: float) -> tuple[float, float]:
        for column, value in zip(self._columns, candle, strict=True):
            column.append(value)
        columns = [np.array(column) for column in self._columns]
        zone, exit_zone = self._over(Candles._make([*columns, self._interval]))
        return float(zone[-1]), float(exit_zone[-1])

    def begin(self, past: Candles) -> None:
        """Take candles in at once."""
        self._columns = [array(code, column) for code, column in zip(_CODES, past[:6], strict=True)]


class EntrySignal(CandleIndicator):
    """Zones of an entry signal (strategies/signals): 1, -1 or 0 on both lines.

    signal: the signal function; parameters: its keyword parameters (None: defaults).
    """

    lines = ("zone", "exit_zone")
    params = (("signal", mtf_cycle), ("parameters", None))
    plotinfo: ClassVar[Any] = {"plotname": "Entry signal", "plotyhlines": [-1, 0, 1]}
    _before: tuple[int, float, float, float, float, float] | None = None
    _steps: list[int] | None
    """Between rows so far, ms, until one is that of the feed's candles."""
    past_zone = 0.0
    """The zone at the last candle before the feed's first."""
    _passed: tuple[float, ...] = ()
    """What `next` gave for the candle before."""

    @property
    def reading(self) -> dict[str, float]:
        """What the signal's stepper has to show beside the zones, by name."""
        return dict(getattr(self._stepper, "reading", {}))

    def __init__(self, *_datas: Any, **_params: Any) -> None:
        super().__init__()
        self._steps = []

    def once(self, start: int, end: int) -> None:
        """All zones at once."""
        super().once(start, end)
        self.past_zone = self._zone_of(self._past)

    def over(self, candles: Any) -> tuple[Any, ...]:
        """Zone and exit zone."""
        found = checked_signals(self.p.signal, candles, self.p.parameters or {})
        return found.zone, found.exit_zone

    def next(self) -> None:
        """One more candle of a signal that says -1, 0 or 1, on a feed that can be used."""
        new = len(self) != self._stepped
        if new and is_stock(self.data):
            self._require_usable()
        if new:
            self._passed = self._last
        super().next()
        if new:
            time = current(self.data, self._daily)[0]
            for field, value in zip(("zone", "exit_zone"), self._last, strict=True):
                require_zone(self.p.signal, field, value, time)

    def zone_before(self) -> float:
        """The zone at the candle before the one at hand."""
        if len(self) == 1:
            return self.past_zone
        return float(self._passed[0] if self._stepped else self.zone[-1])

    def _require_usable(self) -> None:
        """This candle and the one before: nobody could look at them before they came."""
        row = current(self.data, self._daily)
        rows = [row] if self._before is None else [self._before, row]
        interval = interval_of(self.data)
        require_usable(as_candles(rows, interval))
        if self._steps is not None and self._before is not None:
            self._steps.append(row[0] - self._before[0])
            if len(self._steps) >= _MANY:
                require_followed(np.array(self._steps), interval)
            if len(self._steps) >= _MANY or self._steps[-1] == interval:
                self._steps = None
        self._before = row

    def _zone_of(self, past: Candles) -> float:
        """The zone at the last of the candles before the feed's first."""
        return float(self.over(past)[0][-1]) if len(past.time) else 0.0

    def _begun(self) -> Any:
        self.past_zone = self._zone_of(self._past)
        if hasattr(self.p.signal, "stepper"):
            return super()._begun()
        stepper = _Recomputed(self, interval_of(self.data))
        stepper.begin(self._past)
        return stepper

    def stepper(self, interval: int) -> Any:
        """The signal's own stepper where it has one."""
        return self.p.signal.stepper(interval, **(self.p.parameters or {}))


class _AtrStep:
    """`stop_atr` one candle at a time."""

    def __init__(self, base: int, interval: int, period: int) -> None:
        self._bars = HigherStep(base, interval)
        self._period = period
        self._state = ATR_START

    def step(
        self, time: int, open_: float, high: float, low: float, close: float, volume: float
    ) -> tuple[float]:
        del volume
        for bar in self._bars.step(time, open_, high, low, close):
            self._state = atr_step(self._state, bar.high, bar.low, bar.close, self._period)
        return (self._state.value,)


class StopAtr(CandleIndicator):
    """Wilder's ATR on `timeframe` (milliseconds) over `period` of its candles, as
    visible at each base candle; NaN while warming up."""

    lines = ("atr",)
    params = (("timeframe", FOUR_HOURS), ("period", 14))

    def over(self, candles: Any) -> tuple[Any, ...]:
        """The ATR."""
        return (stop_atr(candles, int(self.p.timeframe), int(self.p.period)),)

    def stepper(self, interval: int) -> Any:
        """One ATR step at each candle of the timeframe."""
        return _AtrStep(interval, int(self.p.timeframe), int(self.p.period))


class _VolatilityStep:
    """`known_volatility` one candle at a time."""

    def __init__(self, window: int, interval: int) -> None:
        self._window, self._interval = window, interval
        self._sums = deque([0.0], window + 1)
        self._close = math.nan

    def step(self, *candle: float) -> tuple[float]:
        close = candle[4]
        if self._close == self._close:
            self._sums.append(self._sums[-1] + squared_return(self._close, close))
        self._close = close
        if len(self._sums) <= self._window:
            return (math.nan,)
        return (yearly(self._sums[-1] - self._sums[0], self._window, self._interval),)


class RealisedVolatility(CandleIndicator):
    """Volatility a year of the closes over `window` candles (rules/volatility.py); NaN while
    warming up."""

    lines = ("volatility",)
    params = (("window", 2880),)

    def over(self, candles: Any) -> tuple[Any, ...]:
        """The volatility."""
        return (volatility_of(candles, int(self.p.window)),)

    def stepper(self, interval: int) -> Any:
        """One return at each candle."""
        return _VolatilityStep(int(self.p.window), interval)


def volatility_line(data: Any, sizing: Sizing, past: Candles) -> Any:
    """A line of the market's volatility where sizes may follow from it, else None."""
    if not needs_volatility(sizing):
        return None
    return RealisedVolatility(data, window=sizing.window, past=past).volatility


class _ReachStep:
    """`reaches` one candle at a time."""

    def __init__(self, period: int) -> None:
        self._highs: deque[float] = deque(maxlen=period)
        self._lows: deque[float] = deque(maxlen=period)

    def step(
        self, time: int, open_: float, high: float, low: float, close: float, volume: float
    ) -> tuple[float, float]:
        del time, open_, close, volume
        self._highs.append(high)
        self._lows.append(low)
        return max(self._highs), min(self._lows)


class RecentExtremes(CandleIndicator):
    """The highest and the lowest price of the last `period` base candles, which a chandelier
    hangs from (C18)."""

    lines = ("highest", "lowest")
    params = (("period", 22),)

    def over(self, candles: Any) -> tuple[Any, ...]:
        """Highest and lowest."""
        return compiled(reaches)(candles, int(self.p.period))

    def stepper(self, interval: int) -> Any:
        """The last candles, kept."""
        del interval
        return _ReachStep(int(self.p.period))


def recent_extremes(data: Any, count: int, past: Candles) -> RecentExtremes | None:
    """What a chandelier of `count` candles hangs from; None where the stop is no chandelier."""
    return RecentExtremes(data, period=count, past=past) if count else None
