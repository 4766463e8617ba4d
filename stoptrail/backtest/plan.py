"""What a run does with its candles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from stoptrail.rules.candles import Signals
from stoptrail.rules.types import (
    Counts,
    RunRules,
    StopLog,
    TradeLog,
)


class Plan(NamedTuple):
    """One parameter set, resolved."""

    signal: Callable[..., Signals]
    parameters: dict[str, Any]
    sides: int
    """Code of rules.types.SIDES."""
    atr_interval: int
    """Timeframe of the stop's ATR in milliseconds."""
    atr_period: int
    run_rules: RunRules


class Record(NamedTuple):
    """What a run did."""

    trades: TradeLog
    stops: StopLog
    ignored: Counts
