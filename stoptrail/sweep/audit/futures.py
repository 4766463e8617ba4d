"""Where looking ahead would show, and other futures there, which may not change a decision."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stoptrail.core.time import DAY_MS, HOUR_MS
from stoptrail.rules.candles import Candles, Floats, Signals, Times, rows_of

_DELETED = 0.3


def futures(candles: Candles, t: int, random: np.random.Generator) -> dict[str, Candles]:
    """Markets that equal `candles` up to and with candle t and differ after it."""
    later = np.arange(len(candles.time)) > t
    found = {"cut off": rows_of(candles, slice(0, t + 1))}
    if not later.any():
        return found
    for name, low, high in (("raised", 1.001, 1.5), ("lowered", 0.5, 0.999)):
        found[name] = _scaled(candles, np.where(later, random.uniform(low, high, len(later)), 1.0))
    kept = ~later | (random.random(len(later)) >= _DELETED)
    kept[t + 1] = False
    found["deleted"] = rows_of(candles, kept)
    found["inserted"] = _inserted(candles, t, float(random.uniform(0.7, 1.4)))
    return found


def _scaled(candles: Candles, factor: Floats) -> Candles:
    return candles._replace(
        open=candles.open * factor,
        high=candles.high * factor,
        low=candles.low * factor,
        close=candles.close * factor,
        volume=candles.volume * factor,
    )


def _inserted(candles: Candles, t: int, factor: float) -> Candles:
    """One more candle straight after t; those in its way come a candle later."""
    new = candles.time[t] + candles.interval
    shift = candles.interval if candles.time[t + 1] == new else 0
    later = candles.time[t + 1 :] + shift
    price = candles.close[t] * factor
    prices = [np.insert(column, t + 1, price) for column in candles[1:5]]
    volume = np.insert(candles.volume, t + 1, 1.0)
    time = np.concatenate((candles.time[: t + 1], [new], later)).astype(np.int64)
    return Candles._make([time, *prices, volume, candles.interval])


def disturbed(candles: Candles, random: np.random.Generator) -> Candles:
    """A market of the same make with another course: blocks of its candles' shapes in
    another order, with some candles missing, some without volume, and some jumps."""
    n = len(candles.time)
    block = max(8, int(DAY_MS // candles.interval))
    first = random.integers(0, max(1, n - block), n // block + 1)
    source = (first[:, None] + np.arange(block)[None, :]).ravel()[:n]
    source = np.minimum(source, n - 1)
    close = candles.close[source]
    moves = np.log(close / candles.open[source])
    moves += np.where(random.random(n) < 0.002, random.normal(0.0, 0.03, n), 0.0)
    level = candles.close[0] * np.exp(np.cumsum(moves - moves.mean()))
    factor = level / close
    volume = np.where(random.random(n) < 0.01, 0.0, candles.volume[source])
    opened = candles.open[source] * factor
    made = Candles(
        candles.time,
        opened,
        np.maximum.reduce([candles.high[source] * factor, opened, level]),
        np.minimum.reduce([candles.low[source] * factor, opened, level]),
        level,
        volume,
        candles.interval,
    )
    return rows_of(made, _some_missing(candles, random))


def _some_missing(candles: Candles, random: np.random.Generator) -> NDArray[np.bool_]:
    """Single candles here and there, and often the last ones of a 4h candle or a day."""
    closes = candles.time + candles.interval
    chance = np.where(closes % 14_400_000 == 0, 0.1, 0.005)
    kept = random.random(len(closes)) >= chance
    kept[0] = True
    return kept


def moments(
    candles: Candles, signals: Signals, most: int, random: np.random.Generator
) -> dict[str, Times]:
    """Indices by kind, at most about `most` of each kind, none before the signal is warm.

    Every beginning and end of a zone with its neighbours comes first: a rule that looks
    ahead decides there. Then ends of days and 4h candles, gaps, candles without volume,
    the largest moves, and any.
    """
    n = len(candles.time)
    closes = candles.time + candles.interval
    gap = np.append(np.diff(candles.time) > candles.interval, False)
    move = np.abs(np.append(np.diff(candles.close), 0.0)) / candles.close
    zone = signals.zone
    changes = np.append(zone[1:] != zone[:-1], False)
    leaving = signals.exit_zone
    turns = np.append(leaving[1:] != leaving[:-1], False)
    largest = np.zeros(n, bool)
    largest[np.argsort(move)[-most:]] = True
    kinds = {
        "events": _around(changes),
        "exit events": _around(turns),
        "ends of days": _around(closes % DAY_MS == 0),
        "ends of 4h candles": _around(closes % (4 * HOUR_MS) == 0),
        "gaps": _around(gap),
        "no volume": _around(candles.volume == 0.0),
        "largest moves": largest,
        "any candle": np.ones(n, bool),
    }
    return {kind: _drawn(mask, signals.warm, most, random) for kind, mask in kinds.items()}


def _around(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The candles of `mask` with the one before and the one after each."""
    wide = mask.copy()
    wide[1:] |= mask[:-1]
    wide[:-1] |= mask[1:]
    return wide


def _drawn(mask: NDArray[np.bool_], first: int, most: int, random: np.random.Generator) -> Times:
    places = np.flatnonzero(mask[: len(mask) - 1]).astype(np.int64)
    places = places[places >= first]
    if len(places) > most:
        places = np.sort(random.choice(places, most, replace=False))
    return places
