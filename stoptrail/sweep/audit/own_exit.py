"""What a rule of the user's own is asked: is it a function of its arguments alone, and does it
ever want a looser stop?"""

from __future__ import annotations

from math import isclose
from typing import Any

from stoptrail.backtest.inputs import Inputs
from stoptrail.backtest.plan import Plan
from stoptrail.config.own_code import own_errors
from stoptrail.core.errors import ConfigError
from stoptrail.core.time import DAY_MS, iso
from stoptrail.rules.candles import rows_of
from stoptrail.rules.own_exit import (
    ARGUMENTS,
    LEAVE,
    ExitCall,
    RulePosition,
    RuleStop,
    exit_call,
)
from stoptrail.rules.stops import tighter
from stoptrail.rules.types import day_marks
from stoptrail.sweep.audit.signal import CALENDAR_DAYS, Check
from stoptrail.sweep.kernel.reference import simulate
from stoptrail.sweep.plain_run import make_ready

_NAME = "own exit, asked twice"
_DATED = "own exit, the same candles 28 years later"
_CANDLES = 40_000
"""The last ones, on which the rule runs in plain Python."""
_SIDE, _LEVEL = ARGUMENTS.index("side"), ARGUMENTS.index("level")
_ENTERED = ARGUMENTS.index("time")
_TIME = len(RulePosition._fields) + len(RuleStop._fields)  # of the candle, not of the entry
_LATER = CALENDAR_DAYS * DAY_MS
_NOISE = 1e-9
"""Of itself, by which an answer may differ: what is reckoned from a time rounds otherwise later."""


class TwiceAsked:
    """A rule that is asked twice, and under dates 28 years later; its answers are held against the
    stop."""

    def __init__(self, ask: ExitCall) -> None:
        self._ask = ask
        self.calls = self.looser = 0
        self.moods: list[float] = []
        """Opens of candles, in ms, at whose close two answers differ."""
        self.dated: list[float] = []
        """The same of those where it answers otherwise, or fails, when the calendar is the same
        again: it knows dates by itself, or looks into something by them."""

    def __call__(self, *numbers: float) -> float:
        """The first of two answers."""
        said, again = self._ask(*numbers), self._ask(*numbers)
        self.calls += 1
        if said != again and said == said:
            self.moods.append(numbers[_TIME])
        elif said == said and not isclose(said, self._ask(*_moved(numbers)), rel_tol=_NOISE):
            self.dated.append(numbers[_TIME])
        if said != LEAVE and tighter(int(numbers[_SIDE]), numbers[_LEVEL], said):
            self.looser += 1
        return said


def _moved(numbers: tuple[float, ...]) -> list[float]:
    """The same question 28 years later."""
    later = list(numbers)
    later[_ENTERED] += _LATER
    later[_TIME] += _LATER
    return later


def exit_by_dates(plan: Plan, inputs: Inputs) -> dict[str, bool]:
    """`exit_by_dates`: whether the plan's own rule says something else of the same candles under
    other dates; nothing where it has none, or its signal cannot be worked out."""
    try:
        watched = _watched(plan, inputs)
    except ConfigError:
        return {}
    return {} if watched is None else {"exit_by_dates": bool(watched.dated)}


def own_exit_checks(plan: Plan, inputs: Inputs) -> list[Check]:
    """Checks of the plan's own rule; none where it has none."""
    try:
        watched = _watched(plan, inputs)
    except _SignalError as error:
        return [Check(_NAME, 0, (str(error),))]
    if watched is None:
        return []
    lines = tuple(
        f"at the close of the candle of {iso(int(time))} it answers differently when asked twice"
        for time in watched.moods[:5]
    )
    loosens = (
        f"it wants a looser stop at {watched.looser:,} of {watched.calls:,} closes: the stop in "
        "force is kept"
        if watched.looser
        else "it never wants a looser stop"
    )
    dated = tuple(
        f"at the close of the candle of {iso(int(time))} it answers differently: it knows dates, "
        "or a file, by itself, which no check looks into"
        for time in watched.dated[:5]
    )
    return [Check(_NAME, watched.calls, lines, loosens), Check(_DATED, watched.calls, dated)]


class _SignalError(ConfigError):
    """The signal fails on so few candles."""


def _watched(plan: Plan, inputs: Inputs) -> TwiceAsked | None:
    """What the plan's own rule answered over the last candles; None where it has none."""
    rule: Any = plan.rule
    if rule is None:
        return None
    candles = rows_of(inputs.candles, slice(-_CANDLES, None))
    own = Inputs(candles, 0, day_marks(candles, 0), inputs.market)
    watched = TwiceAsked(exit_call(getattr(rule, "py_func", rule)))
    try:
        ready = make_ready(plan, own)
    except ConfigError as error:
        raise _SignalError(str(error)) from error
    given = candles, ready.setups, ready.atr, own.marks, plan.run_rules, own.detail
    with own_errors(*plan.own_code):
        simulate(*given, plan.size_call, watched)
    return watched
