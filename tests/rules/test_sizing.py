from math import nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoptrail.rules.costs import Costs, fill_price
from stoptrail.rules.market import Market, units_down
from stoptrail.rules.sizing import (
    ALL_IN,
    NO_CLOSED_TRADES,
    RISK,
    ClosedTrades,
    Decision,
    Terms,
    by_risk,
    filled_units,
    kelly,
    stop_loss_per_unit,
    wanted_units,
)
from stoptrail.rules.stops import stop_fill
from stoptrail.rules.trade import (
    EntryOrder,
    TradeRules,
    enter,
    leave,
)
from tests.rules.worlds import entry_orders

PLAIN = by_risk(0.01, 1000.0, False)
FREE = Costs(0.0, 0.0, 0.0)
KNOWN = Decision(1, 10_000.0, 100.0, 4.0, 8.0, nan, NO_CLOSED_TRADES)
CENTS = Market(100.0, 1.0, 1000.0, 1.0, 0.0, 0.0)


def test_units_are_the_risk_over_the_distance() -> None:
    assert wanted_units(KNOWN, PLAIN) == 12.5


@pytest.mark.parametrize(
    ("equity", "distance"), [(10_000.0, 0.0), (10_000.0, float("nan")), (0.0, 8.0), (-5.0, 8.0)]
)
def test_nothing_is_wanted_without_a_distance_or_equity(equity: float, distance: float) -> None:
    assert wanted_units(KNOWN._replace(equity=equity, distance=distance), PLAIN) == 0.0


def test_all_in_wants_what_the_price_buys() -> None:
    sizing = PLAIN._replace(kind=ALL_IN, max_leverage=2.0)
    assert wanted_units(KNOWN, sizing) == 200.0
    costs = Costs(0.001, 0.0, 0.0)
    units = filled_units(1.0, 10_000.0, Terms(100.0, 92.0, 8.2), costs, sizing, CENTS)
    assert units == units_down(20_000 / 100.1, CENTS)


def test_the_loss_of_a_unit_pays_both_fees() -> None:
    costs = Costs(0.001, 0.0002, 0.0)
    assert stop_loss_per_unit(1, 100.0, 92.0, costs) == pytest.approx(100.1 - 92 * 0.999)
    assert stop_loss_per_unit(-1, 100.0, 108.0, costs) == pytest.approx(108 * 1.001 - 99.9)


@pytest.mark.parametrize("level", [0.0, -3.0])
def test_a_stop_that_is_not_positive_is_no_trade(level: float) -> None:
    terms = Terms(100.0, level, 100.0)
    assert filled_units(12.5, 10_000.0, terms, FREE, PLAIN, CENTS) == 0.0


def test_a_sale_that_rounds_down_to_nothing_is_no_trade() -> None:
    fill = fill_price(-1, 0.01, Costs(0.0, 0.001, 0.0), CENTS)
    assert fill == 0.0
    terms = Terms(fill, 0.05, 0.05)
    assert filled_units(12.5, 10_000.0, terms, FREE, PLAIN, CENTS) == 0.0


@given(entry_orders())
def test_units_are_whole_lots_affordable_and_tradable(
    case: tuple[EntryOrder, float, TradeRules],
) -> None:
    entry_order, price, trade_rules = case
    position, _ = enter(entry_order, price, 0, trade_rules)
    units, fill = position.units, position.held.fill
    assert units_down(units, trade_rules.market) == units
    if units > 0.0:
        spent = units * fill * (1 + trade_rules.costs.taker_fee)
        assert spent <= trade_rules.sizing.max_leverage * entry_order.equity * (1 + 1e-9)
        assert units >= trade_rules.market.min_quantity
        assert units * fill >= trade_rules.market.min_notional
        assert trade_rules.sizing.kind == ALL_IN or units <= entry_order.units * (1 + 1e-9)


@given(entry_orders())
def test_a_stop_out_without_a_gap_never_loses_more_than_the_risk(
    case: tuple[EntryOrder, float, TradeRules],
) -> None:
    """With costs counted, on any tick; a short's borrow comes on top."""
    entry_order, price, trade_rules = case
    trade_rules = trade_rules._replace(
        sizing=trade_rules.sizing._replace(includes_costs=True, kind=RISK)
    )
    position, stop = enter(entry_order, price, 0, trade_rules)
    level = stop.level
    exit_price = stop_fill(entry_order.side, level, level, trade_rules.costs, trade_rules.market)
    end = leave(position, exit_price, 0, trade_rules)
    risk = entry_order.equity * trade_rules.sizing.risk_per_trade
    assert end.pnl >= -risk * (1 + 1e-9)


@given(entry_orders(), st.floats(1.0, 100.0))
def test_more_risk_never_buys_less(
    case: tuple[EntryOrder, float, TradeRules], factor: float
) -> None:
    """Margin aside: what puts the stop beyond the liquidation is no trade (C20)."""
    entry_order, price, trade_rules = case
    trade_rules = trade_rules._replace(margin=trade_rules.margin._replace(checked=False))
    more = entry_order._replace(units=entry_order.units * factor)
    sizing = trade_rules.sizing._replace(risk_per_trade=trade_rules.sizing.risk_per_trade * factor)
    bold = trade_rules._replace(sizing=sizing)
    assert (
        enter(more, price, 0, bold)[0].units >= enter(entry_order, price, 0, trade_rules)[0].units
    )


def test_a_distance_and_an_equity_below_one_are_traded_too() -> None:
    assert wanted_units(KNOWN._replace(equity=0.5), PLAIN) == 0.5 * 0.01 / 8.0
    assert wanted_units(KNOWN._replace(distance=0.5), PLAIN) == 200.0


@pytest.mark.parametrize(
    ("won", "lost", "fraction"),
    [
        ((), (), 0.0),
        ((), (1.0, 0.5), 0.0),
        ((2.0, 1.0), (), 1.0),
        ((3.0, 1.0, 2.0), (0.5, 1.5), 3 / 5 - (2 / 5) / ((6 / 3) / (2 / 2))),
    ],
)
def test_kelly_s_fraction_is_that_of_the_trades_so_far(
    won: tuple[float, ...], lost: tuple[float, ...], fraction: float
) -> None:
    history = ClosedTrades(len(won), len(lost), sum(won), sum(lost))
    assert kelly(history) == pytest.approx(fraction)
