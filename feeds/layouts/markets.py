"""Which market a file, a column or a row is of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stoptrail.core.errors import DataError
from stoptrail.core.text import number_of
from stoptrail.feeds.layouts.kinds import kind_of
from stoptrail.feeds.layouts.recognise import Reading
from stoptrail.feeds.tables.convert import number, one_line, texts_of
from stoptrail.feeds.tables.sheets import Sheet
from stoptrail.rules.candles import Times

if TYPE_CHECKING:
    import pyarrow as pa

_QUOTES = "USDT|USDC|BUSD|FDUSD|TUSD|USD|EUR|GBP|JPY|KRW|TRY|BTC|XBT|ETH|BNB|DAI"
_PAIR = re.compile(
    rf"(?<![A-Z0-9])([A-Z0-9]{{2,12}}?)[-_/:]?({_QUOTES})(?![A-Z0-9])", re.IGNORECASE
)
_OTHER_NAMES = {"XBT": "BTC", "XXBT": "BTC", "XDG": "DOGE", "XETH": "ETH", "ZUSD": "USD"}
_SHOWN = 6


class SeveralError(DataError):
    """A file holds several markets, exchanges or timeframes, and none was chosen."""

    def __init__(self, text: str, what: str, names: Sequence[str]) -> None:
        super().__init__(text)
        self.what = what
        """symbol, exchange or timeframe."""
        self.names = tuple(names)


def plain_market(symbol: str) -> str:
    """Letters and digits of a symbol, Bitcoin always as BTC: "XBT/USD" is "BTCUSD", AIXBT another
    coin."""
    alone = symbol.partition(":")[0] if "/" in symbol else symbol.rpartition(":")[2]
    text = re.sub(r"[^A-Z0-9]", "", alone.upper())
    return re.sub("^(X|T|F|PI|PF|FI|FF|)XBT|(?<!^AI)XBT$", r"\1BTC", text)


def naming(sheet: Sheet) -> int | None:
    """The first column whose every cell is a pair in capitals, such as BTC_EUR; None without."""
    for i, cells in enumerate(sheet.sample):
        words = {cell.strip() if isinstance(cell, str) else "" for cell in cells}
        if words and all(word.isupper() and _PAIR.fullmatch(word) for word in words):
            return i
    return None


def is_pair(word: str) -> bool:
    """Whether a word is two currencies, the second one of those that markets are quoted in."""
    return bool(_PAIR.fullmatch(word))


def base_of(symbol: str) -> str:
    """The base currency of a symbol as ccxt or an exchange writes it, "" where unclear."""
    base, slash, _ = symbol.upper().partition("/")
    if not slash:
        match = _PAIR.search(symbol.upper().rpartition(":")[2])
        base = match[1] if match else ""
    return _OTHER_NAMES.get(base, base)


def market_in_name(name: str) -> str:
    """The market that a file's name tells, such as BTCUSDT; "" where it tells none."""
    stem = re.sub(r"\.(csv|zip|gz|json|parquet|feather|txt).*$", "", name, flags=re.IGNORECASE)
    match = next((m for m in _PAIR.finditer(stem) if m[1].lower() not in _NO_BASES), None)
    while (
        match and (inner := _PAIR.search(stem, match.start() + 1)) and inner.start() < match.end()
    ):
        if inner[1].upper() == inner[2].upper():  # BTC-USDT_USDT: what a swap is settled in
            break
        match = inner  # freqtrade_BTC_USDT
    return plain_market(match[0]) if match else ""


_NO_BASES = {
    *("volume", "price", "prices", "candle", "candles", "kline", "klines", "ohlc", "ohlcv", "data"),
    *("spot", "swap", "perp", "history", "chart", "close", "open", "in", "to", "vs", "market"),
    *("of", "for", "from", "and", "at", "on", "by"),
}
"""Words that stand before a currency in names of files, and are none."""


def same_market(symbol: str, meant: str) -> bool:
    """Whether two spellings name one market, as far as letters tell."""
    return plain_market(symbol) == plain_market(meant)


def same_base(symbol: str, meant: str) -> bool:
    """Whether `symbol`, however it is written, is of the base currency of `meant`. WBTCUSDT is
    not BTC/USDT; XXBTZUSD and 1000PEPEUSDT are what they look like."""
    base = base_of(meant)
    if not base or not _PAIR.fullmatch(text := _SWAP.sub("", symbol.strip())):
        return not base or base in plain_market(symbol)
    whole, own = plain_market(text), rf"(X|XX|T|F|1000+|1M|K)?{re.escape(base)}Z?"
    quotes = (plain_market(quote) for quote in _QUOTES.split("|"))
    return any(re.fullmatch(own + quote, whole) for quote in quotes)


_SWAP = re.compile(r"(-SWAP|[-_]?PERP(ETUAL)?|(?<=USDT)M|_UMCBL|\.P)$", re.IGNORECASE)
"""What marks a swap among names of markets."""


