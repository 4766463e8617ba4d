"""C4: units from the risk to the stop, cut at the fill.

10,000 in cash, 1 % at risk; the ATR of the signal is 4 and the stop two of them away, so
that 100 / 8 = 12.5 units are wanted.
"""

import math

import pytest

from stoptrail.config.own_code import own_errors, own_size
from stoptrail.core.errors import ConfigError
from stoptrail.core.time import iso
from stoptrail.rules.market import Market
from stoptrail.rules.sizing import ALL_IN, KELLY, NOTIONAL, OWN, VOLATILITY, Decision
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
        table(SIGNAL.replace("L", side) + ENTRY), kind=ALL_IN, max_leverage=1.0, taker_fee=0.001
    )
    assert seen.one.units == math.floor(10_000 / (100 * 1.001) * 1000) / 1000


# Other sizings: what is asked for, cut to the risk.

ASKED = {"risk_per_trade": 0.5, "cash": 10_000.0}
"""A risk that cuts nothing here: 0.5 * 10,000 / 8 = 625 units."""


def test_notional_buys_a_share_of_the_equity_at_the_close(either: Engine) -> None:
    seen = either.run(table(SIGNAL + ENTRY), kind=NOTIONAL, notional=0.3, **ASKED)
    assert seen.one.units == 0.3 * 10_000 / 100


def test_volatility_buys_what_swings_by_the_target(either: Engine) -> None:
    """Closes 100, 104, 100: two returns, a year of 35,040 quarters of an hour."""
    rows = ".  100 101  99 100 10\n.  100 105  99 104 10\nL  104 105  99 100 10\n"
    seen = either.run(
        table(rows + ENTRY), kind=VOLATILITY, volatility=0.5, window=2, multiplier=1.0, **ASKED
    )
    start, middle = (100.0, 104.0) if either.sign > 0 else (100.0, 96.0)
    squares = (middle / start - 1) ** 2 + (start / middle - 1) ** 2
    realised = math.sqrt(squares / 2 * 35_040)
    assert seen.one.units == math.floor(0.5 * 10_000 / (realised * 100) * 1000) / 1000


def test_before_its_window_is_full_volatility_makes_no_trade(engine: Engine) -> None:
    sized = {"kind": VOLATILITY, "volatility": 0.5, **ASKED}
    assert engine.run(table(SIGNAL + ENTRY), window=1, **sized).trades
    short = engine.run(table(SIGNAL + ENTRY), window=2, **sized)
    assert short.trades == []
    assert short.ignored == {"size": 1}


def test_a_market_that_stands_still_is_sized_by_the_risk(engine: Engine) -> None:
    seen = engine.run(table(SIGNAL + ENTRY), kind=VOLATILITY, volatility=0.5, window=1)
    assert seen.one.units == 12.5


ROUNDS = """
    L  100 102  98 100  10
    .  100 101  99 100  10   in at 100, stop at 92
    .  100 120 118 119  10   trail to 120 - 2 * 20 = 80
    .  119 119 110 110  10   trail to 120 - 2 * 9 = 102
    .  102 102 102 102  10   out at 102: won 2 / 8 R
    L  102 104 100 102  10
    .  102 102  94  94  10   out at 94: lost 1 R
    L   94  96  92  94  10
    .   94  94  94  94  10
"""


def test_kelly_bets_by_the_trades_won_and_lost_so_far(engine: Engine) -> None:
    """One of two won, a quarter of an R for one lost: 1/2 - (1/2) / (1/4) is no bet."""
    seen = engine.run(table(ROUNDS), kind=KELLY, kelly_trades=2, max_leverage=1.0)
    assert [trade.units for trade in seen.trades] == [12.5, pytest.approx(12.5, rel=0.01)]
    assert seen.ignored == {"size": 1}


def test_until_there_are_enough_trades_kelly_is_the_risk(engine: Engine) -> None:
    by_risk = engine.run(table(ROUNDS))
    kelly = engine.run(table(ROUNDS), kind=KELLY, kelly_trades=3)
    assert len(by_risk.trades) == 3
    assert kelly == by_risk


