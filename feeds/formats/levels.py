"""Columns whose names have levels, as pandas writes them: of markets, of exchanges, or of what was
put together (`resample().ohlc()`, `agg`)."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from contextlib import suppress

from stoptrail.feeds.tables.columns import PRICES
from stoptrail.feeds.tables.names import field_of, is_volume, plain_name

YFINANCE = "yfinance download"
_DONE = {*("first", "max", "min", "last", "sum", "mean", "ohlc", "count", "size"), ""}
"""What candles are put together with."""
_WHOLE = {*("sum", "total", ""), "volume", "amount"}


def levels_of(name: str) -> tuple[str, ...]:
    """The levels of a name that pandas wrote as one text, "('Close', 'BTC-USD')"; one where it has
    no more."""
    if name.startswith("('"):
        with suppress(ValueError, SyntaxError):
            return tuple(map(str, ast.literal_eval(name)))
    return (name,)


def two_of(names: Sequence[Sequence[str]]) -> list[tuple[str, str]]:
    """Names of any number of levels as two: the field, and all else, with blanks between: "binance
    BTC/USDT". Levels that are the same in all columns stay only where no other tells them apart."""
    names = [name if sum(map(bool, name)) != 1 else ("".join(name),) for name in names]
    depth = max(map(len, names), default=0)
    whole = [name for name in names if len(name) == depth]
    words = [[name[i] for name in whole] for i in range(depth)]
    fields = [len({field_of(word) for word in level} & set(PRICES)) for level in words]
    if depth <= _TWO or max(fields) < len(PRICES):
        return [(name[0], name[1] if len(name) > 1 else "") for name in names]
    at = fields.index(len(PRICES))
    others = [i for i in range(depth) if i != at]
    others = [i for i in others if len(set(words[i])) > 1] or others
    return [
        (name[at], " ".join(name[i] for i in others)) if len(name) == depth else (name[0], "")
        for name in names
    ]


_TWO = 2


def of_lines(lines: Sequence[Sequence[str]]) -> list[tuple[str, str]] | None:
    """Two levels of the names of the columns behind the first, of three header lines; None where
    these hold no such."""
    pairs = two_of([tuple(cells) for cells in zip(*(line[1:] for line in lines), strict=True)])
    found = {field_of(field) for field, _ in pairs}
    return pairs if set(PRICES) <= found else None


def filled(level: Sequence[str], names: Sequence[str]) -> Sequence[str]:
    """A level of which each market stands above its first column alone, as merged cells of a
    spreadsheet are written, with the market above all; others as they are."""
    told = [word for word in level[1:] if word]
    twice = len(set(names[1:])) < len(names[1:])
    if len(set(told)) < len(told) or len(told) < _TWO or not level[1] or not twice:
        return level
    out = list(level[:2])
    for word in level[2:]:
        out.append(word or out[-1])
    return out


def are_levels(found: Sequence[Sequence[str]]) -> bool:
    """Whether header lines are levels of names, as pandas writes them; their index has a cell, or
    a line, of its own."""
    corner = found[0][0].lower()
    last = found[-1]
    own = len(found) > 1 and not corner.startswith("#") and not (last[0] and any(last[1:]))
    return own or corner in ("price", "ticker", "symbol", "attributes", "")


def told_apart_by(
    names: Sequence[str], others: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of columns, and the market of each, () where the `others`, the second level of the
    names, tell none but what was put together: price and amount, first and sum."""
    pairs = zip(names, others, strict=True)
    levels = [(name, other) if name else (other, "") for name, other in pairs]
    names, others = (tuple(level) for level in zip(*levels, strict=True))
    if {plain_name(other) for other in others} <= _DONE:
        return names, ()
    whole = [other for other in dict.fromkeys(others) if _is_whole(names, others, other)]
    priced = [other for other in whole if not is_volume(other)]
    rest = [other for other in dict.fromkeys(others) if other and other not in priced]
    if len(priced) != 1 or not rest or not all(map(is_volume, rest)):
        return names, others
    return tuple(
        _of_amount(name, other) if other in rest else name
        for name, other in zip(names, others, strict=True)
    ), ()


def _is_whole(names: Sequence[str], others: Sequence[str], one: str) -> bool:
    """Whether the columns of `one` hold all four prices."""
    mine = {field_of(name) for name, other in zip(names, others, strict=True) if other == one}
    return bool(one) and set(PRICES) <= mine


def _of_amount(name: str, amount: str) -> str:
    return amount if name == amount or plain_name(name) in _WHOLE else f"{amount}_{name}"


def is_yahoo(markets: Sequence[str]) -> bool:
    """Whether markets are written as Yahoo does, BTC-USD."""
    return any("-" in market for market in markets)
