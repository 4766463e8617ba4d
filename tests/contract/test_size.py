"""C4: units from the risk to the stop, cut at the fill.

10,000 in cash, 1 % at risk; the ATR of the signal is 4 and the stop two of them away, so
that 100 / 8 = 12.5 units are wanted.
"""

import math

import pytest

from stoptrail.rules.market import Market
from tests.contract.seen import Engine
from tests.contract.tables import table

SIGNAL = """
    .  100 101  99 100  10
    L  100 102  98 100  10   range 4: the stop is 8 away
"""
ENTRY = ".  100 101  99 100  10\n"
SHORT = SIGNAL.replace("L", "S")


def market(**fields: float) -> Market:
    """Tick 0.01, lot 0.001, and the minimums given."""
    return Market(100.0, 1.0, 1000.0, 1.0, 0.0, 0.0)._replace(**fields)


def test_units_are_the_risk_over_the_distance(either: Engine) -> None:
    seen = either.run(table(SIGNAL + ENTRY))
    assert seen.one.units == 10_000 * 0.01 / (2 * 4)


def test_the_distance_counts_and_not_where_the_fill_lies(either: Engine) -> None:
    """The units are decided at the close, before the open is known."""
    seen = either.run(table(SIGNAL + ".  105 106 104 105  10"))
    assert (seen.one.fill, seen.one.units) == (105.0, 12.5)


@pytest.mark.parametrize("side", ["L", "S"])
def test_an_order_shrinks_to_what_is_affordable(engine: Engine, side: str) -> None:
    seen = engine.run(
        table(SIGNAL.replace("L", side) + ".  100 101  99 100  10"),
        max_leverage=0.1,
        taker_fee=0.001,
    )
    affordable = 0.1 * 10_000 / (100 * 1.001)  # 9.99000999 units
    assert seen.one.units == math.floor(affordable * 1000) / 1000 == 9.990


def test_what_is_affordable_follows_the_fill(engine: Engine) -> None:
    seen = engine.run(table(SIGNAL + ".  125 126 124 125  10"), max_leverage=0.1)
    assert seen.one.units == 0.1 * 10_000 / 125


COSTS = {"taker_fee": 0.001, "slippage": 0.0002, "includes_costs": True}


def test_a_stop_out_with_its_costs_loses_no_more_than_the_risk(engine: Engine) -> None:
    seen = engine.run(table(SIGNAL + ".  100 100  91 100  10"), **COSTS)
    fill, stop = 100.02, 92.02
    rounded = 92.00  # 92.02 * 0.9998 = 92.0016
    assert (seen.one.fill, seen.one.initial, seen.one.price) == (fill, stop, rounded)
    loss = max(fill * 1.001 - stop * 0.9998 * 0.999, fill * 1.001 - rounded * 0.999)
    assert seen.one.units == math.floor(100 / loss * 1000) / 1000
    assert seen.one.pnl == pytest.approx(-seen.one.units * (fill * 1.001 - rounded * 0.999))
    assert -100.0 <= seen.one.pnl < -99.9


def test_a_shorts_stop_out_with_its_costs_loses_no_more_than_the_risk(engine: Engine) -> None:
    seen = engine.run(table(SHORT + ".  100 109 100 100  10"), **COSTS)
    fill, stop = 99.98, 107.98
    rounded = 108.01  # 107.98 * 1.0002 = 108.0016
    assert (seen.one.fill, seen.one.initial, seen.one.price) == (fill, stop, rounded)
    loss = rounded * 1.001 - fill * 0.999
    assert seen.one.units == math.floor(100 / loss * 1000) / 1000
    assert -100.0 <= seen.one.pnl < -99.9


def test_without_costs_in_the_risk_a_stop_out_loses_more(engine: Engine) -> None:
    seen = engine.run(table(SIGNAL + ".  100 100  91 100  10"), **COSTS | {"includes_costs": False})
    assert seen.one.units == 12.5
    assert seen.one.pnl < -100.0


