import math
from typing import Any

import numpy as np
import pytest

from stoptrail.rules import metrics
from stoptrail.rules.jit import compiled
from stoptrail.rules.measure import (
    AccountCurve,
    equity_of,
    fallen,
    measure,
    position_of,
    row_of,
    tally_of,
)
from stoptrail.rules.stops import Entry
from stoptrail.rules.types import OPEN, TradeLog, close_marks, day_marks, fill_log
from tests.rules.runs import CANDLES, FREE, TWO, trades

MARKS = day_marks(CANDLES, 0)


def test_equity_is_marked_at_start_midnight_and_end() -> None:
    """At midnight (the close of 104) the two units of 100 are 8 up; the trade ends 2 up; the
    short of 98 is 3 up at the last close of 95."""
    equity = equity_of(TWO, fill_log(0), CANDLES, MARKS, FREE)
    assert equity.marks.tolist() == [1000.0, 1008.0, 1005.0]


def test_the_drawdown_is_that_of_candle_closes_and_exits() -> None:
    """Closes of the long: 1004, 1008; out at 1002. The short: 1003, 1010, 1005."""
    worst = max(1 - 1002 / 1008, 1 - 1005 / 1010)
    assert equity_of(TWO, fill_log(0), CANDLES, MARKS, FREE).worst == worst


def test_the_falls_of_a_day_are_those_of_its_closes() -> None:
    """None up to midnight; then out at 1002 after 1008, and 1005 after 1010 at the end."""
    falls = equity_of(TWO, fill_log(0), CANDLES, MARKS, FREE).falls
    assert falls.tolist() == [0.0, 0.0, max(1 - 1002 / 1008, 1 - 1005 / 1010)]


def test_a_fall_lasts_while_there_is_no_position() -> None:
    """A loss of 10 from 1000 on candle 1, before midnight; nothing after it."""
    lost = trades((1, 1, 1, 2.0, 100.0, 95.0))
    assert equity_of(lost, fill_log(0), CANDLES, MARKS, FREE).falls.tolist() == [
        0.0,
        1 - 990 / 1000,
        1 - 990 / 1000,
    ]


def test_the_deepest_of_the_falls_is_the_drawdown() -> None:
    equity = equity_of(TWO, fill_log(0), CANDLES, MARKS, FREE)
    assert equity.falls.max() == equity.worst


CURVE = AccountCurve(
    np.array([100.0, 120.0, 110.0]),
    np.array([100.0, 80.0, 120.0, 60.0, 110.0]),
    np.array([1, 1, 1, 2, 2]),
)
"""Two days, whose closes reach lower than their marks."""


@pytest.mark.parametrize("function", [fallen, compiled(fallen)])
def test_the_falls_of_an_account_are_those_of_its_closes(function: Any) -> None:
    assert function(CURVE).tolist() == [0.0, 1 - 80.0 / 100.0, 1 - 60.0 / 120.0]


def test_half_of_an_account_falls_half_as_deep_within_a_day() -> None:
    """From 100 down to 90 and up to 110; from there, half of a fall by half."""
    half = CURVE.scaled(0.5)
    assert half.equity == pytest.approx([100.0, 110.0, 110.0 * (1 - 0.5 / 12)])
    assert half.closes == pytest.approx([100.0, 90.0, 110.0, 82.5, 110.0 * (1 - 0.5 / 12)])
    assert fallen(half) == pytest.approx([0.0, 0.1, 0.25])


def test_a_long_account_is_scaled_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = CURVE.scaled(0.3).closes
    monkeypatch.setattr(metrics, "_AT_ONCE", 2)
    assert CURVE.scaled(0.3).closes.tobytes() == whole.tobytes()


def test_what_owes_more_than_it_has_within_a_day_has_nothing() -> None:
    assert CURVE.scaled(3.0).closes.tolist()[3] == 0.0
    gone = AccountCurve(np.array([100.0, 0.0, 0.0]), np.array([0.0, 0.0]), np.array([1, 2]))
    assert gone.scaled(0.5).closes.tolist() == [50.0, 50.0]


