"""Backtrader sizer: units from the risk to the ATR stop (C4)."""

from __future__ import annotations

from typing import Any

import backtrader as bt

from stoptrail.core.errors import UsageError
from stoptrail.rules.decide import risked_units


class AtrRiskSizer(bt.Sizer):  # type: ignore[misc]
    """equity * risk_per_trade / (N * ATR) for an entry, all of it for an order to leave.

    The strategy has a line `atr`, the broker the terms (`run_rules`); `trade_rules`
    (rules.trade.TradeRules) are used instead of the broker's where they are given. The broker
    cuts the units at the fill to what the equity affords and the risk with costs allows.
    """

    params = (("trade_rules", None),)

    def _getsizing(self, comminfo: Any, cash: float, data: Any, isbuy: bool) -> float:
        held = float(self.broker.getposition(data).size)
        if held and (held < 0) == isbuy:
            return abs(held)
        if not hasattr(self.strategy, "atr"):
            name = type(self.strategy).__name__
            raise UsageError(f"AtrRiskSizer needs a line `atr`, such as MtfStrategy's: {name}")
        equity, atr = self.broker.getvalue(), self.strategy.atr[0]
        rules = self.p.trade_rules or self.broker.run_rules.trade_rules
        return risked_units(equity, atr, data.close[0], rules)
