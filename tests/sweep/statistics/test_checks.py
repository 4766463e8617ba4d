"""Each check at its thresholds: on which side the very number lies, and what is said."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from stoptrail.sweep.statistics import checks
from stoptrail.sweep.statistics.checks import (
    CLEAR,
    CONFIDENT,
    ENOUGH_PERMUTED,
    EVEN,
    FEE_MARGIN,
    FEW_OUTSIDE,
    FEW_TRADES,
    ONE_TRADE,
    OVERFIT,
    SIGNIFICANT,
    SUSPECT,
    TOO_FEW_TRADES,
    WORTH_KEEPING,
    Check,
    Level,
    number,
)

JUST = 1e-6
LUCK: dict[str, Any] = {
    "deflated_sharpe": {
        "all": {"probability": 0.6},
        "distinct": {"trials": 1234, "probability": CONFIDENT},
    },
    "permutation": {"count": ENOUGH_PERMUTED, "p_best": SIGNIFICANT, "deviations": CLEAR},
}


def nested(path: str, value: Any) -> dict[str, Any]:
    for key in reversed(path.split(".")):
        value = {key: value}
    return dict(value)


def merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    out = copy.deepcopy(one)
    for key, value in other.items():
        both = isinstance(value, dict) and isinstance(out.get(key), dict)
        out[key] = merged(out[key], value) if both else value
    return out


@pytest.mark.parametrize(
    ("check", "rest", "path", "bound", "at", "below"),
    [
        (checks.trade_count, {}, "metrics.trades", FEW_TRADES, None, Level.DOUBTFUL),
        (checks.trade_count, {}, "metrics.trades", TOO_FEW_TRADES, Level.DOUBTFUL, Level.FAILS),
        (checks.envelope, {}, "metrics.sharpe", 0.0, Level.FAILS, Level.FAILS),
        (
            checks.envelope,
            {"envelope": {"candle": {"sharpe": 2.0}}},
            "envelope.low_first.sharpe",
            2.0 * WORTH_KEEPING,
            Level.HOLDS,
            Level.DOUBTFUL,
        ),
        (checks.skill, LUCK, "permutation.deviations", CLEAR, Level.HOLDS, Level.DOUBTFUL),
        (
            checks.skill,
            LUCK,
            "deflated_sharpe.distinct.probability",
            CONFIDENT,
            Level.HOLDS,
            Level.DOUBTFUL,
        ),
        (
            checks.skill,
            LUCK,
            "deflated_sharpe.distinct.probability",
            EVEN,
            Level.DOUBTFUL,
            Level.FAILS,
        ),
        (
            checks.skill,
            merged(LUCK, nested("permutation.p_best", 0.9)),
            "deflated_sharpe.all.probability",
            CONFIDENT,
            Level.DOUBTFUL,
            Level.FAILS,
        ),
        (
            checks.overfitting,
            nested("deflated_sharpe.distinct.probability", 0.5),
            "overfitting.pbo",
            OVERFIT,
            Level.FAILS,
            Level.DOUBTFUL,
        ),
        (checks.overfitting, {}, "overfitting.pbo", SUSPECT, Level.HOLDS, Level.HOLDS),
        (
            checks.overfitting,
            nested("overfitting.pbo", 0.9),
            "deflated_sharpe.distinct.probability",
            CONFIDENT,
            Level.HOLDS,
            Level.FAILS,
        ),
        (
            checks.walk_forward,
            {},
            "walk_forward.out_of_sample.sharpe",
            0.0,
            Level.FAILS,
            Level.FAILS,
        ),
        (
            checks.walk_forward,
            nested("walk_forward.out_of_sample.sharpe", 1.0),
            "walk_forward.range.low",
            0.0,
            Level.DOUBTFUL,
            Level.DOUBTFUL,
        ),
        (
            checks.walk_forward,
            nested("walk_forward.out_of_sample.sharpe", 1.0),
            "walk_forward.out_of_sample.trades",
            FEW_OUTSIDE,
            Level.HOLDS,
            Level.DOUBTFUL,
        ),
        (
            checks.interval,
            nested("bootstrap.sharpe", {"high": 2.0, "level": 0.9}),
            "bootstrap.sharpe.low",
            0.0,
            Level.DOUBTFUL,
            Level.DOUBTFUL,
        ),
        (checks.plateau, {}, "plateau.objective", 0.0, None, None),
        (
            checks.plateau,
            nested("plateau", {"objective": 2.0, "count": 8}),
            "plateau.median",
            2.0 * WORTH_KEEPING,
            Level.HOLDS,
            Level.DOUBTFUL,
        ),
        (
            checks.concentration,
            {},
            "concentration.best_trade",
            ONE_TRADE,
            Level.DOUBTFUL,
            None,
        ),
        (
            checks.concentration,
            {},
            "concentration.profit_factor_without_best_three",
            1.0,
            Level.DOUBTFUL,
            Level.DOUBTFUL,
        ),
        (
            checks.fees,
            nested("fees.taker_fee", 0.001),
            "fees.break_even",
            0.001,
            Level.FAILS,
            Level.FAILS,
        ),
        (
            checks.fees,
            nested("fees.taker_fee", 0.001),
            "fees.break_even",
            FEE_MARGIN * 0.001,
            Level.HOLDS,
            Level.DOUBTFUL,
        ),
    ],
)
def test_the_threshold_itself_lies_on_its_side(
    check: Check,
    rest: dict[str, Any],
    path: str,
    bound: float,
    at: Level | None,
    below: Level | None,
) -> None:
    for value, wanted in ((bound, at), (bound - JUST, below)):
        found = check(merged(rest, nested(path, value)))
        assert (None if found is None else found.level) == wanted, value


@pytest.mark.parametrize(
    ("check", "evidence"),
    [
        (checks.envelope, nested("metrics.sharpe", JUST)),
        (checks.overfitting, nested("overfitting.pbo", SUSPECT)),
        (checks.walk_forward, nested("walk_forward.out_of_sample.sharpe", JUST)),
        (
            checks.interval,
            nested("bootstrap.sharpe", {"low": JUST, "high": 2.0, "level": 0.9}),
        ),
    ],
)
def test_just_beyond_it_holds(check: Check, evidence: dict[str, Any]) -> None:
    found = check(evidence)
    assert found is not None
    assert found.level == Level.HOLDS


@pytest.mark.parametrize(
    ("path", "value", "level"),
    [
        ("permutation.count", ENOUGH_PERMUTED - 1, Level.DOUBTFUL),
        ("permutation.p_best", SIGNIFICANT + JUST, Level.FAILS),
        ("permutation.deviations", None, Level.DOUBTFUL),
    ],
)
def test_permuted_markets_count_where_they_are_enough_and_beaten(
    path: str, value: Any, level: Level
) -> None:
    found = checks.skill(merged(LUCK, nested(path, value)))
    assert found is not None
    assert found.level == level


def test_skill_names_how_many_sets_and_permuted_markets_were_tried() -> None:
    found = checks.skill(LUCK)
    assert found is not None
    assert "1,234 different sets" in found.sentence
    assert f"on 0 of {ENOUGH_PERMUTED} permuted markets" in found.sentence


def test_a_profit_factor_of_one_is_no_profit_on_any_path() -> None:
    paths = {"candle": {"sharpe": 1.0, "profit_factor": 1.0 + JUST}}
    found = checks.envelope({"envelope": paths})
    assert found is not None
    assert found.level == Level.HOLDS
    paths["candle"]["profit_factor"] = 1.0
    found = checks.envelope({"envelope": paths})
    assert found is not None
    assert found.level == Level.FAILS


LEVERED = {"market_type": "swap", "maintenance": {"leverage": 5.0}}
SHORTS = {"market_type": "swap", "sides": {"short": {"trades": 3}}}
KNOWN = {"mark": {"source": "file: marks.csv", "missing": 0}}


@pytest.mark.parametrize(
    ("evidence", "said"),
    [
        (LEVERED, "No mark prices are known"),
        (SHORTS, "No mark prices are known"),
        ({**LEVERED, "mark": {**KNOWN["mark"], "missing": 1234}}, "1,234 candles have no mark"),
        ({**SHORTS, "mark": {**KNOWN["mark"], "missing": 2}}, "2 candles have no mark"),
        ({**LEVERED, **KNOWN}, None),
        ({**SHORTS, **KNOWN}, None),
        ({"market_type": "swap", "maintenance": {"leverage": 1.0}}, None),
        ({"market_type": "swap", "sides": {"short": {"trades": 0}}}, None),
        ({**LEVERED, "market_type": "margin"}, None),
        ({"market_type": "swap"}, None),
    ],
)
def test_a_swap_that_borrows_or_shorts_tells_by_which_prices_it_is_liquidated(
    evidence: dict[str, Any], said: str | None
) -> None:
    """A note, which lowers no verdict."""
    found = checks.marks(evidence)
    assert (found is None) == (said is None)
    if found is not None and said is not None:
        assert found.sentence.startswith(said)
        assert (found.level, found.note) == (Level.HOLDS, True)


@pytest.mark.parametrize("value", [True, None, "1.0", float("nan"), float("inf"), {}])
def test_what_is_no_finite_number_is_not_read_as_one(value: Any) -> None:
    assert number({"a": {"b": value}}, "a.b") is None
    assert number({"a": 1.0}, "a.b") is None
    assert number({"a": {"b": 2}}, "a.b") == 2.0


def test_a_swap_without_funding_is_doubted_and_missing_hours_are_told() -> None:
    swap: dict[str, Any] = {"market_type": "swap"}
    unknown = checks.funding(swap)
    assert unknown is not None
    assert (unknown.level, "funding is not known" in unknown.sentence) == (Level.DOUBTFUL, True)
    known = {"funding": {"source": "file", "zero_hours": 0}}
    assert checks.funding({**swap, **known}) is None
    missing = checks.funding({**swap, "funding": {"source": "file", "zero_hours": 1234}})
    assert missing is not None
    assert (missing.level, missing.note) == (Level.HOLDS, True)
    assert "missing for 1,234 hours" in missing.sentence
    assert checks.funding({"market_type": "spot", "funding": {"zero_hours": 1234}}) is None
