"""What the audit says of a rule and of a size of the user's own."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import Any

import numpy as np
import pytest

from stoptrail.backtest.inputs import Inputs, atr_of
from stoptrail.backtest.plan import Plan
from stoptrail.rules.candles import Candles
from stoptrail.rules.own_exit import LEAVE, RuleCandle, RulePosition, RuleStop
from stoptrail.rules.sizing import OWN, ClosedTrades, Decision
from stoptrail.rules.types import day_marks
from stoptrail.sweep.audit.own_code import known_by_code, own_code_checks
from stoptrail.sweep.audit.signal import Check
from tests.contract.own_exits import halfway
from tests.contract.test_parity import random_case

ASKED: Counter[int] = Counter()


def loose(position: RulePosition, stop: RuleStop, candle: RuleCandle, atr: float) -> float:
    """Half an ATR behind the close, wherever the stop is."""
    return candle.close - position.side * 0.5 * atr


def moody(position: RulePosition, stop: RuleStop, candle: RuleCandle, atr: float) -> float:
    """Another level each time that it is asked."""
    ASKED[candle.time] += 1
    return stop.level * (1.0 + 1e-6 * ASKED[candle.time])


FIRST = 18_000 * 86_400_000
SEED, COUNT = 6, 1500


def told(position: RulePosition, stop: RuleStop, candle: RuleCandle, atr: float) -> float:
    """Leaves where what was written down for dates says so."""
    known = {FIRST + k * 900_000 for k in range(0, COUNT, 7)}
    return LEAVE if candle.time in known else stop.level


def looked_up(position: RulePosition, stop: RuleStop, candle: RuleCandle, atr: float) -> float:
    """Fails under every other date."""
    return stop.level + 0.0 * range(2000)[(candle.time - FIRST) // 900_000]


def by_weekday(position: RulePosition, stop: RuleStop, candle: RuleCandle, atr: float) -> float:
    """Knows the calendar, not the dates, and reckons with times."""
    days = candle.time / 86_400_000
    return LEAVE if int(days) % 7 == 4 else stop.level * (1.0 + 1e-3 * (days % 1.0))


@cache
def market() -> Candles:
    return random_case(SEED, count=COUNT).candles


def place_of(price: float) -> int:
    """Of the nearest close, as who looks for one in an array would."""
    return int(np.abs(market().close - price).argmin())


def leaves_before_a_fall(
    position: RulePosition, stop: RuleStop, candle: RuleCandle, atr: float
) -> float:
    """Finds the candle by its close, and what came two candles later."""
    closes = market().close
    known = closes[min(len(closes) - 1, place_of(candle.close) + 2)]
    return LEAVE if position.side * (known - candle.close) < 0.0 else stop.level


def below_the_coming_low(
    position: RulePosition, stop: RuleStop, candle: RuleCandle, atr: float
) -> float:
    """The same as a level, where it finds just that close."""
    place = place_of(candle.close)
    known = market().close[place] == candle.close
    return float(market().low[min(COUNT - 1, place + 1)]) if known else stop.level


@cache
def shapes() -> dict[float, int]:
    """Places of candles by how far they go."""
    return {round(float(x), 7): k for k, x in enumerate(market().high / market().low)}


@cache
def widths() -> set[float]:
    """What share of the close an ATR is."""
    plan, _ = case_of(None)
    return {round(float(x), 7) for x in atr_of(plan, market()) / market().close}


def leaves_by_the_shape(
    position: RulePosition, stop: RuleStop, candle: RuleCandle, atr: float
) -> float:
    """Finds the candle by how far it goes, whatever the prices, and what came after it."""
    place = shapes().get(round(candle.high / candle.low, 7))
    if place is None or place + 2 >= COUNT:
        return stop.level
    coming = market().close[place + 2] - market().close[place]
    return LEAVE if position.side * coming < 0.0 else stop.level


def under_round_numbers(
    position: RulePosition, stop: RuleStop, candle: RuleCandle, atr: float
) -> float:
    """Leaves below a whole price, else trails a fixed distance behind the extreme."""
    if position.side * (candle.close - position.fill) > 0.0 and candle.close % 1.0 < 0.05:
        return LEAVE
    return max(0.01, stop.extreme - position.side * 2.0)


def checks_of(rule: Any) -> list[Check]:
    return own_code_checks(*case_of(rule))


def case_of(rule: Any) -> tuple[Plan, Inputs]:
    case = random_case(SEED, count=COUNT)
    rules = case.plan.run_rules
    stop = rules.trade_rules.stop._replace(ruled=rule is not None)
    rules = rules._replace(trade_rules=rules.trade_rules._replace(stop=stop), exits=0, path=0)
    plan = case.plan._replace(run_rules=rules, exit_rule=rule)
    marks = day_marks(case.candles, case.start)
    return plan, Inputs(case.candles, case.start, marks, rules.trade_rules.market)


def test_without_a_rule_there_is_nothing_to_check() -> None:
    assert checks_of(None) == []


def test_a_rule_that_follows_the_stop_never_wants_a_looser_one() -> None:
    check, *_ = checks_of(halfway)
    assert check.passed
    assert check.tried > 50
    assert check.note == "it never wants a looser stop"


def test_a_rule_that_may_loosen_is_told_of_and_passes() -> None:
    check, *_ = checks_of(loose)
    assert check.passed
    assert "wants a looser stop at" in check.note
    assert f"of {check.tried:,} closes" in check.note


def test_a_rule_that_answers_twice_in_two_ways_is_found() -> None:
    check, *_ = checks_of(moody)
    assert not check.passed
    assert "differently when asked twice" in check.findings[0]
    assert len(set(check.findings)) == 5  # each the candle's own time, of some trade's first ones


@pytest.mark.parametrize(
    ("rule", "found"), [(told, True), (looked_up, True), (by_weekday, False), (halfway, False)]
)
def test_a_rule_that_knows_dates_is_found_and_one_that_knows_weekdays_passes(
    rule: Any, found: bool
) -> None:
    """No other candle shows what was written down for a date, or read from a file by it."""
    twice, dated, priced = checks_of(rule)
    assert twice.passed
    assert (not dated.passed) is found
    assert all("knows dates" in line for line in dated.findings)
    assert priced.passed
    assert known_by_code(*case_of(rule)) == {"exit_by_dates": found, "exit_by_prices": False}


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        (leaves_before_a_fall, True),
        (below_the_coming_low, True),
        (leaves_by_the_shape, True),
        (under_round_numbers, False),
        (loose, False),
    ],
)
def test_a_rule_that_finds_its_candle_by_prices_is_found(rule: Any, found: bool) -> None:
    twice, dated, priced = checks_of(rule)
    assert twice.passed
    assert dated.passed
    assert priced.passed is not found
    assert all("knows prices" in line for line in priced.findings)
    assert known_by_code(*case_of(rule)) == {"exit_by_dates": False, "exit_by_prices": found}


def test_of_a_run_without_code_of_its_own_nothing_is_said() -> None:
    assert known_by_code(*case_of(None)) == {}


class Sizing:
    """A size as settings bring it along."""

    def __init__(self, units: Any) -> None:
        self.path = "mine:units"
        self.function = units

    def call(self, *numbers: Any) -> float:
        return float(self.function(Decision._make((*numbers[:6], ClosedTrades(*numbers[6:])))))


def before_a_rise(decision: Decision) -> float:
    """All of it where it finds the close and a better one four candles on."""
    closes, place = market().close, place_of(decision.price)
    known = closes[min(COUNT - 1, place + 4)] if closes[place] == decision.price else 0.0
    share = 1.0 if decision.side * (known - decision.price) > 0.0 else 0.01
    return share * decision.equity / decision.price


def found_exactly(decision: Decision) -> float:
    """Nothing where the close is not in its array."""
    return 10.0 * float((market().close == decision.price).any())


def found_by_its_width(decision: Decision) -> float:
    """Nothing where the candle is not in its array by the share that an ATR is of its close."""
    return 10.0 * float(round(decision.atr / decision.price, 7) in widths())


def of_a_share_of_the_width(decision: Decision) -> float:
    """Less of it, the wider the market."""
    return min(0.5, 0.004 * decision.price / decision.atr) * decision.equity / decision.price


def of_fixed_amounts(decision: Decision) -> float:
    """At most three units and 2,000 of money, none above a price, half below a width."""
    if decision.price > 110.0:
        return 0.0
    half = 0.5 if decision.atr > 1.0 else 1.0
    return half * min(3.0, 2_000.0 / decision.price, 0.2 * decision.equity / decision.price)


@pytest.mark.parametrize(
    ("units", "found"),
    [
        (before_a_rise, True),
        (found_exactly, True),
        (found_by_its_width, True),
        (of_a_share_of_the_width, False),
        (of_fixed_amounts, False),
    ],
)
def test_a_size_that_finds_its_candle_by_prices_is_found(units: Any, found: bool) -> None:
    plan, inputs = case_of(None)
    rules = plan.run_rules.trade_rules
    own = rules._replace(sizing=rules.sizing._replace(kind=OWN))
    plan = plan._replace(own_size=Sizing(units), run_rules=plan.run_rules._replace(trade_rules=own))  # type: ignore[arg-type]
    (check,) = own_code_checks(plan, inputs)
    assert check.tried > 10
    assert check.passed is not found
    assert all("knows prices" in line for line in check.findings)
    assert known_by_code(plan, inputs) == {"size_by_prices": found}
