"""What the audit says of a rule of the user's own."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from stoptrail.backtest.inputs import Inputs
from stoptrail.backtest.plan import Plan
from stoptrail.rules.own_exit import LEAVE, RuleCandle, RulePosition, RuleStop
from stoptrail.rules.types import day_marks
from stoptrail.sweep.audit.own_exit import exit_by_dates, own_exit_checks
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


def told(position: RulePosition, stop: RuleStop, candle: RuleCandle, atr: float) -> float:
    """Leaves where what was written down for dates says so."""
    known = {FIRST + k * 900_000 for k in range(0, 600, 7)}
    return LEAVE if candle.time in known else stop.level


def looked_up(position: RulePosition, stop: RuleStop, candle: RuleCandle, atr: float) -> float:
    """Fails under every other date."""
    return stop.level + 0.0 * range(1000)[(candle.time - FIRST) // 900_000]


def by_weekday(position: RulePosition, stop: RuleStop, candle: RuleCandle, atr: float) -> float:
    """Knows the calendar, not the dates, and reckons with times."""
    days = candle.time / 86_400_000
    return LEAVE if int(days) % 7 == 4 else stop.level * (1.0 + 1e-3 * (days % 1.0))


def checks_of(rule: Any) -> list[Check]:
    return own_exit_checks(*case_of(rule))


def case_of(rule: Any) -> tuple[Plan, Inputs]:
    case = random_case(8, count=600)
    rules = case.plan.run_rules
    stop = rules.trade_rules.stop._replace(ruled=rule is not None)
    rules = rules._replace(trade_rules=rules.trade_rules._replace(stop=stop), exits=0, path=0)
    plan = case.plan._replace(run_rules=rules, exit_rule=rule)
    marks = day_marks(case.candles, case.start)
    return plan, Inputs(case.candles, case.start, marks, rules.trade_rules.market)


def test_without_a_rule_there_is_nothing_to_check() -> None:
    assert checks_of(None) == []


def test_a_rule_that_follows_the_stop_never_wants_a_looser_one() -> None:
    check, _ = checks_of(halfway)
    assert check.passed
    assert check.tried > 50
    assert check.note == "it never wants a looser stop"


def test_a_rule_that_may_loosen_is_told_of_and_passes() -> None:
    check, _ = checks_of(loose)
    assert check.passed
    assert "wants a looser stop at" in check.note
    assert f"of {check.tried:,} closes" in check.note


def test_a_rule_that_answers_twice_in_two_ways_is_found() -> None:
    check, _ = checks_of(moody)
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
    twice, dated = checks_of(rule)
    assert twice.passed
    assert (not dated.passed) is found
    assert all("knows dates" in line for line in dated.findings)
    assert exit_by_dates(*case_of(rule)) == {"exit_by_dates": found}


def test_of_a_run_without_a_rule_nothing_is_said_of_dates() -> None:
    assert exit_by_dates(*case_of(None)) == {}
