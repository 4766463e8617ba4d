import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from stoptrail.rules.costs import Costs
from stoptrail.rules.market import Market, price_down, price_up
from stoptrail.rules.stops import (
    AT_THE_OPEN,
    BREAKEVEN,
    INITIAL,
    TRAIL,
    Entry,
    Stop,
    StopRules,
    breakeven_armed,
    breakeven_level,
    held_throughout,
    initial_stop,
    ratchet,
    stop_fill,
    stop_hit,
    tighter,
    trail_price,
)
from stoptrail.rules.trade import Position, TradeRules, leave
from tests.rules.worlds import ATRS, HELDS, PRICES, QUARTER_HOUR, TRADE_RULES

CENTS = Market(100.0, 1.0, 1000.0, 1.0, 0.0, 0.0)
FREE = Costs(0.0, 0.0, 0.0)
RULES = StopRules(2.0, 1.0, 0.0, False)
LONG, SHORT = Entry(1, 100.0, 0, 4.0), Entry(-1, 100.0, 0, 4.0)

walks = st.lists(st.tuples(PRICES, PRICES, PRICES, ATRS), min_size=1, max_size=12)


def on_tick(price: float, market: Market) -> bool:
    return price <= 0.0 or price_down(price, market) == price == price_up(price, market)


def candle(prices: tuple[float, float, float]) -> tuple[float, float, float]:
    """High, low and close of a candle that saw three prices."""
    return max(prices), min(prices), prices[2]


@given(HELDS, TRADE_RULES, walks)
def test_the_level_never_loosens_and_stays_on_the_tick(
    held: Entry, trade_rules: TradeRules, walk: list[tuple[float, float, float, float]]
) -> None:
    stop = initial_stop(held, trade_rules.stop, trade_rules.market)
    assert on_tick(stop.level, trade_rules.market)
    for k, (*prices, atr) in enumerate(walk):
        high, low, close = candle((prices[0], prices[1], prices[2]))
        now = held.time + (k + 1) * QUARTER_HOUR
        moved = ratchet(
            stop,
            held,
            high,
            low,
            close,
            atr,
            now,
            trade_rules.stop,
            trade_rules.costs,
            trade_rules.market,
        )
        assert moved.level == stop.level or tighter(held.side, moved.level, stop.level)
        if moved.level == stop.level:
            assert moved.reason == stop.reason
        else:
            assert moved.reason in (BREAKEVEN, TRAIL)
        assert on_tick(moved.level, trade_rules.market)
        assert held.side * moved.extreme >= held.side * stop.extreme
        stop = moved


@given(HELDS, TRADE_RULES, walks)
def test_breakeven_is_never_placed_beyond_the_market(
    held: Entry, trade_rules: TradeRules, walk: list[tuple[float, float, float, float]]
) -> None:
    stop = initial_stop(held, trade_rules.stop, trade_rules.market)
    for k, (*prices, atr) in enumerate(walk):
        high, low, close = candle((prices[0], prices[1], prices[2]))
        now = held.time + (k + 1) * QUARTER_HOUR
        moved = ratchet(
            stop,
            held,
            high,
            low,
            close,
            atr,
            now,
            trade_rules.stop,
            trade_rules.costs,
            trade_rules.market,
        )
        if moved.level != stop.level and moved.reason == BREAKEVEN:
            assert tighter(held.side, close, moved.level)
            assert breakeven_armed(held, moved.extreme, trade_rules.stop)
        stop = moved


@given(HELDS, TRADE_RULES, st.integers(0, 3000), st.floats(0.001, 1000.0))
def test_a_breakeven_exit_without_a_gap_loses_nothing(
    held: Entry, trade_rules: TradeRules, candles: int, units: float
) -> None:
    """Both sides, with the borrow until then, on any tick."""
    now = held.time + candles * QUARTER_HOUR
    level = breakeven_level(held, now, trade_rules.stop, trade_rules.costs, trade_rules.market)
    assume(level > 0.0)
    assert on_tick(level, trade_rules.market)
    price = stop_fill(held.side, level, level, trade_rules.costs, trade_rules.market)
    position = Position(held, units, units * held.fill * trade_rules.costs.taker_fee)
    assert leave(position, price, now, trade_rules).pnl >= -1e-12 * units * held.fill


