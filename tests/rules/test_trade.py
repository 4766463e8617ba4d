import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoptrail.rules.costs import DAY, Costs
from stoptrail.rules.market import Market
from stoptrail.rules.sizing import by_risk
from stoptrail.rules.stops import Entry, StopRules
from stoptrail.rules.trade import (
    NO_PARTS,
    EntryOrder,
    Position,
    TradeRules,
    book_entry,
    cash_beside,
    enter,
    leave,
    marked,
    stand,
)
from tests.rules.worlds import HELDS, PRICES, TRADE_RULES, entry_orders

CENTS = Market(100.0, 1.0, 1000.0, 1.0, 0.0, 0.0)
COSTS = Costs(0.001, 0.001, 0.0024)
PLAIN = TradeRules(StopRules(2.0, 0.0, 0.0, False), by_risk(0.01, 10.0, False), COSTS, CENTS)
ENTRY_ORDER = EntryOrder(1, 12.5, 10_000.0, 4.0, 0, 0)


def test_an_entry_fills_with_slippage_and_its_stop_stands_below() -> None:
    position, stop = enter(ENTRY_ORDER, 100.0, 7, PLAIN)
    assert position.held == Entry(1, 100.1, 7, 4.0)
    assert (position.units, position.fee) == (12.5, pytest.approx(12.5 * 100.1 * 0.001))
    assert (stop.level, stop.extreme) == (92.1, 100.1)


def test_a_booked_entry_fills_at_exactly_its_price() -> None:
    position, stop = book_entry(ENTRY_ORDER, 100.0, 7, PLAIN)
    assert (position.held.fill, stop.level) == (100.0, 92.0)


@given(entry_orders())
def test_an_entry_is_never_better_than_its_open(case: tuple[EntryOrder, float, TradeRules]) -> None:
    entry_order, price, trade_rules = case
    position, stop = enter(entry_order, price, 0, trade_rules)
    assert entry_order.side * position.held.fill >= entry_order.side * price - 1e-8
    assert entry_order.side * stop.level < entry_order.side * position.held.fill


def test_the_profit_is_net_of_both_fees_and_borrow() -> None:
    position = Position(Entry(-1, 100.0, 0, 4.0), 2.0, 0.2)
    end = leave(position, 90.0, 2 * DAY, PLAIN)
    assert end.fee == pytest.approx(2 * 90 * 0.001)
    assert end.borrow == pytest.approx(2 * 100 * 0.0024 * 2)
    assert end.pnl == pytest.approx(2 * 10 - 0.2 - 0.18 - 0.96)


@given(HELDS, TRADE_RULES, PRICES, st.floats(0.001, 1000.0), st.integers(0, 100 * DAY))
def test_a_mark_is_the_exit_but_for_its_fee(
    held: Entry, trade_rules: TradeRules, price: float, units: float, later: int
) -> None:
    position = Position(held, units, units * held.fill * trade_rules.costs.taker_fee)
    end = leave(position, price, held.time + later, trade_rules)
    value = marked(5000.0, position, price, held.time + later, trade_rules)
    scale = units * (held.fill + price)
    assert value - 5000.0 == pytest.approx(end.pnl + end.fee, abs=1e-9 * scale + 1e-9)
    still = stand(position, 5000.0, price, held.time + later, trade_rules)
    assert (still.price, still.fee, still.borrow) == (price, 0.0, end.borrow)
    assert 5000.0 + still.pnl == pytest.approx(value)


@pytest.mark.parametrize("side", [1, -1])
def test_the_cash_beside_a_position_lacks_its_price_and_fee_and_has_what_parts_won(
    side: int,
) -> None:
    parts = NO_PARTS._replace(profit=7.0)
    position = Position(Entry(side, 100.0, 0, 2.0), 3.0, 0.3, parts)
    assert cash_beside(1000.0, position) == pytest.approx(1000.0 + 7.0 - side * 300.0 - 0.3)
    # One unit held long has paid 2: a long lacks it, a short has it.
    paid = cash_beside(1000.0, position, 2.0) - cash_beside(1000.0, position)
    assert paid == pytest.approx(-side * 3.0 * 2.0)