def _of_its_kind(found: Sequence[str], meant: str) -> str:
    """Of a spot market and the swap of the same pair the one that is meant, "" elsewhere."""
    pair = [name for name in found if same_market(_SWAP.sub("", name), meant)]
    mine = [name for name in pair if bool(_SWAP.search(name)) == (":" in meant)]
    return mine[0] if len(mine) == 1 < len(pair) else ""


def same_timeframe(word: str, meant: str) -> bool:
    """Whether a timeframe as files write it (15m, 15min, 1H, 60) is the one that is meant."""
    return plain_timeframe(word) == meant


def plain_timeframe(word: str) -> str:
    """A timeframe as settings write it: 15min is 15m, 60 is 1h."""
    text = re.sub(r"\s", "", word.lower())
    for unit in ("m", "h", "d"):
        text = re.sub(rf"{unit}(in(ute)?s?|ours?|ays?)$", unit, text)
    text = re.sub(r"^([mhd])(\d+)$", r"\2\1", f"{text}m" if text.isdigit() else text)
    minutes = {"60m": "1h", "240m": "4h", "1440m": "1d", "24h": "1d", "d": "1d", "h": "1h"}
    return minutes.get(text, text)


def coded(cells: pa.ChunkedArray) -> tuple[NDArray[np.int64], list[str]]:
    """Which of the words each cell is, -1 for none; a column that is coded already counts with
    integers of any kind."""
    import pyarrow as pa

    if pa.types.is_dictionary(cells.type):
        cells = cells.cast(cells.type.value_type)
    encoded = cells.combine_chunks().dictionary_encode()
    codes = np.asarray(encoded.indices.fill_null(-1).to_pylist(), np.int64)
    return codes, [str(word).strip() for word in encoded.dictionary.to_pylist()]


def told_apart(
    cells: pa.ChunkedArray, keep: NDArray[np.bool_], what: str, meant: str, *, alike: bool = False
) -> tuple[NDArray[np.bool_], list[str]]:
    """The rows of the market (or exchange) that is meant, and what has to be said of it. With
    `alike`, spellings of one name (btcusdt, BTC/USDT) are taken for one."""
    codes, words = coded(cells)
    notes: list[str] = []
    if alike:
        codes, notes = _as_one(codes, words, what)
    there = [words[code] for code in dict.fromkeys(codes[keep].tolist()) if code >= 0]
    if not there or (what != "symbol" and len(there) == 1):
        return np.ones(len(cells), np.bool_), notes
    word = chosen(there, meant, what)
    mine = codes == words.index(word)
    if len(there) > 1:
        left = int(np.sum(keep & ~mine))
        several = f"{what}s" if what in _SETTINGS else f"values of {what}"
        notes.append(
            f"of {len(there)} {several} ({_listed(there)}) {word}; {number_of(left, 'row')} left "
            "out"
        )
    elif what == "symbol" and meant and not same_market(word, meant):
        notes.append(f"the file is of {word}; it is run as {meant}")
    return mine if len(there) > 1 else np.ones(len(cells), np.bool_), notes


def _as_one(
    codes: NDArray[np.int64], words: Sequence[str], what: str
) -> tuple[NDArray[np.int64], list[str]]:
    """Codes of words of which spellings of one name have that of the first; and which those are."""
    ways = [_spelled(word, what) for word in words]
    firsts = [ways.index(way) for way in ways]
    several = [word for way, word in zip(ways, words, strict=True) if ways.count(way) > 1]
    notes = [f"{_listed(several)} are taken for one {what}"] if several else []
    return np.array([*firsts, -1], np.int64)[codes], notes


def _spelled(word: str, what: str) -> tuple[str, ...]:
    """What all spellings of one name have in common: of a market its letters, and what it is
    settled in."""
    if what == "timeframe":
        return (plain_timeframe(word),)
    if what != "symbol":
        return (word.lower(),)
    settled = word.upper().partition(":")[2] if "/" in word else ""
    swap = _SWAP.search(word)
    return plain_market(_SWAP.sub("", word)), settled, swap[0].upper() if swap else ""


class _Telling(NamedTuple):
    """A column, or two, whose words tell rows of one time apart."""

    name: str
    words: list[str]
    """Of each row."""


def of_one_market(
    sheet: Sheet, wanted: Sequence[int], time: Times, rows: NDArray[np.intp], reading: Reading
) -> tuple[NDArray[np.bool_], list[str]]:
    """Which rows are of the market that is meant where those of one time are told apart by a
    column from which nothing else is read; and what is to be said of it. `time` and `rows`, the
    rows' times and places in the sheet, have the shape (n,). Raises DataError where it is open
    which market is meant."""
    step = np.diff(time)
    every = np.ones(len(time), np.bool_)
    if np.all(step > 0) or np.all(step < 0) or len(np.unique(time)) > _ONE_EACH * len(time):
        return every, []
    found = _telling(sheet, wanted, time, rows)
    if found is None:
        return every, []
    if found.words and _is_clock(found.words):
        raise DataError(
            f"{found.name} seems to be a part of the time ({_listed(sorted(set(found.words)))}): "
            "write the time into one column, as 2024-03-01 00:15 or in epoch seconds"
        )
    what = _what(found, reading)
    meant = {"timeframe": reading.timeframe, "exchange": reading.exchange}.get(what, reading.symbol)
    return told_apart(_texts(found.words), every, what, meant)


