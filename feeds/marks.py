"""Mark prices of a swap beside its candles: what its exchange liquidates by, and what funding is
paid on (C19, C20)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from stoptrail.core.errors import DataError
from stoptrail.core.time import DAY_MS, iso, timeframe_name
from stoptrail.feeds.beside import of_file_beside, read_beside
from stoptrail.feeds.checks.shifts import EPOCHS
from stoptrail.feeds.downloads.cache import mark_path
from stoptrail.feeds.downloads.download import Notice
from stoptrail.feeds.files import load_file
from stoptrail.feeds.layouts.recognise import Reading
from stoptrail.feeds.market import NO_MARKET_MARKS, MarketData, MarketMarks, candles_digest
from stoptrail.feeds.source import Wanted
from stoptrail.rules.candles import Candles, Floats, rows_of
from stoptrail.rules.funding import marks_of

APART = 0.02
"""A median distance between closes beyond which marks are of another market."""
_LOOKED_AT = 10_000
"""Candles, the last, among which marks that are shifted in time are looked for."""
_SHIFTS = 24
"""By how many candles, and by how many hours, at most."""
_CLOSER = 0.5
"""Marks are shifted where they are so much closer to the candles of another time."""


def load_marks(
    wanted: Wanted, path: Path | None, market: MarketData, on_notice: Notice
) -> MarketMarks:
    """The mark candles of the span of `market`: those of the file `path`, else what `data download
    --mark` has brought, else none.

    Raises DataError, in one line, where they are longer than the market's candles, of another
    market, shifted in time, or do not reach over the span; `on_notice` is told of candles that
    have none.
    """
    source, remedy = f"file: {path}", "give data.mark_path those of it"
    if path is None:
        kept = mark_path(wanted.cache, wanted.exchange_id, wanted.symbol, market.timeframe)
        if market.synthetic or not kept.exists():
            return NO_MARKET_MARKS
        path, source = kept, f"exchange: {wanted.exchange_id}"
        remedy = "run `data download --mark`"
    file = path

    def attempt(reading: Reading, notice: Notice) -> MarketMarks:
        return _loaded(replace(wanted, reading=reading), file, source, remedy, market, notice)

    return read_beside(file, "mark", wanted.reading, attempt, on_notice)


def _loaded(
    wanted: Wanted,
    path: Path,
    source: str,
    remedy: str,
    market: MarketData,
    on_notice: Notice,
) -> MarketMarks:
    """The marks of `path`, if `wanted.reading` is how it is to be read."""
    marks = _read(wanted, path, on_notice)
    _check_length(path, marks, market)
    first, last = np.searchsorted(marks.time, [market.start_time, market.end_time])
    _check_span(f"{path}: the mark candles reach", marks, market, (int(first), int(last)), remedy)
    kept_rows = rows_of(marks, slice(int(first), int(last)))
    span = rows_of(market.candles, slice(market.start, None))
    known = marks_of(span, kept_rows)
    there = ~np.isnan(known[:, 0])
    _check_market(path, span, known, there)
    missing = int(len(there) - there.sum())
    if missing:
        on_notice(
            f"mark: {missing:,} of {len(there):,} candles have no mark candles of "
            f"{timeframe_name(marks.interval)}: their own prices liquidate there, which is stricter"
        )
    if _is_the_market(span, known, there):
        on_notice(
            f"mark: {path} holds the market's own candles, so that liquidations are as without it"
        )
    return MarketMarks(kept_rows, source, missing, candles_digest(kept_rows))


def _read(wanted: Wanted, path: Path, on_notice: Notice) -> Candles:
    """The candles of a file, whatever it says of volume: a mark price has none."""
    reading = wanted.reading._replace(
        symbol=wanted.symbol, exchange=wanted.exchange_id, volume="unknown"
    )
    try:
        loaded = load_file(path, None, reading)
    except DataError as error:
        raise of_file_beside(error, "data.mark_path", "data.mark_path") from None
    for note in loaded.notes:
        if "volume" not in note and "path says mark prices" not in note:
            on_notice(f"mark: {note}")
    return loaded.candles


def _check_length(path: Path, marks: Candles, market: MarketData) -> None:
    base, own = market.candles.interval, marks.interval
    if own > base or base % own:
        raise DataError(
            f"{path}: mark candles of {timeframe_name(own)} say too little of candles of "
            f"{market.timeframe}; give data.mark_path some of {market.timeframe} or shorter ones "
            "that divide it"
        )


def _check_span(
    what: str, marks: Candles, market: MarketData, rows: tuple[int, int], remedy: str
) -> None:
    """DataError where `rows` of the marks leave out more than a day at an end of the span."""
    first, last = rows
    if first < last:
        begins, ends = int(marks.time[first]), int(marks.time[last - 1]) + marks.interval
        if begins - _first(market) <= DAY_MS and _end(market) - ends <= DAY_MS:
            return
    raise DataError(
        f"{what} from {iso(int(marks.time[0]))} to "
        f"{iso(int(marks.time[-1]) + marks.interval)}, the span from {iso(market.start_time)} to "
        f"{iso(market.end_time)}; {remedy}, or set data.start and data.end"
    )


def _first(market: MarketData) -> int:
    return int(market.candles.time[market.start])


def _end(market: MarketData) -> int:
    return int(market.candles.time[-1]) + market.candles.interval


def _check_market(path: Path, span: Candles, known: Floats, there: Floats) -> None:
    """DataError for the marks of another market, or of another time."""
    closes, marks = span.close[there], known[there, 3]
    if not len(closes):
        return
    apart = _apart(closes, marks)
    if apart > APART:
        i = int(np.argmax(there))
        raise DataError(
            f"{path}: half of the mark closes are more than {apart:.1%} from the market's, first "
            f"{known[i, 3]:g} beside {span.close[i]:g} at {iso(int(span.time[i]))}: of another "
            "market, or in other units; give data.mark_path those of this one"
        )
    lately = slice(-_LOOKED_AT, None)
    shift = _shift_of(span.close[lately], known[lately, 3], span.interval)
    if shift:
        hours = abs(shift) * span.interval / 3_600_000
        moved = "1 hour" if hours == 1.0 else f"{hours:g} hours"
        raise DataError(
            f"{path}: the mark candles are {moved} {'late' if shift > 0 else 'early'}: moved by "
            "that they are less than half as far from the market's; where they are of another "
            "zone, or their times are closes, bring them to opens in UTC: data convert FILE "
            "marks.parquet --set data.volume=unknown --set data.zone=ZONE (or data.stamp=close; "
            f"{EPOCHS}), and give data.mark_path that"
        )


def _apart(closes: Floats, marks: Floats) -> float:
    """The median distance, as a fraction of the close."""
    return float(np.nanmedian(np.abs(marks / closes - 1.0)))


def _shift_of(closes: Floats, marks: Floats, interval: int) -> int:
    """By how many candles the marks come late (positive) or early; 0 where they are in time."""
    hours = max(1, 3_600_000 // interval)
    steps = {*range(1, _SHIFTS + 1), *(hours * k for k in range(1, _SHIFTS + 1))}
    found, least = 0, _CLOSER * _apart(closes, marks)
    for step in sorted(steps):
        if step >= len(closes) // 2:
            break
        for shift in (step, -step):
            before, behind = (closes[:-step], marks[step:])
            if shift < 0:
                before, behind = closes[step:], marks[:-step]
            apart = _apart(before, behind) if np.isfinite(behind).any() else np.inf
            if apart < least:
                found, least = shift, apart
    return found


def _is_the_market(span: Candles, known: Floats, there: Floats) -> bool:
    own = np.stack((span.open, span.high, span.low, span.close), axis=1)[there]
    return bool(len(own)) and bool((own == known[there]).all())
