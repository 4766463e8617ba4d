"""Backtrader sizer: units from the risk to the ATR stop (C4)."""

from __future__ import annotations

from typing import Any

import backtrader as bt

from stoptrail.rules.decide import risked_units


class AtrRiskSizer(bt.Sizer):  # type: ignore[misc]
    """equity * risk_per_trade / (N * ATR), of a strategy that has an `atr` line.

    `trade_rules` (rules.trade.TradeRules) holds the rates. The broker cuts the units at the fill to
    what the equity affords and the risk with costs allows.
    """

    params = (("trade_rules", None),)

    def _getsizing(self, comminfo: Any, cash: float, data: Any, isbuy: bool) -> float:
        equity, atr = self.broker.getvalue(), self.strategy.atr[0]
        return risked_units(equity, atr, data.close[0], self.p.trade_rules)