def _is_clock(words: Sequence[str]) -> bool:
    """Whether words are the hours of a day or, in even steps, the minutes of an hour."""
    count = len(told := {int(word) for word in words if word.isdigit()})
    if count < len(set(words)):
        return False
    hours = told in (set(range(24)), set(range(1, 25)))
    return hours or (60 % count == 0 and count > 1 and told == set(range(0, 60, 60 // count)))


def _what(found: _Telling, reading: Reading) -> str:
    """What the words of a column name: symbols, timeframes or exchanges, else the column's own
    name."""
    words, meant = set(found.words), reading.symbol
    if any(same_timeframe(word, reading.timeframe) for word in words):
        return "timeframe"
    if reading.exchange and reading.exchange in words:
        return "exchange"
    pairs = all(_PAIR.fullmatch(word.partition(":")[0]) for word in words)
    ids = all(word.isdigit() for word in words)
    base = base_of(meant)
    return "symbol" if pairs or ids or (base and base in words) else found.name


_ONE_EACH = 0.9
"""Share of times that are their own: a seam of two exports repeats fewer."""


def _telling(
    sheet: Sheet, wanted: Sequence[int], time: Times, rows: NDArray[np.intp]
) -> _Telling | None:
    """The column with the fewest words (else two, joined by a slash) with which each row's time
    is its own; None where there is none."""
    found: list[_Telling] = []
    others = [i for i in range(sheet.width) if i not in wanted and _may_tell(sheet.sample[i])]
    for i, column in zip(others, sheet.read(others).columns if others else [], strict=True):
        cells = column.to_pylist()
        words = [str(cells[row]).strip() for row in rows.tolist()]
        if 1 < len(set(words)) <= min(_MOST_MARKETS, len(words) / _FEWEST_ROWS):
            found.append(_Telling(sheet.names[i].strip("-") or f"column {i + 1}", words))
    alone = [one for one in found if _unique(time, one.words)]
    if alone:
        return min(alone, key=lambda one: len(set(one.words)))
    for one, two in combinations(found, 2):
        words = [f"{a}/{b}" for a, b in zip(one.words, two.words, strict=True)]
        if len(set(words)) <= _MOST_MARKETS and _unique(time, words):
            return _Telling(f"{one.name} and {two.name}", words)
    return None


_MOST_MARKETS = 1000
"""More words are numbers of rows or amounts."""
_FEWEST_ROWS = 3
"""Rows of a market, on the average: a word for each time is a time."""


def _may_tell(cells: Sequence[object]) -> bool:
    """Whether a column may hold names or numbers of markets: no amounts, no times."""
    numbers = [number(cell) for cell in cells]
    return all(value == int(value) and value < _LEAST_TIME for value in numbers if value == value)


_LEAST_TIME = 1e8


def _unique(time: Times, words: Sequence[str]) -> bool:
    return len(set(zip(time.tolist(), words, strict=True))) == len(words)


def _texts(words: Sequence[str]) -> pa.ChunkedArray:
    import pyarrow as pa

    return pa.chunked_array([texts_of(words)])


_SETTINGS = ("symbol", "exchange", "timeframe")
"""What a setting chooses."""


def chosen(found: Sequence[str], meant: str, what: str) -> str:
    """The one that is meant; DataError naming all where none or several may be."""
    if kind := kind_of(found, meant):
        return kind
    if meant and what == "symbol" and (one := _of_its_kind(found, meant)):
        return one
    alike = same_timeframe if what == "timeframe" else same_market
    exact = [name for name in found if meant and alike(name, meant)]
    if len(exact) > 1 and meant in exact:  # BTC/USDT and BTC/USDT:USDT: spot and swap
        return meant
    if len(exact) == 1:
        return exact[0]
    if len(found) == 1:
        numbered = found[0].isdigit()  # an instrument's number tells no market
        if not meant or what != "symbol" or numbered or same_base(found[0], meant):
            return found[0]
        raise DataError(
            f"the candles are of {found[0]}, data.symbol is {meant}; set data.symbol to the "
            "market of the file, or give another file"
        )
    near = [name for name in found if meant and what == "symbol" and same_base(name, meant)]
    if len(near) == 1:
        return near[0]
    if what not in _SETTINGS:
        text = (
            f"holds rows of {len(found)} kinds, which {what} tells apart ({_listed(found)}); which "
            "of them are meant is open: give a file of one kind"
        )
        raise SeveralError(text, "symbol", found)
    where = f"; none is {meant}" if meant and not near else ""
    text = f"holds {len(found)} {what}s ({_listed(found)}){where}: set data.{what} to one of them"
    if found[0].isdigit():  # a number is no text, unless it is quoted
        text += f", --set 'data.{what}=\"{found[0]}\"' for one"
    raise SeveralError(text, what, found)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return one_line(", ".join(names[:_SHOWN]), 160) + more
