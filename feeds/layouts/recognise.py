"""Which column of a file is what, and whose layout it is.

A layout is told by the names of the columns, or, where there are none, by what stands in
them. What the names leave open (which of two amounts is the base currency, whether a time
is that of the open or of the close) is settled by the numbers, or asked for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from stoptrail.core.errors import DataError
from stoptrail.core.time import DAY_MS
from stoptrail.feeds.layouts.orders import amounts_of, counts_contracts, prices_between
from stoptrail.feeds.layouts.signatures import MULTICHARTS, Signature, Stamp, signed
from stoptrail.feeds.layouts.strangers import how_to_name
from stoptrail.feeds.market import Unit
from stoptrail.feeds.tables import names as known
from stoptrail.feeds.tables.columns import PRICES
from stoptrail.feeds.tables.convert import epoch_milliseconds, one_line
from stoptrail.feeds.tables.names import field_of, is_quote, is_volume, plain_name
from stoptrail.rules.candles import Floats


class MissingError(DataError):
    """Columns that candles have are not there."""


class Reading(NamedTuple):
    """What the user has said about a file that the file does not say itself."""

    columns: tuple[str, ...] = ()
    """Names of the columns in their order, in place of the header's; () = the file's own."""
    zone: str = ""
    """Zone of times without an offset, and of local epochs; "" = UTC."""
    stamp: Literal["auto", "open", "close"] = "auto"
    volume: Literal["known", "unknown"] = "known"
    symbol: str = ""
    """The market that is meant where a file holds several; "" = the only one."""
    one_of: str = ""
    """The market to take of several where `symbol` is open; "" = ask."""
    exchange: str = ""
    timeframe: str = ""
    epochs: Literal["utc", "local"] = "utc"
    """Whether epochs, and times that say to be of UTC, were made of `zone`'s clock all the same."""


class Layout(NamedTuple):
    """Where a file's fields are; positions of columns."""

    name: str
    """Whose layout it is, for people."""
    time: tuple[int, ...]
    """One column, or date and time of day."""
    prices: tuple[int, int, int, int]
    volume: int | None
    unit: Unit
    """What the volume counts."""
    stamp: Stamp
    zone: str
    """"UTC" or another zone where the layout says so, "local" where it says only that it is not
    UTC, "" where nothing."""
    flag: int | None = None
    """Column that says whether a candle is finished."""
    symbol: int | None = None
    timeframe: int | None = None
    exchange: int | None = None
    kind: int | None = None
    """Column that may tell spot from swaps."""
    close_time: int | None = None
    """A second time column, to compare the first one with."""
    zoned: int | None = None
    """Column that tells the zone of each row's time."""
    scale: float = 1.0
    """By what prices that are whole numbers are multiplied."""
    whole: bool = False
    """Whether only typed whole numbers are, and the volume with them."""


_INDEX = ("", "x", "index", "unnamed0", "level0", "id", "ticks", "data", "period")
"""Names of a time that may be something else."""
_GRID_ROWS = 3
"""Fewer times tell no step."""
_FINEST = 100
"""Steps that the shortest distance between two candles may have, on the thinnest market."""


def recognised(columns: Sequence[str], sample: Sequence[Floats], kind: str) -> Layout:
    """The layout of a file with these column names.

    `sample` holds the first rows of each column as numbers, NaN where a cell is none.
    `kind` is a layout's name where the file has told it otherwise than by its columns, else "".
    Raises MissingError that names what is missing.
    """
    plain = [plain_name(name) for name in columns]
    prices = _prices(columns)
    signature = signed(plain, kind)
    if signature.name == MULTICHARTS and "TotalVolume" not in columns:  # others' total_volume
        signature = Signature("plain columns", frozenset())
    time, stamp = _time(columns, plain, sample)
    missing = [field for field in PRICES if field not in prices]
    if time is None:
        missing.insert(0, "timestamp")
    if missing:
        raise MissingError(_without(columns, missing))
    assert time is not None
    chosen = tuple(prices[field] for field in PRICES)
    volume, unit = _volume(columns, sample, chosen, signature)
    close_time = _first(plain, known.CLOSE_TIMES)
    return Layout(
        name=signature.name,
        time=time,
        prices=(chosen[0], chosen[1], chosen[2], chosen[3]),
        volume=volume,
        unit=unit,
        stamp="close" if signature.stamp == "close" and stamp != "sure" else stamp_of(stamp),
        zone=next(filter(None, (known.zone_in(columns[i]) for i in time)), "") or signature.zone,
        flag=_first(plain, known.FLAGS),
        symbol=_first(plain, known.SYMBOLS),
        timeframe=_first(plain, known.TIMEFRAMES, taken=time),
        exchange=_first(plain, known.EXCHANGES),
        kind=_first(plain, known.KINDS),
        close_time=None if close_time in time else close_time,
        scale=signature.scale,
        whole=signature.whole,
    )


