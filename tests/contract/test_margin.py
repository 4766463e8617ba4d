"""C20: a stop that lies beyond the margin is no trade, and no account falls below zero.

N * ATR = 8 at an entry of 100. With 25 % at risk of 10,000 the size is 312.5 units, 31,250 of
notional: 3.1 times the account.
"""

import pytest

from stoptrail.rules.margin import Margin
from stoptrail.rules.sizing import ALL_IN
from stoptrail.rules.types import CYCLE_EXIT
from tests.contract.seen import Engine
from tests.contract.tables import table

SIGNAL = """
    .  100 101  99 100  10
    L  100 102  98 100  10   ATR 4
"""
LEVERED = {"risk_per_trade": 0.25, "frozen": True}
UNITS = 312.5


def test_what_a_gap_takes_beyond_the_account_is_credited(either: Engine) -> None:
    market = table(SIGNAL + ".  100 100  99 100  10\n.   60  61  59  60  10")
    trade = either.run(market, **LEVERED).one
    assert (trade.exit, trade.price, trade.units) == (3, 60.0, UNITS)
    assert trade.shortfall == pytest.approx(UNITS * 40.0 - 10_000.0)
    assert trade.pnl == -10_000.0


def test_an_empty_account_enters_nothing_more(either: Engine) -> None:
    gap = ".  100 100  99 100  10\n.   60  61  59  60  10\n"
    again = "L   60  62  58  60  10\n.   60  61  59  60  10"
    seen = either.run(table(SIGNAL + gap + again), **LEVERED)
    assert len(seen.trades) == 1
    assert seen.ignored == {"size": 1}


def test_a_loss_within_the_account_is_no_shortfall(either: Engine) -> None:
    market = table(SIGNAL + ".  100 100  99 100  10\n.   70  71  69  70  10")
    trade = either.run(market, **LEVERED).one
    assert trade.pnl == pytest.approx(-UNITS * 30.0)
    assert trade.shortfall == 0.0


@pytest.mark.parametrize(
    ("risk", "trades"),
    [
        (0.25, 1),  # liquidated at 68.3
        (0.94, 1),  # 1,175 units: (117,500 - 10,000) / (1,175 * 0.995) = 91.9495, below the stop
        (0.96, 0),  # 1,200 units: 92.13, above the stop at 92
        (1.0, 0),
    ],
)
def test_a_stop_beyond_the_liquidation_price_is_no_trade(
    engine: Engine, risk: float, trades: int
) -> None:
    market = table(SIGNAL + ".  100 100  99 100  10\n.  100 100  99 100  10")
    numbers = {"risk_per_trade": risk, "frozen": True, "margin": Margin(0.005, True)}
    seen = engine.run(market, **numbers)
    assert len(seen.trades) == trades
    assert seen.ignored == ({} if trades else {"size": 1})


def test_a_shorts_margin_lies_above(engine: Engine) -> None:
    short = SIGNAL.replace("    L", "    S") + ".  100 101 100 100  10\n.  100 101 100 100  10"
    for risk, trades in ((0.93, 1), (0.96, 0)):
        numbers = {"risk_per_trade": risk, "frozen": True, "margin": Margin(0.005, True)}
        # 0.93: (10,000 + 116,250) / (1,162.5 * 1.005) = 108.06, beyond the stop at 108.
        assert len(engine.run(table(short), **numbers).trades) == trades


def test_the_baseline_has_no_stop_that_could_lie_beyond(engine: Engine) -> None:
    rows = SIGNAL + "D  100 101  99 100  10\n.   40  41  39  40  10"
    legacy = {"exits": CYCLE_EXIT, "kind": ALL_IN, "max_leverage": 20.0}
    trade = engine.run(table(rows), **legacy, margin=Margin(0.005, False)).one
    assert (trade.exit, trade.price, trade.pnl) == (3, 40.0, -10_000.0)
    assert trade.shortfall == pytest.approx(2000.0 * 60.0 - 10_000.0)


def test_with_one_times_and_nothing_to_maintain_every_long_is_let_in(engine: Engine) -> None:
    market = table(SIGNAL + ".  100 100  99 100  10\n.  100 100  99 100  10")
    numbers = {"max_leverage": 1.0, "taker_fee": 0.001, "margin": Margin(0.0, True)}
    assert len(engine.run(market, **numbers).trades) == 1
