"""What rows of funding tell of themselves: that some are left out, written again for each hour, of
other hours than any exchange's, or no fractions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from stoptrail.core.errors import DataError
from stoptrail.core.text import number_of
from stoptrail.core.time import HOUR_MS, iso, timeframe_name
from stoptrail.rules.funding import FundingRows

_YEAR = 365 * 24 * HOUR_MS
_MUCH, _LITTLE = 5.0, 0.002
"""Of the notional a year: what half of the rates seldom come to (one in 539 of Binance's markets),
and what those that are not zero always do."""
_GRID = 4 * HOUR_MS
"""Rows of four or eight hours come at multiples of it, from 00:00 UTC on, on every exchange."""
_EIGHT = 8 * HOUR_MS
_CHANGES = 30
"""Changes of a rate that fall on 00:00, 08:00 and 16:00 alone, which real ones do not by chance."""
_MOST = 0.9


def tell(path: Path, rows: FundingRows, on_notice: Callable[[str], None]) -> None:
    """Tell what is odd about rows in order of time. Raises DataError where the rate of eight hours
    is written for each of its hours."""
    steps = np.diff(rows.time)
    if not len(steps):
        return
    step = int(np.median(steps))
    _refuse_written_again(path, rows, step)
    paid = np.abs(rows.rate[rows.rate != 0])
    usual, least = (float(np.median(one)) if len(one) else 0.0 for one in (np.abs(rows.rate), paid))
    if usual * _YEAR / step > _MUCH or least * _YEAR / step < _LITTLE:
        share = max(usual, least) * _YEAR / step
        told = f"more than {share:.0%}" if share > _MUCH else f"no more than {share:.2%}"
        on_notice(
            f"half of the rates of {path} come to {told} a year: see whether they are fractions, "
            "and of what one row pays"
        )
    off = rows.time % _GRID
    if step in (_GRID, _EIGHT) and np.mean(off != 0) > _MOST:
        on_notice(
            f"rows come every {timeframe_name(step)}, the first at {iso(int(rows.time[0]))}: "
            "exchanges pay such rates at 00:00, 04:00, 08:00 and so on: the times may be of "
            "another zone; give them in UTC"
        )
    _tell_missing(rows, on_notice)
    _tell_percentages(rows, on_notice)


def _refuse_written_again(path: Path, rows: FundingRows, step: int) -> None:
    changes = rows.time[1:][np.diff(rows.rate) != 0]
    if step < _EIGHT and len(changes) >= _CHANGES and not np.any(changes % _EIGHT):
        name = timeframe_name(step)
        raise DataError(
            f"{path}: rows come every {name}, yet the rate changes at 00:00, 08:00 and 16:00 "
            f"alone: the rate of eight hours, written again for every {name}; give one row for "
            "each payment"
        )


def _tell_percentages(rows: FundingRows, on_notice: Callable[[str], None]) -> None:
    """Tell of a stretch whose rates are far from all others, as percentages among fractions are."""
    size = np.abs(rows.rate)
    blocks = len(size) // _BLOCK
    middle = np.median(size[: blocks * _BLOCK].reshape(blocks, _BLOCK), axis=1)
    usual = float(np.median(size))
    odd = np.flatnonzero((middle > _WEEK_LONG) & (middle > _TIMES * usual))
    if len(odd):
        first = int(odd[0])
        on_notice(
            f"about {iso(int(rows.time[first * _BLOCK]))} rates come to {middle[first]:.2%} each, "
            f"where {usual:.4%} is usual ({number_of(len(odd) * _BLOCK, 'row')}): percentages "
            "among fractions, perhaps"
        )


_BLOCK, _WEEK_LONG, _TIMES = 21, 0.005, 30.0
"""Rows of a week, of eight hours each, and what half of them come to in no quiet market."""


def _tell_missing(rows: FundingRows, on_notice: Callable[[str], None]) -> None:
    """Tell of rows that are left out among others that come evenly, too few to be a hole."""
    steps = np.diff(rows.time)
    between = steps[1:-1]
    wide = (steps[2:] == steps[:-2]) & (between > steps[:-2]) & (between % steps[:-2] == 0)
    wide &= between <= _EIGHT
    at = np.flatnonzero(wide) + 1
    if len(at):
        first = int(at[0])
        count = int(np.sum(steps[at] // steps[at - 1] - 1))
        on_notice(
            f"{number_of(count, 'row is', 'rows are')} missing among others that come every "
            f"{timeframe_name(int(steps[first - 1]))}, the first between "
            f"{iso(int(rows.time[first]))} and {iso(int(rows.time[first + 1]))}: nothing is paid "
            "then"
        )
