"""A small market as stock feeds serve it, a busy signal, and Cerebro runs with both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import backtrader as bt
import numpy as np
import pandas as pd

from stoptrail.brokers.candle import CandleBroker
from stoptrail.rules.candles import Candles, Signals
from stoptrail.strategies.mtf_strategy import MtfStrategy
from tests.strategies.market import random_market

QUARTER = {"timeframe": bt.TimeFrame.Minutes, "compression": 15}


def rounded(candles: Candles) -> Candles:
    """Prices with two decimals, volumes with five."""
    open_, close = candles.open.round(2), candles.close.round(2)
    return candles._replace(
        open=open_,
        high=np.maximum(candles.high.round(2), np.maximum(open_, close)),
        low=np.minimum(candles.low.round(2), np.minimum(open_, close)),
        close=close,
        volume=candles.volume.round(5),
    )


CANDLES = rounded(random_market(3, 18, missing=0))


def hourly(candles: Candles) -> Candles:
    """Of candles of 15 minutes without a gap, those of an hour."""
    by_hour = [column.reshape(-1, 4) for column in candles[:6]]
    time, open_, high, low, close, volume = by_hour
    ends = open_[:, 0], high.max(axis=1), low.min(axis=1), close[:, -1]
    return Candles(time[:, 0], *ends, volume.sum(axis=1).round(5), 4 * candles.interval)


def wave(candles: Candles, *, length: int = 40, least: float = 0.006) -> Signals:
    """Long after a rise over `length` candles, short after a fall."""
    n = len(candles.close)
    zone = np.zeros(n, np.int8)
    if n > length:
        moved = candles.close[length:] / candles.close[:-length] - 1.0
        zone[length:] = np.where(np.abs(moved) > least, np.sign(moved), 0.0)
    return Signals(zone, -zone, min(length, n))


def frame_of(candles: Candles) -> pd.DataFrame:
    """As pandas users hold candles: indexed by open time."""
    names = ("open", "high", "low", "close", "volume")
    columns = {name: getattr(candles, name) for name in names}
    return pd.DataFrame(columns, index=pd.to_datetime(candles.time, unit="ms"))


def pandas_feed(candles: Candles = CANDLES, **options: Any) -> Any:
    """Backtrader's PandasData."""
    return bt.feeds.PandasData(dataname=frame_of(candles), **{**QUARTER, **options})


def csv_feed(folder: Path, candles: Candles = CANDLES, **options: Any) -> Any:
    """Backtrader's GenericCSVData over a file in `folder`."""
    file = folder / "candles.csv"
    frame_of(candles).to_csv(file, date_format="%Y-%m-%d %H:%M:%S")
    wanted = {"dtformat": "%Y-%m-%d %H:%M:%S", "openinterest": -1, **QUARTER, **options}
    return bt.feeds.GenericCSVData(dataname=str(file), **wanted)


def cerebro_of(feed: Any, strategy: Any = MtfStrategy, **options: Any) -> Any:
    """A stock Cerebro with the project's broker; `wave` is the strategy's signal."""
    cerebro = bt.Cerebro(stdstats=options.pop("stdstats", False), **options.pop("cerebro", {}))
    cerebro.adddata(feed)
    cerebro.setbroker(options.pop("broker", None) or CandleBroker())
    if issubclass(strategy, MtfStrategy):
        options = {"signal": wave, "atr_interval": 3_600_000, **options}
    cerebro.addstrategy(strategy, **options)
    return cerebro
