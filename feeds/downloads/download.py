"""Candles from an exchange into the cache, piece by piece."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from stoptrail.core.errors import ConfigError, ExchangeError
from stoptrail.core.program import Progress
from stoptrail.core.text import number_of
from stoptrail.core.time import (
    HOUR_MS,
    Spans,
    iso,
    joined,
    timeframe_ms,
    timeframe_name,
    uncovered,
    within,
)
from stoptrail.exchange.client import has_clock, open_exchange, read, server_time
from stoptrail.exchange.errors import RegionError, UnreachableError
from stoptrail.exchange.history import History
from stoptrail.exchange.markets import (
    check_type,
    facts_of,
    load_markets,
    page_of,
    read_maintenance,
    volume_unit,
)
from stoptrail.exchange.rows import (
    LengthError,
    Row,
    ShiftedError,
    in_coins,
    open_time,
    other_length,
    rows_from,
    step_of,
)
from stoptrail.exchange.windows import AskUntil, end_at
from stoptrail.feeds.downloads.cache import (
    Cached,
    cache_path,
    last_before,
    mark_path,
    read_cache,
    with_rows,
    with_unserved,
    write_cache,
    write_facts,
)
from stoptrail.feeds.downloads.corrected import corrected
from stoptrail.feeds.downloads.newest import end_of_closed
from stoptrail.feeds.tables.columns import aggregated, columns_from

Notice = Callable[[str], None]
"""Told one line that the user should see."""

_PIECES_PER_WRITE = 25
_SLACK_MS = 60_000
"""By how much a candle may open ahead of the exchange's clock."""
_MARKS = 100
"""Mark candles asked for at a time: okx gives no more, others the last of as many as asked."""
_SHOWN = 5
"""Stretches that are named one by one."""


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
    market_type: str = "auto",
    mark: bool = False,
) -> Cached:
    """Bring the closed candles of [start, end), times in milliseconds, into the cache; those of
    a swap's `mark` price into a file of their own, without volume.

    Only what the cache does not cover is asked for; what has arrived is written every few
    pieces and when the download ends, in whatever way, so that the next one goes on from
    there. `on_notice` is told of every stretch without candles; `market_type` is what
    market.type says. Raises ConfigError, OutputError, UnreachableError where not even the
    market list can be had, else ExchangeError.
    """
    exchange = open_exchange(exchange_id, options)
    market = load_markets(exchange, symbol, timeframe_name(interval))
    notice = on_notice or (lambda _: None)
    facts = facts_of(exchange, market)
    check_type(symbol, facts.type, market_type)
    if mark:
        _require_marks(exchange, market)
    else:
        facts = facts._replace(maintenance=read_maintenance(exchange, market, notice))
        write_facts(folder, exchange_id, symbol, facts)
    task = _Download(exchange, market, folder, on_progress or (lambda *_: None), notice, mark)
    try:
        now = server_time(exchange)
        return task.run(interval, start - start % interval, min(end, now - now % interval), now)
    except UnreachableError as error:
        again = "" if isinstance(error, RegionError) else ": start again"
        raise ExchangeError(f"{error}; what has come is in the cache{again}") from None


def _require_marks(exchange: Any, market: dict[str, Any]) -> None:
    """ConfigError where there are no mark candles."""
    if not market.get("swap"):
        raise ConfigError(f"{exchange.id} {market['symbol']} is no swap: it has no mark price")
    if not exchange.has.get("fetchMarkOHLCV"):
        raise ConfigError(
            f"{exchange.id} serves no mark candles through ccxt; set data.mark_path to a file"
        )


def say_unserved(exchange_id: str, spans: Spans, interval: int, notice: Notice) -> None:
    """One line for each stretch that the exchange did not serve, the longest first."""
    by_length = sorted(spans, key=lambda span: span[0] - span[1])
    for first, last in by_length[:_SHOWN]:
        notice(
            f"{exchange_id} gave nothing from {iso(first)} to {iso(last)}: not in the cache, "
            "asked for again next time; set data.start after it, a longer data.timeframe or "
            "another data.exchange"
        )
    if len(by_length) > _SHOWN:
        rest = by_length[_SHOWN:]
        count = sum(last - first for first, last in rest) // interval
        first, last = min(a for a, _ in rest), max(b for _, b in rest)
        notice(
            f"{exchange_id} gave nothing in {number_of(len(rest), 'more span')}, "
            f"{number_of(count, 'candle')}, between {iso(first)} and {iso(last)}"
        )