def stamp_of(word: str) -> Stamp:
    """The stamp that the name of a time column says."""
    return "close" if word == "close" else "open"


def _prices(columns: Sequence[str]) -> dict[str, int]:
    """Position of each price. Of two candidates the one with the plain name wins; single
    letters mean something else in capitals (Binance's `L` is a trade's number)."""
    found: dict[str, int] = {}
    for strict in (True, False):
        for i, name in enumerate(columns):
            field = field_of(name)
            if field is None or field in found:
                continue
            if strict and plain_name(name) != field:
                continue
            if len(name.strip()) == 1 and name.isupper() and name.lower() in columns:
                continue
            found[field] = i
    if "close" not in found and (at := _first([plain_name(n) for n in columns], known.LASTS)):
        found["close"] = at
    return found


def _time(
    columns: Sequence[str], plain: Sequence[str], sample: Sequence[Floats]
) -> tuple[tuple[int, ...] | None, str]:
    """The time column(s), and what the name says: "sure" an open, "open" perhaps, "close"."""
    for word in known.OPEN_TIMES:
        if word in plain and _on_a_grid(sample, at := plain.index(word)) and _varies(sample, at):
            return (at,), "sure"
    date, clock = _first(plain, known.DATES), _first(plain, known.CLOCKS)
    if date is not None and clock is not None and date != clock and _is_clock(sample, clock):
        return ((date, clock) if _are_days(sample, date) else (date,)), "open"
    for word in known.TIMES:
        if word in plain and _may_be_time(word, sample, plain.index(word)):
            at = plain.index(word)
            if not _on_a_grid(sample, at) or not _varies(sample, at):
                continue
            exact = [i for i, name in enumerate(columns) if name.strip() == "t"]
            return ((exact[0] if word == "t" and exact else at),), "open"
    closed = _first(plain, known.CLOSE_TIMES)
    if closed is not None:
        return (closed,), "close"
    return _by_words(columns, sample) or _ungridded(plain)


def _by_words(columns: Sequence[str], sample: Sequence[Floats]) -> tuple[tuple[int], str] | None:
    """The column whose name holds a word for time: opens before others, UTC before others."""
    found = []
    for i, name in enumerate(columns):
        if (told := known.time_name(name)) and _on_a_grid(sample, i):
            rank = ("sure", "open", "close").index(told.stamp)
            found.append((rank, ("UTC", "").index(told.zone) if told.zone in ("UTC", "") else 2, i))
    if not found:
        return None
    rank, _, at = min(found)
    return (at,), ("sure", "open", "close")[rank]


def _ungridded(plain: Sequence[str]) -> tuple[tuple[int, ...] | None, str]:
    """The first column that is called a time, whatever stands in it: a later check tells."""
    for word in (*known.OPEN_TIMES, *known.TIMES):
        if word in plain and word not in _INDEX:
            return (plain.index(word),), "open"
    return None, ""


def _on_a_grid(sample: Sequence[Floats], column: int) -> bool:
    """Whether epoch numbers are multiples of one step, as opens of candles are and times of
    trades are not; other times may."""
    values = sample[column] if column < len(sample) else np.empty(0)
    numbers = np.unique(values[np.isfinite(values)])
    if len(numbers) < _GRID_ROWS or numbers[0] < 1e8:
        return True
    steps = np.diff(numbers).astype(np.int64)
    return bool(np.gcd.reduce(steps) * _FINEST >= np.min(steps))


def _varies(sample: Sequence[Floats], column: int) -> bool:
    """Whether a column's values differ: the same one in every row bounds a query."""
    values = sample[column] if column < len(sample) else np.empty(0)
    numbers = values[np.isfinite(values)]
    return len(numbers) < _GRID_ROWS or bool(np.any(numbers != numbers[0]))


def _are_days(sample: Sequence[Floats], column: int) -> bool:
    """Whether a column of dates has no times of day of its own."""
    values = sample[column] if column < len(sample) else np.empty(0)
    numbers = values[np.isfinite(values)]
    if not len(numbers) or np.min(numbers) < _LEAST_EPOCH:
        return True
    return not np.any(epoch_milliseconds(numbers) % DAY_MS)


_LEAST_EPOCH = 1e8


def _is_clock(sample: Sequence[Floats], column: int | None) -> bool:
    """Whether a column called "time" is a time of day: no epoch numbers stand in it."""
    if column is None:
        return False
    values = sample[column] if column < len(sample) else np.empty(0)
    numbers = values[np.isfinite(values)]
    return not len(numbers) or bool(np.max(numbers) < 1e6)


