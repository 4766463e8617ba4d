"""Prices of 32 bits that were written with the digits of 64."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stoptrail.feeds.tables.columns import PRICES, Columns
from stoptrail.feeds.tables.convert import shortest
from stoptrail.rules.candles import Floats

_MOST = 0.5
"""Prices in steps of a quarter or an eighth are numbers of 32 bits too, and short ones."""


def of_32_bits(columns: Columns, notes: list[str]) -> Columns:
    """The decimals that prices stand for where all of them are numbers of 32 bits, 44946.91 for
    44946.91015625, as float32 becomes when it is written as float64; volumes alike. Others as
    they are."""
    if not len(columns.time):
        return columns
    prices = _decimals([getattr(columns, name) for name in PRICES])
    if not prices:
        return columns
    notes.append(
        "the prices are numbers of 32 bits written with 64: read as the decimals they stand for"
    )
    volume = (_decimals([columns.volume]) or [columns.volume])[0]
    open_, high, low, close = prices
    return Columns(columns.time, open_, high, low, close, volume)


def _decimals(columns: Sequence[Floats]) -> list[Floats]:
    """Shorter decimals of columns all of whose numbers 32 bits hold; [] where they do not, or where
    most are as short already."""
    single = []
    for values in columns:
        with np.errstate(all="ignore"):
            single.append(values.astype(np.float32))
        if not np.array_equal(single[-1], values, equal_nan=True):
            return []
    found = [shortest(values) for values in single]
    other = [np.mean(one != values) for one, values in zip(found, columns, strict=True)]
    return found if np.mean(other) > _MOST else []
