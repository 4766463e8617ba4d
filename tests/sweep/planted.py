"""Signals with a planted fault, and one without, for the audit."""

from __future__ import annotations

import numpy as np

from stoptrail.rules.candles import Candles, Signals

LENGTH = 24


def honest(candles: Candles) -> Signals:
    """Long above, short below the mean of the last LENGTH closes."""
    n = len(candles.close)
    zone = np.zeros(n, np.int8)
    if n > LENGTH:
        sums = np.convolve(candles.close, np.ones(LENGTH), "valid")
        zone[LENGTH:] = np.sign(candles.close[LENGTH:] - sums[1:] / LENGTH)
    return Signals(zone, np.zeros(n, np.int8), min(LENGTH, n))


def one_candle_ahead(candles: Candles) -> Signals:
    """Enters only where the next close confirms."""
    found = honest(candles)
    rises = np.append(np.diff(candles.close) > 0.0, True)
    return found._replace(zone=np.where((found.zone > 0) & ~rises, 0, found.zone).astype(np.int8))


def seldom_ahead(candles: Candles) -> Signals:
    """Leaves out a zone's first candle where the next candle falls by 3 %: a handful."""
    found = honest(candles)
    begins = (found.zone > 0) & (np.roll(found.zone, 1) != found.zone)
    falls = np.append(candles.close[1:] < 0.97 * candles.close[:-1], False)
    return found._replace(zone=np.where(begins & falls, 0, found.zone).astype(np.int8))


def unfinished_day(candles: Candles) -> Signals:
    """Takes the close of the whole day from its first candle on."""
    day = candles.time // 86_400_000
    last = np.append(np.flatnonzero(np.diff(day)), len(day) - 1)
    close = candles.close[last][np.searchsorted(day[last], day)]
    zone = np.sign(close - candles.open).astype(np.int8)
    return Signals(zone, np.zeros(len(zone), np.int8), 0)


def scaled_by_all(candles: Candles) -> Signals:
    """Compares with the mean of the whole array."""
    zone = np.sign(candles.close - candles.close.mean()).astype(np.int8)
    return Signals(zone, np.zeros(len(zone), np.int8), 0)


def warm_too_soon(candles: Candles) -> Signals:
    """An average that forgets within some hundred candles, said to be warm after 20."""
    n = len(candles.close)
    average, zone = candles.close[0], np.zeros(n, np.int8)
    for t, close in enumerate(candles.close.tolist()):
        average += 0.01 * (close - average)
        zone[t] = np.sign(close - average) if t >= 20 else 0
    return Signals(zone, np.zeros(n, np.int8), min(20, n))


def no_exits(candles: Candles) -> Signals:
    """A zone at every 50th candle, in turn long and short, and never an exit zone."""
    zone = np.zeros(len(candles.time), np.int8)
    zone[::50] = np.where(np.arange(len(zone[::50])) % 2, -1, 1)
    return Signals(zone, np.zeros(len(zone), np.int8), 0)


def ahead_and_picky(candles: Candles) -> Signals:
    """Knows the next candle, and fails on fewer than 2,000."""
    if len(candles.time) < 2000:
        raise ValueError("2,000 candles are needed")
    return one_candle_ahead(candles)


def with_a_step(candles: Candles) -> Signals:
    """One whose step fails at candle 100."""
    return honest(candles)


class _Step:
    def __init__(self, _interval: int) -> None:
        self.closes: list[float] = []

    def step(self, *candle: float) -> tuple[int, int]:
        """As `honest`, up to the hundredth."""
        if len(self.closes) == 100:
            raise RuntimeError("the hundredth")
        self.closes.append(candle[4])
        past = self.closes[-LENGTH:]
        known = len(self.closes) > LENGTH
        return (int(np.sign(candle[4] - sum(past) / LENGTH)) if known else 0), 0


with_a_step.stepper = _Step  # type: ignore[attr-defined]


def by_heart(candles: Candles) -> Signals:
    """`honest`, but for the years up to 2030."""
    found = honest(candles)
    return found._replace(zone=np.where(candles.time < 1_893_456_000_000, found.zone, 0))
