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
from stoptrail.core.errors import ConfigError
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
from stoptrail.rules.sizing import SIZINGS, ClosedTrades, Decision, SizeError
from stoptrail.rules.types import EXITS


def imported(path: str, shipped: Sequence[str]) -> Callable[..., Any]:
    """The function at the import path `path`; shipped: names that would do as well.

    Raises ConfigError where there is no such module or function.
    """
    module_name, colon, name = path.partition(":")
    parts = [*module_name.split("."), name]
    if not colon or not all(part.isidentifier() for part in parts):
        hint = closest_hint(path, list(shipped))
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
    except Exception as error:  # whatever a user's module raises while it is imported
        first_line = (str(error).splitlines() or [""])[0]
        raise ConfigError(
            f"module {name} cannot be imported ({type(error).__name__}: {first_line})"
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
        self.call: Any = _callable(self.function)
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


def _callable(function: Callable[..., Any]) -> Any:
    compiler = numba()
    whole, number = compiler.types.int64, compiler.types.float64
    signature = number(whole, *[number] * 5, whole, whole, number, number)
    try:
        quick = function if hasattr(function, "py_func") else compiler.njit(function, nogil=True)

        def by_numbers(  # type: ignore[no-untyped-def]  # Numba knows its types
            side, equity, price, atr, distance, volatility, wins, losses, won, lost
        ):
            history = ClosedTrades(wins, losses, won, lost)
            decision = Decision(side, equity, price, atr, distance, volatility, history)
            try:
                return float(quick(decision))
            except Exception:
                return math.nan

        return compiler.cfunc(signature)(by_numbers)
    except Exception as error:  # whatever Numba, or what it imports, says of the user's code
        raise ConfigError(f"cannot be compiled by Numba ({_first_words(error)})") from None


_COLOUR = re.compile(r"\x1b\[[\d;]*m")


def _first_words(error: Exception) -> str:
    """What is wrong, of a message of many lines."""
    text = _COLOUR.sub("", str(error))  # Numba's, where colorama is installed
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(("Failed in", "During:", "-"))]
    return (telling or lines or [type(error).__name__])[0][:160]


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
    try:
        float(plain(*_TRIAL))
    except Exception as error:  # whatever a user's function raises
        raise ConfigError(
            f"strategy.exits {path} fails on a trade of 100 with a stop at 94 "
            f"({type(error).__name__}: {_first_words(error)}); it is called as "
            "rule(position, stop, candle, atr) and returns a level or LEAVE"
        ) from error
    try:
        compiled_exit(rule)
    except Exception as error:  # Numba's own, of many kinds
        raise ConfigError(
            f"strategy.exits {path} cannot be compiled ({_first_words(error)}): use numbers, math "
            "and NumPy's functions of numbers, and constants of its module"
        ) from error
    return rule


@contextmanager
def own_errors(rule: ExitRule | None) -> Iterator[None]:
    """Say in one line what a sizing function, or `rule`, did wrong within. Raises ConfigError,
    which names the setting."""
    try:
        yield
    except SizeError as error:
        raise ConfigError(f"risk.sizing: {error}") from None
    except RuleError as error:
        said, time = error.args
        name = f"{getattr(rule, '__module__', '')}:{getattr(rule, '__name__', '')}"
        raise ConfigError(
            f"strategy.exits {name} answered {said!r} at the close of the candle of "
            f"{iso(int(time))}: it has to be a level above 0, or LEAVE"
        ) from None
