"""What volumes and prices count, by their size: coins, contracts or another currency, and steps
that no exchange quotes in."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from stoptrail.core.time import DAY_MS
from stoptrail.feeds.checks.neighbours import Told
from stoptrail.feeds.tables.columns import PRICES, Columns
from stoptrail.rules.candles import Floats

_QUOTES = re.compile("/(USD[TC]?|FDUSD|TUSD|BUSD|DAI|EUR|GBP)(:|$)")
"""Quote currencies of about a dollar."""
_MOST_A_DAY = 1e11
_MOST_DOLLARS = 1e6
"""For a coin: more is counted in fractions of a dollar."""
_DEAR = 1000.0
"""Dollars that a coin costs whose exchange trades less than a whole one."""
_VOLUMES = 30
"""Different volumes that are not whole by chance."""
_COARSE, _COARSE_TENS = 1e-3, 1.1e-4
"""Steps of prices, of the price: of any market, and tens of dollars."""
_BLOCK, _SEVERAL, _FEW = 256, 6, 3
"""Candles that are looked at together, and different closes in them, and prices in a whole file,
that are not round by chance."""


def scales(columns: Columns, step: int, symbol: str) -> Iterator[Told]:
    """What is odd about the sizes of candles of `step` milliseconds, oldest first; `symbol` is the
    market that volumes are said to count the coins of, if any."""
    count = len(columns.time)
    if not count:
        return
    if text := no_coins(columns, step, symbol):
        yield Told("volume", 0, count, text)
    elif worth := whole_volumes(columns, symbol):
        text = (
            f"volumes are whole numbers, and one would be worth {worth:.6g}: they seem to count "
            "contracts or to be rounded, and no lot is inferred from them"
        )
        yield Told("volume", 0, count, text)
    elif symbol and (amount := same_volume(columns)):
        text = (
            f"the volume is {amount:.6g} in every candle: it was not measured, and no lot is "
            "inferred from it"
        )
        yield Told("volume", 0, count, text)
    elif symbol and (widest := even_volumes(columns)):
        text = (
            f"99 in 100 volumes are below {widest:.2f} times the median, closer together than any "
            "market's: logarithms or ranks, perhaps, and no lot is inferred from them; give those "
            'that were traded, or set data.volume = "unknown"'
        )
        yield Told("volume", 0, count, text)
    if told := _of_another_pair(columns, symbol):
        yield Told("other prices", 0, count, told)
    dear = bool(_QUOTES.search(symbol)) and np.min(columns.close) > _MOST_DOLLARS
    if dear and not np.any(columns.close % 1):
        text = (
            f"prices are whole numbers near {np.median(columns.close):.10g}: if they count "
            "fractions of the quote currency, divide them first"
        )
        yield Told("whole prices", 0, count, text)
    yield from _steps(columns, bool(_QUOTES.search(symbol)))


def _of_another_pair(columns: Columns, symbol: str) -> str:
    """What to say of prices that bitcoin had in no such quote currency at that time; ""."""
    price, since = float(np.median(columns.close)), int(columns.time[0])
    least = max((low for begin, low in _LEAST_BITCOIN if begin <= since), default=0.0)
    most = next((high for end, high in _MOST_BITCOIN if columns.time[-1] < end), np.inf)
    if since >= _UNKNOWN_SINCE:
        least = _LEAST_BITCOIN[1][1]
    bitcoin = re.match("(BTC|XBT)/", symbol) and _QUOTES.search(symbol)
    if not bitcoin or not (price <= least or price > most):
        return ""
    base, _, quote = symbol.partition(":")[0].partition("/")
    where = f"prices are near {price:.4g}, where no {base} was in {quote} then: if they are"
    if price > most:
        return (
            f"{where} another market's, set data.symbol to it; if their times are of other years "
            "(spreadsheets count days from 1900 or from 1904), mend the times"
        )
    return (
        f"{where} another market's, set data.symbol to it; {quote}/{base} (1 / price), an index, "
        f"returns and logarithms are no prices of {base}"
    )


_MOST_BITCOIN = ((1_483_228_800_000, 2000.0), (1_604_188_800_000, 25_000.0))
"""Until 2017 and November 2020, in milliseconds: more than the highest price in dollars by then."""
_LEAST_BITCOIN = (
    (1_388_534_400_000, 50.0),
    (1_496_275_200_000, 700.0),
    (1_556_668_800_000, 1500.0),
    (1_604_188_800_000, 6000.0),
)
"""Since 2014, June 2017, May 2019 and November 2020, in milliseconds: less than half of the lowest
price in dollars since then."""
_UNKNOWN_SINCE = 1_782_864_000_000
"""July 2026: what it will be then nobody knows here."""


def no_coins(columns: Columns, step: int, symbol: str) -> str:
    """What to say of volumes that are too large to count coins; "" of others."""
    worth = volume_in_quote(columns, step, symbol)
    if not worth:
        return ""
    return (
        f"volume times price is {worth:.2g} a day, more than any market trades: the volume seems "
        "to count the quote currency or contracts, and no lot is inferred from it"
    )


def off_tick(columns: Columns, tick: float | None) -> str:
    """What to say where prices are no multiples of the tick that the exchange tells, or all of a
    hundred times that or more; "" of others."""
    if not tick or not len(columns.time):
        return ""
    prices = np.concatenate([columns.open, columns.high, columns.low, columns.close])
    off = ~_multiples(prices, tick)
    if np.mean(off) <= _SELDOM:
        return _too_fine(np.unique(prices), tick)
    return (
        f"{np.mean(off):.0%} of the latest prices, such as {prices[off][-1]:.10g}, are no "
        f"multiples of the tick that the exchange tells, {tick:.10g}: fills and stops are rounded "
        "to it; set market.tick to another one if it is wrong"
    )


_SELDOM = 0.01


def _too_fine(prices: Floats, tick: float) -> str:
    """What to say of different `prices` that are all multiples of a hundred ticks or more; "".
    Of ten: it may have become finer of late."""
    coarse = tick
    while coarse < prices[0]:
        counts = prices / (10.0 * coarse)
        if np.any(np.abs(counts - np.round(counts)) > _ROUNDED * counts):
            break
        coarse *= 10.0
    if coarse < 99.0 * tick or len(prices) < _DIFFERENT:
        return ""
    return (
        f"all of the latest prices are multiples of {coarse:.10g}, while the exchange tells a tick "
        f"of {tick:.10g}: fills and stops may lie between its prices; set market.tick to "
        f"{coarse:.10g} if that is it"
    )


_ROUNDED, _DIFFERENT = 1e-13, 100
"""By how much a price that is one of these is off for its digits in binary, as part of itself; and
prices of which no market has so many on every hundredth tick by chance."""


def counts_coins(columns: Columns, step: int, symbol: str) -> bool:
    """Whether volumes may count the coins of `symbol`."""
    told = volume_in_quote(columns, step, symbol) or whole_volumes(columns, symbol)
    return not (told or same_volume(columns) or even_volumes(columns))


def volume_in_quote(columns: Columns, step: int, symbol: str) -> float:
    """What candles of `step` milliseconds would trade in a day, in dollars or the like, where that
    is more than any market does: the volume counts the quote currency. 0 where it may be coins."""
    worths = (columns.volume * columns.close)[np.isfinite(columns.volume)]
    if not step or not _QUOTES.search(symbol) or not len(worths):
        return 0.0
    worth = float(np.median(worths)) * DAY_MS / step
    return worth if worth > _MOST_A_DAY else 0.0


def whole_volumes(columns: Columns, symbol: str) -> float:
    """The price in dollars of what a volume of 1 would be, where all are whole numbers and no
    exchange's lot is worth so much; 0 elsewhere."""
    if not _QUOTES.search(symbol) or not len(columns.close):
        return 0.0
    worth = float(np.median(columns.close))
    volume = columns.volume[np.isfinite(columns.volume)]
    if worth < _DEAR or np.any(volume % 1):
        return 0.0
    return worth if len(np.unique(volume)) > _VOLUMES else 0.0


