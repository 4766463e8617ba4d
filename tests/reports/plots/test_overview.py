from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stoptrail.reports.crop import merged
from stoptrail.reports.plots import plot_overview
from stoptrail.reports.plots.draw import loaded, settle_backend
from stoptrail.reports.plots.overview import (
    drawdown_percent,
    equity_at,
    fallen_percent,
    overview_picture,
)
from stoptrail.reports.run_files import EquityCurve, ExitFill, read_run
from stoptrail.rules.candles import Candles
from tests.reports.example_run import random_candles, write_example_run


def test_the_whole_run_is_plotted_into_a_file(tmp_path: Path) -> None:
    folder, candles = write_example_run(tmp_path, days=200)
    run = read_run(folder)
    target = tmp_path / "overview.png"
    assert plot_overview(candles, run.trades, run.equity, "X/Y", target) == target
    with Image.open(target) as image:
        assert image.size >= (1200, 700)


def test_every_side_and_exit_is_counted_in_its_name(tmp_path: Path) -> None:
    folder, candles = write_example_run(tmp_path, days=200)
    run = read_run(folder)
    picture = overview_picture(candles, run.trades, run.equity, "X/Y")
    names = [line.title for line in picture.lines]
    longs = sum(trade.side > 0 for trade in run.trades)
    assert f"long entries ({longs})" in names
    assert f"short entries ({len(run.trades) - longs})" in names
    assert f"exits ({sum(trade.exit_time is not None for trade in run.trades)})" in names
    assert all(len(line.values) == len(picture.candles.time) for line in picture.lines)


def test_a_part_that_left_is_no_exit(tmp_path: Path) -> None:
    folder, candles = write_example_run(tmp_path, days=200)
    first, second = read_run(folder).trades[:2]
    assert first.exit_time is not None
    part = ExitFill(first.entry_time, 0.1, first.entry_price, "target")
    last = ExitFill(first.exit_time, 0.1, first.exit_price, "trail")
    trades = [first._replace(exits=(part, last)), second._replace(exit_time=None, exits=(part,))]
    equity = EquityCurve(candles.time[:0], np.array([]))
    names = [line.title for line in overview_picture(candles, trades, equity, "X/Y").lines]
    assert names[-2:] == ["parts (2)", "exits (1)"]


@pytest.mark.parametrize("days", [60, 135, 200, 900])
def test_dates_below_the_panels_are_not_written_over_each_other(
    days: int,
) -> None:
    candles = merged(random_candles(np.random.default_rng(1), days), 24)
    picture = overview_picture(candles, [], EquityCurve(candles.time[:0], np.array([])), "X/Y")
    settle_backend(window=False)
    cerebro = loaded(picture)
    cerebro.run()
    from matplotlib import pyplot

    from stoptrail.reports.plots.plotter import plotter_for

    ((figure,),) = cerebro.plot(plotter=plotter_for(picture, False), iplot=False)
    figure.canvas.draw()
    shown = [label for label in figure.axes[-1].get_xticklabels() if label.get_text()]
    boxes = sorted((label.get_window_extent().x0, label.get_window_extent().x1) for label in shown)
    pyplot.close(figure)
    assert len(boxes) >= 4
    assert all(left[1] < right[0] for left, right in pairwise(boxes))


def test_equity_is_the_last_mark_known_at_a_candle_s_close() -> None:
    candles = random_candles(np.random.default_rng(1), 2)
    day = EquityCurve(candles.time[[0, 96]], np.array([100.0, 110.0]))
    equity = equity_at(day, candles)
    # The candle that closes at midnight knows midnight's mark.
    assert equity[94] == 100.0
    assert equity[95] == 110.0


def test_the_drawdown_is_that_of_candle_closes_where_the_run_wrote_it(tmp_path: Path) -> None:
    folder, candles = write_example_run(tmp_path, days=200)
    equity = read_run(folder).equity
    assert equity.falls is not None
    shown = overview_picture(candles, [], equity, "X/Y")
    (line,) = [line for line in shown.lines if line.title == "drawdown %"]
    assert line.values.min() == pytest.approx(-100 * equity.falls.max())


@pytest.mark.parametrize(("count", "expected"), [(1, [-10.0, -10.0, -30.0]), (2, [-10.0, -30.0])])
def test_each_candle_has_the_deepest_of_its_days(count: int, expected: list[float]) -> None:
    day = 86_400_000
    nothing = np.ones(3)
    candles = Candles(day * np.arange(3), nothing, nothing, nothing, nothing, nothing, day)
    marks = EquityCurve(day * np.arange(4), np.ones(4), np.array([0.0, 0.1, 0.1, 0.3]))
    assert fallen_percent(marks, merged(candles, count)).tolist() == pytest.approx(expected)


def test_drawdown_counts_from_the_highest_point_so_far() -> None:
    fallen = drawdown_percent(np.array([np.nan, 100.0, 80.0, 120.0, 90.0]))
    assert np.isnan(fallen[0])
    assert fallen[1:] == pytest.approx([0.0, -20.0, 0.0, -25.0])


@pytest.mark.parametrize(("count", "name"), [(4, "1h"), (24, "6h"), (144, "36h"), (288, "3d")])
def test_the_legend_names_candles_as_timeframes_are_named(count: int, name: str) -> None:
    """Six hours are Backtrader's "360 Minutes"."""
    candles = merged(random_candles(np.random.default_rng(1), 25), count)
    picture = overview_picture(candles, [], EquityCurve(candles.time[:0], np.array([])), "X/Y")
    settle_backend(window=False)
    cerebro = loaded(picture)
    cerebro.run()
    from matplotlib import pyplot

    from stoptrail.reports.plots.plotter import plotter_for

    ((figure,),) = cerebro.plot(plotter=plotter_for(picture, False), iplot=False)
    legend = next(axis.get_legend() for axis in figure.axes if axis.get_legend())
    pyplot.close(figure)
    assert legend.get_texts()[0].get_text() == f"X/Y ({name})"
