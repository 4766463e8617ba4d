"""The terms of a broker that only has settings: numbers, fitted to the data that it trades."""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar

import numpy as np

from stoptrail.adapter.backtrader import bt
from stoptrail.config.market import lately
from stoptrail.config.run_rules import (
    constant_funding,
    fitting,
    inferred,
    market_rules,
    run_rules_of,
)
from stoptrail.config.settings import Settings
from stoptrail.core.errors import ConfigError
from stoptrail.rules.candles import Candles
from stoptrail.rules.market import FINEST_LOT_DIGITS, MAX_DIGITS, Market, decimals
from stoptrail.rules.sizing import RISK
from stoptrail.rules.trade import TradeRules
from stoptrail.rules.types import RunRules


@cache
def shipped_settings() -> Settings:
    """The settings of who gives none; checking them anew takes 3 ms."""
    return Settings()


def unfitted_rules(settings: Settings) -> RunRules:
    """The settings as numbers, as long as no data is known."""
    filters = settings.market.filters(settings.data.symbol)
    return run_rules_of(settings, market_rules(filters, MAX_DIGITS, MAX_DIGITS))


def fitted_market(
    settings: Settings, candles: Candles | None, *, told_of_funding: bool = True
) -> Market:
    """Steps and minimums of the market that is traded: those of the settings' symbol where
    they can be the data's, what is unknown from the decimals of its
    last 90 days (C13).

    Raises ConfigError where they are unknown and the candles are not there beforehand, or where
    the settings speak of funding and nobody tells the broker of payments.
    """
    if not told_of_funding:
        _require_no_payments(settings)
    symbol = settings.data.symbol
    if candles is None:
        filters = settings.market.filters(symbol)
        if inferred(filters):
            raise ConfigError(
                "the steps of the market are not known before its candles come: "
                "set market.tick and market.lot"
            )
        return market_rules(filters, 0, 0)
    late = lately(candles.time)
    digits = decimals(np.concatenate([column[late] for column in candles[1:5]]))
    volume = candles.volume[late]
    told = volume.min() < volume.max()  # one and the same is no count
    lot_digits = decimals(volume) if told else FINEST_LOT_DIGITS
    return market_rules(fitting(settings, symbol, digits), digits, lot_digits)


def _require_no_payments(settings: Settings) -> None:
    constant = constant_funding(settings)
    if settings.market_type == "swap" and (constant or settings.data.funding):
        raise ConfigError(
            f"{'costs.funding_rate' if constant else 'data.funding'} is set, and a broker in a "
            "Cerebro of one's own has no payments to book: hand it funding= (docs/library.md), run "
            "stoptrail.backtest(), or leave the setting out"
        )


def without_stop(trade_rules: TradeRules) -> TradeRules:
    """For an entry that no stop protects: its units are what was ordered, as far as the
    equity affords them (C4)."""
    sizing = trade_rules.sizing._replace(includes_costs=False, kind=RISK)
    return trade_rules._replace(sizing=sizing)


class _Fees(bt.CommInfoBase):  # type: ignore[misc]
    """What sizers and strategies of Backtrader ask about costs: a fraction of the notional; and
    sizes, which are no whole numbers here."""

    params: ClassVar[Any] = (
        ("stocklike", True),
        ("commtype", bt.CommInfoBase.COMM_PERC),
        ("percabs", True),
    )

    def getsize(self, price: float, cash: float) -> float:
        """Units that `cash` buys at `price`."""
        return cash / price


@cache
def fee_info(taker_fee: float) -> Any:
    """`taker_fee` of the notional as Backtrader's CommInfo."""
    return _Fees(commission=taker_fee)
