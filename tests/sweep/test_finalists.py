"""A comparison is worth something only if it sees every difference."""

from pathlib import Path

import numpy as np
import pytest

from stoptrail.backtest.inputs import Inputs
from stoptrail.backtest.plan import Record
from stoptrail.rules.candles import Candles
from stoptrail.rules.types import StopLog, TradeLog, day_marks, fill_log
from stoptrail.sweep.finalists import (
    RELATIVE,
    best_tenth,
    compare,
    draw_pruned,
    run_one,
    tenth_of,
)
from stoptrail.sweep.plain_run import make_ready, quick_record
from tests.contract.test_parity import random_case


def record() -> Record:
    """Two trades with two levels each, and some ignored signals."""
    trades = TradeLog(
        np.array([0, 10]),
        np.array([1, 11]),
        np.array([5, 15]),
        np.array([1, -1], np.int8),
        np.array([2, 0], np.int8),
        np.array([2.0, 3.0]),
        np.array([100.0, 110.0]),
        np.array([92.0, 118.0]),
        np.array([4.0, 4.0]),
        np.array([103.0, 118.0]),
        np.array([0.4, 0.7]),
        np.array([0.0, 0.1]),
        np.array([5.6, -24.8]),
        np.array([0.0, 0.0]),
        np.array([0.0, 0.0]),
        np.array([1000, 11_000]),
        np.array([5000, 15_000]),
    )
    stops = StopLog(
        np.array([0, 0, 1, 1]),
        np.array([1, 3, 11, 13]),
        np.array([92.0, 103.0, 118.0, 117.0]),
        np.array([0, 2, 0, 2], np.int8),
        np.array([0, 0, 0, 12_500]),
        np.array([0.0, 0.0, 0.0, 115.0]),
    )
    return Record(trades, stops, np.array([3, 0, 1, 0, 0, 0]), fill_log(0))


def with_trades(field: str, change: float) -> Record:
    """The record with a field of its second trade changed."""
    one = record()
    values = getattr(one.trades, field).copy()
    values[1] += values.dtype.type(change)
    return one._replace(trades=one.trades._replace(**{field: values}))


def test_equal_runs_have_no_mismatch_and_count_their_trades() -> None:
    assert compare(record(), record(), "run") == (2, ())


@pytest.mark.parametrize("field", ["signal", "entry", "exit", "side", "reason"])
def test_times_sides_and_reasons_must_be_equal(field: str) -> None:
    assert compare(record(), with_trades(field, 1), "run").mismatches == ("run: trade 2 differs",)


@pytest.mark.parametrize("field", ["units", "fill", "initial", "price"])
def test_prices_and_units_may_differ_by_rounding_only(field: str) -> None:
    size = getattr(record().trades, field)[1]
    assert compare(record(), with_trades(field, 0.5 * RELATIVE * size), "run").mismatches == ()
    assert compare(record(), with_trades(field, 2 * RELATIVE * size), "run").mismatches


def test_the_profit_is_measured_by_the_notional() -> None:
    notional = 3.0 * 110.0
    near, far = (with_trades("pnl", part * RELATIVE * notional) for part in (0.5, 2.0))
    assert compare(record(), near, "run").mismatches == ()
    assert compare(record(), far, "run").mismatches == ("run: trade 2 differs",)


@pytest.mark.parametrize("field", ["units", "fill", "initial", "price", "pnl"])
def test_what_is_not_a_number_is_a_mismatch(field: str) -> None:
    assert compare(record(), with_trades(field, float("nan")), "run").mismatches


def test_a_missing_trade_is_a_mismatch() -> None:
    one = record()
    fewer = one._replace(trades=TradeLog(*(column[:1] for column in one.trades)))
    found = compare(one, fewer, "run")
    assert found.trades == 1
    assert "run: 2 trades against 1" in found.mismatches


@pytest.mark.parametrize("field", StopLog._fields)
def test_every_level_counts(field: str) -> None:
    one = record()
    values = getattr(one.stops, field).copy()
    values[3] += values.dtype.type(1)
    other = one._replace(stops=one.stops._replace(**{field: values}))
    assert compare(one, other, "run").mismatches == ("run: stop levels differ",)


def test_every_ignored_signal_counts() -> None:
    one = record()
    other = one._replace(ignored=one.ignored + np.array([0, 0, 0, 0, 0, 1]))
    assert compare(one, other, "run").mismatches == ("run: ignored signals differ",)


def test_runs_that_are_equal_to_the_bit_have_no_mismatch_whatever_their_size() -> None:
    one = record()
    nothing = one._replace(trades=one.trades._replace(units=np.zeros(2)))
    assert compare(nothing, nothing, "run").mismatches == ()


def test_pruned_checks_are_drawn_from_what_is_no_finalist() -> None:
    drawn = draw_pruned(50, [3, 4, 5], 6, 1)
    assert len(set(drawn)) == len(drawn) == 6
    assert drawn == sorted(drawn)
    assert not {3, 4, 5} & set(drawn)
    assert drawn == draw_pruned(50, [3, 4, 5], 6, 1) != draw_pruned(50, [3, 4, 5], 6, 2)
    assert draw_pruned(5, [0, 2], 9, 1) == [1, 3, 4]


def test_a_finalist_runs_on_candles_from_a_memory_map(tmp_path: Path) -> None:
    """As a worker gets them; the plain loop must find the same."""
    case = random_case(3, count=600)
    market = case.plan.run_rules.trade_rules.market
    given = Inputs(case.candles, case.start, day_marks(case.candles, case.start), market)
    columns = []
    for name, column in zip(case.candles._fields[:6], case.candles[:6], strict=True):
        np.save(tmp_path / f"{name}.npy", column)
        columns.append(np.load(tmp_path / f"{name}.npy", mmap_mode="r"))
    mapped = given._replace(candles=Candles(*columns, case.candles.interval))
    plain = quick_record(case.plan, given, make_ready(case.plan, given))
    found = compare(plain, run_one(mapped, case.plan), "run")
    assert found.trades > 0
    assert found.mismatches == ()


def test_the_best_tenth_is_of_those_that_may_be_chosen() -> None:
    assert [tenth_of(allowed) for allowed in (0, 1, 14, 16, 27)] == [0, 1, 1, 2, 3]
    objective = np.array([np.nan, 1.0, 3.0, 3.0, *[0.0] * 13, np.nan])
    assert best_tenth(objective).tolist() == [2, 3]
    assert best_tenth(np.array([np.nan, np.nan])).tolist() == []
