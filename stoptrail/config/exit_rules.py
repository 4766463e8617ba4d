"""An exit of the user's own, named in strategy.exits by its import path (C18)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, cast

from stoptrail.config.own_code import imported
from stoptrail.config.settings import Settings
from stoptrail.core.errors import ConfigError
from stoptrail.core.time import iso
from stoptrail.rules.own_exit import (
    ExitRule,
    RuleCandle,
    RuleError,
    RulePosition,
    RuleStop,
    compiled_exit,
)
from stoptrail.rules.types import EXITS

_TRIAL = (
    RulePosition(side=1, fill=100.0, time=0, atr=2.0, units=1.0, candles=1, extremes=1),
    RuleStop(level=94.0, extreme=103.0, reason=0),
    RuleCandle(time=900_000, open=101.0, high=103.0, low=100.0, close=102.0, volume=5.0),
    2.0,
)
"""A trade that every rule has to have an answer for."""


def exit_rule_of(settings: Settings) -> ExitRule | None:
    """The rule that strategy.exits names, None for a built-in way.

    Raises ConfigError where there is none, or one that cannot be compiled.
    """
    path = settings.strategy.exits
    return None if path in EXITS else compilable(path)


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
            f"({type(error).__name__}: {_line(error)}); it is called as "
            "rule(position, stop, candle, atr) and returns a level or LEAVE"
        ) from error
    try:
        compiled_exit(rule)
    except Exception as error:  # Numba's own, of many kinds
        raise ConfigError(
            f"strategy.exits {path} cannot be compiled ({_line(error)}): use numbers, math and "
            "NumPy's functions of numbers, and constants of its module"
        ) from error
    return rule


def _line(error: Exception) -> str:
    """The line of a message that says most."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith("Failed in nopython mode")]
    return (lines or [""])[0][:160]


@contextmanager
def rule_errors(rule: ExitRule | None) -> Iterator[None]:
    """Say in one line what `rule` answered where that is no level. Raises ConfigError."""
    try:
        yield
    except RuleError as error:
        said, time = error.args
        name = f"{getattr(rule, '__module__', '')}:{getattr(rule, '__name__', '')}"
        raise ConfigError(
            f"strategy.exits {name} answered {said!r} at the close of the candle of "
            f"{iso(int(time))}: it has to be a level above 0, or LEAVE"
        ) from None
