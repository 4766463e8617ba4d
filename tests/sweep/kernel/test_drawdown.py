"""A short below an earlier peak: its deepest fall without a look at every close."""

from __future__ import annotations

import numpy as np
import pytest

from stoptrail.rules.candles import Candles, Floats
from stoptrail.rules.costs import Costs
from stoptrail.rules.measure import worth
from stoptrail.rules.metrics import Drawdown, drawdown_step
from stoptrail.rules.sizing import by_risk
from stoptrail.rules.stops import Entry, StopRules
from stoptrail.rules.trade import NO_PARTS, Position, TradeRules
from stoptrail.rules.types import OPEN
from stoptrail.sweep.kernel.blocks import nodes_of
from stoptrail.sweep.kernel.drawdown import held_drawdown, with_closes
from stoptrail.sweep.kernel.ending import Ending
from stoptrail.sweep.kernel.flow import NO_FLOW
from tests.markets import FINE, MIDNIGHT, QUARTER_HOUR

COUNT, ENTRY, LAST, UNITS, BALANCE = 700, 5, 690, 3.7, 1000.0
HELD = Position(Entry(-1, 100.0, MIDNIGHT + ENTRY * QUARTER_HOUR, 1.0), UNITS, 0.1, NO_PARTS)


def flat_market(seed: int) -> Candles:
    """Closes of a few ticks, so that many are nearly the worst."""
    closes = 101.0 + np.random.default_rng(seed).integers(-4, 4, COUNT) / 100.0
    columns: list[Floats] = [closes] * 4
    return Candles(
        MIDNIGHT + QUARTER_HOUR * np.arange(COUNT), *columns, np.ones(COUNT), QUARTER_HOUR
    )


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("borrow", [0.0, 1e-5, 0.0002, 0.05])
def test_the_deepest_fall_of_a_short_is_that_of_every_close(seed: int, borrow: float) -> None:
    candles = flat_market(seed)
    nodes = nodes_of(candles, np.full(COUNT, 1.0))
    rules = TradeRules(
        StopRules(5.0, 0.0, 0.0, False), by_risk(0.01, 1.0, False), Costs(0.001, 0.0, borrow), FINE
    )
    start = Drawdown(1200.0, 0.001)
    ending = Ending(OPEN, 0.0, 0, 0.0, 0.0, 0)
    ending = with_closes(ending, -1, candles.close, nodes.closes, ENTRY, LAST)
    given = candles, nodes, ENTRY, LAST, ending, BALANCE, HELD, 0.0, rules, NO_FLOW
    expected = start
    for i in range(ENTRY, LAST):
        closes = int(candles.time[i]) + QUARTER_HOUR
        expected = drawdown_step(expected, worth(BALANCE, HELD, candles.close[i], closes, rules))
    assert expected.worst > start.worst
    assert held_drawdown(start, *given, True) == expected
    assert held_drawdown(start, *given, False) == expected
