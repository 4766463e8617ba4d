"""Trend, structure and cycle as every base candle sees them: vectorised, and by steps.

Each pair is one formula of `rules` in two forms, equal candle by candle.

A grid of hundreds of signals is made of a few dozen trend, structure and cycle lines.
"""

from __future__ import annotations

from stoptrail.core.time import DAY_MS, HOUR_MS
from stoptrail.rules.candles import Candles, Floats, Sides, source_of
from stoptrail.rules.cycle import (
    CYCLE_START,
    SHORTEST_PERIOD,
    CycleCoefficients,
    CycleFilter,
    cycle,
    cycle_coefficients,
    cycle_step,
    open_sides,
    turns,
)
from stoptrail.rules.jit import compiled
from stoptrail.rules.structure import (
    STRUCTURE_KINDS,
    StructureKind,
    structure,
    structure_start,
    structure_step,
)
from stoptrail.rules.timeframes import (
    NO_BUCKET,
    NONE,
    Bucket,
    Held,
    HigherCandles,
    LineMemory,
    bucket_step,
    higher_candles,
    spread,
)
from stoptrail.rules.trend import (
    TREND_KINDS,
    TrendKind,
    trend,
    trend_start,
    trend_step,
)


class HigherStep:
    """Feeds base candles into buckets of `interval` milliseconds; one per run."""

    def __init__(self, base: int, interval: int) -> None:
        self._base = base
        self._interval = interval
        self._current = NO_BUCKET
        self._first = True

    def step(
        self, time: int, open_: float, high: float, low: float, close: float
    ) -> tuple[Bucket, ...]:
        """The buckets that become visible at the close of this candle, oldest first."""
        self._current, late, done = bucket_step(
            self._current,
            self._first,
            time,
            open_,
            high,
            low,
            close,
            self._base,
            self._interval,
        )
        self._first = False
        return tuple(bucket for bucket in (late, done) if bucket.start != NONE)


STRUCTURE_TIMEFRAME = 4 * HOUR_MS


_KEPT_LINES = 24
"""About 1.6 MB each over five years of 15m candles."""
_memory = LineMemory(_KEPT_LINES, 48e6)


def forget_lines() -> None:
    """Let go of the lines that are kept: over years of minutes they are large, and only a signal
    that shares them with the one before is the quicker for it."""
    _memory.forget()


def trend_line(candles: Candles, kind: TrendKind, period: int, strength: float) -> Floats:
    """Trend over `period` daily candles as each base candle sees it; NaN before."""
    held = held_trend(candles, kind, period, strength)
    line: Floats = compiled(spread)(*held, len(candles.time))
    return line


def held_trend(candles: Candles, kind: TrendKind, period: int, strength: float) -> Held:
    """`trend_line` as its values alone. They are kept, and not to be written into."""
    candles = source_of(candles)

    def make() -> Held:
        days = _bars(candles, DAY_MS)
        number = TREND_KINDS.index(kind)
        values = compiled(trend)(days.high, days.low, days.close, number, period, float(strength))
        return Held(values, days.visible)

    return _memory.line(candles, ("trend", kind, period, strength), make, is_locked=False)


def held_structure(candles: Candles, kind: StructureKind, period: int) -> Held:
    """Structure over `period` 4h candles. The values are kept, and not to be written into."""
    candles = source_of(candles)

    def make() -> Held:
        bars = _bars(candles, STRUCTURE_TIMEFRAME)
        number = STRUCTURE_KINDS.index(kind)
        values = compiled(structure)(bars.high, bars.low, bars.close, number, period)
        return Held(values, bars.visible)

    return _memory.line(candles, ("structure", kind, period), make, is_locked=False)


def _bars(candles: Candles, interval: int) -> HigherCandles:
    """The candles of `interval` milliseconds, which many lines are made of."""

    def make() -> HigherCandles:
        found: HigherCandles = compiled(higher_candles)(candles, interval)
        return found

    return _memory.line(candles, ("bars", interval), make, is_locked=False)


def cycle_line(candles: Candles, kind: CycleFilter, hours: float) -> Floats:
    """Cycle oscillator around a period of `hours`; NaN while settling. Kept, and read-only."""

    candles = source_of(candles)

    def make() -> Floats:
        coefficients = coefficients_of(kind, hours, candles.interval)
        line: Floats = compiled(cycle)(candles.close, coefficients)
        return line

    return _memory.line(candles, ("cycle", kind, hours), make)


def cycle_turns(candles: Candles, kind: CycleFilter, hours: float, threshold: float) -> Sides:
    """Where the cycle of `hours` turns beyond the threshold. They are kept, and not to be
    written into."""

    def make() -> Sides:
        found: Sides = compiled(turns)(cycle_line(candles, kind, hours), threshold)
        return found

    name = ("turns", kind, hours, threshold)
    return _memory.line(source_of(candles), name, make, is_locked=False)


def sides_held(
    candles: Candles,
    of_trend: tuple[TrendKind, int, float],
    of_structure: tuple[StructureKind, int],
) -> tuple[Sides, Sides]:
    """The sides that `held_trend` and `held_structure` of these arguments leave open: shorts,
    longs. They are kept, and not to be written into."""

    def make() -> tuple[Sides, Sides]:
        held = held_trend(candles, *of_trend), held_structure(candles, *of_structure)
        found: tuple[Sides, Sides] = compiled(open_sides)(*held, len(candles.time))
        return found

    name = ("sides", *of_trend, *of_structure)
    return _memory.line(source_of(candles), name, make, is_locked=False)


def coefficients_of(kind: CycleFilter, hours: float, interval: int) -> CycleCoefficients:
    """Coefficients for a cycle of `hours` on base candles of `interval` milliseconds;
    periods below what the filter can resolve are raised to SHORTEST_PERIOD candles."""
    return cycle_coefficients(kind, max(SHORTEST_PERIOD, round(hours * HOUR_MS / interval)))


class TrendStep:
    """`trend_line` one candle at a time."""

    def __init__(self, interval: int, kind: TrendKind, period: int, strength: float) -> None:
        self._strength = float(strength)
        self._kind, self._period = TREND_KINDS.index(kind), period
        self._days = HigherStep(interval, DAY_MS)
        self._state = trend_start(period)

    def step(self, time: int, open_: float, high: float, low: float, close: float) -> float:
        """Trend at the close of this candle; NaN while warming up."""
        for day in self._days.step(time, open_, high, low, close):
            self._state = trend_step(
                self._state, day.high, day.low, day.close, self._kind, self._period, self._strength
            )
        return self._state.value


class StructureStep:
    """Structure over `period` 4h candles, one base candle at a time."""

    def __init__(self, interval: int, kind: StructureKind, period: int) -> None:
        self._kind, self._period = STRUCTURE_KINDS.index(kind), period
        self._bars = HigherStep(interval, STRUCTURE_TIMEFRAME)
        self._state = structure_start(period)

    def step(self, time: int, open_: float, high: float, low: float, close: float) -> float:
        """Structure at the close of this candle; NaN while warming up."""
        for bar in self._bars.step(time, open_, high, low, close):
            self._state = structure_step(
                self._state, bar.high, bar.low, bar.close, self._kind, self._period
            )
        return self._state.value


class CycleStep:
    """`cycle_line` one candle at a time."""

    def __init__(self, interval: int, kind: CycleFilter, hours: float) -> None:
        self._coefficients = coefficients_of(kind, hours, interval)
        self._state = CYCLE_START

    def step(self, close: float) -> float:
        """Oscillator after this close; NaN while settling."""
        self._state = cycle_step(self._state, close, self._coefficients)
        return self._state.value
