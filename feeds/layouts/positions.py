"""Names for the columns of a file that has no header."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from stoptrail.core.errors import DataError
from stoptrail.feeds.layouts.orders import (
    MOST,
    amounts_of,
    counts_contracts,
    is_whole,
    likely_order,
    order_beside_clock,
    possible,
    prices_among,
    swapped,
    two_amounts,
    within,
)
from stoptrail.feeds.layouts.signatures import METATRADER_4
from stoptrail.feeds.layouts.strangers import another_market, is_trades, refuse_wide, two_sides
from stoptrail.feeds.layouts.unnamed_times import in_steps, time_columns
from stoptrail.feeds.layouts.words import rows_alike, with_flag, word_columns
from stoptrail.feeds.tables.columns import PRICES, VALUES
from stoptrail.feeds.tables.convert import CellError, LostDigitsError, epoch_milliseconds, one_line
from stoptrail.feeds.tables.sheets import Sheet, column_of
from stoptrail.feeds.tables.times import read_times
from stoptrail.rules.candles import Floats, Times

USUAL = ("time", *VALUES)
"""The order of nearly all files without a header."""
_KLINE = (
    *("open_time", *VALUES, "close_time", "quote_volume", "count"),
    *("taker_buy_volume", "taker_buy_quote_volume", "ignore"),
)
_OKX = ("time", *VALUES, "volCcy", "volCcyQuote", "confirm")
"""OKX's candles, whose last column marks finished ones."""
_OKX_INDEX = ("time", *PRICES, "confirm")
"""Those of its index and mark prices."""


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
    numbers = sheet.numbers()
    if two_sides(numbers):
        raise DataError("holds candles of bid and ask (quotes); give candles of trades")
    if sheet.day is not None:
        return Named(_padded(USUAL, sheet.width), "LEAN")
    if words := word_columns(sheet):
        return _beside_words(sheet, words)
    named = _by_numbers(sheet, numbers, _times(sheet))
    return named._replace(names=with_flag(sheet, named.names))


def _beside_words(sheet: Sheet, words: Sequence[int]) -> Named:
    """Names of a sheet some of whose columns hold words, such as a market, by the numbers of the
    rows that have those of the first."""
    one = rows_alike(sheet, words)
    left = [i for i in range(sheet.width) if i not in words]
    bare = one._replace(sample=tuple(one.sample[i] for i in left))
    try:
        named = _by_numbers(bare, bare.numbers(), _times(bare))
    except DataError:
        return _by_numbers(one, one.numbers(), _times(one))
    names = iter(named.names)
    return named._replace(
        names=tuple("-" if i in words else next(names) for i in range(sheet.width))
    )


def _by_numbers(sheet: Sheet, numbers: Sequence[Floats], time: Times | None) -> Named:
    """Names of columns by what stands in them."""
    refuse_wide(sheet.width)
    if sheet.width >= 11 and _is_kline(numbers):
        return Named(_padded(_KLINE, sheet.width), "Binance klines")
    if flagged := _of_okx(sheet, numbers):
        return flagged
    if another_market(numbers):
        raise DataError(
            "holds the prices of two markets, or in two currencies, side by side and without "
            f"names: name the columns of one, --set data.columns=...: {_ORDERED}"
        )
    if sheet.width >= 7 and _clock_follows(sheet):
        order = order_beside_clock(sheet, numbers)
        odd = possible(*numbers[2:6]) < MOST or within(numbers[3], numbers[4], numbers[6])
        odd |= order is not None and order[1][2:6] != PRICES
        if odd and (told := _elsewhere(sheet, numbers)):
            raise DataError(told)
        return Named(_padded(("date", *USUAL), sheet.width), METATRADER_4, _TAKEN)
    if sheet.width < len(USUAL) - 1 or time is None or not in_steps(time):
        uneven = time is not None and sheet.width >= len(USUAL) and _fits(time, numbers[1:])
        raise DataError(_elsewhere(sheet, numbers) or (_UNEVEN if uneven else _unknown(sheet)))
    behind = numbers[1:]
    if sheet.width == len(USUAL) - 1 and _fits(time, behind):
        return Named(USUAL[:-1], _NO_VOLUME.get(sheet.kind, ""), _TAKEN)
    _, high, low, *_, sixth = behind[: len(USUAL) - 1]
    if sheet.width >= len(USUAL) and _fits(time, behind) and not within(high, low, sixth):
        layout = {"JSON": "rows as freqtrade and exchanges write them"}.get(sheet.kind, "")
        layout = (
            sheet.layout
            or layout
            or ("Kraken OHLCVT or the like" if sheet.width == 7 else "rows of numbers")
        )
        if _HISTDATA.fullmatch(str(sheet.sample[0][0])):
            layout = HISTDATA
        return _with_amounts(Named(_padded(USUAL, sheet.width), layout, _TAKEN), sheet, numbers)
    raise DataError(other_order(sheet, USUAL, time, numbers))


