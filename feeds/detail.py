"""Finer candles of a run's market, matched with its base candles (C21).

They are read column by column: five years of minutes are 2.6 million rows.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stoptrail.core.errors import ConfigError, DataError
from stoptrail.core.program import Progress
from stoptrail.core.time import HOUR_MS, MINUTE_MS, iso, timeframe_name, uncovered
from stoptrail.exchange.errors import UnreachableError
from stoptrail.feeds.beside import of_file_beside, read_beside
from stoptrail.feeds.checks.shifts import EPOCHS
from stoptrail.feeds.downloads.cache import cache_path, covered_spans
from stoptrail.feeds.downloads.download import Notice, download_candles
from stoptrail.feeds.files import load_file
from stoptrail.feeds.layouts.recognise import Reading
from stoptrail.feeds.market import Finer, MarketData
from stoptrail.feeds.own_file import read_own
from stoptrail.feeds.source import Wanted
from stoptrail.feeds.synthetic_detail import synthetic_detail
from stoptrail.rules.candles import Candles, Times, rows_of
from stoptrail.rules.detail import Detail

Mask = NDArray[np.bool_]


class FinerWanted(NamedTuple):
    """Which finer candles a run asks for."""

    interval: int
    """Length in milliseconds; 0 takes the file's own."""
    path: Path | None
    """A candle file; None takes them from where the base candles come from."""


def load_finer(
    wanted: Wanted,
    finer: FinerWanted,
    market: MarketData,
    on_progress: Progress | None = None,
    on_notice: Notice = lambda _line: None,
) -> Finer:
    """The finer candles of the span of `market`: those of a file, the exchange's (from the
    cache, downloaded where it does not cover the span), or the synthetic market's own.

    Raises ConfigError, DataError, ExchangeError or OutputError, in one line, where there are
    none, or where they are of another market or span; `on_notice` is told of what falls back.
    """
    if finer.path is None:
        return _traded(
            wanted, market, *_found(wanted, finer, market, on_progress, on_notice), on_notice
        )
    path = finer.path

    def attempt(reading: Reading, notice: Notice) -> Finer:
        candles = _of_file(replace(wanted, reading=reading), path, finer.interval, market, notice)
        _check_length(market.candles.interval, candles.interval, f"{path}: its candles")
        if candles.interval == market.candles.interval:
            notice(
                f"detail: the candles of {path} are no shorter than the market's own, and tell no "
                "more than these"
            )
        return _traded(wanted, market, candles, f"file: {path.name}", notice)

    return read_beside(path, "detail", wanted.reading, attempt, on_notice)


def _traded(
    wanted: Wanted, market: MarketData, candles: Candles, source: str, on_notice: Notice
) -> Finer:
    """The candles with trades, matched."""
    if wanted.reading.volume == "known" and not (candles.volume > 0.0).all():
        candles = rows_of(candles, candles.volume > 0.0)
    return matched(market, candles, source, on_notice)


def _found(
    wanted: Wanted,
    finer: FinerWanted,
    market: MarketData,
    on_progress: Progress | None,
    on_notice: Notice,
) -> tuple[Candles, str]:
    """Those of the synthetic market, or of the exchange."""
    start, end = market.start_time, market.end_time
    _check_length(market.candles.interval, finer.interval, "data.detail")
    if market.synthetic:
        span = rows_of(market.candles, slice(market.start, None))
        return synthetic_detail(span, finer.interval, wanted.seed), market.source
    found = _of_exchange(wanted, finer.interval, start, end, on_progress, on_notice)
    return found, f"exchange: {wanted.exchange_id}"


def _check_length(base: int, fine: int, what: str) -> None:
    if fine > base or base % fine:
        raise ConfigError(
            f"{what} of {timeframe_name(fine)} must be finer than data.timeframe "
            f"{timeframe_name(base)} and divide it"
        )


def _of_file(
    wanted: Wanted, path: Path, interval: int, market: MarketData, on_notice: Notice
) -> Candles:
    start, end = market.start_time, market.end_time
    local = wanted.reading.epochs == "local"
    traded = wanted.reading.volume == "known"
    own = None if local else read_own(path, interval, start, end, traded=traded)
    if own is not None:
        return own
    reading = wanted.reading._replace(symbol=wanted.symbol, exchange=wanted.exchange_id)
    try:
        loaded = load_file(path, interval or None, reading)
    except DataError as error:
        raise of_file_beside(error, "data.detail_path", "data.detail") from None
    for note in loaded.notes:
        on_notice(f"detail: {note}")
    first, last = np.searchsorted(loaded.candles.time, [start, end])
    if first == last:
        raise _other_span(str(path), loaded.candles.time, loaded.candles.interval, start, end)
    return rows_of(loaded.candles, slice(first, last))


def _of_exchange(
    wanted: Wanted,
    interval: int,
    start: int,
    end: int,
    on_progress: Progress | None,
    on_notice: Notice,
) -> Candles:
    name = timeframe_name(interval)
    path = cache_path(wanted.cache, wanted.exchange_id, wanted.symbol, name)
    if uncovered(covered_spans(path), start, end):
        try:
            download_candles(
                wanted.exchange_id,
                wanted.ccxt_options,
                wanted.symbol,
                interval,
                start,
                end,
                wanted.cache,
                on_progress,
                on_notice,
                wanted.market_type,
            )
        except UnreachableError as error:
            if not path.exists():
                raise ConfigError(
                    f'{error}, and the cache has no {name} candles: set data.detail = "" to run '
                    "without, or name a file of them in data.detail_path"
                ) from None
            on_notice(f"{error}: going on with the cached {name} candles")
    traded = wanted.reading.volume == "known"
    found = read_own(path, interval, start, end, traded=traded, sparse=True)
    if found is None:
        raise DataError(
            f"{wanted.exchange_id} has no {name} candles of {wanted.symbol} from {iso(start)} to "
            f'{iso(end)}: set data.detail = "" to run without'
        )
    return found


