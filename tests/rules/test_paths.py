import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoptrail.rules.costs import Costs
from stoptrail.rules.exits import no_target
from stoptrail.rules.market import Market
from stoptrail.rules.paths import (
    CANDLE,
    HIGH_FIRST,
    LOW_FIRST,
    NOTHING,
    STOPPED,
    Walk,
    undisturbed,
    walk_candle,
    walk_tick,
)
from stoptrail.rules.sizing import by_risk
from stoptrail.rules.stops import (
    INITIAL,
    TRAIL,
    Entry,
    Stop,
    StopRules,
    initial_stop,
    tighter,
)
from stoptrail.rules.trade import TradeRules
from tests.rules.worlds import ATRS, HELDS, PRICES, TRADE_RULES

Prices = tuple[float, float, float, float]
CENTS = Market(100.0, 1.0, 1000.0, 1.0, 0.0, 0.0)
FREE = TradeRules(
    StopRules(2.0, 0.0, 0.0, False), by_risk(0.01, 1.0, False), Costs(0.0, 0.0, 0.0), CENTS
)
LONG = Entry(1, 100.0, 0, 4.0)
START = Stop(92.0, 100.0, INITIAL)


def walk(path: int, *prices: float, stop: Stop = START, held: Entry = LONG) -> Walk:
    """One candle of open, high, low, close with an ATR of 4."""
    candle_open, high, low, close = prices
    return walk_candle(
        path, stop, math.inf, False, 0, held, candle_open, high, low, close, 4.0, 0, FREE
    )


def walked(
    path: int, stop: Stop, held: Entry, prices: Prices, atr: float, trade_rules: TradeRules
) -> Walk:
    """A candle with the first and the last of `prices` for its open and close; no target."""
    target, ends = no_target(held.side).level, (prices[0], max(prices), min(prices), prices[3])
    return walk_candle(path, stop, target, False, 0, held, *ends, atr, held.time, trade_rules)


def test_the_favourable_price_first_lifts_the_stop_into_the_low() -> None:
    found = walk(HIGH_FIRST, 100.0, 106.0, 95.0, 104.0)
    assert (found.event, found.price) == (STOPPED, 98.0)
    assert found.stop == Stop(98.0, 106.0, TRAIL)


def test_the_adverse_price_first_meets_the_earlier_level() -> None:
    found = walk(LOW_FIRST, 100.0, 106.0, 95.0, 104.0)
    assert (found.event, found.stop) == (NOTHING, Stop(98.0, 106.0, TRAIL))


def test_whole_candles_leave_the_stop_to_the_close() -> None:
    assert walk(CANDLE, 100.0, 106.0, 95.0, 104.0) == Walk(NOTHING, 0.0, START, 0)
    assert walk(CANDLE, 100.0, 106.0, 92.0, 104.0) == Walk(STOPPED, 92.0, START, 0)


@pytest.mark.parametrize("path", [CANDLE, HIGH_FIRST, LOW_FIRST])
def test_only_the_open_can_gap(path: int) -> None:
    assert walk(path, 90.0, 91.0, 88.0, 89.0).price == 90.0
    assert walk(path, 93.0, 93.5, 88.0, 89.0).price == 92.0


@given(HELDS, TRADE_RULES, st.tuples(PRICES, PRICES, PRICES, PRICES), ATRS)
def test_a_path_never_loosens_and_never_fills_better_than_its_stop(
    held: Entry, trade_rules: TradeRules, prices: Prices, atr: float
) -> None:
    stop = initial_stop(held, trade_rules.stop, trade_rules.market)
    for path in (CANDLE, HIGH_FIRST, LOW_FIRST):
        found = walked(path, stop, held, prices, atr, trade_rules)
        assert found.stop.level == stop.level or tighter(held.side, found.stop.level, stop.level)
        if found.event == STOPPED:
            assert held.side * found.price <= held.side * found.stop.level + 1e-9


@given(HELDS, TRADE_RULES, st.tuples(PRICES, PRICES, PRICES, PRICES), ATRS)
def test_what_the_whole_candle_hits_both_paths_hit(
    held: Entry, trade_rules: TradeRules, prices: Prices, atr: float
) -> None:
    stop = initial_stop(held, trade_rules.stop, trade_rules.market)

    def hit(path: int) -> bool:
        return walked(path, stop, held, prices, atr, trade_rules).event == STOPPED

    if hit(CANDLE):
        assert hit(HIGH_FIRST)
        assert hit(LOW_FIRST)


def test_a_path_ends_with_the_close() -> None:
    found = walk(LOW_FIRST, 100.0, 110.0, 99.0, 105.0)
    assert (found.event, found.stop) == (NOTHING, Stop(102.0, 110.0, TRAIL))


@pytest.mark.parametrize("side", [1, -1])
def test_ticks_between_the_stop_and_the_best_price_so_far_change_nothing(side: int) -> None:
    """The best price so far is 6 in favour, the stop lies 2 in favour: 8 behind it."""
    held = LONG._replace(side=side)
    stop = Stop(100.0 + side * 2.0, 100.0 + side * 6.0, TRAIL)

    def told(ahead: float) -> Walk:
        price, target = 100.0 + side * ahead, no_target(side).level
        return walk_tick(stop, target, False, held, price, 4.0, 0, FREE)

    def within(worst: float, best: float) -> bool:
        low, high = sorted((100.0 + side * worst, 100.0 + side * best))
        return undisturbed(stop, no_target(side).level, False, held, high, low, 4.0, 0, FREE)

    assert within(2.5, 6.0)
    assert not within(2.0, 6.0)
    assert not within(2.5, 6.01)
    for price in (2.5, 4.0, 6.0):
        found = told(price)
        assert (found.event, found.stop) == (NOTHING, stop)
    assert told(2.0).event == STOPPED
    assert told(7.0).stop != stop


@given(HELDS, TRADE_RULES, st.tuples(PRICES, PRICES, PRICES, PRICES), ATRS, st.floats(0.0, 9.0))
def test_a_path_is_what_ticks_at_its_prices_find(
    held: Entry, trade_rules: TradeRules, prices: Prices, atr: float, gained: float
) -> None:
    """Also where the best price so far lies beyond them, so that they may change nothing."""
    stop = initial_stop(held, trade_rules.stop, trade_rules.market)
    stop = stop._replace(extreme=stop.extreme + held.side * gained)
    candle_open, close, target = prices[0], prices[3], no_target(held.side).level
    high, low, later = max(prices), min(prices), held.time + 1
    for path, between in ((HIGH_FIRST, (high, low)), (LOW_FIRST, (low, high))):
        ends = candle_open, high, low, close
        found = walk_candle(path, stop, target, False, 0, held, *ends, atr, later, trade_rules)
        told = Walk(NOTHING, 0.0, stop, 0)
        for price in (candle_open, *between, close):
            if told.event == NOTHING:
                told = walk_tick(told.stop, target, False, held, price, atr, later, trade_rules)
        assert (found.event, found.stop) == (told.event, told.stop)
