"""Candles that an exchange has corrected since they came into the cache."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import numpy as np

from stoptrail.core.text import number_of
from stoptrail.core.time import iso
from stoptrail.exchange.copies import same_candle
from stoptrail.exchange.errors import RequestError
from stoptrail.exchange.history import SMALL, reach
from stoptrail.exchange.rows import Row
from stoptrail.exchange.windows import AskUntil, Windows
from stoptrail.feeds.downloads.cache import Cached, with_rows
from stoptrail.feeds.tables.columns import columns_from

_MOST = 0.5
"""Where more of them than this are others, it is no correction."""


def corrected(
    exchange_id: str,
    cached: Cached,
    ask: AskUntil,
    interval: int,
    end: int,
    notice: Callable[[str], None],
) -> Cached:
    """The cache with the last candles of the covered span that ends at `end` (ms) as the exchange
    has them now: a small page of them is asked for again.

    Of the first and the last candle of an answer nothing is taken, which may be parts of
    themselves, nor of the very last that is known, of which the next answer has a copy. `notice`
    is told of others. Where most of them are, none are taken: then the exchange counts in another
    unit, or the market is another.
    """
    since, spans = end - (SMALL - 1) * interval, [span for span in cached.covered if span[1] == end]
    rows = _read_again(Windows(ask, interval), interval, since, end) if spans else []
    columns = cached.columns
    begin, stop = np.searchsorted(columns.time, (max([since, *(a for a, _ in spans)]), end))
    table = zip(*(column[begin:stop].tolist() for column in columns), strict=True)
    known: dict[int, Row] = {row[0]: row for row in table}
    again = [row for row in rows if row[0] in known and row[0] < end - interval]
    others = [row for row in again if not same_candle(row, known[row[0]])]
    if not others:
        return cached
    some = f"{number_of(len(others), 'candle')} of the cache with other values now"
    told = f"{exchange_id} gives {some}, the first of {iso(others[0][0])}"
    if len(others) > _MOST * len(again) > 1:
        notice(
            f"{told}: most of those that were asked for again, so the exchange counts otherwise or "
            f"the market is another; they stay; delete {cached.path} to load it anew"
        )
        return cached
    notice(f"{told}: they were corrected, and are taken")
    return with_rows(cached, [columns_from(others)], ())


def _read_again(ask: Windows, interval: int, since: int, end: int) -> list[Row]:
    """Candles from `since` to `end`, of answers that may end at midnight, without their ends."""
    rows: list[Row] = []
    with suppress(RequestError):
        while since < end - interval:
            answer = ask(since, SMALL)
            rows += answer[1:-1]
            since = max([since + reach(since, SMALL, interval), *(row[0] for row in answer[-1:])])
    return rows
