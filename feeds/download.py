"""Candles from an exchange into the cache, page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from stoptrail.core.time import iso, timeframe_name
from stoptrail.exchange.client import (
    load_markets,
    open_exchange,
    read,
    server_time,
)
from stoptrail.feeds.cache import (
    Cached,
    cache_path,
    read_cache,
    uncovered,
    with_rows,
    write_cache,
)
from stoptrail.feeds.columns import Columns, rows_of
from stoptrail.feeds.faults import value_faults

Progress = Callable[[int, int], None]
"""Told candles done and candles in all (missing ones included)."""
Notice = Callable[[str], None]
"""Told one line that the user should see."""

PAGE = 1000
"""Candles asked for at a time; an exchange may give fewer."""
_SMALLEST_PAGE = 100
"""No exchange gives fewer: how far an empty page is sure to reach."""
_PAGES_PER_WRITE = 25


def download_candles(
    exchange_id: str,
    options: dict[str, Any],
    symbol: str,
    interval: int,
    start: int,
    end: int,
    folder: Path,
    on_progress: Progress | None = None,
    on_notice: Notice | None = None,
) -> Cached:
    """Bring the closed candles of [start, end), times in milliseconds, into the cache.

    Only what the cache does not cover is asked for; what has arrived is written every few
    pages and when the download ends, in whatever way, so that the next one goes on from
    there. Raises ConfigError, ExchangeError or OutputError.
    """
    timeframe = timeframe_name(interval)
    cached = read_cache(cache_path(folder, exchange_id, symbol, timeframe), interval)
    exchange = open_exchange(exchange_id, options)
    load_markets(exchange, symbol, timeframe)
    now = server_time(exchange)
    start, end = start - start % interval, min(end, now - now % interval)
    pages = _Pages(exchange, symbol, timeframe, interval, on_notice)
    total = max(0, end - start) // interval
    for state in _fetched(pages, cached, start, end):
        cached = state
        if on_progress:
            left = sum(b - a for a, b in uncovered(cached.covered, start, end)) // interval
            on_progress(total - left, total)
    _say_late_start(cached, start, interval, exchange_id, on_notice)
    return cached


def _fetched(pages: _Pages, cached: Cached, start: int, end: int) -> Iterator[Cached]:
    """The cache after each page of [start, end); written now and then, and at the end."""
    unwritten = 0
    try:
        for hole in uncovered(cached.covered, start, end):
            for rows, span in pages.between(*hole):
                cached = with_rows(cached, [rows], [span])
                unwritten += 1
                if unwritten >= _PAGES_PER_WRITE:
                    write_cache(cached)
                    unwritten = 0
                yield cached
    finally:
        if unwritten:
            write_cache(cached)


class _Pages:
    """Pages of closed candles of one market."""

    def __init__(
        self,
        exchange: Any,
        symbol: str,
        timeframe: str,
        interval: int,
        on_notice: Notice | None,
    ) -> None:
        self._exchange = exchange
        self._market = (symbol, timeframe)
        self._interval = interval
        self._notice = on_notice or (lambda _: None)

    def between(self, start: int, end: int) -> Iterator[tuple[Columns, tuple[int, int]]]:
        """Each page's candles and the span that it settles, in order, up to `end`."""
        reach = _SMALLEST_PAGE
        while start < end:
            page = self._page(start)
            reach = max(reach, len(page.time))
            if len(page.time):
                settled = int(page.time[-1]) + self._interval
            else:
                settled = start + reach * self._interval
            settled = min(settled, end)
            page = self._possible(rows_of(page, page.time < end))
            yield page, (start, settled)
            start = settled

    def _page(self, since: int) -> Columns:
        rows = read(
            self._exchange,
            self._exchange.fetch_ohlcv,
            *self._market,
            since,
            PAGE,
            on_wait=lambda pause, why: self._notice(f"waiting {pause:.0f} s: {why}"),
        )
        table = np.array([row[:6] for row in rows], np.float64).reshape(-1, 6)
        time = table[:, 0].astype(np.int64)
        table = table[(time >= since) & (time % self._interval == 0)]
        _, first = np.unique(table[:, 0], return_index=True)
        return Columns(table[first, 0].astype(np.int64), *table[first, 1:].T)

    def _possible(self, columns: Columns) -> Columns:
        """Candles that no market can have made are left out, as missing, and said."""
        bad = np.zeros(len(columns.time), np.bool_)
        for fault in value_faults(columns):
            bad[fault.rows] = True
        for time in columns.time[bad]:
            self._notice(f"left out the impossible candle of {iso(int(time))}")
        return rows_of(columns, ~bad)


def _say_late_start(
    cached: Cached, start: int, interval: int, exchange_id: str, on_notice: Notice | None
) -> None:
    """An exchange may begin later than asked: a young market, or one that keeps few candles."""
    times = cached.columns.time[cached.columns.time >= start]
    if on_notice and (not len(times) or times[0] > start + 96 * interval):
        begin = f"begin at {iso(int(times[0]))}" if len(times) else "have nothing"
        on_notice(
            f"the candles that {exchange_id} serves {begin}, asked for from {iso(start)}: "
            "the market is younger, or the exchange does not keep older ones"
        )
