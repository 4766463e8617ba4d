"""What a rule of the user's own is asked: is it a function of its arguments alone, and does it
ever want a looser stop?"""

from __future__ import annotations

from typing import Any

from stoptrail.backtest.inputs import Inputs
from stoptrail.backtest.plan import Plan
from stoptrail.config.own_code import own_errors
from stoptrail.core.errors import ConfigError
from stoptrail.core.time import iso
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
from stoptrail.sweep.audit.signal import Check
from stoptrail.sweep.kernel.reference import simulate
from stoptrail.sweep.plain_run import make_ready

_NAME = "own exit, asked twice"
_CANDLES = 40_000
"""The last ones, on which the rule runs in plain Python."""
_SIDE, _LEVEL = ARGUMENTS.index("side"), ARGUMENTS.index("level")
_TIME = len(RulePosition._fields) + len(RuleStop._fields)  # of the candle, not of the entry


class TwiceAsked:
    """A rule that is asked twice, and whose answers are held against the stop."""

    def __init__(self, ask: ExitCall) -> None:
        self._ask = ask
        self.calls = self.looser = 0
        self.moods: list[float] = []
        """Opens of candles, in ms, at whose close two answers differ."""

    def __call__(self, *numbers: float) -> float:
        """The first of two answers."""
        said, again = self._ask(*numbers), self._ask(*numbers)
        self.calls += 1
        if said != again and said == said:
            self.moods.append(numbers[_TIME])
        if said != LEAVE and tighter(int(numbers[_SIDE]), numbers[_LEVEL], said):
            self.looser += 1
        return said


def own_exit_checks(plan: Plan, inputs: Inputs) -> list[Check]:
    """Checks of the plan's own rule; none where it has none."""
    rule: Any = plan.rule
    if rule is None:
        return []
    candles = rows_of(inputs.candles, slice(-_CANDLES, None))
    own = Inputs(candles, 0, day_marks(candles, 0), inputs.market)
    watched = TwiceAsked(exit_call(getattr(rule, "py_func", rule)))
    try:
        ready = make_ready(plan, own)
    except ConfigError as error:  # the signal's, on so few candles
        return [Check(_NAME, 0, (str(error),))]
    given = candles, ready.setups, ready.atr, own.marks, plan.run_rules, own.detail
    with own_errors(*plan.own_code):
        simulate(*given, plan.size_call, watched)
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
    return [Check(_NAME, watched.calls, lines, loosens)]
