"""What follows from a signal (C2, C3, C4, C10, C16): an entry order, or why there is none."""

from __future__ import annotations

from typing import Any

from stoptrail.rules.jit import inner_rule
from stoptrail.rules.protections import Guard, entries_stopped
from stoptrail.rules.sizing import ClosedTrades, Decision, wanted_units
from stoptrail.rules.stops import stop_distance
from stoptrail.rules.trade import (
    COOLDOWN,
    PENDING,
    POSITION,
    PROTECTION,
    EntryOrder,
    TradeRules,
)
from stoptrail.rules.types import RunRules

NO_OBSTACLE = -1
"""Stands where a code of rules.trade.IGNORED would, if nothing is against an entry."""


@inner_rule
def obstacle(
    is_open: bool,
    is_pending: bool,
    index: int,
    quiet_until: int,
    guard: Guard,
    equity: float,
    run_rules: RunRules,
) -> int:
    """The code of what stands against a signal at the close of candle `index`, the first of
    several, or NO_OBSTACLE: an open position, a pending entry order, the cool-down until
    candle `quiet_until`, a protection. The size is tried after these."""
    if is_open:
        return POSITION
    if is_pending:
        return PENDING
    if index < quiet_until:
        return COOLDOWN
    if entries_stopped(guard, equity, index, run_rules.protections):
        return PROTECTION
    return NO_OBSTACLE


@inner_rule
def sized_units(
    side: int,
    equity: float,
    price: float,
    atr: float,
    volatility: float,
    history: ClosedTrades,
    trade_rules: TradeRules,
    own: Any = None,
    time: int = 0,
) -> float:
    """Units that `equity` may buy or sell after a close at `price`, the stop N * `atr` away; 0
    where there is no trade (ignored as `size`). `own` and `time` as of
    rules.sizing.wanted_units."""
    distance = stop_distance(atr, trade_rules.stop)
    decision = Decision(side, equity, price, atr, distance, volatility, history)
    return wanted_units(decision, trade_rules.sizing, own, time)


@inner_rule
def order_for(
    side: int, units: float, equity: float, atr: float, opens: int, closes: int, run_rules: RunRules
) -> EntryOrder:
    """The order for a signal on the candle from `opens` to `closes` (ms), good for the open
    of every candle that opens at most `entry_max_delay` after that close."""
    return EntryOrder(side, units, equity, atr, opens, closes + run_rules.delay)


@inner_rule
def expired(entry_order: EntryOrder, opens: int) -> bool:
    """Whether the order is cancelled (as `gap`) by a candle that opens at `opens` (ms)."""
    return opens > entry_order.latest


@inner_rule
def quiet_after(index: int, run_rules: RunRules) -> int:
    """The first candle at whose close a signal counts after an exit on candle `index`."""
    return index + run_rules.cooldown
