"""Backtrader sizer: units from the risk to the ATR stop (C4)."""

from __future__ import annotations

from typing import Any

import backtrader as bt

from stoptrail.rules.sizing import wanted_units


class AtrRiskSizer(bt.Sizer):  # type: ignore[misc]
    """equity * risk_per_trade / (N * ATR), of a strategy that has an `atr` line.

    `terms` (rules.trade.Terms) holds the rates. The broker cuts the units at the fill to
    what the equity affords and the risk with costs allows.
    """

    params = (("trade_rules", None),)

    def _getsizing(self, comminfo: Any, cash: float, data: Any, isbuy: bool) -> float:
        trade_rules = self.p.trade_rules
        distance = trade_rules.stop.multiplier * self.strategy.atr[0]
        return wanted_units(self.broker.getvalue(), distance, data.close[0], trade_rules.sizing)
