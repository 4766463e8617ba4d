"""A swap's funding rates between two moments, from an exchange of which little is known (C19).

Exchanges answer "so many from here" in their own ways: the first from there, the newest of
all whatever was asked, or the whole list; some begin late where much is asked for. Hence one
loop: windows of as many hours as a page has rows, as no exchange pays more often, each asked
for with both its ends; empty windows are stepped over.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from itertools import pairwise
from typing import Any, NamedTuple

from stoptrail.core.errors import ConfigError, ExchangeError
from stoptrail.core.text import number_of
from stoptrail.core.time import HOUR_MS, iso
from stoptrail.exchange.client import read
from stoptrail.rules.funding import FundingRow

PAGES = {
    "binance": 1000,
    "binanceusdm": 1000,
    "bitget": 100,
    "bybit": 200,
    "gate": 1000,
    "hyperliquid": 500,
    "mexc": 100,
    "okx": 100,
}
"""Rows that one answer has at most, by ccxt's id."""
_PAGE = 100
"""The same of any other exchange: hardly one gives fewer."""
_BY_NUMBER = {"bitget": ("pageNo", "pageSize"), "mexc": ("page_num", "page_size")}
"""Exchanges that send no start and answer with the newest page, and how pages are asked for."""
_BEFORE = {"myokx": "after", "okx": "after", "okxus": "after"}
"""Exchanges to which ccxt sends a start and no end, so that they may answer with the newest rows
after it, and how those before a moment are asked for."""
_ENDS = {"digifinex": "end_timestamp", "htx": "end_time"}
"""Exchanges to which ccxt 4.5.90 sends a start and no end, and the name that it has there: without
it they may give the newest rows of all since the start."""
_AT_ONCE: dict[str, tuple[int | None, dict[str, Any]]] = {
    "backpack": (1000, {}),
    "btse": (None, {"period": "1M"}),
    "deepcoin": (100, {}),
    "hibachi": (None, {}),
    "krakenfutures": (None, {}),
    "pacifica": (4000, {}),
    "xt": (200, {}),
}
"""Exchanges to which ccxt sends neither start nor end nor page: all that they have comes with one
question, as many rows as this, None where all do (krakenfutures gives its whole list), and what
else is said (btse's longest period)."""
_SHOWN = 5
"""Stretches without rows that are named."""
_MISSED = 1.5
"""Rows that are so many times as far apart as those beside them have others between them."""
_MOST_PAGES = 2000
_PAST = 1000
"""Milliseconds after a window's last row that are named as its end: to some (apex) the end itself
does not belong, and ccxt may tell it in seconds."""
_SURE, _OFTEN_MS = 10, HOUR_MS // 4
"""Rows that are enough to tell, and how far apart payments are at least: an hour, and each may be
told a few times."""
HOURLY_OF_EIGHT = {"coinbaseinternational", "deribit"}
"""Exchanges of one engine whose hourly rows carry the rate of eight hours beside their own."""
HOURLY_SINCE = 1_664_452_800_000
"""2022-09-29 12:00 UTC: rows of krakenfutures before it are four hours apart."""

Notice = Callable[[str], None]


class Request(NamedTuple):
    """One question for rows, as ccxt's fetch_funding_rate_history takes it."""

    since: int | None
    limit: int | None
    params: dict[str, Any]


Requests = Generator[Request, list[FundingRow], None]
"""Questions, each answered by the rows that it brought."""


def funding_between(
    exchange: Any, symbol: str, start: int, end: int, on_notice: Notice = lambda _: None
) -> list[FundingRow]:
    """The rows at `start` <= time <= `end` (ms), ascending, each once.

    Says where none came, the longest stretches of them. Raises ConfigError where
    the exchange publishes none, else the errors of `read`.
    """
    check_published(exchange)
    found: dict[int, FundingRow] = {}
    questions = requests(exchange.id, start, end)
    question = next(questions, None)
    while question is not None:
        entries = read(exchange, exchange.fetch_funding_rate_history, symbol, *question)
        rows = rows_of(exchange.id, entries)
        found |= {row.time: row for row in rows if start <= row.time <= end}
        question = following(questions, rows)
    rows = [found[time] for time in sorted(found)]
    spans = missing([row.time for row in rows], start, end)
    for first, last in spans[:_SHOWN]:
        on_notice(
            f"{exchange.id} gave no funding of {symbol} from {iso(first)} to {iso(last)}; set "
            "data.start after it, or data.funding to a file that has it"
        )
    if len(spans) > _SHOWN:
        more = number_of(len(spans) - _SHOWN, "stretch", "stretches")
        on_notice(f"{exchange.id} gave no funding of {symbol} in {more} more, no longer than these")
    return rows


def missing(times: list[int], start: int, end: int) -> list[tuple[int, int]]:
    """Where rows at `times` (ms, ascending) leave out some of [start, end], the longest first: at
    the ends, and where two are farther apart than those before and after, by half as much again.
    Of two holes with one row between them each has the other beside it: hence two on each side."""
    steps = [max(HOUR_MS, b - a) for a, b in pairwise(times)] or [8 * HOUR_MS]
    first, last = (times[0], times[-1]) if times else (end, end)
    found = [
        (times[k], times[k + 1])
        for k in range(len(times) - 1)
        if steps[k] > _MISSED * max(map(min, filter(None, _beside(steps, k))), default=steps[k])
    ]
    if first - start >= steps[0]:
        found.append((start, first))
    if end - last > _MISSED * steps[-1]:
        found.append((last, end))
    return sorted(found, key=lambda span: span[0] - span[1])


