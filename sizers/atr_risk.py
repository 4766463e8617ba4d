"""Backtrader sizer: units by `risk.sizing`, at most those of the risk to the ATR stop (C4)."""

from __future__ import annotations

import math
from typing import Any

import backtrader as bt

from stoptrail.core.errors import UsageError
from stoptrail.rules.decide import sized_units


class AtrRiskSizer(bt.Sizer):  # type: ignore[misc]
    """Units for an entry by the terms' sizing, equity * risk_per_trade / (N * ATR) by default;
    all of the position for an order to leave.

    The strategy has a line `atr`, and where the terms size by it a line `volatility`, the
    broker the terms (`run_rules`); `trade_rules` (rules.trade.TradeRules) are used instead of
    the broker's where they are given. The broker cuts the units at the fill to what the equity
    affords and the risk with costs allows.
    """

    params = (("trade_rules", None),)

    def _getsizing(self, comminfo: Any, cash: float, data: Any, isbuy: bool) -> float:
        broker, strategy = self.broker, self.strategy
        held = float(broker.getposition(data).size)
        if held and (held < 0) == isbuy:
            return abs(held)
        if not hasattr(strategy, "atr"):
            name = type(strategy).__name__
            raise UsageError(f"AtrRiskSizer needs a line `atr`, such as MtfStrategy's: {name}")
        line = getattr(strategy, "volatility", None)
        return sized_units(
            1 if isbuy else -1,
            broker.stake,
            data.close[0],
            strategy.atr[0],
            math.nan if line is None else line[0],
            broker.history,
            self.p.trade_rules or broker.run_rules.trade_rules,
            broker.own_size,
            0 if broker.own_size is None else broker.opened_at(),
        )