def _may_be_time(word: str, sample: Sequence[Floats], column: int) -> bool:
    """An index 0, 1, 2, ... is no time, nor is an id, nor the number of a day."""
    values = sample[column] if column < len(sample) else np.empty(0)
    numbers = values[np.isfinite(values)]
    if word not in _INDEX:
        return not len(numbers) or bool(np.max(numbers) >= _LEAST_SHEET_DAY)
    return not len(values) or bool(len(numbers) and np.min(numbers) > 1e8)


_LEAST_SHEET_DAY = 36_526
"""The year 2000 as spreadsheets number days."""


def _volume(
    columns: Sequence[str],
    sample: Sequence[Floats],
    prices: tuple[int, ...],
    signature: Signature,
) -> tuple[int | None, Unit]:
    """The column of the base currency where there is one, and what it counts."""
    found = [i for i, name in enumerate(columns) if is_volume(name) and i not in prices]
    found.sort(key=lambda i: _worth(plain_name(columns[i])))
    traded = [i for i in found if i >= len(sample) or np.any(sample[i] > 0)]
    found = traded or found
    if not found:
        return None, "unknown"
    plain = [plain_name(name) for name in columns]
    okx = signature.name == "OKX" and len(found) > 1 and "volccy" in plain
    if sample and (told := _by_quotients(columns, sample, prices, found)):
        return told if told[1] == "base" or not okx else (plain.index("volccy"), "base")
    if okx:
        return plain.index("volccy"), "base"
    summed = plain[found[0]] == "sum" and {"first", "last"} <= set(plain)
    if is_quote(plain[found[0]]) and not summed:
        return found[0], "quote"
    if plain[found[0]] in known.TICK_VOLUMES:
        return found[0], "contracts"
    return found[0], signature.unit


def _by_quotients(
    columns: Sequence[str], sample: Sequence[Floats], prices: Sequence[int], found: Sequence[int]
) -> tuple[int, Unit] | None:
    """The amount whose quotient with another amount of the row is a price of the row, also where
    no name tells it; None where none is."""
    high, low = sample[prices[1]], sample[prices[2]]
    base = amounts_of([sample[i] for i in found], high, low) if len(found) > 1 else None
    if base is not None:
        return found[base], "base"
    for i in found:
        if any(counts_contracts(sample[i], sample[j], high, low) for j in found if j != i):
            return i, "contracts"
    for i, name in enumerate(columns):
        if _may_be_base(name, sample, i, prices) and prices_between(
            sample[i], sample[found[0]], high, low
        ):
            return i, "base"
    return None


def _may_be_base(name: str, sample: Sequence[Floats], i: int, prices: Sequence[int]) -> bool:
    """Whether a column that no name tells may hold amounts: numbers of either side are none."""
    return i not in prices and i < len(sample) and not is_volume(name) and not _PART.search(name)


_PART = re.compile("taker|buy|sell|bid|ask", re.IGNORECASE)


def _worth(name: str) -> int:
    if is_quote(name):
        return 100 + (known.QUOTE_VOLUMES.index(name) if name in known.QUOTE_VOLUMES else 50)
    for rank, group in enumerate((known.BASE_VOLUMES, known.QUOTE_VOLUMES, known.TICK_VOLUMES)):
        if name in group:
            return 100 * rank + group.index(name)
    return 50 if name.startswith("vol") else 60


def _first(plain: Sequence[str], wanted: Sequence[str], taken: Sequence[int] = ()) -> int | None:
    for word in wanted:
        if word in plain and plain.index(word) not in taken:
            return plain.index(word)
    return None


def _without(columns: Sequence[str], missing: Sequence[str]) -> str:
    if all(f"{name}_steps" in columns for name in missing):
        return (
            "the candles of a run, in steps of the price, for its report and plots: give the file "
            "that it was made of (source in its summary.json)"
        )
    listed = ", ".join(repr(name) if "," in name or not name else name for name in columns)
    remedy = how_to_name(columns)
    if list(missing) == ["timestamp"] and all(
        field_of(name) or is_volume(name) for name in columns
    ):
        remedy = (
            "none of them holds times: give open times beside the prices (pandas leaves an index "
            'out with orient="records" or "values")'
        )
    found = one_line(listed, 160) if not remedy else one_line(listed, 60)
    return f"not a candle file: no column {', '.join(missing)} (found: {found or 'none'}); " + (
        remedy or _BY_HAND
    )


_BY_HAND = (
    "name the columns timestamp, open, high, low, close, volume, in the file or in their order "
    "with --set data.columns=..."
)