def _beside(steps: list[int], k: int) -> tuple[list[int], list[int]]:
    """The two before and the two after the k-th."""
    return steps[max(0, k - 2) : k], steps[k + 1 : k + 3]


def check_published(exchange: Any) -> None:
    """ConfigError where the exchange publishes no history of funding."""
    if not exchange.has.get("fetchFundingRateHistory"):
        raise ConfigError(
            f"{exchange.id} publishes no history of funding through ccxt; set data.funding to a "
            "file or costs.funding_rate to a constant"
        )


def requests(exchange_id: str, start: int, end: int) -> Requests:
    """What to ask for the rows of [start, end], ms: each question gets its rows through `send`
    (see `following`), and the next one depends on them."""
    if exchange_id in _AT_ONCE:
        return _at_once(*_AT_ONCE[exchange_id])
    if exchange_id in _BEFORE:
        return _earlier(exchange_id, start, end)
    pages = _numbered if exchange_id in _BY_NUMBER else _windows
    return pages(exchange_id, start, end)


def following(questions: Requests, rows: list[FundingRow]) -> Request | None:
    """The next question after an answer with `rows`; None where there is none."""
    try:
        return questions.send(rows)
    except StopIteration:
        return None


def _windows(exchange_id: str, start: int, end: int) -> Requests:
    """Window by window; at once where one answer is the whole list."""
    limit, name = PAGES.get(exchange_id, _PAGE), _ENDS.get(exchange_id, "until")
    at, heard = start, False
    while at <= end:
        until = min(at + (limit - 1) * HOUR_MS, end)
        rows = yield Request(at, limit, {name: until + _PAST})
        if rows and rows[0].time < at and rows[-1].time > until:
            return
        times = [row.time for row in rows if at <= row.time <= until]
        step = _MISSED * max((b - a for a, b in pairwise(times)), default=end)
        while times and times[0] - at > step:  # the answer may be cut at its start
            earlier = yield Request(at, limit, {name: times[0] - 1})
            times = [row.time for row in earlier if at <= row.time < times[0]] + times[-1:]
            if len(times) < 2:
                break
        at = times[-1] + 1 if times and until - times[-1] > step else until + 1  # or its end
        if not heard and rows and rows[-1].time > until + _PAST:
            first = rows[0].time
            earlier = yield Request(first - limit * HOUR_MS, limit, {name: first - 1})
            heard = any(row.time < first for row in earlier)
            at = at if heard else max(at, rows[-1].time + 1)  # the same would come again and again


def _at_once(limit: int | None, params: dict[str, Any]) -> Requests:
    """One question: ccxt cuts an answer by a start and a number that the exchange has not heard, so
    that window by window each would bring the whole list again."""
    yield Request(None, limit, params)


def _numbered(exchange_id: str, start: int, end: int) -> Requests:
    """The newest page, then those before it, up to the one that reaches `start`."""
    del end
    number, size = _BY_NUMBER[exchange_id]
    limit, oldest = PAGES[exchange_id], math.inf
    for page in range(1, _MOST_PAGES + 1):
        rows = yield Request(None, limit, {number: page, size: limit})
        if not rows or rows[0].time >= oldest or rows[0].time <= start:
            return
        oldest = rows[0].time


def _earlier(exchange_id: str, start: int, end: int) -> Requests:
    """The newest page up to `end`, then those before it, up to the one that reaches `start`."""
    limit, oldest = PAGES.get(exchange_id, _PAGE), end + 1
    for _ in range(_MOST_PAGES):
        rows = yield Request(None, limit, {_BEFORE[exchange_id]: oldest})
        if not rows or rows[0].time >= oldest or rows[0].time <= start:
            return
        oldest = rows[0].time


def rows_of(exchange_id: str, entries: list[dict[str, Any]]) -> list[FundingRow]:
    """ccxt's entries as rows, ascending; those that are no rows are left out.

    Raises ExchangeError where they follow each other faster than anybody is paid: a rate that was
    looked at so often (paradex), whose sum nobody pays.
    """
    every = (row_of(exchange_id, entry) for entry in entries)
    rows = sorted(row for row in every if row is not None)
    times = {row.time for row in rows}
    if len(times) >= _SURE and (max(times) - min(times)) < _OFTEN_MS * (len(times) - 1):
        seconds = (max(times) - min(times)) / 1000 / (len(times) - 1)
        raise ExchangeError(
            f"{exchange_id} gives a rate of funding every {seconds:.0f} s, which are no payments: "
            "set data.funding to a file of those, or costs.funding_rate to a constant"
        )
    return rows


def row_of(exchange_id: str, entry: dict[str, Any]) -> FundingRow | None:
    """ccxt's entry as a row; None where it is none. krakenfutures' rate is the relative one, of an
    hour or four; of HOURLY_OF_EIGHT ccxt 4.5.90 gives that of eight hours."""
    info = entry.get("info") or {}
    rate, hours = entry.get("fundingRate"), 0.0
    time = entry.get("timestamp")
    if exchange_id == "krakenfutures" and time is not None:
        rate = info.get("relativeFundingRate", rate)
        hours = 1.0 if time >= HOURLY_SINCE else 4.0
    elif exchange_id in HOURLY_OF_EIGHT:
        rate, hours = info.get("interest_1h", rate), 1.0
    try:
        row = FundingRow(int(time), float(rate), _price(entry), hours)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return row if math.isfinite(row.rate) else None


def _price(entry: dict[str, Any]) -> float:
    """The mark price that the row was computed with, where it is told."""
    told = (entry.get("info") or {}).get("markPrice")
    try:
        price = float(told) if told is not None else math.nan
    except (TypeError, ValueError):
        return math.nan
    return price if price > 0.0 else math.nan
