from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from stoptrail.core.errors import OutputError
from stoptrail.reports.plots import ChartMarket, plot_trade
from stoptrail.reports.plots.trade import (
    at_close,
    marks,
    stop_values,
    trade_picture,
)
from stoptrail.reports.run_files import RunFiles, read_run
from stoptrail.rules.candles import Candles
from tests.reports.example_run import write_example_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFiles, Candles]:
    folder, candles = write_example_run(tmp_path_factory.mktemp("run"), days=60)
    return read_run(folder), candles


def market(candles: Candles, *, synthetic: bool = False) -> ChartMarket:
    place = np.arange(len(candles.time))
    return ChartMarket(candles, np.sin(place / 30), np.sign(np.sin(place / 900)), "X/Y", synthetic)


def test_the_stop_line_is_the_level_in_force_and_nothing_else(
    run: tuple[RunFiles, Candles],
) -> None:
    files, candles = run
    for trade in files.trades:
        stops = files.stops[trade.number]
        values = stop_values(candles, trade, stops)
        end = candles.time[-1] if trade.exit_time is None else trade.exit_time
        held = (candles.time >= trade.entry_time) & (candles.time <= end)
        assert (np.isfinite(values) == held).all()
        for stop in stops:
            assert values[candles.time == stop.time] == stop.level


@pytest.mark.parametrize("multiple", [1, 4, 16])
def test_an_exit_lies_on_the_stop_that_was_hit(
    run: tuple[RunFiles, Candles], multiple: int
) -> None:
    from stoptrail.reports.crop import merged

    files, candles = run
    shown = merged(candles, multiple)
    for trade in files.trades[:-1]:
        values = stop_values(shown, trade, files.stops[trade.number])
        assert trade.exit_time is not None
        at = int(np.searchsorted(shown.time, trade.exit_time, side="right")) - 1
        assert values[at] == files.stops[trade.number][-1].level
        assert np.isnan(values[at + 1 :]).all()


def test_prices_of_a_cheap_coin_are_no_zeros(run: tuple[RunFiles, Candles]) -> None:
    files, candles = run
    trade = files.trades[0]._replace(entry_price=1.31e-8, exit_price=1.28e-8, exits=())
    names = [line.title for line in trade_picture(market(candles), trade, []).lines]
    assert any(name.endswith(" entry 1.31e-08") for name in names)
    assert any(name.endswith(" exit 1.28e-08") for name in names)


def test_a_trade_without_stops_has_no_line(run: tuple[RunFiles, Candles]) -> None:
    files, candles = run
    assert np.isnan(stop_values(candles, files.trades[0], [])).all()


def test_a_marker_sits_on_the_candle_that_holds_its_time(run: tuple[RunFiles, Candles]) -> None:
    candles = run[1]
    inside = int(candles.time[5]) + candles.interval // 2
    values = marks(candles, [(inside, 3.0), (int(candles.time[0]) - 1, 9.0)])
    assert np.flatnonzero(np.isfinite(values)).tolist() == [5]
    assert values[5] == 3.0


def test_merged_candles_show_what_was_known_at_their_close(run: tuple[RunFiles, Candles]) -> None:
    from stoptrail.reports.crop import merged

    candles = run[1]
    values = np.arange(len(candles.time), dtype=float)
    longer = merged(candles, 4)
    assert at_close(candles.time, values, candles).tolist() == values.tolist()
    assert at_close(candles.time, values, longer)[:3].tolist() == [3.0, 7.0, 11.0]


def test_a_trade_is_plotted_into_a_readable_file(
    run: tuple[RunFiles, Candles], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, candles = run
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "MPLBACKEND"):
        monkeypatch.delenv(name, raising=False)
    for trade in (files.trades[0], files.trades[-1]):
        target = tmp_path / f"{trade.number}.png"
        stops = files.stops[trade.number]
        assert plot_trade(market(candles), trade, stops, target, window=True) == target
        with Image.open(target) as image:
            assert image.size >= (1200, 700)
            assert len(image.convert("RGB").getcolors(1 << 24) or []) > 50


def test_a_liquidation_is_told_with_the_funding_that_was_paid_before(
    run: tuple[RunFiles, Candles],
) -> None:
    files, candles = run
    trade = files.trades[0]._replace(exit_reason="liquidated", pnl=-500.0)
    told = {
        paid: trade_picture(market(candles), trade._replace(funding=paid), []).title
        for paid in (-123.456, 0.0, 20.0)
    }
    assert "liquidated: the account could not hold it after 123.46 of funding: " in told[-123.456]
    assert told[0.0] == told[20.0]
    assert "could not hold it: " in told[0.0]


def test_the_plot_is_backtrader_s_own_with_every_panel_and_marker(
    run: tuple[RunFiles, Candles], monkeypatch: pytest.MonkeyPatch
) -> None:
    import matplotlib.figure

    from stoptrail.reports.plots import draw

    files, candles = run
    trade = next(
        trade
        for trade in files.trades
        if trade.exit_time and any(s.reason == "breakeven" for s in files.stops[trade.number])
    )
    kept: list[matplotlib.figure.Figure] = []
    monkeypatch.setattr("matplotlib.pyplot.close", kept.append)
    picture = trade_picture(market(candles, synthetic=True), trade, files.stops[trade.number])
    draw.draw(picture, None, window=False)
    monkeypatch.undo()
    figure = kept[0]
    prices, *panels = figure.axes
    names = [text.get_text() for text in prices.get_legend().get_texts()]  # type: ignore[union-attr]
    assert names[1] == "stop level"
    assert sum("entry" in name for name in names) == 1
    assert sum("exit" in name for name in names) == 1
    assert "stop to breakeven" in names
    assert [panel.get_ylabel() for panel in panels] == ["cycle", "trend"]
    assert any("SYNTHETIC" in text.get_text() for text in figure.texts)
    figure.draw_without_rendering()
    legend = prices.get_legend().get_window_extent()  # type: ignore[union-attr]
    assert legend.y0 >= prices.get_window_extent().y1  # above the panel: it hides nothing
    assert legend.x1 <= figure.bbox.x1
    low, high = prices.get_ylim()
    levels = [stop.level for stop in files.stops[trade.number]]
    assert low < min(levels)
    assert high > max(levels)
    assert any(label.get_visible() for label in panels[-1].get_xticklabels())
    from matplotlib import pyplot

    pyplot.close(figure)


def test_a_plot_that_cannot_be_written_is_one_clear_line(
    run: tuple[RunFiles, Candles], tmp_path: Path
) -> None:
    files, candles = run
    trade = files.trades[0]
    target = tmp_path / "nowhere" / "trade.png"
    with pytest.raises(OutputError, match="nowhere") as raised:
        plot_trade(market(candles), trade, files.stops[trade.number], target)
    assert "\n" not in str(raised.value)


def test_a_disk_that_fills_up_leaves_no_part_of_a_plot(
    run: tuple[RunFiles, Candles], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(figure: Any, file: Path, **options: object) -> None:
        file.write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", half)
    files, candles = run
    trade = files.trades[0]
    with pytest.raises(OutputError, match="No space left on device"):
        plot_trade(market(candles), trade, files.stops[trade.number], tmp_path / "trade.png")
    assert list(tmp_path.iterdir()) == []
