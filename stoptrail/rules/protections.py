"""Limits that stop new entries, never a stop (C16)."""

from __future__ import annotations

from typing import NamedTuple

from stoptrail.rules.jit import rule
from stoptrail.rules.market import reaches


class Protections(NamedTuple):
    """The limits; 0 switches one off."""

    daily_loss: float
    """Fraction of the equity at the last 00:00 UTC whose loss ends the day's entries."""
    drawdown: float
    """Fraction below the highest equity (daily marks and closed trades) that ends entries."""
    losses: int
    """Losing trades in a row that start a cool-down."""
    cooldown: int
    """Candles of that cool-down, after the candle of the last loss."""


class Guard(NamedTuple):
    """What the limits are measured against."""

    day_start: float
    """Equity at the last 00:00 UTC."""
    peak: float
    losses: int
    until: int
    """Index of the first candle at whose close a signal counts again."""


@rule
def guard_start(equity: float) -> Guard:
    """The guard before the first candle."""
    return Guard(equity, equity, 0, 0)


@rule
def guard_day(guard: Guard, equity: float) -> Guard:
    """The guard after a mark at 00:00 UTC."""
    return Guard(equity, max(guard.peak, equity), guard.losses, guard.until)


def guard_again(guard: Guard, before: float, equity: float) -> Guard:
    """The guard once the last mark at 00:00 UTC has turned out to be `equity`; `before` is the
    peak before it."""
    since = guard.peak > max(before, guard.day_start)
    marked = guard_day(guard._replace(peak=before), equity)
    return marked._replace(peak=guard.peak) if since else marked


@rule
def guard_exit(guard: Guard, pnl: float, balance: float, index: int, limits: Protections) -> Guard:
    """The guard after a trade that closed on candle `index` with profit `pnl`."""
    peak = max(guard.peak, balance)
    losses = guard.losses + 1 if pnl < 0.0 else 0
    if limits.losses > 0 and losses >= limits.losses:
        return Guard(guard.day_start, peak, 0, index + 1 + limits.cooldown)
    return Guard(guard.day_start, peak, losses, guard.until)


@rule
def entries_stopped(guard: Guard, equity: float, index: int, limits: Protections) -> bool:
    """Whether a signal at the close of candle `index` is ignored as `protection`."""
    if index < guard.until:
        return True
    if limits.daily_loss > 0.0 and reaches(-1, equity, guard.day_start * (1.0 - limits.daily_loss)):
        return True
    return limits.drawdown > 0.0 and reaches(-1, equity, guard.peak * (1.0 - limits.drawdown))
