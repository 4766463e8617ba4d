"""What happens to an open position within one candle (C9)."""

from __future__ import annotations

from typing import NamedTuple

from stoptrail.rules.jit import rule
from stoptrail.rules.stops import (
    Entry,
    Stop,
    ratchet,
    stop_fill,
    stop_hit,
)
from stoptrail.rules.trade import TradeRules

CANDLE = 0
HIGH_FIRST = 1
LOW_FIRST = 2
PATHS = ("candle", "open-high-low-close", "open-low-high-close")
"""Names of the assumed price paths: whole candles, or a tick ratchet along four prices."""


class Walk(NamedTuple):
    """Outcome of a candle for the stop."""

    hit: bool
    price: float
    """Fill price of the exit, with slippage; 0 where the stop was not hit."""
    stop: Stop
    """The stop when it was hit, or at the end of the candle, before its close."""


@rule
def walk_candle(
    path: int,
    stop: Stop,
    held: Entry,
    candle_open: float,
    high: float,
    low: float,
    close: float,
    atr: float,
    time: int,
    trade_rules: TradeRules,
) -> Walk:
    """Test the stop over one candle with volume; `atr` is that of the last closed candle.

    CANDLE tests the level in force at the candle's start. The other paths also ratchet
    at each of the four prices, as ticks would; between them the price is continuous, so
    a level that is crossed fills at the level.
    """
    side = held.side
    if path == CANDLE:
        if stop_hit(side, high, low, stop.level):
            price = stop_fill(side, candle_open, stop.level, trade_rules.costs, trade_rules.market)
            return Walk(True, price, stop)
        return Walk(False, 0.0, stop)
    second, third = (high, low) if path == HIGH_FIRST else (low, high)
    for step in range(4):
        price = candle_open
        if step == 1:
            price = second
        elif step == 2:
            price = third
        elif step == 3:
            price = close
        if stop_hit(side, price, price, stop.level):
            first = candle_open if step == 0 else stop.level
            fill = stop_fill(side, first, stop.level, trade_rules.costs, trade_rules.market)
            return Walk(True, fill, stop)
        stop = ratchet(
            stop,
            held,
            price,
            price,
            price,
            atr,
            time,
            trade_rules.stop,
            trade_rules.costs,
            trade_rules.market,
        )
    return Walk(False, 0.0, stop)
