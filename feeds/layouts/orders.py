"""What numbers say about columns that nobody has named.

A candle's high is the highest of its four prices and its low the lowest, one candle opens
near where the one before closed, and quote amount over base amount is a price of the candle.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, permutations

import numpy as np

from stoptrail.feeds.tables.columns import VALUES
from stoptrail.feeds.tables.sheets import Sheet, column_of, day_and_clock, day_beside_clock
from stoptrail.feeds.tables.times import read_times
from stoptrail.rules.candles import Floats, Times

MOST = 0.9
"""Share of rows that must agree: a few damaged ones do not hide an order."""
_WIDEST = 8
"""Columns behind the time that are tried in every order."""
_CONTRACT_ROWS = 10
"""Fewer rows may agree on the worth of a contract by chance."""
_NEAR = 1e-3
"""Relative rounding of an average price."""


def amounts_of(amounts: Sequence[Floats], high: Floats, low: Floats) -> int | None:
    """Index of the amount in the base currency, None where no two amounts tell.

    Each has the shape (n,), the most likely one first. Beside it stands the amount in the
    quote currency, or the number of contracts of a fixed worth in it.
    """
    places = range(len(amounts))
    for tells in (prices_between, _worth_of_contracts, _size_of_contracts):
        pairs = [(i, j) for i in places for j in places
                 if i != j and tells(amounts[i], amounts[j], high, low)]  # fmt: skip
        for i, j in pairs[:1]:
            wholes = [k for k, _ in pairs if k != i and _is_part(amounts[i], amounts[k])]
            if wholes:
                return wholes[0]
            return 0 if j and _is_part(amounts[i], amounts[0]) else i
    return None


def _is_part(part: Floats, whole: Floats) -> bool:
    """Whether an amount is a share of another one, a different one in each row: what takers bought
    of all that was traded."""
    there = np.isfinite(part) & np.isfinite(whole) & (whole > 0)
    share = part[there] / whole[there]
    if not len(share) or is_whole(whole[there]):
        return False
    return bool(np.all(share <= 1.0) and np.ptp(share) > _SHARES and np.median(share) > _SHARES)


_SHARES = 0.1
"""By which the shares of takers differ at least, and what they are at least in the usual case."""


def prices_between(base: Floats, quote: Floats, high: Floats, low: Floats) -> bool:
    """Whether quote amount over base amount is a price of the candle."""
    there = np.isfinite(base) & np.isfinite(quote) & (base > 0) & (quote > 0)
    if np.sum(there) < 2:
        return False
    price = quote[there] / base[there]
    inside = (price >= low[there] * (1 - _NEAR)) & (price <= high[there] * (1 + _NEAR))
    return bool(np.mean(inside) >= MOST)


def _worth_of_contracts(base: Floats, count: Floats, high: Floats, low: Floats) -> bool:
    """Whether one worth of a contract explains every row: worth * count / base is a price of
    each candle (contracts of coin-margined futures)."""
    there = np.isfinite(base) & np.isfinite(count) & (base > 0) & (count > 0)
    whole = np.all(count[there] == np.round(count[there]))
    if len(np.unique(count[there])) < _CONTRACT_ROWS or not whole:
        return False
    least, most = (side[there] * base[there] / count[there] for side in (low, high))
    return bool(np.max(least) * (1 - _NEAR) <= np.min(most) * (1 + _NEAR))


def _size_of_contracts(base: Floats, count: Floats, *_: Floats) -> bool:
    """Whether `count` is a whole number of contracts of one size in coins, another than 1."""
    there = np.isfinite(base) & np.isfinite(count) & (base > 0) & (count > 0)
    if len(np.unique(count[there])) < _CONTRACT_ROWS:
        return False
    if np.any(count[there] != np.round(count[there])):
        return False
    # Each count may be off by half a contract, as the other amount is rounded.
    size, slack = base[there] / count[there], 0.5 / count[there] + _NEAR
    least, most = np.max(size * (1 - slack)), np.min(size * (1 + slack))
    return bool(least <= most and not least <= 1.0 <= most)


def counts_contracts(count: Floats, quote: Floats, high: Floats, low: Floats) -> bool:
    """Whether one size of a contract, other than 1, explains every row: quote amount over
    count and size is a price of each candle."""
    there = np.isfinite(count) & np.isfinite(quote) & (count > 0) & (quote > 0)
    if len(np.unique(count[there])) < _CONTRACT_ROWS:
        return False
    least, most = (quote[there] / count[there] / side[there] for side in (high, low))
    return bool(np.max(least) * (1 - _NEAR) <= np.min(most) * (1 + _NEAR))


def possible(open_: Floats, high: Floats, low: Floats, close: Floats) -> float:
    """Share of the rows, of those that hold numbers, whose four prices can be a candle's."""
    there = np.isfinite(open_) & np.isfinite(high) & np.isfinite(low) & np.isfinite(close)
    if not np.any(there):
        return 0.0
    body_top, body_low = np.maximum(open_, close), np.minimum(open_, close)
    fits = (low > 0) & (low <= body_low) & (high >= body_top)
    return float(np.mean(fits[there]))


def swapped(open_: Floats, close: Floats) -> bool:
    """Whether candles, oldest first, open where their successor closed: the two columns
    stand in each other's place, or the rows in the opposite order."""
    if len(open_) < 4:
        return False
    as_it_is = np.nanmedian(np.abs(open_[1:] - close[:-1]))
    other_way = np.nanmedian(np.abs(close[1:] - open_[:-1]))
    return bool(other_way < as_it_is / 2)


