"""Names for the columns of a file that has no header."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stoptrail.core.errors import DataError
from stoptrail.feeds.columns import VALUES
from stoptrail.feeds.convert import CellError
from stoptrail.feeds.orders import MOST, likely_order, possible, swapped
from stoptrail.feeds.sheets import Sheet
from stoptrail.feeds.times import read_times
from stoptrail.rules.candles import Floats, Times

if TYPE_CHECKING:
    import pyarrow as pa

USUAL = ("time", *VALUES)
"""The order of nearly all files without a header."""
_KLINE = (
    *("open_time", *VALUES, "close_time", "quote_volume", "count"),
    *("taker_buy_volume", "taker_buy_quote_volume", "ignore"),
)
_OKX = ("time", *VALUES, "volCcy", "volCcyQuote", "confirm")
"""OKX's candles, whose last column marks finished ones."""


class Named(NamedTuple):
    """Names of a sheet's columns."""

    names: tuple[str, ...]
    layout: str
    """Whose layout it is, "" where the names will tell."""
    notes: tuple[str, ...] = ()


def names_of(sheet: Sheet, given: Sequence[str]) -> Named:
    """The user's names, the file's, or those that the numbers allow.

    Raises DataError that shows how to name the columns where the numbers contradict the
    usual order.
    """
    if given:
        return _as_given(sheet, given)
    if sheet.names:
        return Named(sheet.names, sheet.layout)
    if not sheet.sample or not sheet.sample[0]:
        return Named(USUAL[: sheet.width], sheet.layout)
    if sheet.day is not None:
        return Named(_padded(USUAL, sheet.width), "LEAN")
    return _by_numbers(sheet, sheet.numbers(), _times(sheet))


def _by_numbers(sheet: Sheet, numbers: Sequence[Floats], time: Times | None) -> Named:
    """Names of columns by what stands in them."""
    if sheet.width >= 11 and _is_kline(numbers):
        return Named(_padded(_KLINE, sheet.width), "Binance klines")
    if sheet.width == len(_OKX) and bool(np.all(np.isin(numbers[-1], (0.0, 1.0)))):
        return Named(_OKX, "OKX", _TAKEN)
    if sheet.width >= 7 and _clock_follows(sheet):
        return Named(_padded(("date", *USUAL), sheet.width), "MetaTrader 4 or the like", _TAKEN)
    if sheet.width < len(USUAL) - 1 or time is None:
        raise DataError(_unknown(sheet))
    behind = numbers[1:]
    if sheet.width == len(USUAL) - 1 and _fits(time, behind):
        return Named(USUAL[:-1], "", _TAKEN)
    if sheet.width > len(USUAL) - 1 and _fits(time, behind) and not _within(behind):
        layout = {"JSON": "rows as freqtrade and exchanges write them"}.get(sheet.kind, "")
        layout = layout or ("Kraken OHLCVT or the like" if sheet.width == 7 else "rows of numbers")
        return Named(_padded(USUAL, sheet.width), layout, _TAKEN)
    raise DataError(other_order(sheet, USUAL, time, numbers))


_TAKEN = (
    "no header: the columns are taken as time, open, high, low, close, volume, "
    "which the prices fit",
)


def other_order(
    sheet: Sheet, names: Sequence[str], time: Times | None, numbers: Sequence[Floats]
) -> str:
    """What to say where most rows contradict the names of the columns."""
    at = {name: i for i, name in enumerate(names)}
    four = [numbers[at[name]] for name in VALUES[:4]]
    bad = round((1 - possible(*four)) * len(four[0]))
    why = (
        f"{bad} of the first {len(four[0])} rows have a price above the high or below the low"
        if bad
        else "the candles do not open near where the one before closed, or the volume is a price"
    )
    order = likely_order(time, numbers[1:]) if time is not None else None
    fits = "such as " if order is None else ""
    shown = ",".join(("time", *(order or ("low", "high", "open", "close", "volume"))))
    which = "" if order is None else ", which the numbers fit"
    return (
        f"read as {', '.join(names[: sheet.width])}, {why}: the columns are in another order; "
        f"name them as they come, {fits}--set data.columns={shown}{which}"
    )


def _as_given(sheet: Sheet, given: Sequence[str]) -> Named:
    if len(given) > sheet.width:
        raise DataError(
            f"data.columns names {len(given)} columns, the file has {sheet.width}; "
            f"name at most {sheet.width}"
        )
    return Named(_padded(tuple(given), sheet.width), "columns as data.columns names them")


def _padded(names: tuple[str, ...], width: int) -> tuple[str, ...]:
    return (*names, *("-",) * (width - len(names)))[:width]


def _times(sheet: Sheet) -> Times | None:
    """The first column's times in the sample, None where it holds none."""
    try:
        return read_times(column_of(sheet.sample[0]), "time").time
    except CellError as error:
        if error.row < 2:
            return None
        return read_times(column_of(sheet.sample[0][: error.row]), "time").time


def column_of(cells: Sequence[object]) -> pa.ChunkedArray:
    """Cells of a sample as a column; a mixture of types as text."""
    import pyarrow as pa

    try:
        return pa.chunked_array([pa.array(list(cells))])
    except (pa.ArrowException, OverflowError):
        return pa.chunked_array([pa.array([str(cell) for cell in cells])])


def _is_kline(numbers: Sequence[Floats]) -> bool:
    """Whether the seventh column closes the candle that the first one opens."""
    time, close = numbers[0], numbers[6]
    if not np.any(np.isfinite(close)):
        return False
    if np.sum(np.isfinite(time)) < 2:
        return bool(np.all(close > time))
    step = np.nanmedian(np.abs(np.diff(time)))
    with np.errstate(all="ignore"):
        return bool(np.nanmean(np.abs(close - time - step) < step / 10 + 1) >= MOST)


def _clock_follows(sheet: Sheet) -> bool:
    """Whether the second column is a time of day such as 00:15."""
    return all(isinstance(cell, str) and ":" in cell for cell in sheet.sample[1][:5])


def _fits(time: Times, behind: Sequence[Floats]) -> bool:
    open_, close = behind[0], behind[3]
    if time[0] > time[-1]:
        open_, close = open_[::-1], close[::-1]
    return possible(*behind[:4]) >= MOST and not swapped(open_, close)


def _within(behind: Sequence[Floats]) -> bool:
    """Whether the column at the volume's place is a price of the candle (an average)."""
    _, high, low, _, volume = behind[:5]
    return bool(np.mean((volume >= low) & (volume <= high)) >= MOST)


def _unknown(sheet: Sheet) -> str:
    first = ", ".join(str(column[0]) for column in sheet.sample[:8])
    return (
        f"has no header, and its {sheet.width} columns do not begin with a time ({first}); name "
        "them as they come, such as --set data.columns=symbol,time,open,high,low,close,volume"
    )