def test_a_coarse_tick_at_the_exit_counts_towards_the_risk(engine: Engine) -> None:
    """Tick 10: the stop of 930 sells at 929.8, which is 920."""
    seen = engine.run(
        table(
            """
    .  1000 1010  990 1000  10
    L  1000 1020  980 1000  10   range 40: 80 away
    .  1000 1000  920 1000  10   buys at 1000.2, which is 1010; out at the stop
            """
        ),
        market=Market(1.0, 10.0, 1000.0, 1.0, 0.0, 0.0),
        slippage=0.0002,
        includes_costs=True,
    )
    assert (seen.one.fill, seen.one.initial, seen.one.price) == (1010.0, 930.0, 920.0)
    assert seen.one.units == math.floor(100 / (1010 - 920) * 1000) / 1000
    assert -100.0 <= seen.one.pnl < -99.9


@pytest.mark.parametrize(
    ("lot", "units"), [((1000.0, 1.0), 12.5), ((10.0, 2.0), 12.4), ((1.0, 5.0), 10.0)]
)
def test_units_are_whole_lots(either: Engine, lot: tuple[float, float], units: float) -> None:
    steps = market(lot_scale=lot[0], lot_step=lot[1])
    assert either.run(table(SIGNAL + ENTRY), market=steps).one.units == units


@pytest.mark.parametrize(
    "steps",
    [
        market(min_quantity=12.501),
        market(min_notional=1250.01),
        market(lot_scale=1.0, lot_step=13.0),
    ],
)
def test_below_a_minimum_there_is_no_trade(either: Engine, steps: Market) -> None:
    seen = either.run(table(SIGNAL + ENTRY), market=steps)
    assert (seen.trades, seen.ignored) == ([], {"size": 1})


@pytest.mark.parametrize("steps", [market(min_quantity=12.5), market(min_notional=1250.0)])
def test_a_minimum_itself_is_enough(either: Engine, steps: Market) -> None:
    assert either.run(table(SIGNAL + ENTRY), market=steps).one.units == 12.5


def test_an_atr_of_zero_is_no_trade(either: Engine) -> None:
    seen = either.run(
        table(
            """
    .  100 101  99 100  10
    L  100 100 100 100  10   true range 0
    .  100 101  99 100  10
            """
        )
    )
    assert (seen.trades, seen.ignored) == ([], {"size": 1})


def test_a_stop_at_or_below_zero_is_no_trade(engine: Engine) -> None:
    rows = table(SIGNAL + ENTRY)
    assert engine.run(rows, multiplier=24.99).one.initial == 0.04
    assert engine.run(rows, multiplier=25.0).ignored == {"size": 1}
    assert engine.run(rows, multiplier=30.0).trades == []


def test_a_refused_size_leaves_the_next_signal_free(either: Engine) -> None:
    seen = either.run(
        table(
            """
    .  100 101  99 100  10
    L  100 100 100 100  10   true range 0
    S  100 102  98 100  10
    .  100 101  99 100  10
            """
        )
    )
    assert (seen.one.side, seen.ignored) == (-1, {"size": 1})


def test_the_equity_of_the_decision_counts(either: Engine) -> None:
    seen = either.run(
        table(
            SIGNAL
            + """
    .  100 100  92 100  10   out: 12.5 * 8 = 100 lost
    S  100 102  98 100  10
    .  100 101  99 100  10
            """
        )
    )
    assert seen.trades[0].pnl == -100.0
    assert seen.trades[1].units == math.floor(9_900 * 0.01 / 8 * 1000) / 1000


@pytest.mark.parametrize("side", ["L", "S"])
def test_all_in_uses_all_capital(engine: Engine, side: str) -> None:
    seen = engine.run(
        table(SIGNAL.replace("L", side) + ENTRY), all_in=True, max_leverage=1.0, taker_fee=0.001
    )
    assert seen.one.units == math.floor(10_000 / (100 * 1.001) * 1000) / 1000
