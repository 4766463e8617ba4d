"""C22, drawn by hand: shares, caps, order, free cash and marks of two sleeves on one account.

Prices stand at 100 with highs of 101 and lows of 99, so that an ATR of one candle is 2 and a stop
of two ATRs lies 4 away; there are no costs, and no trail but where it is said. A sleeve with half
of 10,000 risks 4 % of it: 200 / 4 = 50.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from stoptrail.backtest.book import BookTerms, SleevePlan, run_book
from stoptrail.backtest.inputs import Inputs
from stoptrail.backtest.plan import Plan, Record
from stoptrail.core.program import PLAIN
from stoptrail.rules.book import CAP, NO_CAP, Caps
from stoptrail.rules.candles import Candles
from stoptrail.rules.costs import Costs
from stoptrail.rules.protections import Protections
from stoptrail.rules.sizing import by_risk
from stoptrail.rules.stops import ATR_TRAIL, NO_TRAIL, StopRules
from stoptrail.rules.trade import PROTECTION, TradeRules
from stoptrail.rules.types import STOP_TRAIL, RunRules, day_marks
from tests.contract.test_parity import looked_up
from tests.markets import FINE, MIDNIGHT, QUARTER_HOUR

OFF = Protections(0.0, 0.0, 0, 0)
Bar = tuple[float, float, float, float]
STILL: Bar = (100.0, 101.0, 99.0, 100.0)


@pytest.fixture(params=["", "1"], autouse=True)
def road(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every table on both roads."""
    monkeypatch.setenv(PLAIN, request.param)


def sleeve(
    bars: list[Bar | None],
    signal: int | tuple[int, ...],
    *,
    share: float = 0.5,
    leverage: float = 1.0,
    risk: float = 0.04,
    lends: bool = False,
    trail: int = NO_TRAIL,
) -> SleevePlan:
    """Longs at the candles `signal`; None is a candle that the market does not have."""
    times = [MIDNIGHT + k * QUARTER_HOUR for k, bar in enumerate(bars) if bar is not None]
    columns = np.array([bar for bar in bars if bar is not None], np.float64).T
    candles = Candles(np.array(times), *columns, np.ones(len(times)), QUARTER_HOUR)
    begins = {MIDNIGHT + k * QUARTER_HOUR for k in np.atleast_1d(signal)}
    zones = {time: (int(time in begins), 0) for time in times}
    stop = StopRules(2.0, 0.0, 0.0, True, trail=trail)
    rules = TradeRules(stop, by_risk(risk, leverage, False), Costs(0.0, 0.0, 0.0), FINE)
    run_rules = RunRules(rules, STOP_TRAIL, 0, 0, 0, 1.0, OFF)
    plan = Plan(looked_up, {"zones": zones}, 0, QUARTER_HOUR, 1, run_rules)
    inputs = Inputs(candles, 0, day_marks(candles, 0), FINE)
    return SleevePlan(plan, inputs, share, lends)


def booked(
    *sleeves: SleevePlan, risk: float = NO_CAP, notional: float = 9.0, limits: Any = OFF
) -> list[Record]:
    return run_book(sleeves, BookTerms(10_000.0, Caps(risk, notional), limits, True))


def units(record: Record) -> list[float]:
    return [round(float(each), 5) for each in record.trades.units]


def test_a_sleeve_is_sized_by_its_share_of_the_marked_book() -> None:
    up: Bar = (100.0, 111.0, 100.0, 110.0)
    first = sleeve([STILL, STILL, up, (110.0, 111.0, 109.0, 110.0)], 0)
    second = sleeve([STILL] * 4, 2, lends=True)
    # 50 units have gained 10 each: 10,500 / 2 * 4 % / 4 = 52.5.
    assert [units(record) for record in booked(first, second)] == [[50.0], [52.5]]


