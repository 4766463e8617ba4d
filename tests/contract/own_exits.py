"""Exits of a user's own for random markets: one moves, one leaves, one does both."""

from __future__ import annotations

import math

from stoptrail.rules.own_exit import LEAVE, RuleCandle, RulePosition, RuleStop


def halfway(position: RulePosition, stop: RuleStop, candle: RuleCandle, atr: float) -> float:
    """Between the stop and the close, by the square root of the candles held."""
    share = 0.5 / math.sqrt(position.candles)
    return stop.level + share * (candle.close - stop.level)


def tired(position: RulePosition, stop: RuleStop, candle: RuleCandle, atr: float) -> float:
    """Leave after seven closes in a row, or so, without a new extreme."""
    if position.candles - 7 * position.extremes > 7:
        return LEAVE
    return stop.level


def sar(position: RulePosition, stop: RuleStop, candle: RuleCandle, atr: float) -> float:
    """Accelerates with every new extreme, and leaves a loser with the range of its ATR gone."""
    if position.side * (candle.close - position.fill) < -1.5 * atr:
        return LEAVE
    speed = min(0.2, 0.02 * (1 + position.extremes))
    return stop.level + speed * (stop.extreme - stop.level)


RULES = (halfway, tired, sar)


def lost(position: RulePosition, stop: RuleStop, candle: RuleCandle, atr: float) -> float:
    """No level once the trade is three candles old."""
    return math.nan if position.candles > 3 else stop.level
