"""Binance's wire format: what REST answers and streams send for klines, trades, quotes."""

from __future__ import annotations

from typing import Any

from tests.exchange.market import Filters, Kline, RecordedMarket, Trade

Json = dict[str, Any]

INTERVALS = {
    "1m": 60_000,
    "3m": 180_000,
    "5m": 300_000,
    "15m": 900_000,
    "30m": 1_800_000,
    "1h": 3_600_000,
    "2h": 7_200_000,
    "4h": 14_400_000,
    "6h": 21_600_000,
    "8h": 28_800_000,
    "12h": 43_200_000,
    "1d": 86_400_000,
}


def decimal(value: float) -> str:
    """A number as the exchange writes it; parsing it gives `value` again, exactly."""
    text = f"{value:.8f}"
    return text if float(text) == value else repr(value)


def interval_name(interval: int) -> str:
    """Binance's name of an interval given in milliseconds."""
    return next(name for name, length in INTERVALS.items() if length == interval)


def kline_row(kline: Kline, interval: int) -> list[Any]:
    """One row of /api/v3/klines."""
    return [
        kline.time,
        decimal(kline.open),
        decimal(kline.high),
        decimal(kline.low),
        decimal(kline.close),
        decimal(kline.volume),
        kline.time + interval - 1,
        decimal(kline.volume * kline.close),
        kline.trades,
        decimal(kline.volume / 2),
        decimal(kline.volume * kline.close / 2),
        "0",
    ]


def kline_event(symbol: str, kline: Kline, interval: int, time: int) -> Json:
    """A message of the kline stream."""
    return {
        "e": "kline",
        "E": time,
        "s": symbol,
        "k": {
            "t": kline.time,
            "T": kline.time + interval - 1,
            "s": symbol,
            "i": interval_name(interval),
            "f": -1,
            "L": -1,
            "o": decimal(kline.open),
            "c": decimal(kline.close),
            "h": decimal(kline.high),
            "l": decimal(kline.low),
            "v": decimal(kline.volume),
            "n": kline.trades,
            "x": kline.closed,
            "q": decimal(kline.volume * kline.close),
            "V": decimal(kline.volume / 2),
            "Q": decimal(kline.volume * kline.close / 2),
            "B": "0",
        },
    }


def trade_event(symbol: str, trade: Trade) -> Json:
    """A message of the trade stream."""
    return {
        "e": "trade",
        "E": trade.time,
        "s": symbol,
        "t": trade.number,
        "p": decimal(trade.price),
        "q": decimal(trade.quantity),
        "T": trade.time,
        "m": False,
        "M": True,
    }


def aggregate_event(symbol: str, trade: Trade) -> Json:
    """A message of the aggTrade stream."""
    return {
        "e": "aggTrade",
        "E": trade.time,
        "s": symbol,
        "a": trade.number,
        "p": decimal(trade.price),
        "q": decimal(trade.quantity),
        "f": trade.number,
        "l": trade.number,
        "T": trade.time,
        "m": False,
        "M": True,
    }


def quote(symbol: str, price: float, tick: float, number: int) -> Json:
    """Best bid and ask around the last price: bid at it, ask one tick above."""
    return {
        "u": number,
        "s": symbol,
        "b": decimal(price),
        "B": "1.00000000",
        "a": decimal(round(price + tick, 8)),
        "A": "1.00000000",
    }


def trade_row(trade: Trade) -> Json:
    """One row of /api/v3/trades and historicalTrades."""
    return {
        "id": trade.number,
        "price": decimal(trade.price),
        "qty": decimal(trade.quantity),
        "quoteQty": decimal(trade.price * trade.quantity),
        "time": trade.time,
        "isBuyerMaker": False,
        "isBestMatch": True,
    }


def aggregate_row(trade: Trade) -> Json:
    """One row of /api/v3/aggTrades."""
    event = aggregate_event("", trade)
    return {key: event[key] for key in ("a", "p", "q", "f", "l", "T", "m", "M")}


def exchange_info(market: RecordedMarket, now: int) -> Json:
    """The body of /api/v3/exchangeInfo for the one market."""
    return {
        "timezone": "UTC",
        "serverTime": now,
        "rateLimits": [
            {
                "rateLimitType": "REQUEST_WEIGHT",
                "interval": "MINUTE",
                "intervalNum": 1,
                "limit": 6000,
            }
        ],
        "exchangeFilters": [],
        "symbols": [
            {
                "symbol": market.id,
                "status": "TRADING",
                "baseAsset": market.base,
                "baseAssetPrecision": 8,
                "quoteAsset": market.quote,
                "quotePrecision": 8,
                "quoteAssetPrecision": 8,
                "orderTypes": ["LIMIT", "MARKET", "STOP_LOSS_LIMIT"],
                "icebergAllowed": True,
                "ocoAllowed": True,
                "isSpotTradingAllowed": True,
                "isMarginTradingAllowed": True,
                "filters": _filters(market.filters),
                "permissions": [],
                "permissionSets": [["SPOT", "MARGIN"]],
            }
        ],
    }


def _filters(filters: Filters) -> list[Json]:
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": filters.tick,
            "maxPrice": "1000000.00000000",
            "tickSize": filters.tick,
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": filters.min_quantity,
            "maxQty": "9000.00000000",
            "stepSize": filters.lot,
        },
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": "0.00000000",
            "maxQty": "100.00000000",
            "stepSize": "0.00000000",
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": filters.min_notional,
            "applyMinToMarket": True,
            "maxNotional": "9000000.00000000",
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        },
    ]