def test_what_an_earlier_sleeve_has_just_ordered_counts_against_the_caps() -> None:
    first, second = sleeve([STILL] * 3, 0), sleeve([STILL] * 3, 0)
    # 300 may be lost in all: 200 are ordered, 100 / 4 = 25 are left.
    assert [units(record) for record in booked(first, second, risk=0.03)] == [[50.0], [25.0]]
    # 8,000 may be held in all: 5,000 are ordered, 3,000 / 100 = 30 are left.
    assert [units(record) for record in booked(first, second, notional=0.8)] == [[50.0], [30.0]]


def test_no_exit_of_the_coming_candle_makes_room() -> None:
    gone: Bar = (90.0, 91.0, 89.0, 90.0)
    first = sleeve([STILL, STILL, gone, *[(90.0, 91.0, 89.0, 90.0)] * 3], 0)
    second = sleeve([STILL] * 6, (1, 3))
    held, waited = booked(first, second, risk=0.02)
    assert held.trades.exit.tolist() == [2]  # at the open of candle 2
    # The signal of candle 1 finds 200 at risk, the one of candle 3 nothing: 9,500 / 2 * 1 % = 47.5,
    # which 2 % of 9,500 leaves room for.
    assert units(waited) == [47.5]
    assert waited.trades.entry.tolist() == [4]
    assert waited.ignored[CAP] == 1


def test_a_stop_that_has_moved_at_the_close_makes_room_for_a_decision_at_it() -> None:
    bars: list[Bar | None] = [
        STILL,
        STILL,
        (100.0, 105.0, 100.0, 104.0),
        (104.0, 105.0, 103.0, 104.0),
    ]
    first, second = sleeve(bars, 0, trail=ATR_TRAIL), sleeve([STILL] * 4, 2, lends=True)
    # The extreme of 105 brings the stop to 101, above the fill: nothing is at risk any more, and
    # 10,200 / 2 * 4 % / 4 = 51.
    assert [units(record) for record in booked(first, second, risk=0.021)] == [[50.0], [51.0]]


def test_a_fill_on_spot_is_cut_to_free_cash_in_the_order_of_the_sleeves() -> None:
    def both(*, lends: bool) -> list[list[float]]:
        way: Any = {"leverage": 2.0, "risk": 0.06, "lends": lends}
        found = booked(sleeve([STILL] * 3, 0, **way), sleeve([STILL] * 3, 0, **way))
        return [units(record) for record in found]

    assert both(lends=True) == [[75.0], [75.0]]
    assert both(lends=False) == [[75.0], [25.0]]  # 10,000 buy 100 units


def test_what_is_left_below_a_minimum_is_no_trade_for_the_reason_cap() -> None:
    first, second = sleeve([STILL] * 3, 0), sleeve([STILL] * 3, 0)
    # 4 are left, 1 unit's risk: 0.04 units are worth 4, less than the least 5.
    found = booked(first, second, risk=0.020016)
    assert [units(record) for record in found] == [[50.0], []]
    assert found[1].ignored[CAP] == 1


def test_a_market_without_a_candle_is_marked_at_its_last_close() -> None:
    up: Bar = (100.0, 111.0, 100.0, 110.0)
    first = sleeve([STILL, STILL, up, None, None, (50.0, 51.0, 49.0, 50.0)], 0)
    second = sleeve([STILL] * 6, 4, lends=True)
    assert [units(record) for record in booked(first, second)] == [[50.0], [52.5]]


def test_protections_are_measured_on_the_whole() -> None:
    down: Bar = (100.0, 100.0, 97.0, 97.0)
    first = sleeve([STILL, STILL, down, (97.0, 98.0, 96.5, 97.0)], 0)
    second = sleeve([STILL] * 4, 2)
    # 50 units have lost 3 each: 1.5 % of the book.
    limits = Protections(0.015, 0.0, 0, 0)
    held, stopped = booked(first, second, limits=limits)
    assert (units(held), units(stopped)) == ([50.0], [])
    assert stopped.ignored[PROTECTION] == 1
    looser = booked(first, second, limits=Protections(0.0151, 0.0, 0, 0))
    assert units(looser[1]) == [49.25]
