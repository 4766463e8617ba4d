"""C12 and C13: fees, slippage, borrow, and rounding to ticks of any kind."""

import math
from fractions import Fraction

import pytest

from stoptrail.rules.costs import DAY
from stoptrail.rules.market import Market
from tests.contract.seen import Engine
from tests.contract.tables import QUARTER_HOUR, table

SIGNAL = """
    .  100 101  99 100  10
    L  100 102  98 100  10   range 4: the stop is 8 away
"""
TRADE = SIGNAL + ".  100 100  96 100  10\n.  100 100  91 100  10"
SHORT = SIGNAL.replace("L", "S") + ".  100 104 100 100  10\n.  100 109 100 100  10"


def test_every_fill_pays_the_fee_on_its_notional(either: Engine) -> None:
    seen = either.run(table(TRADE), taker_fee=0.001)
    trade = seen.one
    assert (trade.fill, trade.price, trade.units) == (100.0, 92.0, 12.5)
    exit_price = 92.0 if either.sign > 0 else 108.0
    assert trade.fees == pytest.approx(12.5 * (100.0 + exit_price) * 0.001)
    assert trade.pnl == pytest.approx(-12.5 * 8 - trade.fees)


def test_an_open_trade_has_paid_its_entry_fee_only(engine: Engine) -> None:
    seen = engine.run(table(SIGNAL + ".  100 101  99 101  10"), taker_fee=0.001)
    assert seen.one.fees == pytest.approx(12.5 * 100 * 0.001)
    assert seen.one.pnl == pytest.approx(12.5 * 1.0 - 1.25)


def test_slippage_worsens_entry_and_stop_of_a_long(engine: Engine) -> None:
    seen = engine.run(table(TRADE), slippage=0.001)
    assert seen.one.fill == 100.1  # 100 * 1.001
    assert seen.one.initial == 92.1  # from the fill, not from the open
    assert seen.one.price == 92.0  # 92.1 * 0.999 = 92.0079, sells round down
    assert seen.one.pnl == pytest.approx(-12.5 * 8.1)


def test_slippage_worsens_entry_and_stop_of_a_short(engine: Engine) -> None:
    seen = engine.run(table(SHORT), slippage=0.001)
    assert seen.one.fill == 99.9
    assert seen.one.initial == 107.9
    assert seen.one.price == 108.01  # 107.9 * 1.001 = 108.0079, buys round up


def test_slippage_worsens_the_open_of_a_gap(engine: Engine) -> None:
    seen = engine.run(table(SIGNAL + ".  100 100  96 100 10\n.  90 91 88 89 10"), slippage=0.001)
    assert seen.one.price == 89.91  # 90 * 0.999


@pytest.mark.parametrize("hours", [0, 1, 30])
def test_a_short_pays_borrow_for_its_hours(engine: Engine, hours: int) -> None:
    rows = SIGNAL.replace("L", "S") + ".  100 104 100 100  10\n"
    rows += ".  100 100.1 99.9 100 0\n" * (hours * 4 - 1)  # quiet: the stop follows, unharmed
    if hours == 0:
        rows = SIGNAL.replace("L", "S") + ".  100 109 100 100  10"
    else:
        rows += ".  100 109 100 100  10"
    seen = engine.run(table(rows), borrow_daily=0.0024)
    trade = seen.one
    assert (trade.exit or 0) - trade.entry == hours * 4
    assert trade.borrow == pytest.approx(12.5 * 100 * 0.0024 * hours / 24)
    assert trade.pnl == pytest.approx(-12.5 * (trade.price - 100.0) - trade.borrow)


def test_an_open_short_has_accrued_borrow_until_the_last_close(engine: Engine) -> None:
    rows = SIGNAL.replace("L", "S") + ".  100 100  99  99  10"
    seen = engine.run(table(rows), borrow_daily=0.0096)
    assert seen.one.borrow == pytest.approx(12.5 * 100 * 0.0096 * QUARTER_HOUR / DAY)
    assert seen.one.pnl == pytest.approx(12.5 * 1.0 - seen.one.borrow)


