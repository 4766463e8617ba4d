"""Which column of a file is what, and whose layout it is.

A layout is told by the names of the columns, or, where there are none, by what stands in
them. What the names leave open (which of two amounts is the base currency, whether a time
is that of the open or of the close) is settled by the numbers, or asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from stoptrail.core.errors import DataError
from stoptrail.feeds import names as known
from stoptrail.feeds.columns import PRICES, VALUES
from stoptrail.feeds.convert import one_line
from stoptrail.feeds.market import Unit
from stoptrail.feeds.names import field_of, is_volume, plain_name
from stoptrail.feeds.orders import amounts_of, counts_contracts
from stoptrail.rules.candles import Floats

Stamp = Literal["open", "close"]


class MissingError(DataError):
    """Columns that candles have are not there."""


class Reading(NamedTuple):
    """What the user has said about a file that the file does not say itself."""

    columns: tuple[str, ...] = ()
    """Names of the columns in their order, in place of the header's; () = the file's own."""
    zone: str = ""
    """Zone of times without an offset; "" = UTC."""
    stamp: Literal["auto", "open", "close"] = "auto"
    volume: Literal["known", "unknown"] = "known"
    symbol: str = ""
    """The market that is meant where a file holds several; "" = the only one."""
    one_of: str = ""
    """The market to take of several where `symbol` is open; "" = ask."""
    exchange: str = ""
    timeframe: str = ""


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
    close_time: int | None = None
    """A second time column, to compare the first one with."""
    scale: float = 1.0
    """By what prices that are whole numbers are multiplied."""


class _Signature(NamedTuple):
    name: str
    columns: frozenset[str]
    """Names that are all there."""
    stamp: Stamp = "open"
    unit: Unit = "base"
    zone: str = ""
    scale: float = 1.0


def _signature(name: str, columns: str, *more: str | float) -> _Signature:
    return _Signature(name, frozenset(columns.split()), *more)  # type: ignore[arg-type]


METATRADER_4 = "MetaTrader 4 or the like"

_SIGNATURES = (
    _signature("BitMEX trade buckets", "homenotional foreignnotional", "close", "contracts"),
    _signature("OKX", "confirm volccy"),
    _signature("OKX", "confirm volccyquote"),
    _signature("OKX", "confirm"),
    _signature("Bybit", "starttime openprice turnover"),
    _signature("KuCoin", "time open close high low volume turnover"),
    _signature("hummingbot", "quoteassetvolume ntrades timestamp"),
    _signature("Binance klines", "opentime closetime takerbuyvolume"),
    _signature("Binance klines", "opentime closetime takerbuybaseassetvolume"),
    _signature("Binance klines", "opentime closetime ignore"),
    _signature("CryptoDataDownload", "unix date symbol", "open", "base", "UTC"),
    _signature("CryptoDataDownload", "unixtimestamp date symbol", "open", "base", "UTC"),
    _signature("Kaggle (Bitstamp history)", "volumecurrency weightedprice"),
    _signature("yfinance history", "dividends stocksplits", "open", "quote"),
    _signature("Yahoo Finance", "adjclose", "open", "quote"),
    _signature("Dukascopy", "gmttime", "open", "base", "UTC"),
    _signature("Dukascopy", "localtime", "open", "base", "local"),
    _signature("MetaTrader 5", "tickvol spread", "open", "contracts", "local"),
    _signature(METATRADER_4, "date clock open high low close volume", "open", "contracts"),
    _signature("Databento", "tsevent rtype publisherid", "open", "contracts", "", 1e-9),
    _signature("Nautilus", "tsevent tsinit"),
    _signature("Tardis trade bars", "opentimestamp closetimestamp vwap kind interval", "close"),
    _signature("TradeStation", "date time up down", "close", "contracts"),
    _signature("MultiCharts", "date time totalvolume", "close"),
    _signature("OANDA, of mid prices", "mido midh midl midc", "open", "contracts"),
    _signature("CoinMetrics", "market time candleusdvolume"),
    _signature("Alpaca or Polygon", "t o h l c v n vw"),
    _signature("Upbit or Bithumb", "candledatetimeutc tradeprice"),
    _signature("dYdX", "startedat basetokenvolume"),
    _signature("CoinMarketCap", "timeopen timeclose marketcap", "open", "quote"),
    _signature("Polygon", "windowstart transactions"),
    _signature("CoinAPI", "timeperiodstart timeperiodend"),
    _signature("CryptoCompare", "volumefrom volumeto"),
    _signature("Alpaca", "tradecount vwap"),
    _signature("HTX", "amount vol count id"),
    _signature("Bitget", "basevolume quotevolume"),
    _signature("jesse", "exchange symbol timeframe timestamp"),
    _signature("Stooq", "ticker per"),
)


_INDEX = ("", "index", "unnamed0", "level0", "id", "ticks", "data")
"""Names of a time that may be something else."""
_GRID_ROWS = 3
"""Fewer times tell no step."""
_FINEST = 100
"""Steps that the shortest distance between two candles may have, on the thinnest market."""


def recognised(columns: Sequence[str], sample: Sequence[Floats], kind: str = "") -> Layout:
    """The layout of a file with these column names.

    `sample` holds the first rows of each column as numbers, NaN where a cell is none.
    `kind` is a layout's name where the file has told it otherwise than by its columns.
    Raises MissingError that names what is missing.
    """
    plain = [plain_name(name) for name in columns]
    prices = _prices(columns)
    signature = _signed(plain, kind)
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
    told = known.time_name(columns[time[0]])
    return Layout(
        signature.name,
        time,
        (chosen[0], chosen[1], chosen[2], chosen[3]),
        volume,
        unit,
        signature.stamp if signature.stamp == "close" and stamp != "sure" else stamp_of(stamp),
        (told.zone if told else "") or signature.zone,
        _first(plain, known.FLAGS),
        _first(plain, known.SYMBOLS),
        _first(plain, known.TIMEFRAMES, taken=time),
        _first(plain, known.EXCHANGES),
        None if close_time in time else close_time,
        signature.scale,
    )


def stamp_of(word: str) -> Stamp:
    """The stamp that the name of a time column says."""
    return "close" if word == "close" else "open"


def _signed(plain: Sequence[str], kind: str) -> _Signature:
    there = set(plain)
    for signature in _SIGNATURES:
        if signature.name == kind or (not kind and signature.columns <= there):
            return signature
    if kind:
        return _Signature(kind, frozenset())
    if list(plain[:5]) == ["time", *PRICES] and there <= {"time", *VALUES, "volumema"}:
        return _Signature("TradingView or plain columns", frozenset())
    return _Signature("plain columns", frozenset())


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
    if "close" not in found and "price" in [plain_name(name) for name in columns]:
        found["close"] = [plain_name(name) for name in columns].index("price")
    return found


def _time(
    columns: Sequence[str], plain: Sequence[str], sample: Sequence[Floats]
) -> tuple[tuple[int, ...] | None, str]:
    """The time column(s), and what the name says: "sure" an open, "open" perhaps, "close"."""
    opened = _first(plain, known.OPEN_TIMES)
    if opened is not None and _on_a_grid(sample, opened):
        return (opened,), "sure"
    date, clock = _first(plain, known.DATES), _first(plain, known.CLOCKS)
    if None not in (date, clock) and date != clock and _is_clock(sample, clock):
        return (date, clock), "open"  # type: ignore[return-value]
    for word in known.TIMES:
        if word in plain and _may_be_time(word, sample, plain.index(word)):
            at = plain.index(word)
            if not _on_a_grid(sample, at):
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


def _is_clock(sample: Sequence[Floats], column: int | None) -> bool:
    """Whether a column called "time" is a time of day: no epoch numbers stand in it."""
    if column is None:
        return False
    values = sample[column] if column < len(sample) else np.empty(0)
    numbers = values[np.isfinite(values)]
    return not len(numbers) or bool(np.max(numbers) < 1e6)


def _may_be_time(word: str, sample: Sequence[Floats], column: int) -> bool:
    """An index 0, 1, 2, ... is no time, nor is an id."""
    if word not in _INDEX:
        return True
    values = sample[column] if column < len(sample) else np.empty(0)
    numbers = values[np.isfinite(values)]
    return not len(values) or bool(len(numbers) and np.min(numbers) > 1e8)


def _volume(
    columns: Sequence[str],
    sample: Sequence[Floats],
    prices: tuple[int, ...],
    signature: _Signature,
) -> tuple[int | None, Unit]:
    """The column of the base currency where there is one: the amount whose quotient with
    another amount of the row is a price of the row."""
    found = [i for i, name in enumerate(columns) if is_volume(name) and i not in prices]
    found.sort(key=lambda i: _worth(plain_name(columns[i])))
    traded = [i for i in found if i >= len(sample) or np.any(sample[i] > 0)]
    found = traded or found
    if not found:
        return None, "unknown"
    high, low = (sample[prices[k]] if prices[k] < len(sample) else None for k in (1, 2))
    if high is not None and low is not None and len(found) > 1:
        base = amounts_of([sample[i] for i in found], high, low)
        if base is not None:
            return found[base], "base"
        if signature.name == "OKX" and "volccy" in (plain := [plain_name(n) for n in columns]):
            return plain.index("volccy"), "base"
        for i in found:
            if any(counts_contracts(sample[i], sample[j], high, low) for j in found if j != i):
                return i, "contracts"
    name = plain_name(columns[found[0]])
    if name in known.QUOTE_VOLUMES:
        return found[0], "quote"
    if name in known.TICK_VOLUMES:
        return found[0], "contracts"
    return found[0], signature.unit


def _worth(name: str) -> int:
    for rank, group in enumerate((known.BASE_VOLUMES, known.QUOTE_VOLUMES, known.TICK_VOLUMES)):
        if name in group:
            return 100 * rank + group.index(name)
    return 50 if name.startswith("vol") else 1000


def _first(plain: Sequence[str], wanted: Sequence[str], taken: Sequence[int] = ()) -> int | None:
    for word in wanted:
        if word in plain and plain.index(word) not in taken:
            return plain.index(word)
    return None


def _without(columns: Sequence[str], missing: Sequence[str]) -> str:
    listed = ", ".join(repr(name) if "," in name or not name else name for name in columns)
    found = one_line(listed, 160)
    return (
        f"not a candle file: no column {', '.join(missing)} (found: {found or 'none'}); "
        "name the columns timestamp, open, high, low, close, volume, in the file or "
        "in their order with --set data.columns=..."
    )
