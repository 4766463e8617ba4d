"""The figures of a run, reckoned again by hand."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from stoptrail.backtest import outcome
from stoptrail.backtest.inputs import Inputs
from stoptrail.backtest.outcome import (
    Outcome,
    account_curve,
    account_table,
    buy_and_hold,
    by_side,
    by_year,
    held_table,
    mark_table,
    metrics_table,
)
from stoptrail.backtest.plan import Record
from stoptrail.core.time import iso_time
from stoptrail.rules.costs import DAY
from stoptrail.rules.funding import funding_of, funding_rows
from stoptrail.rules.margin import Margin
from stoptrail.rules.measure import equity_of, measure
from stoptrail.rules.trade import IGNORED
from stoptrail.rules.types import OPEN, RunRules, TradeLog, day_marks, fill_log, stop_log
from tests.rules.runs import CANDLES, CLOSES, FREE, HOUR, TWO, trades

NEW_YEAR = int(pd.Timestamp("2025-01-01").value) // 1_000_000


def inputs_of(start: int = 0, begins: int = int(CANDLES.time[0])) -> Inputs:
    candles = CANDLES._replace(time=begins + HOUR * np.arange(8, dtype=np.int64))
    return Inputs(candles, start, day_marks(candles, start), FREE.trade_rules.market)


def costly(taker_fee: float, slippage: float) -> RunRules:
    costs = FREE.trade_rules.costs._replace(taker_fee=taker_fee, slippage=slippage)
    return FREE._replace(trade_rules=FREE.trade_rules._replace(costs=costs))


def outcome_of(log: TradeLog, inputs: Inputs) -> Outcome:
    equity = equity_of(log, fill_log(0), inputs.candles, inputs.marks, FREE)
    metrics = measure(log, equity, inputs.candles, inputs.marks)
    ignored = np.arange(len(IGNORED), dtype=np.int64)
    return Outcome(
        None, Record(log, stop_log(0), ignored, fill_log(0)), equity.marks, equity.falls, metrics
    )  # type: ignore[arg-type]


def held(inputs: Inputs, rules: RunRules) -> dict[str, Any]:
    curve, gone = buy_and_hold(inputs, rules)
    return {**held_table(curve, inputs), **gone}


def test_buy_and_hold_pays_to_get_in_and_then_moves_with_the_price() -> None:
    """From the open of 102 on, at 102 * 1.02 on the cent above, and a fee of a hundredth."""
    inputs = inputs_of(start=1)
    found = held(inputs, costly(0.01, 0.02))
    fill = math.ceil(102.0 * 1.02 * 100 - 1e-9) / 100
    units = 1000.0 / (fill * 1.01)
    path = np.concatenate(([1000.0], units * CLOSES[1:]))
    assert found["equity"] == pytest.approx([1000.0, units * 104.0, units * 95.0])
    assert found["net_return"] == pytest.approx(units * 95.0 / 1000.0 - 1.0)
    assert found["max_drawdown"] == pytest.approx(max(1 - path / np.maximum.accumulate(path)))
    assert max(found["falls"]) == found["max_drawdown"]
    years = 7 * HOUR / (365 * DAY)
    assert found["cagr"] == pytest.approx((units * 95.0 / 1000.0) ** (1 / years) - 1.0)
    returns = np.array([units * 0.104 - 1.0, 95.0 / 104.0 - 1.0])
    expected = returns.mean() / returns.std(ddof=1) * math.sqrt(365)
    assert found["sharpe"] == pytest.approx(expected)


def test_costs_take_from_buy_and_hold() -> None:
    free = held(inputs_of(), costly(0.0, 0.0))
    assert free["net_return"] == pytest.approx(-0.05)
    for rules in (costly(0.01, 0.0), costly(0.0, 0.01)):
        assert held(inputs_of(), rules)["net_return"] < -0.059


def test_from_noon_to_noon_a_run_and_buy_and_hold_grow_over_the_same_time() -> None:
    """A run that buys at the first open and never sells earns what buy-and-hold does."""
    noon = NEW_YEAR + 12 * HOUR
    candles = CANDLES._replace(time=noon + 4 * HOUR * np.arange(8, dtype=np.int64))
    candles = candles._replace(interval=4 * HOUR)
    inputs = Inputs(candles, 0, day_marks(candles, 0), FREE.trade_rules.market)
    log = trades((0, OPEN, 1, 10.0, 100.0, 95.0))
    hold, run = held(inputs, FREE), metrics_table(outcome_of(log, inputs))
    for name in ("net_return", "cagr", "sharpe", "max_drawdown"):
        assert run[name] == hold[name]
    assert run["cagr"] == pytest.approx(0.95 ** (365 * 24 / 32) - 1.0)


def test_every_year_has_its_own_trades_and_days() -> None:
    """Three candles of 2024: a gain of 4 on each of two units at midnight, closed in 2025."""
    inputs = inputs_of(begins=NEW_YEAR - 3 * HOUR)
    log = trades((1, 4, 1, 2.0, 100.0, 99.0), (5, 6, -1, 1.0, 98.0, 90.0))
    found = by_year(outcome_of(log, inputs), inputs)
    assert set(found) == {"2024", "2025"}
    assert found["2024"]["net_return"] == pytest.approx(0.008)
    assert found["2025"]["net_return"] == pytest.approx(1006.0 / 1008.0 - 1.0)
    assert [found[year]["trades"] for year in ("2024", "2025")] == [0, 2]
    assert found["2024"]["profit_factor"] is None
    assert found["2025"]["profit_factor"] == 8.0 / 2.0
    assert found["2025"]["pnl"] == 6.0
    assert found["2025"]["sharpe"] is None


def test_every_side_has_its_closed_trades() -> None:
    inputs = inputs_of()
    log = trades(
        (1, 3, 1, 2.0, 100.0, 101.0), (3, 4, -1, 1.0, 99.0, 98.0), (5, OPEN, -1, 1.0, 98.0, 95.0)
    )
    found = by_side(outcome_of(log, inputs), inputs)
    assert {side: (row["trades"], row["pnl"]) for side, row in found.items()} == {
        "long": (1, 2.0),
        "short": (1, 1.0),
    }
    assert found["long"]["avg_hours"] == 2.0
    assert found["short"]["avg_r"] == pytest.approx(1.0 / 5.0)


def test_marks_alone_tell_of_return_sharpe_and_sortino() -> None:
    marks = np.array([100.0, 120.0, 90.0, 130.0])
    returns = np.array([0.2, -0.25, 130 / 90 - 1])
    found = mark_table(marks[::1])
    assert found["net_return"] == pytest.approx(0.3)
    assert found["sharpe"] == pytest.approx(returns.mean() / returns.std(ddof=1) * math.sqrt(365))
    downside = np.sqrt((returns.clip(max=0.0) ** 2).mean())
    assert found["sortino"] == pytest.approx(returns.mean() / downside * math.sqrt(365))
    assert mark_table(np.repeat(marks, 2)[::2]) == found


def test_the_account_at_its_closes_falls_as_deep_as_the_run_says() -> None:
    """Up to 1008 at midnight, out at 1002, up to 1010, and 1005 at the end: by its marks alone it
    would have fallen from 1008 to 1005."""
    inputs = inputs_of(begins=int(CANDLES.time[0]))
    curve = account_curve(TWO, fill_log(0), inputs, FREE)
    expected = [1000.0, 1004.0, 1008.0, 1002.0, 1002.0, 1003.0, 1010.0, 1005.0]
    assert curve.closes.tolist() == expected
    assert curve.mark.tolist() == [1, 1, 1, 2, 2, 2, 2, 2]
    found = account_table(curve, inputs.marks.time)
    assert found["max_drawdown"] == max(1 - 1002 / 1008, 1 - 1005 / 1010)
    assert found["max_drawdown"] == outcome_of(TWO, inputs).metrics.max_drawdown
    assert found["net_return"] == pytest.approx(0.005)


def test_an_account_from_a_mark_on_knows_no_earlier_peak() -> None:
    """From midnight on: 1008, then 1002, and 1005 after 1010."""
    inputs = inputs_of()
    curve = account_curve(TWO, fill_log(0), inputs, FREE)
    later = curve.since(1)
    assert later.equity.tolist() == [1008.0, 1005.0]
    assert later.closes.tolist() == [1002.0, 1002.0, 1003.0, 1010.0, 1005.0]
    assert later.mark.tolist() == [1] * 5
    years = (inputs.marks.time[2] - inputs.marks.time[1]) / (365 * DAY)
    grown = account_table(later, inputs.marks.time[1:])["cagr"]
    assert grown == pytest.approx((1005.0 / 1008.0) ** (1 / years) - 1.0)
    assert account_table(later, inputs.marks.time[1:])["max_drawdown"] == 1 - 1002 / 1008


def test_ignored_signals_are_named_by_reason() -> None:
    table = metrics_table(outcome_of(trades((1, 3, 1, 2.0, 100.0, 101.0)), inputs_of()))
    assert table["ignored_signals"] == {name: code for code, name in enumerate(IGNORED)}
    assert table["profit_factor"] is None


def test_buy_and_hold_of_a_swap_is_liquidated_once_funding_took_what_it_has() -> None:
    """10 units at 100; 90 a unit are paid by the open of candle 5, whose low of 95 leaves 50, more
    than 0.5 % ask. The next 10 take that at the open of candle 6, at 90."""
    swap = FREE.trade_rules._replace(margin=Margin(0.005, True, True, 0.0))
    swap = swap._replace(costs=swap.costs._replace(funding=1.0))
    rules, inputs = FREE._replace(trade_rules=swap), inputs_of()
    closes = inputs.candles.time + HOUR
    rows = funding_rows(closes[[2, 4, 5]], [0.45, 0.45, 0.1], [100.0] * 3)
    paid = inputs._replace(funding=funding_of(rows, inputs.candles))
    found = held(paid, rules)
    assert found["liquidated"] == iso_time(int(closes[5]))
    assert found["equity"][-1] == 0.0
    assert found["net_return"] == -1.0
    assert min(found["equity"]) >= 0.0
    first = funding_of(funding_rows(closes[2:3], [0.45], [100.0]), inputs.candles)
    kept = held(inputs._replace(funding=first), rules)
    assert "liquidated" not in kept
    assert kept["equity"][-1] == pytest.approx(10.0 * (95.0 - 45.0))


def test_closes_are_marked_alike_at_once_and_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trades that begin, go on and end across the parts."""
    for start in (0, 1, 3):
        inputs = inputs_of(start=start)
        whole = account_curve(TWO, fill_log(0), inputs, FREE)
        for most in (1, 2, 3):
            with monkeypatch.context() as patched:
                patched.setattr(outcome, "_MOST_CLOSES", most)
                parts = account_curve(TWO, fill_log(0), inputs, FREE)
            for one, other in zip(whole, parts, strict=True):
                assert one.tobytes() == other.tobytes()


def test_each_close_knows_the_first_mark_that_is_not_before_it() -> None:
    """With two days without candles."""
    time = NEW_YEAR + HOUR * np.array([20, 22, 23, 96, 97, 120, 121, 122], np.int64)
    candles = CANDLES._replace(time=time)
    for start in (0, 2, 5):
        inputs = Inputs(candles, start, day_marks(candles, start), FREE.trade_rules.market)
        at = [(int(time[k]) + HOUR) for k in range(start, 8)]
        expected = [next(m for m, t in enumerate(inputs.marks.time) if t >= close) for close in at]
        assert outcome.mark_of_closes(inputs).tolist() == expected
