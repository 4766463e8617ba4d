"""Candles that an exchange has corrected, or added, since its others came into the cache."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import numpy as np

from stoptrail.core.text import number_of
from stoptrail.core.time import iso
from stoptrail.exchange.copies import same_candle
from stoptrail.exchange.errors import RequestError
from stoptrail.exchange.history import SMALL
from stoptrail.exchange.rows import Row
from stoptrail.exchange.windows import AskUntil, Windows, reach
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
    is told of others, and of candles where there were none. Where most of them are others, none are
    taken: then the exchange counts in another unit, or the market is another.
    """
    since, spans = end - (SMALL - 1) * interval, [span for span in cached.covered if span[1] == end]
    rows = _read_again(Windows(ask, interval), interval, since, end) if spans else []
    columns, first = cached.columns, max([since, *(a for a, _ in spans)])
    begin, stop = np.searchsorted(columns.time, (first, end))
    table = zip(*(column[begin:stop].tolist() for column in columns), strict=True)
    known: dict[int, Row] = {row[0]: row for row in table}
    again = [row for row in rows if first <= row[0] < end - interval]
    late = [row for row in again if row[0] not in known]
    others = [row for row in again if row[0] in known and not same_candle(row, known[row[0]])]
    if others:
        told = _told(exchange_id, others, "of the cache with other values now")
        if len(others) > _MOST * (len(again) - len(late)) > 1:
            notice(
                f"{told}: most of those that were asked for again, so the exchange counts "
                f"otherwise or the market is another; they stay; delete {cached.path} to load it "
                "anew"
            )
            return cached
        notice(f"{told}: they were corrected, and are taken")
    if late:
        notice(f"{_told(exchange_id, late, 'where it had none')}: they are taken")
    return with_rows(cached, [columns_from(others + late)], ()) if others or late else cached


def _told(exchange_id: str, rows: list[Row], how: str) -> str:
    some = number_of(len(rows), "candle")
    return f"{exchange_id} gives {some} {how}, the first of {iso(rows[0][0])}"


def _read_again(ask: Windows, interval: int, since: int, end: int) -> list[Row]:
    """Candles from `since` to `end`, of answers that may end at midnight, without their ends."""
    rows: list[Row] = []
    with suppress(RequestError):
        while since < end - interval:
            answer = ask(since, SMALL)
            rows += answer[1:-1]
            since = max([since + reach(since, SMALL, interval), *(row[0] for row in answer[-1:])])
    return rows
