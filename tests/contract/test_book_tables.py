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
from stoptrail.rules.funding import funding_of, funding_rows
from stoptrail.rules.margin import Margin
from stoptrail.rules.protections import Protections
from stoptrail.rules.sizing import ALL_IN, RISK, by_risk
from stoptrail.rules.stops import ATR_TRAIL, NO_TRAIL, StopRules
from stoptrail.rules.trade import PROTECTION, SIZE, TradeRules
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


def test_what_the_open_leaves_of_a_cut_order_below_a_minimum_is_cap() -> None:
    low: Bar = (99.0, 101.0, 99.0, 100.0)
    first, second = sleeve([STILL] * 3, 0), sleeve([STILL, low, STILL], 0)
    # 0.2004 are left: 0.0501 units, worth 5.01 at the close and 4.96 at the open.
    found = booked(first, second, risk=0.02002004)
    assert [units(record) for record in found] == [[50.0], []]
    assert (found[1].ignored[SIZE], found[1].ignored[CAP]) == (0, 1)


def test_a_size_that_is_none_by_itself_is_size_although_a_cap_has_cut_it() -> None:
    # Wants 50 units, of which the caps leave 25, and its own leverage 4.5 quote currency.
    first, second = sleeve([STILL] * 3, 0), sleeve([STILL] * 3, 0, leverage=0.0009)
    found = booked(first, second, risk=0.03)
    assert [units(record) for record in found] == [[50.0], []]
    assert (found[1].ignored[SIZE], found[1].ignored[CAP]) == (1, 0)


def test_a_stop_at_zero_is_no_size_whatever_a_cap_has_left() -> None:
    low: Bar = (4.0, 5.0, 3.0, 4.0)
    (found,) = booked(sleeve([low] * 3, 0), risk=0.01)
    assert (found.ignored[SIZE], found.ignored[CAP]) == (1, 0)


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


def test_the_midnight_of_a_close_is_marked_at_that_close_alone() -> None:
    up: Bar = (100.0, 111.0, 100.0, 110.0)
    down: Bar = (110.0, 111.0, 99.0, 100.0)
    first = sleeve([*[STILL] * 94, up, down, *[STILL] * 3], 0)  # 10,500 at 23:45, 10,000 at 00:00
    second = sleeve([STILL] * 99, 96, lends=True)
    found = booked(first, second, limits=Protections(0.0, 0.03, 0, 0))
    assert [units(record) for record in found] == [[50.0], [50.0]]


def test_what_the_caps_leave_is_held_although_the_whole_could_not_be() -> None:
    def short_of_a_stop(kind: int) -> list[list[float]]:
        plan = sleeve([STILL] * 3, 0, leverage=50.0, risk=1.0, lends=True)
        rules = plan.plan.run_rules.trade_rules
        sizing = by_risk(1.0, 50.0, False, kind)
        rules = rules._replace(sizing=sizing, margin=Margin(0.0, True, True))
        levered = plan.plan._replace(run_rules=plan.plan.run_rules._replace(trade_rules=rules))
        return [units(each) for each in booked(plan._replace(plan=levered), notional=2.0)]

    # 2,500 units would be gone at 98, before the stop at 96; 200 are gone at 75.
    assert short_of_a_stop(RISK) == short_of_a_stop(ALL_IN) == [[200.0]]


def test_a_cap_as_high_as_what_a_lone_sleeve_may_have_cuts_nothing() -> None:
    """A tenth of 3 is a little more than 0.3; at the open of 80 those buy 37.5 units."""
    down: Bar = (80.0, 81.0, 79.0, 80.0)
    lone = sleeve([STILL, down, down], 0, share=0.1, leverage=3.0, risk=1.0, lends=True)
    rules = lone.plan.run_rules.trade_rules._replace(sizing=by_risk(1.0, 3.0, False, ALL_IN))
    plan = lone.plan._replace(run_rules=lone.plan.run_rules._replace(trade_rules=rules))
    lone = lone._replace(plan=plan)
    assert [units(each) for each in booked(lone, notional=0.3)] == [[37.5]]


def test_free_cash_has_paid_the_funding_of_what_is_still_held() -> None:
    swap = sleeve([STILL] * 5, 0, leverage=2.0, risk=0.06, lends=True)
    rules = swap.plan.run_rules.trade_rules._replace(costs=Costs(0.0, 0.0, 0.0, funding=1.0))
    plan = swap.plan._replace(run_rules=swap.plan.run_rules._replace(trade_rules=rules))
    times = [MIDNIGHT + 2 * QUARTER_HOUR, MIDNIGHT + 3 * QUARTER_HOUR + 60_000]
    paid = funding_of(funding_rows(times, [0.1, 0.1]), swap.inputs.candles)
    swap = swap._replace(plan=plan, inputs=swap.inputs._replace(funding=paid))
    spot = sleeve([STILL] * 5, 2, leverage=2.0, risk=0.06)
    # 75 units at 100 pay 750 at 00:30: of 9,250 that are left they tie up 7,500. The row
    # within the candle of the fill comes after it.
    assert [units(record) for record in booked(swap, spot)] == [[75.0], [17.5]]
