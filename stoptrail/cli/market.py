"""The market that settings name."""

from __future__ import annotations

from pathlib import Path

from stoptrail.cli.console import Voice
from stoptrail.config.settings import Settings
from stoptrail.feeds.market import Market
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
        ccxt_options=settings.exchange.ccxt,
        cache=Path(data.cache),
        seed=data.synthetic_seed,
    )


def load(settings: Settings, voice: Voice) -> Market:
    """Load the market, showing progress and every notice."""
    with voice.progress(f"candles {settings.data.symbol}") as advance:
        market = load_market(wanted(settings), advance, voice.notice)
    if market.synthetic:
        voice.banner(SYNTHETIC)
    return market
