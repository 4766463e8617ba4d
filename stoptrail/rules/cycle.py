"""Cycle oscillator, a band of periods cut out of the closes, normalised to [-1, 1]; and the entry
zones that its turns make where trend and structure allow it.

Filters after Ehlers, Cycle Analytics for Traders (2013): the roofing filter (two-pole
high-pass, then super smoother) and the band-pass. Normalised by automatic gain control,
which divides by a slowly decaying peak: it looks back only.

Both filters are two second-order sections in a row, so that one step serves both. The
coefficients need trigonometry, which plain Python and compiled code may round
differently: `cycle_coefficients` runs in plain Python and hands floats to the loop.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np

from stoptrail.rules.candles import Floats, Sides
from stoptrail.rules.jit import rule
from stoptrail.rules.timeframes import Held, next_change, seen_at

CycleFilter = Literal["roofing", "bandpass"]

ROOF_SPAN = 2.0
"""The roofing filter passes periods from `period / ROOF_SPAN` to `period * ROOF_SPAN`."""
BAND_WIDTH = 0.6
"""Half-power bandwidth of the band-pass, as a fraction of its period."""
PEAK_PERIODS = 5.0
"""Periods in which the remembered peak decays by a factor e, about Ehlers' 0.991 a
candle at a period of 20."""
SETTLE_PERIODS = 15
"""Periods until filter and remembered peak have forgotten their start: by then an earlier peak
would have to have been twenty times as high as all since."""
SHORTEST_PERIOD = 8
"""Periods of fewer candles than this cannot be told from noise by these filters."""


class Section(NamedTuple):
    """out = b0 * x + b1 * x[-1] + b2 * x[-2] + a1 * out[-1] + a2 * out[-2]."""

    b0: float
    b1: float
    b2: float
    a1: float
    a2: float


class CycleCoefficients(NamedTuple):
    """Everything that `cycle_step` needs to know of a filter and its period."""

    first: Section
    second: Section
    decay: float
    """Factor by which the remembered peak shrinks at each candle."""
    settle: int
    """Candles until the first value."""


class CycleState(NamedTuple):
    """Running filter after `seen` closes; a name's number is its age in candles."""

    seen: int
    close1: float
    close2: float
    middle1: float
    middle2: float
    band1: float
    band2: float
    peak: float
    value: float
    """The oscillator in [-1, 1], NaN until the filter has settled."""


CYCLE_START = CycleState(0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, np.nan)
IDENTITY = Section(1.0, 0.0, 0.0, 0.0, 0.0)


def cycle_coefficients(kind: CycleFilter, period: int) -> CycleCoefficients:
    """Coefficients of the filter `kind` around `period` candles (SHORTEST_PERIOD or more).

    Raises ValueError for a shorter period. Never call this from compiled code.
    """
    if period < SHORTEST_PERIOD:
        raise ValueError(f"a cycle takes {SHORTEST_PERIOD} candles or more, not {period}")
    if kind == "roofing":
        first, second = _high_pass(period * ROOF_SPAN), _super_smoother(period / ROOF_SPAN)
    else:
        first, second = _band_pass(period), IDENTITY
    decay = math.exp(-1.0 / (PEAK_PERIODS * period))
    return CycleCoefficients(first, second, decay, SETTLE_PERIODS * period)


def _high_pass(period: float) -> Section:
    angle = math.sqrt(0.5) * 2.0 * math.pi / period
    alpha = (math.cos(angle) + math.sin(angle) - 1.0) / math.cos(angle)
    gain = (1.0 - alpha / 2.0) ** 2
    return Section(gain, -2.0 * gain, gain, 2.0 * (1.0 - alpha), -((1.0 - alpha) ** 2))


def _super_smoother(period: float) -> Section:
    radius = math.exp(-math.sqrt(2.0) * math.pi / period)
    a1 = 2.0 * radius * math.cos(math.sqrt(2.0) * math.pi / period)
    a2 = -radius * radius
    gain = (1.0 - a1 - a2) / 2.0
    return Section(gain, gain, 0.0, a1, a2)


def _band_pass(period: float) -> Section:
    secant = 1.0 / math.cos(2.0 * math.pi * BAND_WIDTH / period)
    sigma = secant - math.sqrt(secant * secant - 1.0)
    gain = 0.5 * (1.0 - sigma)
    return Section(gain, 0.0, -gain, math.cos(2.0 * math.pi / period) * (1.0 + sigma), -sigma)