def test_a_long_pays_no_borrow(engine: Engine) -> None:
    assert engine.run(table(TRADE), borrow_daily=0.0024).one.borrow == 0.0


def up(value: Fraction, tick: Fraction) -> float:
    return float(math.ceil(value / tick) * tick)


def down(value: Fraction, tick: Fraction) -> float:
    return float(math.floor(value / tick) * tick)


TICKS = {
    "0.01": (100.0, 1.0),
    "0.05": (100.0, 5.0),
    "0.1": (10.0, 1.0),
    "0.5": (10.0, 5.0),
    "1": (1.0, 1.0),
    "2.5": (10.0, 25.0),
    "10": (1.0, 10.0),
}
COARSE = """
    .  1000 1010  990 1000  10
    {side}  1000 1020  980 1000  10   range 40
    .  1000 1020  980 1000  10   range 40 again
    .  {gap} {gap} {gap} {gap} 10   through any stop: fills at the open
"""


@pytest.mark.parametrize("tick", TICKS)
@pytest.mark.parametrize("side", [1, -1])
def test_fills_and_levels_lie_on_the_tick(engine: Engine, tick: str, side: int) -> None:
    """Buys up, sells down; initial stop and trail away from the market."""
    gap = 1000 - side * 200
    seen = engine.run(
        table(COARSE.format(side="L" if side > 0 else "S", gap=gap)),
        market=Market(*TICKS[tick], 1000.0, 1.0, 0.0, 0.0),
        multiplier=2.03,
        slippage=0.0002,
    )
    step, slip = Fraction(tick), Fraction(2, 10_000)
    against, with_market = (up, down) if side > 0 else (down, up)
    fill = against(1000 * (1 + side * slip), step)
    initial = with_market(Fraction(str(fill)) - side * Fraction("2.03") * 40, step)
    extreme = max(Fraction(str(fill)), 1020) if side > 0 else min(Fraction(str(fill)), 980)
    trail = with_market(extreme - side * Fraction("2.03") * 40, step)
    trade = seen.one
    assert (trade.fill, trade.initial) == (fill, initial)
    assert trade.price == with_market(gap * (1 - side * slip), step)
    if trail != initial:
        seen.expect_levels((2, initial, "initial"), (3, trail, "trail"))
    else:
        seen.expect_levels((2, initial, "initial"))


@pytest.mark.parametrize("tick", TICKS)
@pytest.mark.parametrize("side", [1, -1])
def test_the_breakeven_exit_pays_on_any_tick(engine: Engine, tick: str, side: int) -> None:
    """The level is on the next tick from which the rounded exit nets at least zero."""
    rows = f"""
    .  1000 1010  990 1000  10
    {"L" if side > 0 else "S"}  1000 1020  980 1000  10   range 40
    .  1000 {1000 + 60 * (side > 0)} {1000 - 60 * (side < 0)} {1000 + side * 60} 10   armed
    .  {1000 + side * 60} 1060 940 1000 10   back through breakeven
    """
    seen = engine.run(
        table(rows),
        market=Market(*TICKS[tick], 1000.0, 1.0, 0.0, 0.0),
        multiplier=10.0,
        breakeven_trigger=1.0,
        slippage=0.0002,
        taker_fee=0.001,
    )
    step, slip, fee = Fraction(tick), Fraction(2, 10_000), Fraction(1, 1000)
    against, with_market = (up, down) if side > 0 else (down, up)
    fill = Fraction(str(against(1000 * (1 + side * slip), step)))

    def nets(level: Fraction) -> bool:
        price = Fraction(str(with_market(level * (1 - side * slip), step)))
        return side * (price - fill) - fee * (price + fill) >= 0

    level = Fraction(str(against(fill, step)))
    while not nets(level):
        level += side * step
    assert seen.one.reason == "breakeven"
    assert seen.one.price == float(with_market(level * (1 - side * slip), step))
    assert seen.one.levels[-1][1] == float(level)
    assert seen.one.pnl >= 0.0
