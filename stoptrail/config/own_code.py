"""Code of the user's own, named in a setting by its import path "module:function".

The module is looked for in the working folder first, then where Python looks. Whoever reads
settings that are not the user's asks config.foreign before it comes to this. A sizing function
(C4) and a rule to leave by (C18) are compiled once for every engine; compiled code calls the
former by its address, so that the pre-screen is compiled for all such functions together.
"""

from __future__ import annotations

import inspect
import math
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, lru_cache
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path
from typing import Any, cast

from stoptrail.config.section import closest_hint
from stoptrail.core.errors import USERS_CODE, ConfigError
from stoptrail.core.time import iso
from stoptrail.rules.jit import numba
from stoptrail.rules.own_exit import (
    ExitRule,
    RuleCandle,
    RuleError,
    RulePosition,
    RuleStop,
    compiled_exit,
)
from stoptrail.rules.sizing import (
    NO_CLOSED_TRADES,
    SIZINGS,
    ClosedTrades,
    Decision,
    SizeError,
)
from stoptrail.rules.types import EXITS


def imported(path: str, shipped: Sequence[str]) -> Callable[..., Any]:
    """The function at the import path `path`; shipped: names that would do as well.

    Raises ConfigError where there is no such module or function.
    """
    module_name, colon, name = path.partition(":")
    parts = [*module_name.split("."), name]
    if not colon or not all(part.isidentifier() for part in parts):
        is_module = not colon and "." in path
        hint = (
            f'; name a function of it: "{path}:NAME"'
            if is_module
            else closest_hint(path, [*shipped])
        )
        raise ConfigError(f'must be {", ".join(shipped)} or "module:function"{hint}')
    module = _module(module_name)
    function = getattr(module, name, None)
    if not callable(function):
        known = [key for key, value in vars(module).items() if inspect.isfunction(value)]
        raise ConfigError(f"module {module_name} has no function {name}{closest_hint(name, known)}")
    return function  # type: ignore[no-any-return]


def _module(name: str) -> Any:
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.append(folder)  # last: what lies there hides no module that the program needs
    try:
        _claim(name.partition(".")[0], folder)
        return import_module(name)
    except USERS_CODE as error:
        raise ConfigError(
            f"module {name} cannot be imported ({type(error).__name__}: {first_words(error)})"
        ) from error


def _claim(name: str, folder: str) -> None:
    """Import the top-level module `name` from `folder`, where it is there and not imported yet.

    Without this a user's strategies/ would lose to the folder of that name beside runner.py.
    """
    spec = None if name in sys.modules else PathFinder.find_spec(name, [folder])
    if spec is None:
        return
    module = sys.modules[name] = module_from_spec(spec)
    if spec.submodule_search_locations is not None:
        module.__path__ = list(spec.submodule_search_locations)
    try:
        if spec.loader is not None:  # None: a folder without __init__.py
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise


