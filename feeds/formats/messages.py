"""Logs of a socket: a message a candle, wrapped in what tells its market and when it was sent."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from stoptrail.core.text import number_of
from stoptrail.feeds.layouts.markets import market_in_name
from stoptrail.feeds.tables.columns import PRICES
from stoptrail.feeds.tables.convert import number
from stoptrail.feeds.tables.names import (
    CLOSE_TIMES,
    OPEN_TIMES,
    SYMBOLS,
    TIMEFRAMES,
    TIMES,
    field_of,
    is_volume,
    plain_name,
    time_name,
)

_TOPICS = {
    *("stream", "topic", "ch", "channel", "subscription", "insttype", "c", "n", "s", ""),
    *SYMBOLS,
}
"""Names of texts that say what a message is of."""
_LEAST_TIME, _LEAST_CELLS = 1e8, 6


class _Wrapped(NamedTuple):
    """A message that holds one candle."""

    candle: Any
    """A record, or a row."""
    around: dict[str, Any]
    """Texts and flags of its wrapping."""
    topic: str
    """What it says it is of."""


def of_messages(value: Any) -> tuple[Any, list[str]]:
    """A list of messages, of which most hold one candle each, as the candles: records with the
    market that their topics tell apart, or rows below it; any other value as it is. And what is to
    be said of it."""
    if not isinstance(value, list) or any(map(_is_candle, value)):
        return value, []
    each = [_wrapped(message) for message in value]
    if sum(len(one) == 1 for one in each) < max(2, len(value) / 2):
        return value, []
    found = [wrapped for one in each for wrapped in one]
    without = sum(not one for one in each)
    notes = [f"{number_of(without, 'message')} without a candle passed over"] if without else []
    labels = _told_apart([wrapped.topic for wrapped in found])
    if all(isinstance(wrapped.candle, dict) for wrapped in found):
        return [_record(wrapped, labels[wrapped.topic]) for wrapped in found], notes
    if not all(isinstance(wrapped.candle, list) for wrapped in found):
        return value, []
    rows: dict[str, list[Any]] = {}
    for wrapped in found:
        key = " ".join(filter(None, labels[wrapped.topic].values()))
        rows.setdefault(key, []).append(wrapped.candle)
    return rows if len(rows) > 1 else next(iter(rows.values())), notes


def _record(message: _Wrapped, label: dict[str, str]) -> dict[str, Any]:
    """A candle with what is around it, and with its market and timeframe where it names none."""
    record = {**message.around, **message.candle}
    names = {plain_name(name) for name in record}
    if label["symbol"] and not names & set(SYMBOLS):
        record["symbol"] = label["symbol"]
    if label["timeframe"] and not names & set(TIMEFRAMES):
        record["timeframe"] = label["timeframe"]
    return record


def _wrapped(value: Any) -> list[_Wrapped]:
    """The candles of a message."""
    found = []
    for candle in _candles(value):
        texts = list(_texts(value, "", candle))
        around = {name: text for name, text in texts if name != _UNNAMED}
        inner = candle.items() if isinstance(candle, dict) else ()
        texts += [(name, t) for name, t in inner if isinstance(t, str) and not _is_number(t)]
        topic = [str(text) for name, text in texts if plain_name(name) in _TOPICS]
        found.append(_Wrapped(candle, around, " ".join(dict.fromkeys(topic))))
    return found


_UNNAMED = ""


def _candles(value: Any) -> Iterator[Any]:
    if _is_candle(value):
        yield value
    elif isinstance(value, (dict, list)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _candles(part)


def _is_candle(value: Any) -> bool:
    """Whether a record, or a row, holds a time, four prices and a volume itself."""
    if isinstance(value, list):
        scalars = not any(isinstance(cell, (list, dict, bool)) for cell in value)
        return len(value) >= _LEAST_CELLS and scalars and number(value[0]) > _LEAST_TIME
    if not isinstance(value, dict):
        return False
    names = [name for name, cell in value.items() if not isinstance(cell, (list, dict))]
    return (
        set(PRICES) <= {field_of(name) for name in names}
        and any(map(_names_time, names))
        and any(map(is_volume, names))
    )


def _names_time(name: str) -> bool:
    plain = plain_name(name)
    return plain in (*OPEN_TIMES, *TIMES, *CLOSE_TIMES) or time_name(name) is not None


def _texts(value: Any, name: str, candle: Any) -> Iterator[tuple[str, Any]]:
    """Texts and flags around a candle, with their names; the numbers of a channel in a list that
    names nothing. Moments, which are those of the message, are left out."""
    if _is_candle(value):
        return
    if isinstance(value, dict):
        for inner, part in value.items():
            yield from _texts(part, inner, candle)
    elif isinstance(value, list):
        for part in value:
            scalar = isinstance(part, (str, int)) and not isinstance(part, bool)
            yield from [(_UNNAMED, part)] if scalar else _texts(part, name, candle)
    elif isinstance(value, (str, bool)) and not _is_number(value) and not _names_time(name):
        yield name, value


def _is_number(value: Any) -> bool:
    cell = number(value) if not isinstance(value, bool) else float("nan")
    return bool(cell == cell)


def _told_apart(topics: Sequence[str]) -> dict[str, dict[str, str]]:
    """Of each topic what tells it apart from the others, as symbol and timeframe; the pair of the
    only one, "" where it has none."""
    different = list(dict.fromkeys(topics))
    pairs = [market_in_name(topic) for topic in different]
    if len(set(pairs)) == len(pairs) and all(pairs):
        return {t: {"symbol": p, "timeframe": ""} for t, p in zip(different, pairs, strict=True)}
    words = [_WORD.findall(topic) for topic in different]
    if len(different) == 1 or len({*map(len, words)}) > 1:
        whole = different if len(different) > 1 else pairs
        return {t: {"symbol": w, "timeframe": ""} for t, w in zip(different, whole, strict=True)}
    places = [i for i, column in enumerate(zip(*words, strict=True)) if len({*column}) > 1]
    lengths = [i for i in places if all(_LENGTH.fullmatch(each[i]) for each in words)][:1]
    if len(words[0]) == 1:  # the number of a channel
        lengths = []
    out = {}
    for topic, each in zip(different, words, strict=True):
        length = _DIGITS.findall(each[lengths[0]]) if lengths else []
        symbol = "-".join(each[i] for i in places if i not in lengths)
        out[topic] = {"symbol": symbol, "timeframe": "".join(length)}
    return out


_WORD = re.compile(r"[A-Za-z0-9]+")
_LENGTH = re.compile(r"[A-Za-z]*\d{1,4}[A-Za-z]{0,6}")
_DIGITS = re.compile(r"\d+[A-Za-z]*$")
