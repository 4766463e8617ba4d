"""What happens to an open position within one candle (C9)."""

from __future__ import annotations

from typing import NamedTuple

from stoptrail.rules.jit import rule
from stoptrail.rules.stops import (
    Entry,
    Stop,
    breakeven_settled,
    ratchet,
    stop_fill,
    stop_hit,
    tighter,
    trail_candidate,
)
from stoptrail.rules.trade import TradeRules

CANDLE = 0
HIGH_FIRST = 1
LOW_FIRST = 2
TICKS = 3
PATHS = ("candle", "open-high-low-close", "open-low-high-close", "ticks")
"""Names of how a candle is walked: whole, or with a tick ratchet along four prices in an
assumed order; "ticks" takes the prices of finer candles as ticks (C21)."""


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
    funding: float = 0.0,
) -> Walk:
    """Test the stop over one candle with volume; `atr` is that of the last closed candle,
    `funding` what one unit held long has paid by then.

    CANDLE tests the level in force at the candle's start; so does TICKS, as a candle of which
    no tick is known is settled by its closed candle. The other paths also ratchet at each
    of the four prices, as ticks would; between them the price is continuous, so a level
    that is crossed fills at the level.
    """
    side = held.side
    if path in (CANDLE, TICKS):
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
            funding,
        )
    return Walk(False, 0.0, stop)


@rule
def walk_tick(
    stop: Stop,
    held: Entry,
    price: float,
    atr: float,
    time: int,
    trade_rules: TradeRules,
    funding: float = 0.0,
) -> Walk:
    """One tick: it hits the stop, or moves it (C14). `atr` is that of the last closed candle,
    `funding` what one unit held long has paid by then."""
    side = held.side
    if stop_hit(side, price, price, stop.level):
        fill = stop_fill(side, price, stop.level, trade_rules.costs, trade_rules.market)
        return Walk(True, fill, stop)
    moved = ratchet(
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
        funding,
    )
    return Walk(False, 0.0, moved)


@rule
def undisturbed(
    stop: Stop,
    held: Entry,
    high: float,
    low: float,
    atr: float,
    until: int,
    trade_rules: TradeRules,
    funding: float = 0.0,
) -> bool:
    """Whether ticks between `low` and `high`, none later than `until` (ms), neither hit the
    stop nor change anything about it: what `walk_tick` would find, one by one."""
    rules, costs, market = trade_rules.stop, trade_rules.costs, trade_rules.market
    side = held.side
    beyond = high > stop.extreme if side > 0 else low < stop.extreme
    if beyond or stop_hit(side, high, low, stop.level):
        return False
    wanted = trail_candidate(held, stop.extreme, atr, rules, market)
    if tighter(side, wanted, stop.level):
        return False
    return breakeven_settled(stop, held, until, rules, costs, market, funding)
