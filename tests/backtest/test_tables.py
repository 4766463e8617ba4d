"""The rows of a run's tables, reckoned again by hand."""

import numpy as np
import pytest

from stoptrail.backtest.inputs import Inputs
from stoptrail.backtest.outcome import Outcome
from stoptrail.backtest.plan import Plan, Record
from stoptrail.backtest.tables import (
    STILL_OPEN,
    TRADE_COLUMNS,
    fill_rows,
    stop_rows,
    trade_rows,
    write_tables,
)
from stoptrail.rules.stops import BREAKEVEN, INITIAL, TARGET, TRAIL
from stoptrail.rules.types import FillLog, StopLog, day_marks, fill_log, stop_log
from tests.rules.runs import CANDLES, FREE, TWO, trades


def outcome_of(log, stops: StopLog | None = None) -> Outcome:
    record = Record(log, stops or stop_log(0), np.zeros(6, np.int64), fill_log(0))
    plan = Plan(None, {}, 0, 0, 0, FREE)  # type: ignore[arg-type]
    return Outcome(plan, record, None, None, None)  # type: ignore[arg-type]


def rows_of(log) -> list[dict]:
    return [
        dict(zip(TRADE_COLUMNS, row, strict=True)) for row in trade_rows(outcome_of(log), CANDLES)
    ]


def test_a_closed_trade_has_all_of_its_row() -> None:
    """Bought at 100 on the candle of 22:00 with the stop at 95, out at 101 on that of 00:00;
    before the exit candle lows were 100 and 102, highs 105 and 107."""
    row = rows_of(TWO)[0]
    assert (row["number"], row["side"]) == (1, "long")
    assert row["signal_time"] == "2024-10-04T21:00:00Z"
    assert row["entry_time"] == "2024-10-04T22:00:00Z"
    assert row["exit_time"] == "2024-10-05T00:00:00Z"
    assert (row["entry_price"], row["initial_stop"], row["exit_price"]) == (100.0, 95.0, 101.0)
    assert (row["units"], row["pnl"], row["fees"], row["borrow"]) == (2.0, 2.0, 0.0, 0.0)
    assert row["exit_reason"] == "initial"
    assert row["r_multiple"] == pytest.approx(0.2)
    assert row["mae"] == 0.0
    assert row["mfe"] == pytest.approx(7.0 / 5.0)


def test_an_open_trade_has_no_exit_but_what_it_made_so_far() -> None:
    row = rows_of(TWO)[1]
    assert (row["number"], row["side"], row["exit_reason"]) == (2, "short", STILL_OPEN)
    assert (row["exit_time"], row["exit_price"]) == (None, None)
    assert row["pnl"] == 3.0
    assert row["mae"] == pytest.approx(-2.0 / 5.0)  # a high of 100 against a fill of 98
    assert row["mfe"] == pytest.approx(10.0 / 5.0)  # a low of 88


def test_without_a_distance_to_the_stop_nothing_is_told_in_r() -> None:
    log = trades((1, 3, 1, 2.0, 100.0, 101.0))
    row = rows_of(log._replace(initial=log.fill.copy()))[0]
    assert (row["mae"], row["mfe"]) == (None, None)
    assert np.isnan(row["r_multiple"])


def test_a_level_of_a_candle_that_never_came_is_left_out() -> None:
    stops = StopLog(
        trade=np.array([0, 0, 1]),
        candle=np.array([1, 7, 8]),
        level=np.array([95.0, 100.1, 99.0]),
        reason=np.array([INITIAL, BREAKEVEN, TRAIL], np.int8),
        tick=np.zeros(3, np.int64),
        price=np.zeros(3),
    )
    assert list(stop_rows(outcome_of(TWO, stops), CANDLES)) == [
        [1, "2024-10-04T22:00:00Z", 95.0, "initial", "false"],
        [1, "2024-10-05T04:00:00Z", 100.1, "breakeven", "false"],
    ]