def test_an_account_can_be_marked_at_every_close() -> None:
    found = equity_of(TWO, fill_log(0), CANDLES, close_marks(CANDLES, 1), FREE).marks
    expected = [1000.0, 1004.0, 1008.0, 1002.0, 1002.0, 1003.0, 1010.0, 1005.0]
    assert found.tolist() == expected


def test_candles_with_a_position_are_counted_the_exits_included() -> None:
    assert equity_of(TWO, fill_log(0), CANDLES, MARKS, FREE).held == 3 + 3
    assert (
        equity_of(trades((3, 3, 1, 1.0, 100.0, 99.0)), fill_log(0), CANDLES, MARKS, FREE).held == 1
    )


def test_no_trades_leave_the_cash() -> None:
    none = TradeLog(*(column[:0] for column in TWO))
    equity = equity_of(none, fill_log(0), CANDLES, MARKS, FREE)
    assert (equity.marks.tolist(), equity.worst, equity.held) == ([1000.0] * 3, 0.0, 0)


def test_a_trade_is_the_position_that_it_was() -> None:
    costs = FREE.trade_rules.costs._replace(taker_fee=0.01)
    run_rules = FREE._replace(trade_rules=FREE.trade_rules._replace(costs=costs))
    position = position_of(TWO, 1, run_rules)
    assert position.held == Entry(-1, 98.0, int(CANDLES.time[5]), 2.5)
    assert (position.units, position.fee) == (1.0, pytest.approx(0.98))


def test_an_open_trade_is_no_closed_one() -> None:
    tally = tally_of(TWO)
    assert (tally.trades, tally.wins, tally.losses) == (1, 1, 0)
    assert (tally.gross_profit, tally.hours) == (2.0, 2.0)
    assert tally.r_total == pytest.approx(2.0 / (2.0 * 5.0))


def test_an_open_trades_entry_fee_has_been_paid() -> None:
    paid = TWO._replace(fees=np.array([0.5, 0.25]))
    assert tally_of(paid).fees == 0.75


def test_the_figures_follow_from_marks_and_trades() -> None:
    found = measure(TWO, equity_of(TWO, fill_log(0), CANDLES, MARKS, FREE), CANDLES, MARKS)
    returns = np.array([1008 / 1000 - 1, 1005 / 1008 - 1])
    assert found.net_return == 1005 / 1000 - 1
    assert found.sharpe == pytest.approx(returns.mean() / returns.std(ddof=1) * math.sqrt(365))
    assert found.sortino == pytest.approx(
        returns.mean() / math.sqrt((returns.clip(max=0) ** 2).mean()) * math.sqrt(365)
    )
    assert (found.trades, found.win_rate, found.avg_hours) == (1, 1.0, 2.0)
    assert found.exposure == pytest.approx(6 / 8)
    assert math.isnan(found.profit_factor)


def test_a_losing_trade_counts_against_the_winner() -> None:
    log = trades(
        (1, 3, 1, 2.0, 100.0, 101.0), (4, 6, 1, 1.0, 98.0, 90.0), (7, OPEN, 1, 1.0, 95.0, 95.0)
    )
    found = measure(log, equity_of(log, fill_log(0), CANDLES, MARKS, FREE), CANDLES, MARKS)
    assert found.profit_factor == 2.0 / 8.0
    assert found.payoff_ratio == 2.0 / 8.0
    assert found.avg_r == pytest.approx((2 / 10 - 8 / 5) / 2)


def test_rows_of_a_trade_begin_where_no_earlier_trade_has_one() -> None:
    trade = np.array([0, 0, 2, 2])
    assert [row_of(trade, k, 0) for k in range(4)] == [0, 2, 2, 4]
    assert row_of(trade, 2, 3) == 3