def likely_order(time: Times, columns: Sequence[Floats]) -> tuple[str, ...] | None:
    """Names of the columns behind the time that the numbers fit, None where none or
    several do. `columns` have the shape (n,) each, in the file's order."""
    order = np.argsort(time, kind="stable")
    columns = [column[order] for column in columns]
    tried = list(columns[:_WIDEST])
    prices = [i for i, column in enumerate(tried) if _is_price(column, tried)]
    best: list[tuple[float, tuple[int, ...]]] = []
    for four in permutations(prices, 4):
        open_, high, low, close = (tried[i] for i in four)
        if possible(open_, high, low, close) < MOST or swapped(open_, close):
            continue
        best.append((float(np.nanmedian(np.abs(open_[1:] - close[:-1]))), four))
    if not best:
        return None
    best.sort()
    first, *_, last = best[0][1]
    if first in _befores(tried, prices):
        others = [each for each in best[1:] if each[1][3] == last and each[1][0] != first]
        best = [each for each in others if _opens(each, tried)] or best[:1]
    if len(best) > 1 and best[1][0] < 2 * best[0][0] + 1e-12:
        return None
    return _named(best[0][1], columns, prices)


def prices_among(columns: Sequence[Floats]) -> int:
    """How many columns have three others near them, as the prices of candles do."""
    return sum(_is_price(column, columns) for column in columns)


def _is_price(column: Floats, others: Sequence[Floats]) -> bool:
    """Whether at least three other columns are within a tenth of this one in most rows."""
    near = 0
    for other in others:
        close_by = np.abs(other / column - 1) < 0.1
        near += bool(np.mean(close_by) >= MOST)
    return near >= 4  # itself counts


def _befores(columns: Sequence[Floats], prices: Sequence[int]) -> list[int]:
    """Columns that hold another one's value of the row before: the open of a market without
    gaps, or a close of the candle before that has a column of its own."""
    return [
        i
        for i in prices
        if any(np.mean(columns[i][1:] == columns[k][:-1]) >= MOST for k in prices if k != i)
    ]


def _opens(order: tuple[float, tuple[int, ...]], columns: Sequence[Floats]) -> bool:
    """Whether the first of four columns is an open and no average: it is near the close before,
    or an end of the candle time and again."""
    distance, four = order
    open_, high, low, _ = (columns[i] for i in four)
    at_end = (high > low) & ((open_ == high) | (open_ == low))
    return bool(distance < np.nanmedian(high - low) / 10 or np.mean(at_end) > _AT_ENDS)


_AT_ENDS = 0.05


def _named(
    four: tuple[int, ...], columns: Sequence[Floats], prices: Sequence[int]
) -> tuple[str, ...]:
    out = ["-"] * len(columns)
    for name, at in zip(VALUES, four, strict=False):
        out[at] = name
    high, low = columns[four[1]], columns[four[2]]
    rest = [i for i, one in enumerate(columns) if i not in prices and _may_be_amount(one)]
    base = amounts_of([columns[i] for i in rest], high, low)
    if base is None:
        # A count of trades is whole; an amount of coins mostly is not.
        rest = [i for i in rest if not within(high, low, columns[i])]
        rest.sort(key=lambda i: is_whole(columns[i]))
        base = _sum_of_two([columns[i] for i in rest]) if rest else None
    if base is not None:
        out[rest[base]] = "volume"
    return tuple(out)


def _sum_of_two(amounts: Sequence[Floats]) -> int:
    """Index of the amount of which two others are the parts, of buyers and sellers; else 0."""
    for k, whole in enumerate(amounts):
        others = [amount for i, amount in enumerate(amounts) if i != k]
        for one, other in combinations(others, 2):
            if np.allclose(one + other, whole, rtol=_NEAR) and np.any(one * other > 0):
                return k
    return 0


def _may_be_amount(column: Floats) -> bool:
    """Whether amounts may stand in a column: neither times, which only rise or fall, nor the same
    number all over."""
    step = np.diff(column)
    steady = np.all(step >= 0) or np.all(step <= 0)
    return bool(np.all(column >= 0)) and not (len(step) > _FEW and steady)


_FEW = 4


def within(high: Floats, low: Floats, column: Floats) -> bool:
    """Whether a column holds prices of the candles, such as averages."""
    return bool(np.mean((column >= low) & (column <= high)) >= MOST)


def is_whole(column: Floats) -> bool:
    """Whether a column holds whole numbers only, as counts do."""
    return bool(np.all(column == np.round(column)))


def two_amounts(at: Sequence[int], amounts: Sequence[Floats], high: Floats, low: Floats) -> str:
    """What to ask where the sixth column counts whole numbers, as of trades, and one behind it
    may be the volume; "" where none may."""
    for i, other in zip(at[1:], amounts[1:], strict=True):
        if not (is_whole(other) or np.any(other < 0) or within(high, low, other)):
            order = ("time", *VALUES[:4], *("volume" if k == i else "-" for k in range(5, i + 1)))
            return (
                f"column 6 ({amounts[0][0]:g}) and column {i + 1} ({other[0]:g}) may be the "
                f"volume; name it, --set data.columns={','.join(order)} or "
                f"{','.join(('time', *VALUES[:4], 'volume'))}"
            )
    return ""


def order_beside_clock(
    sheet: Sheet, numbers: Sequence[Floats]
) -> tuple[int, tuple[str, ...]] | None:
    """The first column of a day and a time of day in columns of their own, and the names that the
    numbers of all columns fit; None where there are none."""
    pair = day_beside_clock(sheet)
    if pair is None:
        return None
    time = read_times(day_and_clock(*(column_of(sheet.sample[i]) for i in pair)), "time").time
    rest = [i for i in range(sheet.width) if i not in pair]
    order = likely_order(time, [numbers[i] for i in rest])
    names = {pair[0]: "date", pair[1]: "time", **dict(zip(rest, order or (), strict=False))}
    return None if order is None else (min(pair), tuple(names[i] for i in range(sheet.width)))
