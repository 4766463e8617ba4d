"""A sizing function of the user's own, compiled once for every engine (C4).

Compiled code calls it by its address, so that the pre-screen is compiled for all such
functions together, not for each one anew.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from stoptrail.config.own_code import imported
from stoptrail.core.errors import ConfigError
from stoptrail.rules.compiler import numba
from stoptrail.rules.sizing import SIZINGS, ClosedTrades, Decision, SizeError


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


@contextmanager
def named() -> Iterator[None]:
    """Whatever a sizing function does wrong within is a ConfigError that names the setting."""
    try:
        yield
    except SizeError as error:
        raise ConfigError(f"risk.sizing: {error}") from None


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


def _first_words(error: Exception) -> str:
    """What is wrong, of a message of many lines."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(("Failed in", "During:", "-"))]
    return (telling or lines or [type(error).__name__])[0]