def _other_span(source: str, times: Times, interval: int, start: int, end: int) -> DataError:
    return DataError(
        f"{source}: the detail reaches from {iso(int(times[0]))} to "
        f"{iso(int(times[-1]) + interval)} and holds nothing of the span {iso(start)} to "
        f"{iso(end)}; give finer candles of it, or set data.start and data.end"
    )


def matched(market: MarketData, fine: Candles, source: str, on_notice: Notice) -> Finer:
    """`fine`, all of them with trades, as pieces of the base candles of the span that they make
    up to the tick.

    Raises DataError where they contradict more base candles than they make up: they are of
    another market.
    """
    base, begin = market.candles, market.start
    first = np.searchsorted(fine.time, base.time)
    last = np.searchsorted(fine.time, base.time + base.interval)
    first[:begin], last[:begin] = 0, 0
    some = last > first
    equal = np.zeros(len(some), np.bool_)
    equal[some] = _same(rows_of(base, some), fine, first[some], last[some], market.price_digits)
    wrong = some & ~equal
    name = timeframe_name(fine.interval)
    missing = len(some) - begin - int(some.sum())
    if wrong.sum() > equal.sum():
        told = _moved(market, fine, source) or _other_market(
            base, fine, wrong, some, first, last, source
        )
        raise DataError(told)
    first[~equal], last[~equal] = 0, 0
    detail = Detail(*fine[:5], first.astype(np.int64), last.astype(np.int64))
    found = Finer(detail, fine.interval, source, begin, missing, int(wrong.sum()))
    for count, what in ((missing, "have no"), (found.contradicting, "differ from their")):
        if count:
            on_notice(
                f"detail: {count:,} of {len(some) - begin:,} base candles {what} {name} candles "
                "and are walked whole"
            )
    return found


def _same(base: Candles, fine: Candles, first: Times, last: Times, digits: int) -> Mask:
    """Whether rows [first, last) make up each of the candles `base`, to the tick."""
    if not len(first):
        return np.zeros(0, np.bool_)
    edges = np.stack((first, last), axis=1).ravel()
    edges = edges[:-1] if edges[-1] == len(fine.time) else edges
    made = (
        (fine.open[first], base.open),
        (np.maximum.reduceat(fine.high, edges)[::2], base.high),
        (np.minimum.reduceat(fine.low, edges)[::2], base.low),
        (fine.close[last - 1], base.close),
    )
    tick = 10.0**-digits
    apart = [np.abs(one - other) < tick / 2 for one, other in made]
    return np.asarray(np.logical_and.reduce(apart), np.bool_)


def _moved(market: MarketData, fine: Candles, source: str) -> str:
    """What to say where the finer candles make up the base candles once they are moved in time;
    "" where they do not."""
    base, step = rows_of(market.candles, slice(market.start, None)), fine.interval
    lately = rows_of(base, slice(-_LOOKED_AT, None))
    both, length = base.interval - step, base.interval
    hours = [k * HOUR_MS // 4 for k in range(1, 4 * _HOURS + 1)]
    for moved in dict.fromkeys((-step, length, both, *hours, *(-by for by in hours))):
        late = fine.time + moved
        first, last = (
            np.searchsorted(late, lately.time),
            np.searchsorted(late, lately.time + length),
        )
        some = last > first
        same = _same(rows_of(lately, some), fine, first[some], last[some], market.price_digits)
        if same.sum() <= len(lately.time) / 2:
            continue
        by = f"{abs(moved) // MINUTE_MS} minutes {'later' if moved > 0 else 'earlier'}"
        closes = {length: "those of the market", both: "both"} if market.origin == "file" else {}
        why = "they are of another zone: data convert FILE finer.parquet --set data.zone=ZONE "
        why += f"({EPOCHS}), and give data.detail_path that; or data.zone is that of the market's "
        why += "file"
        if moved == -step:
            why = "they are stamped with their closes: data convert FILE finer.parquet --set "
            why += "data.stamp=close, and give data.detail_path that"
        elif moved in closes:
            why = f'{closes[moved]} are stamped with their closes: set data.stamp = "close"'
        head = f"the detail ({source}) is shifted in time"
        return f"{head}: moved {by} it makes up the base candles; {why}"
    return ""


_LOOKED_AT = 500
"""Base candles, the last, for which moved detail is looked at."""
_HOURS = 14
"""By which zones are apart."""


def _other_market(
    base: Candles,
    fine: Candles,
    wrong: Mask,
    some: Mask,
    first: Times,
    last: Times,
    source: str,
) -> str:
    i = int(np.flatnonzero(wrong)[0])
    rows = slice(int(first[i]), int(last[i]))
    own = f"{base.open[i]:g} {base.high[i]:g} {base.low[i]:g} {base.close[i]:g}"
    theirs = (
        f"{fine.open[rows][0]:g} {fine.high[rows].max():g} {fine.low[rows].min():g} "
        f"{fine.close[rows][-1]:g}"
    )
    return (
        f"the detail ({source}) is of another market or shifted in time: its "
        f"{timeframe_name(fine.interval)} candles differ from {wrong.sum():,} of {some.sum():,} "
        f"base candles, first {iso(int(base.time[i]))} with {own} against {theirs} "
        "(open, high, low, close); name those of the same market"
    )
