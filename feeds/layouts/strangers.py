"""What a table is that holds no candles: trades, quotes, rates and the like, by name."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

import numpy as np

from stoptrail.core.errors import DataError
from stoptrail.feeds.layouts.orders import MOST, possible, prices_among
from stoptrail.feeds.tables.columns import PRICES, VALUES
from stoptrail.feeds.tables.convert import one_line
from stoptrail.feeds.tables.longer_names import four_alike, word_beside
from stoptrail.feeds.tables.names import (
    field_of,
    is_quote,
    is_volume,
    plain_name,
    time_name,
)
from stoptrail.rules.candles import Floats

_TRADED = {
    *(
        "side",
        "qty",
        "quantity",
        "isbuyermaker",
        "buyermaker",
        "tradeid",
        "aggtradeid",
        "takerside",
    ),
    *("amount", "size", "volume", "tickdirection"),
}
_LISTED = 160


_KNOWN = (
    *("holds trades", "holds quotes", "holds candles of bid and ask", "holds funding rates"),
    *("holds open interest", "holds tickers", "most highs are", "each row holds one value"),
    "holds other things",
)


def is_known_otherwise(reason: str) -> bool:
    """Whether a file is refused because it is known to hold something else than candles."""
    return reason.startswith(_KNOWN)


def passed_over(told: Sequence[str]) -> list[str]:
    """What is said of files that stand beside those of candles, each with what it holds."""
    more = f" (and {len(told) - 1} more)" if len(told) > 1 else ""
    return [f"passed over: {told[0]}{more}"] if told else []


_TEXTS = (
    (
        re.compile(r"[^\s,]+(,[^\s,=]+=[^\s,]+)* [^\s,=]+=[^\s,]+(,[^\s,=]+=[^\s,]+)*( \d{9,19})?"),
        "is a text of InfluxDB (line protocol); query it as CSV, with one column for each field "
        "(pivot)",
    ),
    (
        re.compile(r"(CREATE TABLE|INSERT INTO|BEGIN TRANSACTION|PRAGMA ).*", re.IGNORECASE),
        "is an SQL dump; load it into its database and export the table as CSV",
    ),
    (
        re.compile(r"[A-Za-z_:][\w:]*\{.*\} [-+\d.eE]+( \d+)?|put [\w.]+ \d{9,13} [-\d.]+ .*"),
        "is a text of single values (Prometheus, OpenTSDB); export the candles as CSV or JSON",
    ),
    (
        re.compile(r"\w+=[^\t=]*(\t\w+=[^\t=]*)+|\w+=[^\s=]*( \w+=[^\s=]*){3,}"),
        "has the name of its column in each cell (TSKV, logfmt); write CSV or JSON",
    ),
    (re.compile(r"- \{?\w+: .*"), "is YAML; write it as CSV or JSON"),
    (re.compile(r"\[\[?[A-Za-z_][\w.-]*\]\]?"), "is TOML or the like; write it as CSV or JSON"),
    (
        re.compile(r"[┌┏╭╔].*|shape: \(.*"),
        "is a table as it is drawn on a terminal (polars, DuckDB), without some rows and digits; "
        "write it as Parquet or CSV",
    ),
    (
        re.compile(r"\[?\(['\"\d].*|\[?\{'.*|(var|let|const) \w+ ?=.*|[\w.]+\([\[{].*"),
        "is a text of Python or JavaScript; write it as JSON (json.dump, JSON.stringify) or CSV",
    ),
    (
        re.compile(r"[^\s{\[,;]+[\s,;:|]+\{\".*\}"),
        "has other text before the JSON in each line; write the JSON alone",
    ),
    (
        re.compile(r"application/vnd\.oasis\.opendocument.*"),
        "is a spreadsheet; save it as CSV",
    ),
)


def what_text(first: str) -> str:
    """What a text is whose first line is `first`, and what to give instead; "" where it may be a
    table."""
    return next((told for pattern, told in _TEXTS if pattern.fullmatch(first.strip())), "")


def what_else(names: Sequence[str]) -> str:
    """What a table with columns of these names holds, and what to give instead; "" where that
    is not known."""
    names = [name.partition("/")[0] if not name.isascii() else name for name in names]
    plain = {plain_name(name) for name in names}
    if len({field_of(name) for name in names} - {None}) > 2:
        return ""
    found = one_line(", ".join(names), _LISTED)
    if is_ticker_of_a_swap(plain):
        return f"holds tickers, no candles (found: {found}); give candles"
    if any(name.endswith("fundingrate") for name in plain) or _is_funding(plain):
        return f"holds funding rates, no candles (found: {found}); name it with data.funding"
    if any(name.startswith(("bid", "bestbid")) for name in plain) and any(
        name.startswith(("ask", "bestask")) for name in plain
    ):
        return f"holds quotes, no candles (found: {found}); give candles of trades"
    sides = [sum(side in name for name in plain) for side in ("bid", "ask")]
    if min(sides) >= len(PRICES) and any("open" in name for name in plain):
        return f"holds candles of bid and ask (quotes; found: {found}); give candles of trades"
    if "price" in plain and plain & _TRADED:
        return f"holds trades, no candles (found: {found}); give candles"
    if any("openinterest" in name for name in plain):
        return f"holds open interest, no candles (found: {found}); give candles"
    if {"tsevent", "tsinit"} <= plain:
        return f"holds other things than bars, as Nautilus writes them (found: {found}); give bars"
    markets = [name for name in names if _PAIR.fullmatch(name.strip())]
    if len(markets) > 2 and len(markets) > len(names) - 3:
        return (
            f"holds one value of each of {len(markets)} markets by time (found: {found}); {_GIVE}"
        )
    return ""


def is_ticker_of_a_swap(plain: Collection[str]) -> bool:
    """Whether plain names are those of a swap's tickers, as Tardis has them: with open interest and
    prices, and the rate of funding as it is foretold at each moment."""
    rate = any(name.endswith("fundingrate") for name in plain)
    return rate and "openinterest" in plain and bool(_LATEST.intersection(plain))


_LATEST = frozenset({"lastprice", "markprice", "indexprice"})


def _is_funding(plain: set[str]) -> bool:
    """Whether plain names are those of rates as `data download --funding` keeps them, or of an
    exchange that calls them otherwise."""
    return {"time", "rate"} <= plain or bool(
        plain & {"realizedrate", "relativefundingrate", "interest1h"}
    )


_PAIR = re.compile(r"[A-Z0-9]{2,12}[-_/]?(USD[TC]?|EUR|BTC|ETH|FDUSD|BUSD|KRW|JPY|TRY)")
_GIVE = "give the candles of one: open, high, low, close and volume"


def one_value_a_row(names: Sequence[str], cells: Sequence[Sequence[object]]) -> str:
    """What to say of a table whose rows hold one of open, high, low, close or volume each, as
    InfluxDB writes what was not pivoted; "" of another."""
    for name, column in zip(names, cells, strict=False):
        words = {str(cell).strip() for cell in column if cell is not None}
        if words and all(map(_is_field, words)):
            word = next(iter(sorted(words)))
            return (
                f"each row holds one value ({name or 'a column'} = {word}), not a candle: write "
                "one row for each time, with open, high, low, close and volume side by side (pivot)"
            )
    return ""


def _is_field(word: str) -> bool:
    return bool(field_of(word)) or plain_name(word) == "volume"


def refuse_far_apart(four: Sequence[Floats]) -> None:
    """DataError where open, high, low and close are no prices: the high of most candles is more
    than half above the low (of a few ones, three times as high), as where they are premiums or
    rates."""
    if len(four) != len(PRICES) or len(four[0]) < _ENOUGH:
        return
    with np.errstate(all="ignore"):
        high = four[1] / four[2]
    high = high[np.isfinite(high)]
    limit = _FAR_APART if len(high) >= _MANY else _WIDER_APART
    if len(high) >= _ENOUGH and np.median(high) > limit:
        raise DataError(
            f"most highs are more than {limit:g} times the low: premiums, rates or the like, "
            "no candles of a market; give data.path or --data the prices themselves"
        )


_ENOUGH, _MANY, _FAR_APART, _WIDER_APART = 12, 60, 1.5, 3.0
"""The first weeks of a coin have days that are twice as high as low."""


def beside_others(reason: str, names: Sequence[str], others: Sequence[Sequence[str]]) -> str:
    """Why a file of several is refused, whose columns are called `names`: where most of the others
    have other columns, data.columns would rename those too."""
    told, unknown, _ = reason.partition("; name the columns")
    if not unknown or sum(tuple(one) == tuple(names) for one in others) > len(others) / 2:
        return reason
    return f"{told}; take it out, or name the files of candles with a pattern in quotes"


def refuse_doubles(names: Sequence[str]) -> None:
    """DataError where two columns have the plain name of one field, or parts of the date have
    columns of their own."""
    plain = [plain_name(name) for name in names]
    for name in VALUES:
        if plain.count(name) > 1:
            raise DataError(
                f"{plain.count(name)} columns are called {name}: name all columns as they come, "
                "--set data.columns=..., - for those that are not meant"
            )
    if {"year", "month", "day"} <= set(plain):
        raise DataError(
            "year, month and day have columns of their own: write the time into one column, as "
            "2024-03-01 00:15 or in epoch seconds"
        )


def refuse_wide(width: int) -> None:
    """DataError for a row without names that is no candle but all of them, one behind the other:
    among so many numbers four that are prices would be looked for without an end."""
    if width > _WIDEST:
        raise DataError(
            f"a row has more than {_WIDEST} columns without names, as where all candles stand in "
            "one line; write a line for each"
        )


_WIDEST = 100


def is_tickers(names: Sequence[str]) -> bool:
    """Whether columns are those of tickers, whose open, high and low are of the last day."""
    plain = {plain_name(name) for name in names}
    return {"bid", "ask", "last"} <= plain


def two_sides(numbers: Sequence[Floats]) -> bool:
    """Whether columns without names are time, four prices, an amount, and the same again: the
    candles of bid and ask, as LEAN writes quotes."""
    if len(numbers) < 11:
        return False
    bid, ask = numbers[1:5], numbers[6:10]
    near = np.abs(ask[3] / bid[3] - 1) < 0.05
    return possible(*bid) >= MOST and possible(*ask) >= MOST and bool(np.mean(near) >= MOST)


def is_trades(cells: Sequence[Sequence[object]]) -> bool:
    """Whether columns without names have one of words for a side (buy, sell, True, False):
    trades have, candles do not."""
    sides = {"buy", "sell", "b", "s", "true", "false"}
    for column in cells:
        words = {str(cell).strip().lower() for cell in column if cell is not None}
        if words and words <= sides:
            return True
    return False


def another_market(numbers: Sequence[Floats]) -> bool:
    """Whether behind a time, four prices and an amount, or four prices alone, stand the prices of
    another market, or those of this one in another currency. Constants that fill columns are none,
    though they are near each other."""
    close = numbers[4] if len(numbers) > 4 else np.empty(0)
    moving = [one for one in numbers[5:] if len(np.unique(one)) > 1]
    others = [one for one in moving if np.mean(np.abs(one / close - 1) < 0.1) < MOST]
    return prices_among(others) >= len(VALUES) - 1


CURRENCY = re.compile(
    "USD[TC]?|EUR|GBP|JPY|KRW|CNY|TRY|BRL|AUD|CAD|CHF|INR|RUB|BTC|XBT|ETH", re.IGNORECASE
)
"""Words beside those for prices that tell in what they are."""


def how_to_name(columns: Sequence[str]) -> str:
    """What to do with columns whose names say the prices in more words, such as closeEp; "" with
    others."""
    for places in four_alike(columns):
        names = ["-"] * len(columns)
        for i, field in places.items():
            names[i] = field
        others = [i for i in range(len(columns)) if i not in places]
        stamps = {i: told.stamp for i in others if (told := time_name(columns[i]))}
        amounts = [i for i in others if is_volume(columns[i])]
        if stamps:
            names[min(stamps, key=lambda i: ("sure", "open", "close").index(stamps[i]))] = "time"
            for i in sorted(amounts, key=lambda i: is_quote(plain_name(columns[i])))[:1]:
                names[i] = "volume"
            prices = one_line(", ".join(columns[i] for i in places), 60)
            order = ",".join(names).rstrip(",-")
            word = word_beside(columns[next(iter(places))])
            currency = f" in {word.upper()}" if CURRENCY.fullmatch(word) else ""
            return (
                f"if {prices} are prices of trades{currency}, name the columns as they come, "
                f"--set data.columns={order}"
            )
    return ""