@given(HELDS, TRADE_RULES)
def test_breakeven_is_no_further_than_it_must_be(held: Entry, trade_rules: TradeRules) -> None:
    """One tick closer the exit would lose, unless the margin asks for more."""
    rules = trade_rules.stop._replace(breakeven_margin=0.0)
    level = breakeven_level(held, held.time, rules, trade_rules.costs, trade_rules.market)
    tick = trade_rules.market.price_step / trade_rules.market.price_scale
    closer = level - held.side * tick
    assume(level > 0.0)
    exact = closer * (1 - held.side * trade_rules.costs.slippage)
    position = Position(held, 1.0, held.fill * trade_rules.costs.taker_fee)
    rounded = stop_fill(held.side, closer, closer, trade_rules.costs, trade_rules.market)
    loses = leave(position, rounded, held.time, trade_rules).pnl < 1e-9
    assert loses or leave(position, exact, held.time, trade_rules).pnl < 1e-9


@given(HELDS, TRADE_RULES, PRICES, PRICES)
def test_a_stop_never_fills_better_than_level_or_price(
    held: Entry, trade_rules: TradeRules, first: float, level: float
) -> None:
    price = stop_fill(held.side, first, level, trade_rules.costs, trade_rules.market)
    worst = min(held.side * first, held.side * level)
    assert held.side * price <= worst + 1e-9


@given(HELDS, TRADE_RULES)
def test_the_initial_stop_is_at_least_n_atrs_away_and_a_tick_more_at_most(
    held: Entry, trade_rules: TradeRules
) -> None:
    stop = initial_stop(held, trade_rules.stop, trade_rules.market)
    distance = held.side * (held.fill - stop.level)
    wanted = trade_rules.stop.multiplier * held.atr
    tick = trade_rules.market.price_step / trade_rules.market.price_scale
    assert wanted - 1e-8 <= distance < wanted + tick + 1e-8
    assert (stop.extreme, stop.reason) == (held.fill, INITIAL)


@pytest.mark.parametrize(("low", "hit"), [(92.01, False), (92.0, True), (91.99, True)])
def test_touching_the_level_is_enough(low: float, hit: bool) -> None:
    assert stop_hit(1, 100.0, low, 92.0) is hit
    assert stop_hit(-1, 200.0 - low, 100.0, 108.0) is hit


def test_a_gap_fills_at_the_open() -> None:
    assert stop_fill(1, 90.0, 92.0, FREE, CENTS) == 90.0
    assert stop_fill(1, 95.0, 92.0, FREE, CENTS) == 92.0
    assert stop_fill(-1, 110.0, 108.0, FREE, CENTS) == 110.0
    assert stop_fill(-1, 105.0, 108.0, FREE, CENTS) == 108.0


def test_breakeven_is_armed_at_equality_and_off_at_zero() -> None:
    assert breakeven_armed(LONG, 104.0, RULES)
    assert not breakeven_armed(LONG, 103.99, RULES)
    assert breakeven_armed(SHORT, 96.0, RULES)
    assert not breakeven_armed(LONG, 1e9, RULES._replace(breakeven_trigger=0.0))


def test_a_fixed_trail_keeps_the_signals_atr() -> None:
    fixed = RULES._replace(frozen=True)
    assert trail_price(LONG, 110.0, 1.0, fixed) == 110.0 - 2 * 4.0
    assert trail_price(LONG, 110.0, 1.0, RULES) == 110.0 - 2 * 1.0
    assert trail_price(SHORT, 90.0, 1.0, RULES) == 90.0 + 2 * 1.0


def test_one_move_a_close_breakeven_first() -> None:
    start = initial_stop(LONG, RULES, CENTS)

    def moved(high: float, close: float, atr: float) -> Stop:
        return ratchet(start, LONG, high, close, close, atr, 0, RULES, FREE, CENTS)

    assert moved(104.0, 104.0, 2.0) == Stop(100.0, 104.0, BREAKEVEN)  # the trail is there too
    assert moved(105.0, 104.0, 2.0) == Stop(101.0, 105.0, TRAIL)
    assert moved(105.0, 100.0, 4.0) == Stop(97.0, 105.0, TRAIL)  # the close is not above
    assert moved(103.0, 103.0, 9.0) == Stop(92.0, 103.0, INITIAL)


def test_a_fill_in_the_first_minute_of_a_candle_sees_the_whole_of_it() -> None:
    opens = 20 * QUARTER_HOUR
    assert held_throughout(LONG._replace(time=opens), opens)
    assert held_throughout(LONG._replace(time=opens + AT_THE_OPEN), opens)
    assert not held_throughout(LONG._replace(time=opens + AT_THE_OPEN + 1), opens)
