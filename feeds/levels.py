"""Columns whose names have two levels, as pandas writes them: of markets, or of what was put
together (`resample().ohlc()`, `agg`)."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from stoptrail.feeds.columns import PRICES
from stoptrail.feeds.names import field_of, is_volume, plain_name

YFINANCE = "yfinance download"
_DONE = {*("first", "max", "min", "last", "sum", "mean", "ohlc", "count", "size"), ""}
"""What candles are put together with."""
_WHOLE = {*("sum", "total", ""), "volume", "amount"}


def levels_of(name: str) -> tuple[str, str]:
    """Both levels of a name that pandas wrote as one text, "('Close', 'BTC-USD')"; the second is
    "" where it has one."""
    if name.startswith("('"):
        try:
            first, second = ast.literal_eval(name)
            return str(first), str(second)
        except (ValueError, SyntaxError):
            pass
    return name, ""


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
