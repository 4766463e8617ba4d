"""Orders of a user's own in a strategy, by the contract: with a stop, and at the next open."""

from __future__ import annotations

from typing import Any

from stoptrail.adapter.backtrader import bt
from stoptrail.rules.decide import order_for
from stoptrail.rules.stops import MANUAL
from stoptrail.rules.trade import SIZE
from stoptrail.strategies.quick_candles import QuickCandles


class OwnOrders(QuickCandles):
    """`buy` and `sell` of MtfStrategy, which has the manager and the rules that they ask."""

    manager: Any
    run_rules: Any
    atr: Any
    _obstacle: Any
    _time: Any

    def buy(self, data: Any = None, size: float | None = None, **options: Any) -> Any:
        """A market order of one's own by the contract; see the class."""
        return super().buy(data, **self._by_contract(1, data, size, options))

    def sell(self, data: Any = None, size: float | None = None, **options: Any) -> Any:
        """A market order of one's own by the contract; see the class."""
        return super().sell(data, **self._by_contract(-1, data, size, options))

    def _by_contract(
        self, side: int, data: Any, size: float | None, options: dict[str, Any]
    ) -> dict[str, Any]:
        """The options of an order, where it is the user's own with what the contract adds."""
        market = options.get("exectype") in (None, bt.Order.Market)
        if data is not None and data is not self.data:
            self.broker.attach(data, self.broker.past)  # refused, even before a size is known
        if "filled" in options or not market:
            return {**options, "size": size}
        position = self.manager.position
        if position is not None and side == -position.held.side:
            units = position.units if size is None else size
            return {**options, "size": units, "reason": MANUAL, "filled": self.manager.left}
        units = self.getsizing(self.data, isbuy=side > 0) if size is None else abs(size)
        against, atr = self._obstacle(), self.atr[0]
        if against is None and not (atr > 0.0 and units > 0.0):
            against = SIZE
        time, equity = self._time(), self.broker.balance
        order = order_for(side, units, equity, atr, time, time + self.interval, self.run_rules)
        own = {"entry_order": order, "filled": self.manager.entered, "refused": against}
        own["closed_out"] = self.manager.left
        return {**options, "size": units if units > 0.0 else 1.0, **own}
