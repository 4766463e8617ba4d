"""The market that settings name, or those that --data and --symbols do."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

from stoptrail.cli.console import Voice
from stoptrail.cli.folder import market_folders
from stoptrail.cli.options import require_once
from stoptrail.config.load import load_settings
from stoptrail.config.market import Data
from stoptrail.config.run_rules import constant_funding
from stoptrail.config.settings import Settings, with_values
from stoptrail.core.errors import DataError, UsageError
from stoptrail.core.text import number_of
from stoptrail.core.time import iso
from stoptrail.feeds.downloads.cache import cache_path, read_cache
from stoptrail.feeds.layouts.markets import market_in_name
from stoptrail.feeds.layouts.recognise import Reading
from stoptrail.feeds.market import Finer, MarketData
from stoptrail.feeds.source import Wanted, load_market

SYNTHETIC = "SYNTHETIC MARKET: no real prices. Nothing found here says anything about a market."


def wanted(settings: Settings) -> Wanted:
    """The candles that `settings` ask for."""
    data = settings.data
    return Wanted(
        symbol=data.symbol,
        interval=data.interval,
        start=data.start_ms,
        end=data.end_ms,
        source=data.source,
        path=Path(data.path) if data.path else None,
        exchange_id=data.exchange,
        ccxt_options=settings.exchange.options(),
        cache=Path(data.cache),
        market_type=settings.market.type,
        seed=data.synthetic_seed,
        reading=reading(settings),
        swap=settings.market_type == "swap" and not constant_funding(settings),
        funding=Path(data.funding) if data.funding else None,
        funding_gaps=data.funding_gaps,
    )


def reading(settings: Settings) -> Reading:
    """What `settings` say about a candle file that it does not say itself."""
    data = settings.data
    columns = tuple(data.columns.split(",")) if data.columns else ()
    return Reading(columns, data.zone, data.stamp, data.volume, epochs=data.epochs)


def reading_of_files(config: Path | None, overrides: tuple[str, ...]) -> Reading:
    """The same for a command on files alone, where market and timeframe are the file's own unless
    the command line names them; of several those of the settings. Raises ConfigError."""
    settings = load_settings(config, overrides, searching=False)
    named = any(override.partition("=")[0].strip() == "data.symbol" for override in overrides)
    meant = settings.data.symbol
    read = reading(settings)._replace(symbol=meant if named else "", one_of=meant)
    return read._replace(exchange=settings.data.exchange, timeframe=settings.data.timeframe)


def load(settings: Settings, voice: Voice) -> MarketData:
    """Load the market, showing progress and every notice."""
    with voice.progress(f"candles {settings.data.symbol}") as advance:
        market = load_market(wanted(settings), advance, voice.notice)
    if market.synthetic:
        voice.banner(SYNTHETIC)
    if settings.market_type == "swap":
        market = with_marks(settings, market, voice)
    return with_finer(settings, market, voice) if settings.data.has_detail else market


def _noting(market: MarketData, voice: Voice) -> tuple[list[str], Callable[[str], None]]:
    """The notes of `market`, and a notice that adds to them."""
    notes = list(market.notes)

    def notice(line: str) -> None:
        notes.append(line)
        voice.notice(line)

    return notes, notice


def with_marks(settings: Settings, market: MarketData, voice: Voice) -> MarketData:
    """The market with the mark prices that `settings` name or the cache has, if there are any."""
    from stoptrail.feeds.marks import load_marks

    notes, notice = _noting(market, voice)
    path = Path(settings.data.mark_path) if settings.data.mark_path else None
    found = load_marks(wanted(settings), path, market, notice)
    return replace(market, marks=found, notes=tuple(notes))


def with_finer(settings: Settings, market: MarketData, voice: Voice) -> MarketData:
    """The market with the finer candles that `settings` ask for, and what was said of them."""
    from stoptrail.feeds.detail import FinerWanted, load_finer

    data, (notes, notice) = settings.data, _noting(market, voice)
    path = Path(data.detail_path) if data.detail_path else None
    finer = FinerWanted(data.detail_interval, path)
    with voice.progress(f"detail {data.detail or data.detail_path}") as advance:
        found = load_finer(wanted(settings), finer, market, advance, notice)
    return replace(market, finer=found, notes=tuple(notes))


def repeatable(settings: Settings, market: MarketData) -> Settings:
    """`settings` that find the candles of `market` again, from any folder and on any day:
    open ends filled in, paths absolute, the source that was used in the end, and where that
    becomes a file, the exchange's filters, which no file holds."""
    data = settings.data
    ends = {"data.start": iso(market.start_time), "data.end": iso(market.end_time)}
    found = {**ends, "data.source": market.origin, **_found(data, market)}
    if market.finer and (file := _finer_file(data, market.finer, market.symbol)):
        found |= {"data.detail": market.finer.timeframe, "data.detail_path": file}
    if data.funding:
        found["data.funding"] = str(Path(data.funding).absolute())
    if data.mark_path:
        found["data.mark_path"] = str(Path(data.mark_path).absolute())
    own = {f"market.{key}" for key in settings.market.model_fields_set}
    again = with_values(settings, {key: x for key, x in found.items() if key not in own})
    return with_maintenance(again, market)


