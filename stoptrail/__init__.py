"""Swing trading with asymmetric exits for Backtrader: backtest, sweep and paper trading.

The public face, documented in docs/library.md. Importing it does no work: what is named here
is loaded when it is first asked for.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stoptrail.brokers.candle import CandleBroker as CandleBroker
    from stoptrail.config.load import load_settings as load_settings
    from stoptrail.config.settings import Settings as Settings
    from stoptrail.core.errors import StopTrailError as StopTrailError
    from stoptrail.feeds.columnar import ColumnarFeed as ColumnarFeed
    from stoptrail.feeds.files import load_candles as load_candles
    from stoptrail.library import RunResult as RunResult
    from stoptrail.library import SweepResult as SweepResult
    from stoptrail.library import backtest as backtest
    from stoptrail.library import sweep as sweep
    from stoptrail.rules.candles import Candles as Candles
    from stoptrail.rules.candles import Signals as Signals
    from stoptrail.rules.own_exit import LEAVE as LEAVE
    from stoptrail.rules.sizing import Decision as Decision
    from stoptrail.sizers.atr_risk import AtrRiskSizer as AtrRiskSizer
    from stoptrail.strategies.cycle_exit import CycleExit as CycleExit
    from stoptrail.strategies.mtf_strategy import MtfStrategy as MtfStrategy
    from stoptrail.strategies.stop_trail import StopTrail as StopTrail

_PLACES = {
    "AtrRiskSizer": "sizers.atr_risk",
    "CandleBroker": "brokers.candle",
    "Candles": "rules.candles",
    "ColumnarFeed": "feeds.columnar",
    "CycleExit": "strategies.cycle_exit",
    "Decision": "rules.sizing",
    "LEAVE": "rules.own_exit",
    "MtfStrategy": "strategies.mtf_strategy",
    "RunResult": "library",
    "Settings": "config.settings",
    "Signals": "rules.candles",
    "StopTrail": "strategies.stop_trail",
    "StopTrailError": "core.errors",
    "SweepResult": "library",
    "backtest": "library",
    "load_candles": "feeds.files",
    "load_settings": "config.load",
    "sweep": "library",
}
__all__ = sorted(_PLACES)
_FOLDERS = {"backtest", "sweep"}
"""Functions that a subpackage has the name of."""


class _Face(ModuleType):
    """The package, whose functions are not hidden by the subpackages of their names: Python
    would set `stoptrail.backtest` to the folder once anything in it is imported."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in _PLACES or not isinstance(value, ModuleType):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Face


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
    if name in _FOLDERS:  # what lies in the folder is found through the function of its name, so
        # that `import stoptrail.sweep.price_paths as x` is what it says
        found.__dict__ = vars(import_module(f"{__name__}.{name}"))
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
