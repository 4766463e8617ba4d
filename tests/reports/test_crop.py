from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stoptrail.reports.crop import (
    around,
    merged,
    multiple_for,
)
from stoptrail.reports.run_files import TradeRecord
from stoptrail.rules.candles import rows_of
from tests.reports.example_run import random_candles

CANDLES = random_candles(np.random.default_rng(3), 12)


def trade_between(entry: int, end: int | None) -> TradeRecord:
    exit_time = None if end is None else int(CANDLES.time[end])
    entry_time = int(CANDLES.time[entry])
    return TradeRecord(1, 1, entry_time, 1.0, 1.0, 0.9, exit_time, 1.1, "trail", 0, 0, 0, 0, 0)


@given(st.integers(1, 300))
def test_merging_keeps_the_extremes_the_ends_and_the_volume(multiple: int) -> None:
    longer = merged(CANDLES, multiple)
    assert longer.high.max() == CANDLES.high.max()
    assert longer.low.min() == CANDLES.low.min()
    assert longer.open[0] == CANDLES.open[0]
    assert longer.close[-1] == CANDLES.close[-1]
    assert np.isclose(longer.volume.sum(), CANDLES.volume.sum())
    assert (np.diff(longer.time) > 0).all()
    assert multiple == 1 or (longer.time % longer.interval == 0).all()


@given(st.integers(1, 100_000), st.integers(1, 400))
def test_merging_leaves_no_more_candles_than_asked_for(count: int, bars: int) -> None:
    assert count <= multiple_for(count, bars) * bars


@given(st.integers(0, 500), st.integers(0, 600), st.integers(20, 400))
def test_a_chart_holds_the_whole_trade(entry: int, length: int, bars: int) -> None:
    end = min(entry + length, len(CANDLES.time) - 1)
    shown = around(CANDLES, trade_between(entry, end), bars)
    assert shown.time[0] <= CANDLES.time[entry]
    assert shown.time[-1] + shown.interval > CANDLES.time[end]
    assert len(shown.time) <= bars + 1


def test_a_position_still_open_is_shown_to_the_end() -> None:
    shown = around(CANDLES, trade_between(100, None), 5_000)
    assert shown.time[-1] == CANDLES.time[-1]


def test_a_part_is_the_same_candles() -> None:
    kept = rows_of(CANDLES, slice(3, 7))
    assert kept.close.tolist() == CANDLES.close[3:7].tolist()
    assert kept.interval == CANDLES.interval


def test_charts_go_up_by_lengths_that_divide_a_day_or_weeks_and_then_by_what_is_needed() -> None:
    assert [multiple_for(count, 100) for count in (100, 101, 1601, 2401, 2500)] == [
        1,
        2,
        24,
        32,
        32,
    ]
    assert multiple_for(268_800, 100) == 2688
    assert multiple_for(268_900, 100) == 2689
    assert multiple_for(1_000_000, 100) == 10_000
