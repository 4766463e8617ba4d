"""Backtrader sizer: units from the risk to the ATR stop (C4)."""

from __future__ import annotations

from typing import Any

import backtrader as bt

from rules.sizing import wanted_units


class AtrRiskSizer(bt.Sizer):  # type: ignore[misc]
    """equity * risk_per_trade / (N * ATR), of a strategy that has an `atr` line.

    `terms` (rules.trade.Terms) holds the rates. The broker cuts the units at the fill to
    what the equity affords and the risk with costs allows.
    """

    params = (("terms", None),)

    def _getsizing(self, comminfo: Any, cash: float, data: Any, isbuy: bool) -> float:
        terms = self.p.terms
        distance = terms.stop.multiplier * self.strategy.atr[0]
        return wanted_units(self.broker.getvalue(), distance, data.close[0], terms.sizing)