_UNEVEN = (
    "the times come in no steps: bars of volume or trades, perhaps; give candles of one length"
)
_HISTDATA = re.compile(r"\d{8} \d{6}")
HISTDATA = "HistData or NinjaTrader"
COINGECKO = "rows without volume, as CoinGecko writes them"
_NO_VOLUME = {"JSON": COINGECKO}


def _with_amounts(named: Named, sheet: Sheet, numbers: Sequence[Floats]) -> Named:
    """The column in the base currency as the volume, where another one than the sixth is it."""
    more = [5, *(i for i in range(6, sheet.width) if _may_be_amount(numbers[i]))]
    amounts, (high, low) = [numbers[i] for i in more], numbers[2:4]
    base = amounts_of(amounts, high, low) if len(more) > 1 else None
    if base:
        names = [name if i != 5 else "-" for i, name in enumerate(named.names)]
        names[more[base]] = "volume"
        note = f"column {more[base] + 1} counts the base currency, and is taken as the volume"
        return named._replace(names=tuple(names), notes=(*named.notes, note))
    if base is None and any(
        counts_contracts(amounts[0], other, high, low) for other in amounts[1:]
    ):
        return named._replace(names=(*named.names[:5], "tickvol", *named.names[6:]))
    if base is None and is_whole(amounts[0]) and (told := two_amounts(more, amounts, high, low)):
        raise DataError(told)
    return named


def _of_okx(sheet: Sheet, numbers: Sequence[Floats]) -> Named | None:
    """The names of OKX's columns where the last one tells finished candles; None elsewhere. That
    of its indices, in the place of a volume, is 1 in all rows but perhaps at an end."""
    told = numbers[-1]
    if not np.all(np.isin(told, (0.0, 1.0))):
        return None
    if sheet.width == len(_OKX_INDEX) and len(told) > len(PRICES) and np.all(told[1:-1] == 1):
        return Named(_OKX_INDEX, "OKX")
    return Named(_OKX, "OKX", _TAKEN) if sheet.width == len(_OKX) else None


def _may_be_amount(column: Floats) -> bool:
    """Whether a column holds numbers that are no times."""
    return bool(np.isfinite(column).all() and np.max(column, initial=0) < _MOST_AMOUNT)


_MOST_AMOUNT = 1e12


def _elsewhere(sheet: Sheet, numbers: Sequence[Floats]) -> str:
    """What to say where another column than the first holds the times; "" where none does."""
    found = _fitting(sheet, numbers, first=1)
    if found is None:
        return _no_candles(sheet, numbers)
    i, order = found
    if order is None:
        others = [values for k, values in enumerate(numbers) if k != i]
        return _no_candles(sheet, others) or (
            f"column {i + 1} holds the times: name all {sheet.width} columns as they come with "
            "--set data.columns=..., - for what is not time, open, high, low, close or volume"
        )
    return (
        f"column {i + 1} holds the times: name all columns, --set data.columns={','.join(order)}, "
        "which the numbers fit"
    )


def named_by_numbers(sheet: Sheet, numbers: Sequence[Floats]) -> str:
    """How to name the columns of a file whose own names are not known; "" where the numbers do
    not tell, and where names say that the prices are of another kind (ha_open)."""
    if sum(bool(_OTHER_KIND.search(name)) for name in sheet.names) > 2:
        return ""
    found = _fitting(sheet, numbers, first=0)
    if found is None or found[1] is None:
        return ""
    names = one_line(", ".join(sheet.names), 120)
    return (
        f"the names of its columns are not known ({names}): name them as they come, --set "
        f"data.columns={','.join(found[1])}, which the numbers fit; times are then opens in UTC "
        "unless data.stamp and data.zone say otherwise"
    )


