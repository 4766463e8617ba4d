"""Where the candles of a run come from: file, cache, exchange or the synthetic market."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from stoptrail.config.market import lately
from stoptrail.core.errors import ConfigError, DataError, ExchangeError
from stoptrail.core.program import Progress
from stoptrail.core.text import number_of
from stoptrail.core.time import (
    DAY_MS,
    Spans,
    iso,
    joined,
    timeframe_name,
    uncovered,
    within,
    years_before,
)
from stoptrail.exchange.errors import UnreachableError
from stoptrail.exchange.markets import check_named, check_type, unit_note
from stoptrail.feeds.checks.oddities import volume_unknown
from stoptrail.feeds.checks.scales import no_coins, off_tick
from stoptrail.feeds.downloads.cache import (
    Cached,
    cache_path,
    candles_of,
    read_cache,
    read_facts,
)
from stoptrail.feeds.downloads.download import Notice, download_candles, say_unserved
from stoptrail.feeds.files import PLAIN, load_file
from stoptrail.feeds.funding.rates import WIDEST, Gaps, covering, funding_path, read_funding
from stoptrail.feeds.layouts.recognise import Reading
from stoptrail.feeds.market import (
    NO_MARKET_FUNDING,
    MarketData,
    MarketFunding,
    Origin,
    Unit,
    with_unknown_volume,
    without_funding,
)
from stoptrail.feeds.span import DEFAULT_YEARS, cut_span
from stoptrail.feeds.synthetic import DEFAULT_END, DEFAULT_START, synthetic_candles
from stoptrail.feeds.tables.columns import columns_of, rows_of
from stoptrail.rules.candles import Candles
from stoptrail.rules.funding import FundingRows

Source = Literal["auto", "exchange", "file", "synthetic"]

ASK_AGAIN_MS = DAY_MS
"""A run does not ask again for what the exchange did not serve so long ago; `data
download` always does."""

WARMUP_DAYS = 300
"""Candles brought along before the span, for the slowest of the shipped indicators."""


MOST_SYNTHETIC = 20_000_000
"""Candles: 38 years of minutes. More would fill the memory of most machines."""


@dataclass(frozen=True)
class Wanted:
    """Which candles a run asks for."""

    symbol: str = "BTC/USDT"
    interval: int = 900_000
    """Length of a candle in milliseconds."""
    start: int | None = None
    """First moment of the span in milliseconds; None is left open, as is `end`."""
    end: int | None = None
    source: Source = "auto"
    path: Path | None = None
    """Candle file; with the source "auto" it is taken before anything else."""
    exchange_id: str = "binance"
    ccxt_options: dict[str, Any] = field(default_factory=dict, repr=False)
    """Handed to ccxt's constructor as they are; they may hold secrets."""
    cache: Path = Path("cache")
    seed: int = 1
    """Of the synthetic market."""
    market_type: str = "auto"
    """market.type, which must not contradict the exchange's market."""
    reading: Reading = PLAIN
    """What a candle file does not say itself, and whether volumes are known."""
    swap: bool = False
    """Whether published funding belongs to the candles."""
    funding: Path | None = None
    """Its file; None: what was downloaded beside the candles, if anything was."""
    funding_gaps: Gaps = "refuse"


def load_market(
    wanted: Wanted,
    on_progress: Progress | None = None,
    on_notice: Notice | None = None,
    clock: Callable[[], float] = time.time,
) -> MarketData:
    """The candles of the span with the warm-up before it, from the source asked for.

    "auto" takes the file where one is named; else the cache where it covers the span;
    else it downloads; and where the exchange cannot be reached, the synthetic market,
    which `on_notice` is told of. Raises DataError, ConfigError, ExchangeError (with the
    source "exchange") or OutputError. What `on_notice` is told is kept in the market's `notes`.
    """
    check_named(wanted.symbol, wanted.market_type)
    notes: list[str] = []

    def notice(line: str) -> None:
        notes.append(line)
        if on_notice:
            on_notice(line)

    market = _loaded(wanted, on_progress, notice, clock)
    if wanted.swap:
        market = replace(market, funding=_funding(wanted, market, notice))
    return replace(market, notes=tuple(notes))


