"""The parameter sets that benchmarks run."""

from __future__ import annotations

from typing import Any

from stoptrail.backtest.plan import Plan
from stoptrail.rules.costs import Costs
from stoptrail.rules.market import Market
from stoptrail.rules.paths import CANDLE
from stoptrail.rules.protections import Protections
from stoptrail.rules.sizing import RISK, by_risk
from stoptrail.rules.stops import StopRules
from stoptrail.rules.trade import TradeRules
from stoptrail.rules.types import SIDES, STOP_TRAIL, RunRules
from stoptrail.strategies.signals.mtf_cycle import mtf_cycle

FOUR_HOURS = 14_400_000
SIGNAL = {"trend": "roc", "trend_period": 30, "structure": "none"}


def plan(
    market: Market,
    *,
    multiplier: float = 5.0,
    trigger: float = 1.0,
    frozen: bool = False,
    slippage: float = 0.0002,
    kind: int = RISK,
    delay: int = 0,
    signal: Any = mtf_cycle,
    parameters: dict[str, Any] | None = None,
) -> Plan:
    """Longs on a daily rate of change, a 4h ATR stop, a fee of 0.1 %."""
    trade_rules = TradeRules(
        StopRules(multiplier, trigger, 0.0002, frozen),
        by_risk(0.01, 1.0, False, kind),
        Costs(0.001, slippage, 0.0002),
        market,
    )
    off = Protections(0.0, 0.0, 0, 0)
    run_rules = RunRules(trade_rules, STOP_TRAIL, CANDLE, 0, delay, 100_000.0, off)
    own = SIGNAL if parameters is None else parameters
    return Plan(signal, own, SIDES["long"], FOUR_HOURS, 14, run_rules)