def test_the_first_level_has_the_time_of_the_entry_also_where_a_tick_came_late() -> None:
    """The first minute of the entry candle had no trades (C21)."""
    stops = StopLog(
        trade=np.array([0]),
        candle=np.array([1]),
        level=np.array([95.0]),
        reason=np.array([INITIAL], np.int8),
        tick=np.zeros(1, np.int64),
        price=np.zeros(1),
    )
    late = TWO._replace(entry_time=TWO.entry_time + 60_000)
    (row,) = stop_rows(outcome_of(late, stops), CANDLES)
    assert row[1] == "2024-10-04T22:01:00Z"


@pytest.mark.parametrize(("beyond", "passed"), [(0.5, "true"), (0.0, "false"), (-0.5, "false")])
def test_a_trail_beyond_the_close_that_set_it_is_marked(beyond: float, passed: str) -> None:
    """Above the close for the long trade, below it for the short one."""
    levels = [CANDLES.close[2] + beyond, CANDLES.close[4] - beyond]
    stops = StopLog(
        trade=np.array([0, 1]),
        candle=np.array([3, 5]),
        level=np.array(levels),
        reason=np.array([TRAIL, TRAIL], np.int8),
        tick=np.zeros(2, np.int64),
        price=np.zeros(2),
    )
    assert [row[-1] for row in stop_rows(outcome_of(TWO, stops), CANDLES)] == [passed, passed]


@pytest.mark.parametrize(("beyond", "passed"), [(0.5, "true"), (0.0, "false"), (-0.5, "false")])
def test_a_trail_beyond_the_tick_that_set_it_is_marked(beyond: float, passed: str) -> None:
    """Whatever the close before it was."""
    stops = StopLog(
        trade=np.array([0, 1]),
        candle=np.array([3, 5]),
        level=np.array([95.0 + beyond, 95.0 - beyond]),
        reason=np.array([TRAIL, TRAIL], np.int8),
        tick=CANDLES.time[[3, 5]] + 60_000,
        price=np.array([95.0, 95.0]),
    )
    assert [row[-1] for row in stop_rows(outcome_of(TWO, stops), CANDLES)] == [passed, passed]


def test_the_tables_of_a_run_are_written_and_that_of_stops_only_where_there_were_some(tmp_path):
    inputs = Inputs(CANDLES, 0, day_marks(CANDLES, 0), FREE.trade_rules.market)
    equity = np.array([1000.0, 1008.0, 1001.0])
    one = np.array([0], np.int64)
    stops = StopLog(one, one + 1, np.array([95.0]), np.array([INITIAL], np.int8), one, one * 0.0)
    for prefix, log in (("", stops), ("baseline_", None)):
        outcome = outcome_of(TWO, log)._replace(equity=equity, falls=np.zeros(3))
        write_tables(tmp_path, outcome, inputs, prefix)
    names = ("trades.csv", "equity.csv", "stops.csv", "baseline_trades.csv", "baseline_equity.csv")
    fills = ("fills.csv", "baseline_fills.csv")
    assert {file.name for file in tmp_path.iterdir()} == {*names, *fills}
    lines = {name: (tmp_path / name).read_text().splitlines() for name in names}
    assert [len(lines[name]) for name in names] == [3, 4, 2, 3, 4]
    assert lines["stops.csv"][1].split(",")[2] == "95.0"


def test_every_fill_has_a_row_of_its_own() -> None:
    fills = FillLog(
        trade=np.array([0, 0]),
        candle=np.array([2, 3]),
        time=CANDLES.time[[2, 3]],
        units=np.array([0.5, 1.5]),
        price=np.array([104.0, 100.0]),
        fee=np.array([0.1, 0.3]),
        reason=np.array([TARGET, INITIAL], np.int8),
        funding=np.zeros(2),
    )
    outcome = outcome_of(TWO)
    outcome = outcome._replace(record=outcome.record._replace(fills=fills))
    assert list(fill_rows(outcome)) == [
        [1, "2024-10-04T22:00:00Z", "buy", 2.0, 100.0, 0.0, "entry"],
        [1, "2024-10-04T23:00:00Z", "sell", 0.5, 104.0, 0.1, "target"],
        [1, "2024-10-05T00:00:00Z", "sell", 1.5, 100.0, 0.3, "initial"],
        [2, "2024-10-05T02:00:00Z", "sell", 1.0, 98.0, 0.0, "entry"],
    ]