def _funding(wanted: Wanted, market: MarketData, on_notice: Notice) -> MarketFunding:
    """The funding of a swap's candles: never a silent zero. Raises DataError."""
    downloaded = funding_path(wanted.cache, wanted.exchange_id, wanted.symbol)
    path, source = wanted.funding, f"file: {wanted.funding}"
    if path is None and not market.synthetic and downloaded.exists():
        path, source = downloaded, f"exchange: {wanted.exchange_id}"
    if path is None:
        on_notice(without_funding(wanted.symbol))
        return NO_MARKET_FUNDING
    rows = read_funding(path, wanted.symbol, on_notice, wanted.reading.zone)
    if wanted.funding is not None:
        _require_of_span(rows, market, source)
    found = covering(rows, market.candles, market.start, wanted.funding_gaps, source)
    if found.holes:
        on_notice(
            f"{source} has no funding in {number_of(found.hours, 'hour')} of the span: they pay "
            "nothing here, as data.funding_gaps says"
        )
    return found


def _require_of_span(rows: FundingRows, market: MarketData, source: str) -> None:
    """Raise DataError where no row of a file that was named is of the span."""
    first, last = market.start_time, market.end_time
    if not ((rows.time > first - WIDEST) & (rows.time <= last)).any():
        raise DataError(
            f"{source}: its rows of funding reach from {iso(int(rows.time[0]))} to "
            f"{iso(int(rows.time[-1]))}, none is of the span from {iso(first)} to {iso(last)}; "
            "give data.funding a file of it, or set data.start and data.end"
        )


def _loaded(
    wanted: Wanted, on_progress: Progress | None, notice: Notice, clock: Callable[[], float]
) -> MarketData:
    now = int(clock() * 1000)
    if wanted.source == "synthetic":
        return synthetic_market(wanted)
    if wanted.source == "file" or (wanted.source == "auto" and wanted.path):
        return file_market(wanted, now, notice)
    try:
        return exchange_market(wanted, now, on_progress, notice)
    except UnreachableError as error:
        if wanted.source == "exchange":
            raise
        return _without_exchange(wanted, now, error, notice)


def file_market(wanted: Wanted, now: int, on_notice: Notice) -> MarketData:
    """The market of a candle file; DataError where it cannot be used."""
    if wanted.path is None:
        raise ConfigError('data.source is "file" but data.path is empty; name a candle file')
    reading = wanted.reading._replace(symbol=wanted.symbol, exchange=wanted.exchange_id)
    loaded = load_file(wanted.path, wanted.interval, reading, now=now)
    for note in loaded.notes:
        on_notice(note)
    facts = read_facts(wanted.cache, wanted.exchange_id, wanted.symbol)
    if facts:
        check_type(wanted.symbol, facts.type, wanted.market_type)
    market = _market(wanted, loaded.candles, "file", wanted.path.name, str(wanted.path))
    market = replace(market, unit=loaded.unit, maintenance=facts.maintenance if facts else None)
    _say_shorter(wanted, market, on_notice)
    return market


def synthetic_market(wanted: Wanted) -> MarketData:
    """The synthetic market over the span asked for, or over its own five years."""
    if wanted.start is None and wanted.end is None:
        start, end = DEFAULT_START, DEFAULT_END
    else:
        first = wanted.start
        end = wanted.end or years_before(first or DEFAULT_END, -DEFAULT_YEARS)
        start = (years_before(end, DEFAULT_YEARS) if first is None else first) - _warmup()
    count = (end - start) // wanted.interval
    if count > MOST_SYNTHETIC:
        raise DataError(
            f"the span {iso(start + _warmup())} to {iso(end)} holds {count:,} candles; "
            f"the synthetic market makes at most {MOST_SYNTHETIC:,}: set data.start and data.end "
            "closer together, or a longer data.timeframe"
        )
    candles = synthetic_candles(wanted.seed, wanted.interval, start, end, wanted.symbol)
    if not len(candles.time):
        raise DataError(f"the span {iso(start + _warmup())} to {iso(end)} holds no candle")
    return _market(wanted, candles, "synthetic", f"seed {wanted.seed}", "the synthetic market")


def exchange_market(
    wanted: Wanted, now: int, on_progress: Progress | None, on_notice: Notice
) -> MarketData:
    """The market from the cache, downloaded first where the cache does not cover the span."""
    start, end = span_to_fetch(wanted, now)
    cached = _read_cache(wanted)
    if uncovered(_settled(cached, now), start, end):
        cached = download_candles(
            wanted.exchange_id,
            wanted.ccxt_options,
            wanted.symbol,
            wanted.interval,
            start,
            end,
            wanted.cache,
            on_progress,
            on_notice,
            wanted.market_type,
        )
    else:
        missed = within(((a, b) for a, b, _ in cached.unserved), start, end)
        say_unserved(wanted.exchange_id, missed, wanted.interval, on_notice)
    market = _cached_market(wanted, cached, start, end, on_notice)
    if wanted.reading.volume == "known" and (count := volume_unknown(columns_of(market.candles))):
        on_notice(
            f"{count} of {len(market.candles.time)} candles have no volume although the price "
            f'moved: {wanted.exchange_id} does not tell it; set data.volume = "unknown"'
        )
    _say_shorter(wanted, market, on_notice)
    return market


