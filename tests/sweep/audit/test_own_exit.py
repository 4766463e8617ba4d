"""What the audit says of a rule of the user's own."""

from __future__ import annotations

from collections import Counter
from typing import Any

from stoptrail.backtest.inputs import Inputs
from stoptrail.rules.own_exit import RuleCandle, RulePosition, RuleStop
from stoptrail.rules.types import day_marks
from stoptrail.sweep.audit.own_exit import own_exit_checks
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


def checks_of(rule: Any) -> list[Check]:
    case = random_case(8, count=600)
    rules = case.plan.run_rules
    stop = rules.trade_rules.stop._replace(ruled=rule is not None)
    rules = rules._replace(trade_rules=rules.trade_rules._replace(stop=stop), exits=0, path=0)
    plan = case.plan._replace(run_rules=rules, exit_rule=rule)
    marks = day_marks(case.candles, case.start)
    return own_exit_checks(plan, Inputs(case.candles, case.start, marks, rules.trade_rules.market))


def test_without_a_rule_there_is_nothing_to_check() -> None:
    assert checks_of(None) == []


def test_a_rule_that_follows_the_stop_never_wants_a_looser_one() -> None:
    (check,) = checks_of(halfway)
    assert check.passed
    assert check.tried > 50
    assert check.note == "it never wants a looser stop"


def test_a_rule_that_may_loosen_is_told_of_and_passes() -> None:
    (check,) = checks_of(loose)
    assert check.passed
    assert "wants a looser stop at" in check.note
    assert f"of {check.tried:,} closes" in check.note


def test_a_rule_that_answers_twice_in_two_ways_is_found() -> None:
    (check,) = checks_of(moody)
    assert not check.passed
    assert "differently when asked twice" in check.findings[0]
    assert len(set(check.findings)) == 5  # each the candle's own time, of some trade's first ones