_OTHER_KIND = re.compile("open|high|low|close", re.IGNORECASE)


def _fitting(
    sheet: Sheet, numbers: Sequence[Floats], first: int
) -> tuple[int, tuple[str, ...] | None] | None:
    """The column from `first` on that holds the times, and the names that the numbers of all
    columns fit, if any; None where no column holds times."""
    if found_two := order_beside_clock(sheet, numbers):
        return found_two
    if (found := time_columns(sheet, numbers, first)) is None:
        return None
    i, time = found.column, found.time
    order = likely_order(time, [values for k, values in enumerate(numbers) if k != i])
    return i, None if order is None else with_flag(sheet, (*order[:i], "time", *order[i:]))


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
    values = np.concatenate(four)
    known = np.isfinite(values)
    if np.mean(known) >= MOST and np.mean(values[known] > 0) < MOST:
        told = "most prices are not above zero: returns or a premium, no candles of a market"
        return f"{told}; give data.path or --data the prices themselves"
    order: tuple[str, ...] | None
    if time is None:  # of a file with names
        order = (_fitting(sheet, sheet.numbers(), first=0) or (0, None))[1]
    elif (behind := likely_order(time, numbers[1:])) is None:
        order = None
        if told := _no_candles(sheet, numbers[1:]):
            return told
    else:
        order = with_flag(sheet, ("time", *behind))
    shown = f"{','.join(order)}, which the numbers fit" if order else f"...: {_ORDERED}"
    return (
        f"read as {', '.join(names[: sheet.width])}, {why}: the columns are in another order; "
        f"name them as they come, --set data.columns={shown}"
    )


_ORDERED = "time, open, high, low, close and volume, - for what is none of them"


def _no_candles(sheet: Sheet, numbers: Sequence[Floats]) -> str:
    """What to say of columns among which no four are prices of one candle; "" of others."""
    if is_trades(sheet.sample):
        return "holds trades, no candles (one column tells sides); give candles"
    if prices_among(numbers) < len(PRICES):
        first = ", ".join(str(column[0]) for column in sheet.sample[:8])
        return f"no four columns are prices of one candle ({first}): trades, perhaps; give candles"
    return ""


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
        if error.row < 2 or isinstance(error, LostDigitsError):  # a price of 41817.05 is no day
            return None
        return read_times(column_of(sheet.sample[0][: error.row]), "time").time


def _is_kline(numbers: Sequence[Floats]) -> bool:
    """Whether the seventh column closes the candle that the first one opens."""
    there = np.isfinite(numbers[0]) & np.isfinite(numbers[6])
    if not np.any(there):
        return False
    time, close = (epoch_milliseconds(numbers[i][there]) for i in (0, 6))
    if len(time) < 2:
        return bool(np.all(close > time))
    step = np.median(np.abs(np.diff(time)))
    return bool(np.mean(np.abs(close - time - step) < step / 10 + 1) >= MOST)


def _clock_follows(sheet: Sheet) -> bool:
    """Whether the second column is a time of day such as 00:15, of a day before it."""
    return all(re.match(r"\d{1,2}:", str(cell).strip()) for cell in sheet.sample[1][:5])


def _fits(time: Times, behind: Sequence[Floats]) -> bool:
    open_, high, low, close = behind[:4]
    with np.errstate(all="ignore"):
        reach = high / low
    reach = reach[np.isfinite(reach)]
    if not len(reach) or np.median(reach) > _WIDE:  # an id, a price and an amount stand apart
        return False
    order = np.argsort(time, kind="stable")
    return possible(*behind[:4]) >= MOST and not swapped(open_[order], close[order])


_WIDE = 3.0
"""Most times its low that a candle's high is, in the usual case."""


def _unknown(sheet: Sheet) -> str:
    try:
        read_times(column_of(sheet.sample[0]), "the first column")
    except CellError as error:  # of rows without a time the first column is the open
        priced = sheet.width >= len(PRICES) and possible(*sheet.numbers()[: len(PRICES)]) >= MOST
        if isinstance(error, LostDigitsError) and not priced:
            return error.rule
    first = ", ".join(str(column[0]) for column in sheet.sample[:8])
    return (
        f"has no header, and none of its {sheet.width} columns holds times ({first}); give open "
        "times as ISO 8601 or epoch seconds"
    )