def _settled(cached: Cached, now: int) -> Spans:
    """What need not be asked for: what is covered, and what was refused lately."""
    refused = [(a, b) for a, b, at in cached.unserved if 0 <= now - at < ASK_AGAIN_MS]
    return joined([*cached.covered, *refused])


def _cached_market(
    wanted: Wanted, cached: Cached, start: int, end: int, on_notice: Notice
) -> MarketData:
    """Always the same candles for the same span, however much more the cache holds."""
    first, last = np.searchsorted(cached.columns.time, [start, end])
    candles = Candles(*rows_of(cached.columns, slice(first, last)), wanted.interval)
    if not len(candles.time):
        raise DataError(
            f"{wanted.exchange_id} has no {wanted.symbol} candles from {iso(start)} to {iso(end)}; "
            "set data.start and data.end, or another exchange"
        )
    market = _market(wanted, candles, "exchange", wanted.exchange_id, wanted.exchange_id)
    facts = read_facts(wanted.cache, wanted.exchange_id, wanted.symbol)
    if facts is None:
        return market
    check_type(wanted.symbol, facts.type, wanted.market_type)
    if note := unit_note(wanted.exchange_id, wanted.symbol, facts):
        on_notice(note)
    unit: Unit = market.unit if facts.volume == "base" else facts.volume
    late = rows_of(columns_of(candles), lately(candles.time))
    if told := off_tick(late, facts.filters.tick):
        on_notice(told)
    if unit == "base" and (told := no_coins(late, wanted.interval, wanted.symbol)):
        unit = "unknown"
        on_notice(told)
    return replace(market, filters=facts.filters, maintenance=facts.maintenance, unit=unit)


def _without_exchange(
    wanted: Wanted, now: int, error: ExchangeError, on_notice: Notice
) -> MarketData:
    """What "auto" does without a network, never silently: real candles, if there are any."""
    cached, (start, end) = _read_cache(wanted), span_to_fetch(wanted, now)
    first, last = np.searchsorted(cached.columns.time, [wanted.start or start, end])
    market = None
    if wanted.start is None and wanted.end is None and len(cached.columns.time):
        market = _market(
            wanted,
            candles_of(cached, wanted.interval),
            "exchange",
            wanted.exchange_id,
            f"the cache of {wanted.exchange_id}",
        )
    elif first < last:
        market = _cached_market(wanted, cached, start, end, on_notice)
        _say_shorter(wanted, market, on_notice)
    if market:
        on_notice(f"{error}: going on with the cached candles up to {iso(market.end_time)}")
        return market
    on_notice(f"{error}: going on with a SYNTHETIC market, invented candles from a seed")
    return synthetic_market(wanted)


def _market(
    wanted: Wanted, candles: Candles, origin: Origin, detail: str, source: str
) -> MarketData:
    if wanted.reading.volume == "unknown":
        candles = with_unknown_volume(candles)
    cut = cut_span(candles, wanted.start, wanted.end, source)
    unit: Unit = "unknown" if wanted.reading.volume == "unknown" else "base"
    return MarketData(
        cut.candles, wanted.symbol, origin, detail, cut.start, cut.start_time, cut.end_time, unit
    )


def span_to_fetch(wanted: Wanted, now: int) -> tuple[int, int]:
    """The span with its warm-up; open ends as of `now`."""
    closed = now - now % wanted.interval
    end = now - now % DAY_MS if wanted.end is None else min(wanted.end, closed)
    start = years_before(end, DEFAULT_YEARS) if wanted.start is None else wanted.start
    if start >= end:
        raise DataError(
            f"the span {iso(start)} to {iso(end)} holds no closed candle; "
            "set data.start before data.end and before now"
        )
    return start - _warmup(), end


def _read_cache(wanted: Wanted) -> Cached:
    timeframe = timeframe_name(wanted.interval)
    path = cache_path(wanted.cache, wanted.exchange_id, wanted.symbol, timeframe)
    return read_cache(path, wanted.interval)


def _say_shorter(wanted: Wanted, market: MarketData, on_notice: Notice) -> None:
    """A span that the data covers only in part is used, and said."""
    if wanted.start is not None and market.start_time > wanted.start:
        on_notice(f"the data begins at {iso(market.start_time)}, after {iso(wanted.start)}")
    if wanted.end is not None and market.end_time < wanted.end:
        on_notice(f"the data ends at {iso(market.end_time)}, before {iso(wanted.end)}")


def _warmup() -> int:
    return WARMUP_DAYS * DAY_MS
