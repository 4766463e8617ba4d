"""Volumes that count something else from some candle on: contracts, or the quote currency."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from stoptrail.feeds.checks.neighbours import Told
from stoptrail.feeds.tables.columns import Columns
from stoptrail.rules.candles import Floats


def other_volumes(columns: Columns) -> Iterator[Told]:
    """Volumes, oldest first, that become larger (or smaller) by about the price, by hundreds of
    times, or by less where they become whole numbers, or cease to be such: the first place."""
    blocks = len(columns.time) // _BLOCK
    if blocks < 2 * _AROUND:
        return
    volume = columns.volume[: blocks * _BLOCK].reshape(blocks, _BLOCK)
    level = _log_medians(np.where(volume > 0, volume, np.nan))
    traded = np.sum(volume > 0, axis=1)
    decimals = np.sum(volume % 1 != 0, axis=1)
    counts = (traded > _BLOCK / 2) & (decimals == 0)
    measures = decimals > _BLOCK / 2
    for k in (np.flatnonzero(np.abs(np.diff(level)) > np.log(_TIMES) / 2) + 1).tolist():
        counted = (counts[k] and measures[k - 1]) or (measures[k] and counts[k - 1])
        for lasting, rare in ((_LASTING, 1.0), (_A_DAY, _RARER)):
            before, after = level[max(0, k - lasting) : k], level[k : k + lasting]
            moved = float(np.nanmedian(after) - np.nanmedian(before))
            price = abs(abs(moved) - np.log(columns.close[k * _BLOCK])) < np.log(_LIKE_PRICE)
            least = _COUNTED_TIMES if counted else rare * (_TIMES if price else _SURE_TIMES)
            if abs(moved) > np.log(least):
                text = (
                    f"about there volumes become {np.exp(abs(moved)):,.0f} times as "
                    f"{'large' if moved > 0 else 'small'}: they count something else"
                )
                yield Told("volume", k * _BLOCK, len(columns.time) - k * _BLOCK, text)
                return


_BLOCK, _AROUND = 32, 2
_LASTING, _A_DAY, _RARER = 16, 3, 10.0
"""Blocks on either side that are compared: five days, and one, of candles of 15 minutes, over
which volumes may change more."""
_TIMES, _SURE_TIMES, _COUNTED_TIMES = 100.0, 500.0, 20.0
_LIKE_PRICE = 3.0


def _log_medians(volume: Floats) -> Floats:
    """Of each row, NaN left aside; NaN for a row without any other."""
    known = np.isfinite(volume)
    middle = np.maximum(known.sum(axis=1) - 1, 0) // 2
    ordered = np.sort(np.where(known, volume, np.inf), axis=1)[np.arange(len(volume)), middle]
    return np.asarray(np.log(np.where(known.any(axis=1), ordered, np.nan)))