@rule
def section_step(
    section: Section, x: float, x1: float, x2: float, out1: float, out2: float
) -> float:
    """Output of one second-order section for the input `x`."""
    forward = section.b0 * x + section.b1 * x1 + section.b2 * x2
    return forward + section.a1 * out1 + section.a2 * out2


@rule
def cycle_step(state: CycleState, close: float, coefficients: CycleCoefficients) -> CycleState:
    """One more close. The filter starts as if the first close had always been the price."""
    close1 = close if state.seen == 0 else state.close1
    close2 = close if state.seen == 0 else state.close2
    middle = section_step(coefficients.first, close, close1, close2, state.middle1, state.middle2)
    band = section_step(
        coefficients.second, middle, state.middle1, state.middle2, state.band1, state.band2
    )
    peak = max(state.peak * coefficients.decay, abs(band))
    seen = state.seen + 1
    value = np.nan
    if seen >= coefficients.settle:
        value = band / peak if peak > 0.0 else 0.0
    return CycleState(seen, close, close1, middle, state.middle1, band, state.band1, peak, value)


@rule
def cycle(close: Floats, coefficients: CycleCoefficients) -> Floats:
    """Oscillator after each close, shape (n,), in [-1, 1]; NaN while settling."""
    out = np.empty(len(close))
    state = CYCLE_START
    for i in range(len(close)):
        state = cycle_step(state, close[i], coefficients)
        out[i] = state.value
    return out


@rule
def turn(previous: float, value: float, threshold: float) -> int:
    """1 where the oscillator is below -threshold and rising (a trough turning up), -1
    where it is above threshold and falling, else 0, also while either value is NaN."""
    if value < -threshold and value > previous:
        return 1
    if value > threshold and value < previous:
        return -1
    return 0


@rule
def zone_of(turned: int, trend: float, structure: float) -> int:
    """`turned` where the trend has its side and the structure does not oppose it, else 0."""
    if turned * trend > 0.0 and turned * structure >= 0.0:
        return turned
    return 0


@rule
def turns(oscillator: Floats, threshold: float) -> Sides:
    """The turn at every candle; oscillator: shape (n,).

    With a threshold of 0 they are the exit zones, whatever trend and structure say: how deep a
    trough must be is a question of entering, any peak after it is one.
    """
    out = np.zeros(len(oscillator), np.int8)
    for i in range(1, len(oscillator)):
        out[i] = turn(oscillator[i - 1], oscillator[i], threshold)
    return out


@rule
def open_sides(trend: Held, structure: Held, n: int) -> tuple[Sides, Sides]:
    """For each of `n` base candles -1 where trend and structure let a short be entered, and 1
    where they let a long; else 0."""
    shorts, longs = np.zeros(n, np.int8), np.zeros(n, np.int8)
    begin, day, bar, days_end, bars_end = min(1, n), -1, -1, 0, 0
    while begin < n:
        if begin >= days_end:
            day = seen_at(trend, begin, day)
            days_end = next_change(trend, day, n)
        if begin >= bars_end:
            bar = seen_at(structure, begin, bar)
            bars_end = next_change(structure, bar, n)
        end = min(days_end, bars_end)
        if day >= 0 and bar >= 0:
            shorts[begin:end] = zone_of(-1, trend.values[day], structure.values[bar])
            longs[begin:end] = zone_of(1, trend.values[day], structure.values[bar])
        begin = end
    return shorts, longs


def entry_zones(turned: Sides, shorts: Sides, longs: Sides) -> Sides:
    """Each candle's turn where its side is open, else 0; all of shape (n,). (np.clip is slow.)"""
    zone: Sides = np.minimum(np.maximum(turned, shorts), longs)
    return zone


@rule
def first_known(oscillator: Floats, trend: Held, structure: Held) -> int:
    """The first candle that sees a trend, a structure and a previous oscillator; n where none."""
    day = bar = -1
    for i in range(1, len(oscillator)):
        day, bar = seen_at(trend, i, day), seen_at(structure, i, bar)
        if day >= 0 and bar >= 0:
            inputs = oscillator[i - 1] + trend.values[day] + structure.values[bar]
            if not np.isnan(inputs):
                return i
    return len(oscillator)
