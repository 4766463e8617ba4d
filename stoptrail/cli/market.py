"""The market that settings name."""

from __future__ import annotations

from pathlib import Path

from stoptrail.cli.console import Voice
from stoptrail.config.load import load_settings
from stoptrail.config.settings import Settings, with_values
from stoptrail.core.time import DAY_MS, iso
from stoptrail.feeds.cache import cache_path
from stoptrail.feeds.layouts import Reading
from stoptrail.feeds.market import MarketData
from stoptrail.feeds.source import WARMUP_DAYS, Wanted, load_market

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
        seed=data.synthetic_seed,
        reading=reading(settings),
    )


def reading(settings: Settings) -> Reading:
    """What `settings` say about a candle file that it does not say itself."""
    data = settings.data
    columns = tuple(data.columns.split(",")) if data.columns else ()
    return Reading(columns, data.zone, data.stamp, data.volume)


def reading_of_files(config: Path | None, overrides: tuple[str, ...]) -> Reading:
    """The same for a command on files alone, where the market is the file's own unless the
    command line names one. Raises ConfigError."""
    settings = load_settings(config, overrides, searching=False)
    named = any(override.partition("=")[0].strip() == "data.symbol" for override in overrides)
    return reading(settings)._replace(symbol=settings.data.symbol if named else "")


def load(settings: Settings, voice: Voice) -> MarketData:
    """Load the market, showing progress and every notice."""
    with voice.progress(f"candles {settings.data.symbol}") as advance:
        market = load_market(wanted(settings), advance, voice.notice)
    if market.synthetic:
        voice.banner(SYNTHETIC)
    return market


def repeatable(settings: Settings, market: MarketData) -> Settings:
    """`settings` that find the candles of `market` again, from any folder and on any day:
    open ends filled in, paths absolute, the source that was used in the end."""
    data = settings.data
    found = {"start": iso(market.start_time), "end": iso(market.end_time), "source": market.origin}
    if market.origin == "file":
        found["path"] = str(Path(data.path).absolute())
    elif market.origin == "exchange":
        found["cache"] = str(Path(data.cache).absolute())
        if _whole_cache(market):
            file = cache_path(Path(data.cache), data.exchange, market.symbol, market.timeframe)
            found |= {"source": "file", "path": str(file.absolute())}
    return with_values(settings, {f"data.{key}": value for key, value in found.items()})


def _whole_cache(market: MarketData) -> bool:
    """Whether all cached candles were taken, as is done where the exchange is out of reach."""
    return int(market.candles.time[0]) < market.start_time - WARMUP_DAYS * DAY_MS
