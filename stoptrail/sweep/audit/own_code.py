"""What an exit rule and a size of the user's own are asked: does an answer follow from the
question alone, and does the rule ever want a looser stop?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isclose
from typing import Any, NamedTuple

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
from stoptrail.sweep.audit.moved import HIGHER, LARGER, LATER, are_many, raised
from stoptrail.sweep.audit.signal import Check
from stoptrail.sweep.kernel.reference import simulate
from stoptrail.sweep.plain_run import make_ready

_NAME = "own exit, asked twice"
_DATED = "own exit, the same candles 28 years later"
_PRICED = "own exit, at prices a ten-thousandth higher"
_SIZED = "own size, at prices a ten-thousandth higher"
_CANDLES = 40_000
"""The last ones, on which the rule runs in plain Python."""
_SIDE, _LEVEL = ARGUMENTS.index("side"), ARGUMENTS.index("level")
_ENTERED = ARGUMENTS.index("time")
_TIME = len(RulePosition._fields) + len(RuleStop._fields)  # of the candle, not of the entry
_FILL, _ATR = ARGUMENTS.index("fill"), ARGUMENTS.index("atr")
_PRICES = [
    place
    for place, name in enumerate(ARGUMENTS)
    if name in ("level", "extreme", "open", "high", "low", "close")
]
_SIZE_PRICE, _SIZE_WIDTHS = 2, (3, 4, 5)
"""Places of the price, and of ATR, distance and volatility, among the numbers of a Decision."""
_NOISE = 1e-9
"""Of itself, by which an answer may differ: what is reckoned from a time rounds otherwise later."""
_OTHER_LEVEL, _OTHER_SIZE = 1e-3, 0.05
"""The same where prices are higher, as a level or a size may have a part that is fixed."""
_SHOWN = 5


class TwiceAsked:
    """A rule that is asked twice, under dates 28 years later, and at higher prices; its answers
    are held against the stop."""

    def __init__(self, ask: ExitCall) -> None:
        self._ask = ask
        self.calls = self.looser = 0
        self.moods: list[float] = []
        """Opens of candles, in ms, at whose close two answers differ."""
        self.dated: list[float] = []
        """The same of those where it answers otherwise, or fails, when the calendar is the same
        again: it knows dates by itself, or looks into something by them."""
        self.levels, self.leaves = _Changes(0, []), _Changes(0, [])
        """The same where prices are higher, of levels, and of answers one of which is to leave."""

    def __call__(self, *numbers: float) -> float:
        """The first of the answers."""
        said, again = self._ask(*numbers), self._ask(*numbers)
        self.calls += 1
        if said != again and said == said:
            self.moods.append(numbers[_TIME])
        elif said == said:
            if not isclose(said, self._ask(*_moved(numbers)), rel_tol=_NOISE):
                self.dated.append(numbers[_TIME])
            self._at_higher(said, numbers)
        if said != LEAVE and tighter(int(numbers[_SIDE]), numbers[_LEVEL], said):
            self.looser += 1
        return said

    def _at_higher(self, said: float, numbers: tuple[float, ...]) -> None:
        other = self._ask(*_raised(numbers, _FILL, _PRICES, (_ATR,)))
        if LEAVE in (said, other):
            self.leaves = self.leaves.with_one(said != other, numbers[_TIME])
        else:
            same = isclose(other, said * HIGHER, rel_tol=_OTHER_LEVEL)
            self.levels = self.levels.with_one(not same, numbers[_TIME])

    @property
    def priced(self) -> list[float]:
        """Opens of candles at whose close it answers otherwise where prices are higher, if those
        are many."""
        return self.levels.told + self.leaves.told


class _Changes(NamedTuple):
    """Answers of one kind."""

    asked: int
    changed: list[Any]
    """What tells of those that are others."""

    def with_one(self, is_other: bool, what: Any) -> _Changes:
        """These and one more."""
        if is_other:
            self.changed.append(what)
        return self._replace(asked=self.asked + 1)

    @property
    def told(self) -> list[Any]:
        """Those that are others, if they are many."""
        return self.changed if are_many(len(self.changed), self.asked) else []


class SizedAgain:
    """A size that is asked again at higher prices, the equity being the same."""

    def __init__(self, call: Callable[..., float]) -> None:
        self._call = call
        self.answers = _Changes(0, [])
        """Of each that is another: close, units, and units where prices are higher."""

    def __call__(self, *numbers: float) -> float:
        """The units of the question as it is."""
        again = _raised(numbers, _SIZE_PRICE, (), _SIZE_WIDTHS)
        said, other = self._call(*numbers), self._call(*again)
        if said != 0.0 or other != 0.0:
            same = isclose(said, other, rel_tol=_OTHER_SIZE)
            self.answers = self.answers.with_one(not same, (numbers[2], said, other))
        return said


def _moved(numbers: tuple[float, ...]) -> list[float]:
    """The same question 28 years later."""
    moved = list(numbers)
    moved[_ENTERED] += LATER
    moved[_TIME] += LATER
    return moved


def _raised(
    numbers: tuple[float, ...], first: int, prices: Sequence[int], widths: Sequence[int]
) -> list[float]:
    """The same question at higher prices, with larger moves from that of the place `first`; widths:
    places of what moves come to, such as an ATR."""
    found, begin = list(numbers), numbers[first]
    for place in (first, *prices):
        found[place] = raised(numbers[place], begin)
    for place in widths:
        found[place] = numbers[place] * HIGHER * LARGER
    return found


def known_by_code(plan: Plan, inputs: Inputs) -> dict[str, bool]:
    """`exit_by_dates` and `exit_by_prices`: whether the plan's own rule says something else of the
    same candles under other dates, or at higher prices; `size_by_prices` the same of its own size.
    Nothing of what it has not, or where its signal cannot be worked out."""
    try:
        rule, size = _watched(plan, inputs)
    except ConfigError:
        return {}
    found = {} if size is None else {"size_by_prices": bool(size.answers.told)}
    if rule is not None:
        found |= {"exit_by_dates": bool(rule.dated), "exit_by_prices": bool(rule.priced)}
    return found


def own_code_checks(plan: Plan, inputs: Inputs) -> list[Check]:
    """Checks of the plan's own rule and size; none where it has neither."""
    try:
        rule, size = _watched(plan, inputs)
    except _SignalError as error:
        return [Check(_NAME, 0, (str(error),))]
    return _rule_checks(rule) + _size_checks(size)


