"""Whose layout a file has, by names of columns that only one writer uses together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from stoptrail.feeds.market import Unit
from stoptrail.feeds.tables.columns import PRICES, VALUES

Stamp = Literal["open", "close"]


class Signature(NamedTuple):
    """A layout, and what its names do not say."""

    name: str
    columns: frozenset[str]
    """Names that are all there."""
    stamp: Stamp = "open"
    unit: Unit = "base"
    zone: str = ""
    scale: float = 1.0
    """By what prices that are whole numbers are multiplied."""
    whole: bool = False
    """Whether that holds for typed numbers only, and for the volume as well."""


def _signature(name: str, columns: str, *more: str | float) -> Signature:
    return Signature(name, frozenset(columns.split()), *more)  # type: ignore[arg-type]


GECKOTERMINAL = "GeckoTerminal"
METATRADER_5 = "MetaTrader 5"
METATRADER_4 = "MetaTrader 4 or the like"
MULTICHARTS = "MultiCharts"

_SIGNATURES = (
    _signature("BitMEX trade buckets", "homenotional foreignnotional", "close", "contracts"),
    _signature("OKX", "confirm volccy"),
    _signature("OKX", "confirm volccyquote"),
    _signature("Bybit", "start end interval confirm"),
    _signature("OKX", "confirm"),
    _signature("FTX", "starttime time open high low close volume", "open", "quote"),
    _signature(GECKOTERMINAL, "ohlcvlist", "open", "quote"),
    _signature("Bybit", "starttime openprice turnover"),
    _signature("KuCoin", "time open close high low volume turnover"),
    _signature("hummingbot", "quoteassetvolume ntrades timestamp"),
    _signature("Binance klines", "opentime closetime takerbuyvolume"),
    _signature("Binance klines", "opentime closetime takerbuybaseassetvolume"),
    _signature("Binance klines", "opentime closetime ignore"),
    _signature("CryptoDataDownload", "unix date symbol", "open", "base", "UTC"),
    _signature("CryptoDataDownload", "unixtimestamp date symbol", "open", "base", "UTC"),
    _signature("Kaggle (Bitstamp history)", "volumecurrency weightedprice"),
    _signature("yfinance history", "dividends stocksplits", "open", "quote"),
    _signature("Yahoo Finance", "adjclose", "open", "quote"),
    _signature("Dukascopy", "gmttime", "open", "base", "UTC"),
    _signature("plain columns", "localdate localtime", "open", "base", "local"),
    _signature("Dukascopy", "localtime", "open", "base", "local"),
    _signature(METATRADER_5, "tickvol spread", "open", "contracts", "local"),
    _signature(METATRADER_5, "tickvolume spread realvolume", "open", "contracts", "local"),
    _signature(METATRADER_4, "date clock open high low close volume", "open", "contracts"),
    _signature("Databento", "tsevent rtype publisherid", "open", "contracts", "", 1e-9),
    _signature("Nautilus", "tsevent tsinit", "open", "base", "", 1e-9, True),
    _signature("Tardis trade bars", "opentimestamp closetimestamp vwap kind interval", "close"),
    _signature("TradeStation", "date time up down", "close", "contracts"),
    _signature("TradeStation", "date time vol oi", "close", "contracts"),
    _signature(MULTICHARTS, "date time open high low close totalvolume", "close"),
    _signature("OANDA, of mid prices", "mido midh midl midc", "open", "contracts"),
    _signature("CoinMetrics", "market time candleusdvolume"),
    _signature("Alpaca or Polygon", "t o h l c v n vw"),
    _signature("Upbit or Bithumb", "candledatetimeutc tradeprice"),
    _signature("dYdX", "startedat basetokenvolume"),
    _signature("CoinMarketCap", "timeopen timeclose marketcap", "open", "quote"),
    _signature("Polygon", "windowstart transactions"),
    _signature("CoinAPI", "timeperiodstart timeperiodend"),
    _signature("CryptoCompare", "volumefrom volumeto"),
    _signature("Alpaca", "tradecount vwap"),
    _signature("HTX", "amount vol count id"),
    _signature("Bitget", "basevolume quotevolume"),
    _signature("jesse", "exchange symbol timeframe timestamp"),
    _signature("Stooq", "ticker per"),
    _signature("CoinMarketCap or the like", "marketcap", "open", "quote"),
    _signature("baostock", "code adjustflag", "close", "base", "local"),
)


def signed(plain: Sequence[str], kind: str) -> Signature:
    """The layout of columns with these plain names; `kind` names one that is known otherwise."""
    there = set(plain)
    if there == {"", *VALUES, "value"}:
        return Signature("pyupbit or the like", frozenset(), zone="local")
    for signature in _SIGNATURES:
        if signature.name == kind or (not kind and signature.columns <= there):
            return signature
    if kind:
        return Signature(kind, frozenset())
    if list(plain[:5]) == ["time", *PRICES] and there <= {"time", *VALUES, "volumema"}:
        return Signature("TradingView or plain columns", frozenset())
    return Signature("plain columns", frozenset())