class _Download:
    """One market's candles from an open exchange."""

    def __init__(
        self,
        exchange: Any,
        market: dict[str, Any],
        folder: Path,
        on_progress: Progress,
        notice: Notice,
        mark: bool = False,
    ) -> None:
        self._exchange = exchange
        self._mark = mark
        self._symbol = market["symbol"]
        self._unit = volume_unit(exchange.id, market) or 1.0
        self._folder = folder
        self._progress = on_progress
        self._notice = notice
        self._left_out: dict[str, int | None] = {}
        """Impossible candles, and when they open."""
        self._now = (0, 0.0)
        """The exchange's time at the start, and this machine's monotonic clock then."""
        self._longer = 0
        self._ahead = False
        """Whether it was said that candles open later than this machine's clock."""

    def run(self, interval: int, start: int, end: int, now: int) -> Cached:
        """The cache with [start, end) brought in, at the exchange's time `now`."""
        kind = mark_path if self._mark else cache_path
        path = kind(self._folder, self._exchange.id, self._symbol, timeframe_name(interval))
        cached = read_cache(path, interval)
        self._now = now, time.monotonic()
        try:
            return self._fetch(cached, interval, start, end, now)
        except ShiftedError as error:
            return self._built(cached, interval, start, end, now, error.shift)
        except LengthError as error:
            raise ExchangeError(other_length(self._exchange.id, error.step, interval)) from None

    def _fetch(self, cached: Cached, interval: int, start: int, end: int, now: int) -> Cached:
        page = page_of(self._exchange, self._symbol)
        history = History(self._ask(interval), interval, min(page, _MARKS) if self._mark else page)
        end = end_of_closed(self._exchange, history, interval, end, now, self._notice)
        unwritten, holes = 0, uncovered(cached.covered, start, end)
        if holes:
            ask, name = self._ask(interval), self._exchange.id
            cached = corrected(name, cached, ask, interval, holes[-1][0], self._notice)
        try:
            for state in self._pieces(history, cached, start, end, interval):
                cached, unwritten = state, unwritten + 1
                if unwritten >= _PIECES_PER_WRITE:
                    write_cache(cached)
                    unwritten = 0
        finally:
            if unwritten:
                write_cache(cached)
        if history.refusal and not len(cached.columns.time):
            raise history.refusal
        missed = within(uncovered(cached.covered, start, end), start, end)
        broken = [span for span in self._broken([], interval) if within(missed, *span)]
        cached = with_unserved(cached, joined([*history.unserved, *broken]), start, end, now)
        write_cache(cached)
        self._say(history, interval, end)
        return cached

    def _pieces(
        self, history: History, cached: Cached, start: int, end: int, interval: int
    ) -> Iterator[Cached]:
        """The cache after each piece of [start, end)."""
        holes = uncovered(cached.covered, start, end)
        total, left = max(0, end - start) // interval, sum(b - a for a, b in holes)
        self._progress(total - left // interval, total)
        for first, last in holes:
            for piece in history.between(first, last, last=last_before(cached, first)):
                if piece.settled:
                    broken = self._broken(piece.rows, interval)
                    spans = uncovered(broken, piece.start, piece.end)
                    cached = with_rows(cached, [columns_from(piece.rows)], spans)
                    yield cached
                left -= max(0, piece.end - max(piece.start, first))
                self._progress(total - left // interval, total)

    def _ask(self, interval: int) -> AskUntil:
        timeframe = timeframe_name(interval)
        always = {"price": "mark"} if self._mark else {}

        def ask(since: int, limit: int, until: int | None = None, /) -> list[Row]:
            since = max(0, since)
            params = always | ({} if until is None else end_at(self._exchange, until))
            entries = read(
                self._exchange,
                self._exchange.fetch_ohlcv,
                self._symbol,
                timeframe,
                since,
                limit,
                *([params] if params else ()),
                on_wait=lambda pause, why: self._notice(f"waiting {pause:.0f} s: {why}"),
            )
            if self._mark:
                entries = [[*entry[:5], 0.0] for entry in entries]
            rows = rows_from(entries, since, interval, self._odd)
            self._check(rows, interval)
            return [in_coins(row, self._unit) for row in rows]

        return ask

    def _check(self, rows: list[Row], interval: int) -> None:
        """ExchangeError where a candle has not begun yet; longer ones than were asked for are
        said."""
        now, read = self._now
        now += round(1000 * (time.monotonic() - read)) + _SLACK_MS
        if rows and rows[-1][0] > now and has_clock(self._exchange):
            raise ExchangeError(
                f"{self._exchange.id}: its newest candle opens at {iso(rows[-1][0])}, later than "
                f"its own clock says ({iso(self._now[0])}): its times are closes, or its clock is "
                "wrong; take another data.exchange"
            )
        if rows and rows[-1][0] > now and not self._ahead:
            self._ahead = True
            self._notice(
                f"{self._exchange.id}: its newest candle opens at {iso(rows[-1][0])}, later than "
                f"this machine's clock says ({iso(self._now[0])}), and it has none of its own: its "
                "times are closes, or the clock is slow"
            )
        if not self._longer and (step := step_of(rows)) > interval:
            self._longer = step
            self._notice(
                f"{self._exchange.id} answers with candles every {timeframe_name(step)} where "
                f"{timeframe_name(interval)} are asked for: they may be longer ones"
            )

    def _odd(self, entry: Any) -> None:
        """Candles that no market can have made are left out, and asked for again next time."""
        text = str(entry)[:100]
        if text not in self._left_out:
            at = self._left_out[text] = open_time(entry)
            if len(self._left_out) <= _SHOWN:
                kind = "off-grid" if (at or 0) % 60_000 else "impossible"
                self._notice(f"left out an {kind} candle: {text}")

    def _broken(self, rows: list[Row], interval: int) -> Spans:
        """The spans of impossible candles in place of which `rows` have none."""
        there = {row[0] for row in rows}
        times = {at for at in self._left_out.values() if at is not None} - there
        return joined((at, at + interval) for at in times if at % interval == 0)

    def _say(self, history: History, interval: int, end: int) -> None:
        say_unserved(self._exchange.id, history.unserved, interval, self._notice)
        if len(self._left_out) > _SHOWN:
            self._notice(f"left out {number_of(len(self._left_out), 'impossible candle')} in all")
        list(map(self._notice, history.copies.lines(self._exchange.id, end)))
        if gaps := history.gaps:
            first, last = max(gaps, key=lambda gap: gap[1] - gap[0])
            count = sum(b - a for a, b in gaps) // interval
            self._notice(
                f"{self._exchange.id} has no candle in {number_of(len(gaps), 'gap')}, "
                f"{number_of(count, 'candle')} in all, asked for {history.losses.how_often()}; "
                f"the longest from {iso(first)} to {iso(last)}"
            )

    def _built(
        self, cached: Cached, interval: int, start: int, end: int, now: int, shift: int
    ) -> Cached:
        """Candles that open on the grid, from smaller ones of the exchange."""
        name, names = timeframe_name(interval), self._exchange.timeframes
        smaller = sorted((ms for ms in map(_length, names) if ms and ms < interval), reverse=True)
        for length in smaller:
            if interval % length or shift % length:
                continue
            self._notice(
                f"{self._exchange.id}: its {name} candles open at "
                f"{shift // HOUR_MS:02}:{shift % HOUR_MS // 60_000:02} UTC, not at 00:00; they "
                f"are built from its {timeframe_name(length)} candles"
            )
            parts = self.run(length, start, end, now)
            columns, covered = aggregated(parts.columns, parts.covered, interval)
            cached = with_rows(cached, [columns], within(covered, start, end))
            missing = uncovered(cached.covered, start, end)
            cached = with_unserved(cached, missing, start, end, now)
            write_cache(cached)
            return cached
        raise ConfigError(
            f"data.timeframe {name!r}: the candles of {self._exchange.id} do not open at 00:00 "
            f"UTC; set another one of {', '.join(names)}"
        )


def _length(name: str) -> int:
    """Length of a timeframe that divides the day, else 0."""
    try:
        return timeframe_ms(name)
    except ValueError:
        return 0