def _rule_checks(watched: TwiceAsked | None) -> list[Check]:
    if watched is None:
        return []
    loosens = (
        f"it wants a looser stop at {watched.looser:,} of {watched.calls:,} closes: the stop in "
        "force is kept"
        if watched.looser
        else "it never wants a looser stop"
    )

    def lines(times: list[float], said: str) -> tuple[str, ...]:
        at = "at the close of the candle of"
        return tuple(f"{at} {iso(int(time))} it answers {said}" for time in times[:_SHOWN])

    knows = "differently: it knows {}, or a file, by itself, which no check looks into"
    return [
        Check(_NAME, watched.calls, lines(watched.moods, "differently when asked twice"), loosens),
        Check(_DATED, watched.calls, lines(watched.dated, knows.format("dates"))),
        Check(_PRICED, watched.calls, lines(watched.priced, knows.format("prices"))),
    ]


def _size_checks(watched: SizedAgain | None) -> list[Check]:
    if watched is None:
        return []
    lines = tuple(
        f"at a close of {close:.10g} it asks for {said:.6g} units, at higher prices for "
        f"{other:.6g}: it knows prices, or a file, by itself, which no check looks into"
        for close, said, other in watched.answers.told[:_SHOWN]
    )
    return [Check(_SIZED, watched.answers.asked, lines)]


class _SignalError(ConfigError):
    """The signal fails on so few candles."""


def _watched(plan: Plan, inputs: Inputs) -> tuple[TwiceAsked | None, SizedAgain | None]:
    """What the plan's own rule and size answered over the last candles; None for what it has
    not."""
    rule: Any = plan.rule
    watched = None if rule is None else TwiceAsked(exit_call(getattr(rule, "py_func", rule)))
    size = None if plan.own_size is None else SizedAgain(plan.own_size.call)
    if watched is None and size is None:
        return None, None
    candles = rows_of(inputs.candles, slice(-_CANDLES, None))
    own = Inputs(candles, 0, day_marks(candles, 0), inputs.market)
    try:
        ready = make_ready(plan, own)
    except ConfigError as error:
        raise _SignalError(str(error)) from error
    given = candles, ready.setups, ready.atr, own.marks, plan.run_rules, own.detail
    with own_errors(*plan.own_code):
        simulate(*given, size, watched)
    return watched, size