def same_volume(columns: Columns) -> float:
    """The volume that all candles have, of which there are enough; 0 where they differ."""
    volume = columns.volume
    return float(volume[0]) if len(volume) > _VOLUMES and np.all(volume == volume[0]) else 0.0


def even_volumes(columns: Columns) -> float:
    """How many times the median the largest volumes are (the 99th percentile), where that is less
    than in any market; 0 elsewhere."""
    volume = columns.volume[columns.volume > 0][:_MANY]
    if len(volume) < _ENOUGH or not np.ptp(volume) > 0:
        return 0.0
    widest = float(np.quantile(volume, _LARGE) / np.median(volume))
    return widest if widest < _EVEN else 0.0


_MANY, _ENOUGH, _LARGE, _EVEN = 1 << 16, 100, 0.99, 1.6
"""Of 4,000 stretches of real markets the most even one has 1.94; of their logarithms nearly all
have less than 1.4."""


def _steps(columns: Columns, dollars: bool) -> Iterator[Told]:
    """Prices of few digits, as spreadsheets round them, all over or from some candle on."""
    whole = slice(0, len(columns.time))
    unit = _unit(columns, whole, _COARSE)
    unit = unit or (_unit(columns, whole, _COARSE_TENS, least=10.0) if dollars else 0.0)
    if unit and len(np.unique(np.concatenate([columns.high, columns.low]))) >= _FEW:
        yield Told("steps", 0, len(columns.time), _in_steps(columns, whole, unit))
        return
    for run in np.split(rounded := _blocks(columns), np.flatnonzero(np.diff(rounded) > 1) + 1):
        if not len(run) or not _finer_beside(columns, int(run[0]), int(run[-1]) + 1):
            continue
        first = int(run[0]) * _BLOCK
        rows = slice(first, first + _BLOCK)
        text = f"about there {_in_steps(columns, rows, _unit(columns, rows, _COARSE))}"
        yield Told("steps", first, len(run) * _BLOCK, text)
        return
    yield from _digits_lost(columns)


