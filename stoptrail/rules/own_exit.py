"""An exit of the user's own: what it is told at each close, and what it answers (C18).

A rule is a pure function `rule(position, stop, candle, atr)` of the records below; `atr` is
that of the stop, in price units. It returns the level where it wants the stop, which is put on
the tick and never loosens the stop in force, or LEAVE.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple, cast

from stoptrail.rules.jit import inner_rule, numba, rule
from stoptrail.rules.stops import Stop
from stoptrail.rules.trade import Position

LEAVE = -1.0
"""What a rule returns to leave at the next open."""


class RulePosition(NamedTuple):
    """The trade, at the close of a candle."""

    side: int
    """1 for a long, -1 for a short."""
    fill: float
    """Entry price."""
    time: int
    """Of the entry, ms."""
    atr: float
    """ATR of the signal candle."""
    units: float
    """That are held now, in the base currency."""
    candles: int
    """Closes so far, this one included."""
    extremes: int
    """Of these, the ones with a better price than every one before and than the fill."""


class RuleStop(NamedTuple):
    """The stop as it stands after this close's breakeven ratchet."""

    level: float
    extreme: float
    """Best price since the fill, this candle's included."""
    reason: int
    """What set the level, a code of rules.stops.REASONS."""


class RuleCandle(NamedTuple):
    """The candle that closes."""

    time: int
    """Of its open, ms."""
    open: float
    high: float
    low: float
    close: float
    volume: float


ARGUMENTS = (*RulePosition._fields, *RuleStop._fields, *RuleCandle._fields, "atr")
"""Numbers that an `ExitCall` takes, in order."""

ExitCall = Callable[..., float]
"""A rule behind plain numbers, ARGUMENTS, as compiled loops call it."""

ExitRule = Callable[[RulePosition, RuleStop, RuleCandle, float], float]


def exit_call(function: ExitRule) -> ExitCall:
    """`function` behind plain numbers; NaN where it raises."""

    def ask(
        side: float,
        fill: float,
        entered: float,
        signal_atr: float,
        units: float,
        candles: float,
        extremes: float,
        level: float,
        extreme: float,
        reason: float,
        time: float,
        opens: float,
        high: float,
        low: float,
        close: float,
        volume: float,
        atr: float,
    ) -> float:
        position = RulePosition(
            int(side), fill, int(entered), signal_atr, units, int(candles), int(extremes)
        )
        stop = RuleStop(level, extreme, int(reason))
        candle = RuleCandle(int(time), opens, high, low, close, volume)
        try:
            return float(function(position, stop, candle, atr))
        except Exception:  # of a user's function; what it was, `config.own_code` finds out
            return math.nan

    return ask


@cache
def compiled_exit(function: ExitRule) -> ExitCall:
    """`exit_call` as machine code, which compiled loops call by its address.

    Division by zero gives an infinity or NaN in it, as in arrays. Raises whatever Numba raises
    where `function` is not compilable.
    """
    njit, cfunc, number = numba().njit, numba().cfunc, numba().float64
    plain = getattr(function, "py_func", function)
    ask = exit_call(njit(plain, error_model="numpy"))
    return cast(ExitCall, cfunc(number(*[number] * len(ARGUMENTS)), error_model="numpy")(ask))


def called(function: ExitRule | None) -> ExitCall | None:
    """What plain Python calls: the same machine code, so that every engine gets the same bits;
    `function` itself where Numba is switched off."""
    if function is None or numba().config.DISABLE_JIT:
        return function and exit_call(function)
    return cast(ExitCall, cast(Any, compiled_exit(function)).ctypes)


class RuleError(ValueError):
    """A rule's answer is neither a level nor LEAVE; arguments: it, NaN where the rule raised, and
    what was asked, ARGUMENTS."""


class Seen(NamedTuple):
    """What a rule is told of the candles of a trade."""

    candles: int
    extremes: int
    best: float
    """Best price so far."""


NOTHING_SEEN = Seen(0, 0, 0.0)


@rule
def seen_more(seen: Seen, side: int, high: float, low: float) -> Seen:
    """One more candle of the trade, whose prices lay between `low` and `high`."""
    price = high if side > 0 else low
    if price > seen.best if side > 0 else price < seen.best:
        return Seen(seen.candles + 1, seen.extremes + 1, price)
    return Seen(seen.candles + 1, seen.extremes, seen.best)


@inner_rule
def answer(
    ask: ExitCall,
    position: Position,
    stop: Stop,
    seen: Seen,
    time: int,
    opens: float,
    high: float,
    low: float,
    close: float,
    volume: float,
    atr: float,
) -> float:
    """What a rule says of a trade at the close of the candle that opened at `time`. Raises
    RuleError where that is neither a level nor LEAVE."""
    held = position.held
    numbers = (
        float(held.side),
        held.fill,
        float(held.time),
        held.atr,
        position.units,
        float(seen.candles),
        float(seen.extremes),
        stop.level,
        stop.extreme,
        float(stop.reason),
        float(time),
        opens,
        high,
        low,
        close,
        volume,
        atr,
    )
    said = ask(*numbers)
    if said != LEAVE and not 0.0 < said < math.inf:
        raise RuleError(said, numbers)
    return said
