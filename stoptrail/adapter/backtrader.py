"""Backtrader, its TA-Lib indicators when they are asked for; and what it keeps of a run for ever,
let go in a run that has no end.

At its import Backtrader wraps every function of an installed TA-Lib, which loads pandas and
Arrow besides: 0.3 s and 60 MB in each process, workers included. `bt.talib` does it then.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any
from warnings import catch_warnings, simplefilter

_TALIB = "talib"
_WRAPPED = "backtrader.talib"


def _loaded() -> Any:
    if "backtrader" in sys.modules or _TALIB in sys.modules:
        return _imported()
    sys.modules[_TALIB] = None  # type: ignore[assignment]  # as if it were not installed
    try:
        backtrader = _imported()
    finally:
        del sys.modules[_TALIB]
    sys.modules.pop(_WRAPPED, None)
    vars(backtrader).pop(_TALIB, None)
    vars(backtrader)["__getattr__"] = _wrapped
    return backtrader


def _imported() -> Any:
    """Backtrader. Python warns of its escape sequences when it compiles them: in each process
    until that is on disk, which some installers leave to the first one that may write there."""
    with catch_warnings():
        simplefilter("ignore", SyntaxWarning)
        simplefilter("ignore", DeprecationWarning)
        return import_module("backtrader")


def _wrapped(name: str) -> ModuleType:
    """What Backtrader's module has not: its TA-Lib indicators."""
    if name != _TALIB:
        raise AttributeError(f"module 'backtrader' has no attribute {name!r}")
    return import_module(_WRAPPED)


bt: Any = _loaded()

KEPT = 512
"""Values of a line that stay: nobody looks back further in a session."""


def forget(strategy: bt.Strategy) -> None:
    """Drop finished orders and trades of `strategy`, and what lies far back in every line of
    it, its data and its indicators; their lengths go on counting. Call it between candles."""
    strategy._orders.clear()
    for by_id in strategy._trades.values():
        for trades in by_id.values():
            del trades[:-1]  # the last one may be open
    for line in _lines(strategy):
        if len(line.array) >= 2 * KEPT:
            excess = len(line.array) - KEPT
            del line.array[:excess]
            line.idx -= excess


def _lines(owner: bt.Strategy) -> Iterator[Any]:
    for part in (owner, *owner.datas, *_indicators(owner)):
        yield from part.lines


def _indicators(owner: bt.LineIterator) -> Iterator[Any]:
    """The indicators of `owner`, and theirs."""
    for indicator in owner.getindicators():
        yield indicator
        yield from _indicators(indicator)