def _digits_lost(columns: Columns) -> Iterator[Told]:
    """A stretch whose prices have two digits fewer than those before and behind it: a tick that an
    exchange changes stays changed."""
    count = len(columns.time) // _BLOCK
    close = columns.close[: count * _BLOCK].reshape(count, _BLOCK)[:, :: _BLOCK // _SAMPLE]
    last = np.full(count, -99)
    for digit in range(_FINEST, _COARSEST):
        last[np.all(_multiples(close, 10.0**digit), axis=1)] = digit
    varied = np.sum(np.diff(np.sort(close), axis=1) > 0, axis=1) >= _SEVERAL
    known = np.flatnonzero((last > -99) & varied)
    last = last[known]
    for k in (np.flatnonzero(np.diff(last) >= 2) + 1).tolist():
        finer = np.flatnonzero(last[k:] <= last[k] - 2)
        run = last[k : k + int(finer[0])] if len(finer) else last[:0]
        if len(run) and np.all(run >= last[k]):
            row, candles = int(known[k]) * _BLOCK, len(run) * _BLOCK
            coarse, fine = (10.0 ** int(one) for one in (last[k], last[k - 1]))
            text = (
                f"about there {candles} candles have prices in steps of {coarse:g}, those before "
                f"and behind them of {fine:g}: rounded, or of another exchange, perhaps"
            )
            yield Told("steps", row, candles, text)
            return


_SAMPLE, _FINEST, _COARSEST = 32, -10, 5
"""Closes of a block that are looked at, and powers of ten."""


def _finer_beside(columns: Columns, first: int, end: int) -> bool:
    """Whether the prices just before the blocks [first, end), or just behind them, are of other
    digits. A market's own step becomes coarse as its price falls, and exchanges that refine it take
    a tenth."""
    for block, unit_of, finer in (
        (first - 2, first, 1.0),
        (first - 1, first, 1.0),
        (end, end - 1, _REFINED),
        (end + 1, end - 1, _REFINED),
    ):
        rows = slice(block * _BLOCK, (block + 1) * _BLOCK)
        if block < 0 or not len(close := columns.close[rows]):
            continue
        unit = _unit(columns, slice(unit_of * _BLOCK, (unit_of + 1) * _BLOCK), _COARSE)
        if np.mean(_multiples(close, unit * finer)) < _MOSTLY:
            return True
    return False


_REFINED, _MOSTLY = 0.01, 0.5


def _in_steps(columns: Columns, rows: slice, unit: float) -> str:
    share = unit / float(np.median(columns.close[rows]))
    return (
        f"prices come in steps of {unit:.10g}, {share:.2%} of the price: a coarse tick, or "
        "rounded as spreadsheets do; stops nearer than a step mean nothing on them"
    )


def _blocks(columns: Columns) -> NDArray[np.intp]:
    """Stretches of so many candles whose prices are rounded."""
    count = len(columns.time) // _BLOCK
    if not count:
        return np.empty(0, np.intp)
    close = columns.close[: count * _BLOCK].reshape(count, _BLOCK)
    units = 10.0 ** np.ceil(np.log10(np.median(close, axis=1) * _COARSE))
    maybe = np.flatnonzero(_multiples(close, units[:, None]).all(axis=1))
    found = [
        k
        for k in maybe.tolist()
        if len(np.unique(close[k])) >= _SEVERAL
        and _unit(columns, slice(k * _BLOCK, (k + 1) * _BLOCK), _COARSE)
    ]
    return np.array(found, np.intp)


def _unit(columns: Columns, rows: slice, share: float, least: float = 0.0) -> float:
    """The power of ten of which all prices of these rows are multiples, where it is `share` of the
    price and `least` at least; 0 elsewhere."""
    price = float(np.median(columns.close[rows]))
    if not price > 0 or not np.isfinite(price):
        return 0.0
    unit = max(10.0 ** np.ceil(np.log10(price * share)), least)
    found = 0.0
    while unit < price and all(np.all(_multiples(getattr(columns, n)[rows], unit)) for n in PRICES):
        found, unit = unit, unit * 10
    return found


def _multiples(prices: Floats, units: Floats | float) -> NDArray[np.bool_]:
    counts = prices / units
    return np.asarray(
        np.abs(counts - np.round(counts)) < _EXACT * np.maximum(counts, 1.0), np.bool_
    )


_EXACT = 1e-9