class OwnSize:
    """The sizing function at an import path; another process finds it there again."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.function = imported(path, SIZINGS)
        """As it is written."""
        self.call: Any = _callable(path, self.function)
        """From the numbers of a Decision to units, for Python and for compiled code; NaN
        where the function raises."""

    def __reduce__(self) -> tuple[Callable[[str], OwnSize], tuple[str]]:
        return own_size, (self.path,)


@lru_cache(maxsize=32)
def own_size(path: str) -> OwnSize:
    """The sizing function that `path` names, compiled. Raises ConfigError."""
    return OwnSize(path)


def own_size_of(sizing: str) -> OwnSize | None:
    """The function that `risk.sizing` names; None where it names a built-in way."""
    return None if sizing in SIZINGS else own_size(sizing)


def _callable(path: str, function: Callable[..., Any]) -> Any:
    compiler = numba()
    whole, number = compiler.types.int64, compiler.types.float64
    signature = number(whole, *[number] * 5, whole, whole, number, number)
    try:
        inspect.signature(getattr(function, "py_func", function)).bind(_KNOWN)
        quick = function if hasattr(function, "py_func") else compiler.njit(function, nogil=True)
        returned = _returned(quick, _KNOWN)

        def by_numbers(  # type: ignore[no-untyped-def]  # Numba knows its types
            side, equity, price, atr, distance, volatility, wins, losses, won, lost
        ):
            history = ClosedTrades(wins, losses, won, lost)
            decision = Decision(side, equity, price, atr, distance, volatility, history)
            try:
                return float(quick(decision))
            except Exception:
                return math.nan

        if not returned:
            call = compiler.cfunc(signature)(by_numbers)
            ask: Any = by_numbers
            numbers = *_KNOWN[:6], *NO_CLOSED_TRADES
            moody = _two_answers(ask(*numbers), ask(*numbers))
            if not moody:
                return call
    except Exception as error:  # whatever Numba, or what it imports, says of the user's code
        name = function.__name__ if inspect.isfunction(function) else "function"
        raise ConfigError(
            f"cannot be compiled by Numba ({first_words(error)}): {path} is called as "
            f"{name}(decision) and returns {_UNITS}"
        ) from None
    wrong = f"returns {returned}, not {_UNITS}" if returned else moody
    raise ConfigError(f"cannot be used: {path} {wrong}")


_UNITS = "a number of units, 0 for no trade"
_LEVEL = "a level above 0, or LEAVE"
_KNOWN = Decision(1, 10_000.0, 100.0, 2.0, 6.0, 0.5, NO_CLOSED_TRADES)


def _returned(quick: Any, *arguments: Any) -> str:
    """What a compiled function gives where that is no number; empty where it is one."""
    types = numba().types
    kinds = tuple(map(numba().typeof, arguments))
    quick.compile(kinds)
    kind = types.unliteral(quick.overloads[kinds].signature.return_type)
    if isinstance(kind, types.Integer | types.Float):
        return ""
    if isinstance(kind, types.Optional):
        return "None on one of its ways"
    named = {types.NoneType: "None", types.UnicodeType: "text", types.Boolean: "true or false"}
    return named.get(type(kind), str(kind).partition("(")[0])


_COLOUR = re.compile(r"\x1b\[[\d;]*m")


def first_words(error: BaseException) -> str:
    """What is wrong, of a message of many lines."""
    text = _COLOUR.sub("", str(error))  # Numba's, where colorama is installed
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(("Failed in", "During:", "-"))]
    first = (telling or lines or [type(error).__name__])[0]
    call = next((line for line in lines if line.startswith(">>> ")), "")
    if call and first.startswith("No implementation of function"):  # the call is a line below
        first = f"there is no {call.removeprefix('>>> ')}"
    return first[:160]


_TRIAL = (
    RulePosition(side=1, fill=100.0, time=0, atr=2.0, units=1.0, candles=1, extremes=1),
    RuleStop(level=94.0, extreme=103.0, reason=0),
    RuleCandle(time=900_000, open=101.0, high=103.0, low=100.0, close=102.0, volume=5.0),
    2.0,
)
"""A trade that every rule has to have an answer for."""


def exit_rule_of(exits: str) -> ExitRule | None:
    """The rule that `exits` of [strategy] names, None for a built-in way.

    Raises ConfigError where there is none, or one that cannot be compiled.
    """
    return None if exits in EXITS else compilable(exits)


@cache
def compilable(path: str) -> ExitRule:
    """The rule at the import path `path`, once it has answered and was compiled."""
    rule = cast(ExitRule, imported(path, EXITS))
    plain: Any = getattr(rule, "py_func", rule)
    called = "it is called as rule(position, stop, candle, atr) and returns " + _LEVEL
    try:
        answers = plain(*_TRIAL), plain(*_TRIAL)
    except USERS_CODE as error:
        raise ConfigError(
            f"strategy.exits {path} fails on a trade of 100 with a stop at 94 "
            f"({type(error).__name__}: {first_words(error)}); {called}"
        ) from error
    try:
        returned = _returned(numba().njit(plain, error_model="numpy"), *_TRIAL)
        if not returned:
            compiled_exit(rule)
    except Exception as error:  # Numba's own, of many kinds
        raise ConfigError(
            f"strategy.exits {path} cannot be compiled ({first_words(error)}): use numbers, math "
            "and NumPy's functions of numbers, and constants of its module"
        ) from error
    if returned:
        raise ConfigError(f"strategy.exits {path} returns {returned}, not a number; {called}")
    if moody := _two_answers(*answers):
        raise ConfigError(f"strategy.exits {path} {moody}")
    return rule


def _two_answers(said: float, again: float) -> str:
    """What is wrong with a function that gave two answers to one question; empty where they are
    the same."""
    if said == again or (said != said and again != again):
        return ""
    return (
        f"answers {said} and then {again} to the same question: it has to follow from its "
        "arguments alone, without random numbers, clocks or anything kept between calls"
    )


@contextmanager
def own_errors(*functions: ExitRule | OwnSize | None) -> Iterator[None]:
    """Say in one line what one of the user's `functions` did wrong within. Raises ConfigError,
    which names the setting."""
    try:
        yield
    except SizeError as error:
        said, time, numbers = error.args
        sizes = [each for each in functions if isinstance(each, OwnSize)]
        decision = Decision._make((*numbers[:6], ClosedTrades(*numbers[6:])))
        which, what = _at_fault([(each.path, each.function) for each in sizes], said, decision)
        side = "long" if decision.side > 0 else "short"
        raise ConfigError(
            f"risk.sizing {which} {what} at the close of the candle of {iso(int(time))}, for a "
            f"{side} at {decision.price:.10g}: it has to return {_UNITS}"
        ) from None
    except RuleError as error:
        said, numbers = error.args
        rules = [each for each in functions if callable(each)]
        named = [(f"{each.__module__}:{each.__name__}", each) for each in rules]
        question = _question(numbers)
        which, what = _at_fault(named, said, *question)
        time = question[2].time
        raise ConfigError(
            f"strategy.exits {which} {what} at the close of the candle of {iso(time)}: it has to "
            f"return {_LEVEL}"
        ) from None


def _question(numbers: Sequence[float]) -> tuple[RulePosition, RuleStop, RuleCandle, float]:
    """What a rule is told by the numbers of an ExitCall."""
    side, fill, entered, signal_atr, units, candles, extremes, level, extreme, reason = numbers[:10]
    counted = int(candles), int(extremes)
    position = RulePosition(int(side), fill, int(entered), signal_atr, units, *counted)
    time, opens, high, low, close, volume, atr = numbers[10:]
    candle = RuleCandle(int(time), opens, high, low, close, volume)
    return position, RuleStop(level, extreme, int(reason)), candle, atr


def _at_fault(
    functions: Sequence[tuple[str, Callable[..., Any]]], said: float, *numbers: Any
) -> tuple[str, str]:
    """Which of `functions`, by name, said `said` of `numbers`, NaN where it raised, and what it
    did: each is asked again, as it is written."""
    for name, function in functions:
        plain = getattr(function, "py_func", function)
        try:
            again = plain(*numbers)
        except USERS_CODE as error:
            if math.isnan(said):
                return name, f"failed ({type(error).__name__}: {first_words(error)})"
            continue
        if again == said or (again != again and said != said):
            return name, f"returned {said}"
    return functions[0][0] if functions else "", f"returned {said}"