def test_kelly_after_a_win_alone_is_the_fraction_of_the_equity(engine: Engine) -> None:
    sized = {"kind": KELLY, "kelly_trades": 1, "kelly_fraction": 0.25, "risk_per_trade": 0.5}
    seen = engine.run(table(ROUNDS), **sized)
    first, second = seen.trades[:2]
    assert first.units == 625.0
    assert second.units == math.floor(0.25 * (10_000 + 2 * 625) / 8 * 1000) / 1000


@pytest.mark.parametrize("kind", [NOTIONAL, VOLATILITY, KELLY, OWN])
def test_no_sizing_but_all_in_risks_more_than_the_risk(engine: Engine, kind: int) -> None:
    greedy = {"notional": 125.0, "volatility": 100.0, "window": 1}
    seen = engine.run(table(SIGNAL + ENTRY), kind=kind, own_size=own_size(ALL), **greedy)
    assert seen.one.units == 12.5


# A function of the user's own

HERE = "tests.contract.test_size:"
ALL = f"{HERE}everything"


def everything(decision: Decision) -> float:
    return math.inf


def by_side(decision: Decision) -> float:
    """A tenth of the equity long, half of that short, and less after a loss."""
    share = 0.1 if decision.side > 0 else 0.05
    return share * decision.equity / decision.price / (1 + decision.history.losses)


def nothing(decision: Decision) -> float:
    return 0.0


def fails(decision: Decision) -> float:
    return 1.0 / (decision.history.wins * 0)


def not_a_number(decision: Decision) -> float:
    return math.nan


def below_zero(decision: Decision) -> float:
    return -1.0


def test_a_sizing_of_ones_own_is_asked_at_each_decision(engine: Engine) -> None:
    seen = engine.run(table(ROUNDS), kind=OWN, own_size=own_size(f"{HERE}by_side"))
    units = [trade.units for trade in seen.trades]
    equity = 10_000 + 10 * 2.0
    second = math.floor(0.1 * equity / 102 * 1000) / 1000
    third = math.floor(0.05 * (equity - 8 * second) / 94 * 1000) / 1000
    assert units == [10.0, second, third]


def test_a_sizing_of_ones_own_knows_the_side(engine: Engine) -> None:
    seen = engine.run(table(SHORT + ENTRY), kind=OWN, own_size=own_size(f"{HERE}by_side"))
    assert seen.one.units == 5.0


def test_a_sizing_of_ones_own_that_wants_nothing_makes_no_trade(engine: Engine) -> None:
    seen = engine.run(table(SIGNAL + ENTRY), kind=OWN, own_size=own_size(f"{HERE}nothing"))
    assert seen.ignored == {"size": 1}


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("fails", "failed (ZeroDivisionError: float division by zero)"),
        ("not_a_number", "returned nan"),
        ("below_zero", "returned -1.0"),
    ],
)
def test_a_sizing_of_ones_own_that_gives_no_size_ends_the_run(
    engine: Engine, name: str, what: str
) -> None:
    own, market = own_size(HERE + name), table(SIGNAL + ENTRY)
    with pytest.raises(ConfigError) as raised, own_errors(own):
        engine.run(market, kind=OWN, own_size=own)
    time = iso(int(market.candles.time[1]))
    assert str(raised.value) == (
        f"risk.sizing {HERE}{name} {what} at the close of the candle of {time}, for a long at 100: "
        "it has to return a number of units, 0 for no trade"
    )


def test_of_several_functions_the_one_that_gave_no_size_is_named(engine: Engine) -> None:
    functions = [own_size(f"{HERE}{name}") for name in ("by_side", "below_zero", "not_a_number")]
    with (
        pytest.raises(ConfigError, match=r"test_size:below_zero returned -1\.0"),
        own_errors(*functions),
    ):
        engine.run(table(SIGNAL + ENTRY), kind=OWN, own_size=functions[1])
