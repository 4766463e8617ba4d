"""What a run does with its candles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from rules.account import Conduct, Counts, StopLog, TradeLog
from rules.candles import Signals


class Plan(NamedTuple):
    """One parameter set, resolved."""

    signal: Callable[..., Signals]
    parameters: dict[str, Any]
    sides: int
    """Code of rules.account.SIDES."""
    atr_interval: int
    """Timeframe of the stop's ATR in milliseconds."""
    atr_period: int
    conduct: Conduct


class Record(NamedTuple):
    """What a run did."""

    trades: TradeLog
    stops: StopLog
    ignored: Counts
