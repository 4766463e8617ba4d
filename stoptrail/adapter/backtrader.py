"""Backtrader, its TA-Lib indicators when they are asked for.

At its import Backtrader wraps every function of an installed TA-Lib, which loads pandas and
Arrow besides: 0.3 s and 60 MB in each process, workers included. `bt.talib` does it then.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

_TALIB = "talib"
_WRAPPED = "backtrader.talib"


def _loaded() -> Any:
    if "backtrader" in sys.modules or _TALIB in sys.modules:
        return import_module("backtrader")
    sys.modules[_TALIB] = None  # type: ignore[assignment]  # as if it were not installed
    try:
        backtrader = import_module("backtrader")
    finally:
        del sys.modules[_TALIB]
    sys.modules.pop(_WRAPPED, None)
    vars(backtrader).pop(_TALIB, None)
    vars(backtrader)["__getattr__"] = _wrapped
    return backtrader


def _wrapped(name: str) -> ModuleType:
    """What Backtrader's module has not: its TA-Lib indicators."""
    if name != _TALIB:
        raise AttributeError(f"module 'backtrader' has no attribute {name!r}")
    return import_module(_WRAPPED)


bt: Any = _loaded()