def with_maintenance(settings: Settings, market: MarketData) -> Settings:
    """`settings` with the tiers that the exchange of `market` has told, unless they say
    themselves what has to stay in the account of a swap."""
    name, kept = "market.maintenance_margin", market.maintenance
    own = settings.market.maintenance_margin is not None or name in settings.sweep.grid
    if kept is None or own or settings.market_type != "swap":
        return settings
    return with_values(
        settings,
        {
            name: kept.tiers,
            "market.maintenance_by": kept.by,
            "market.maintenance_source": kept.source,
        },
    )


def _found(data: Data, market: MarketData) -> dict[str, Any]:
    """Where the candles lie, as settings."""
    if market.origin == "file":
        return {"data.path": str(Path(data.path).absolute())}
    if market.origin == "synthetic":
        return {}
    kept = {"data.cache": str(Path(data.cache).absolute())}
    file = cache_path(Path(data.cache), data.exchange, market.symbol, market.timeframe)
    if not _from_the_first(market, file):
        return kept
    filters = market.filters._asdict() if market.filters else {}
    steps = {f"market.{key}": value for key, value in filters.items() if value is not None}
    return {**kept, **steps, "data.source": "file", "data.path": str(file.absolute())}


def _finer_file(data: Data, finer: Finer, symbol: str) -> str:
    """Where the finer candles lie; "" for those of the synthetic market."""
    if data.detail_path:
        return str(Path(data.detail_path).absolute())
    if finer.source.startswith("synthetic"):
        return ""
    return str(cache_path(Path(data.cache), data.exchange, symbol, finer.timeframe).absolute())


def _from_the_first(market: MarketData, cached: Path) -> bool:
    """Whether the run began with the first candle of the cache: a file is read from there,
    and needs no exchange where the cache does not cover all of the warm-up."""
    time = read_cache(cached, market.candles.interval).columns.time
    return bool(len(time)) and int(market.candles.time[0]) == int(time[0])


# Several markets


class WantedMarket(NamedTuple):
    """One market of the sweep."""

    symbol: str
    file: str
    """Candle file, "" where candles come from the market's exchange."""
    folder: str
    """Name of its folder."""


def paired(files: Sequence[Path], symbols: Sequence[str]) -> list[WantedMarket]:
    """Files and symbols by their order; a file without a symbol takes its own name.

    Raises UsageError where there are more symbols than files, or a market twice,
    DataError where a file is missing.
    """
    if files and len(symbols) > len(files):
        raise UsageError(
            f"--symbols names {number_of(len(symbols), 'market')} for "
            f"{number_of(len(files), '--data file')}: "
            "give one file for each, in the same order"
        )
    for file in files:
        if not file.exists() and not any(letter in str(file) for letter in "*?["):
            raise DataError(f"{file}: there is no such candle file")
    names = [*symbols, *map(_name_of, files[len(symbols) :])]
    require_once(names)
    _refuse_months(names[len(symbols) :])
    paths = [str(file.absolute()) for file in files] or [""] * len(names)
    folders = market_folders(names)
    return [WantedMarket(*market) for market in zip(names, paths, folders, strict=True)]


def _refuse_months(names: Sequence[str]) -> None:
    """UsageError where two files are of one market and differ in a date alone."""
    for one, other in combinations(names, 2):
        alike = re.sub(r"[\d_-]+", "", one) == re.sub(r"[\d_-]+", "", other)
        if alike and market_in_name(one) and market_in_name(one) == market_in_name(other):
            raise UsageError(
                f"{one} and {other} are one market by their names, and each --data is a market: "
                "join them with a folder or a pattern in quotes, or name both with --symbols"
            )


def _name_of(file: Path) -> str:
    """What a market is called whose candles are in a file, a folder, an archive or behind a
    pattern: the first word of that, else the folder's name."""
    for name in (file.name or file.resolve().name, file.absolute().parent.name):
        if word := re.sub(r"[*?\[\]]+", "", name.strip(".").partition(".")[0]).strip(" -_"):
            return word
    return "market"
