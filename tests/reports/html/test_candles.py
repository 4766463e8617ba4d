"""None"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stoptrail.reports.html import candles as module
from stoptrail.reports.html.candles import MOST_CHARTS, market_data, packed_candles, trade_windows
from stoptrail.reports.html.page import candles_of_span
from stoptrail.reports.run_files import TradeRecord, read_run
from stoptrail.rules.candles import Candles, rows_of
from tests.reports.example_run import random_candles, write_example_run
from tests.reports.html.test_markup import streamed, unpacked

CANDLES = random_candles(np.random.default_rng(5), 20)


def scaled(factor: float) -> Candles:
    return CANDLES._replace(
        open=CANDLES.open * factor,
        high=CANDLES.high * factor,
        low=CANDLES.low * factor,
        close=CANDLES.close * factor,
    )


def test_prices_come_back_to_five_figures_whatever_their_size() -> None:
    for factor in (1e-9, 1.0, 1e4):
        candles = scaled(factor)
        window = packed_candles(candles)
        assert window is not None
        found = read(window)
        for name in ("open", "high", "low", "close"):
            np.testing.assert_allclose(found[name], getattr(candles, name), rtol=1e-5)


def test_missing_candles_leave_a_hole_and_not_a_shift() -> None:
    kept = np.r_[0:10, 25:40]
    candles = Candles(
        CANDLES.time[kept],
        CANDLES.open[kept],
        CANDLES.high[kept],
        CANDLES.low[kept],
        CANDLES.close[kept],
        CANDLES.volume[kept],
        CANDLES.interval,
    )
    window = packed_candles(candles)
    assert window is not None
    assert read(window)["time"] == candles.time.tolist()
    whole = packed_candles(CANDLES)
    assert whole is not None
    assert "holes" not in whole


def test_charts_are_bounded_and_every_trade_keeps_its_place() -> None:
    moment = int(CANDLES.time[50])
    one = TradeRecord(1, 1, moment, 1.0, 1.0, 0.9, moment, 1.1, "trail", 0, 0, 0, 0, 0)
    windows = trade_windows(CANDLES, [one] * (MOST_CHARTS + 3))
    assert len(windows) == MOST_CHARTS + 3
    assert [window is None for window in windows[-4:]] == [False, True, True, True]


def read(data: dict[str, Any]) -> dict[str, Any]:
    """The page script's arithmetic (market.js), to read the market back."""
    parts = {name: streamed(data[name]) for name in ("open", "high", "low", "close")}
    holes, lengths = (unpacked(data[k]) if k in data else [] for k in ("holes", "jumps"))
    jumps = dict(zip(holes, lengths, strict=True))
    found: dict[str, Any] = {"time": [], "open": [], "high": [], "low": [], "close": []}
    before, time = data["first"], data["start"] - data["step"]
    for k, (o, h, low, c) in enumerate(zip(*parts.values(), strict=True)):
        opened, closed = before + o, before + c
        time += jumps.get(k, 1) * data["step"]
        found["time"].append(time * 60_000)
        found["open"].append(opened * data["unit"])
        found["high"].append((max(opened, closed) + h) * data["unit"])
        found["low"].append((min(opened, closed) - low) * data["unit"])
        found["close"].append(closed * data["unit"])
        before = closed
    return found


@pytest.mark.parametrize("factor", [1e-9, 1.0, 1e4])
def test_prices_come_back_to_four_figures_whatever_their_size(factor: float) -> None:
    scaled = {n: getattr(CANDLES, n) * factor for n in ("open", "high", "low", "close")}
    data = market_data(CANDLES._replace(**scaled))
    assert data is not None
    found = read(data)
    for name, values in scaled.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-4)
    assert found["time"] == CANDLES.time.tolist()


def test_missing_candles_keep_every_time_in_place() -> None:
    holed = rows_of(CANDLES, np.r_[0:10, 25:40, 41:60])
    data = market_data(holed)
    assert data is not None
    assert read(data)["time"] == holed.time.tolist()


def test_a_long_market_is_drawn_in_longer_candles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_MARKET_BARS", 500)
    data = market_data(CANDLES)
    assert data is not None
    assert data["step"] == 60
    found = read(data)
    assert len(found["time"]) == len(CANDLES.time) // 4
    np.testing.assert_allclose(found["high"], CANDLES.high.reshape(-1, 4).max(axis=1), rtol=1e-4)


def test_prices_far_apart_begin_on_a_log_scale() -> None:
    far = CANDLES._replace(high=np.where(np.arange(len(CANDLES.time)) == 9, 1e6, CANDLES.high))
    for candles, wanted in ((CANDLES, False), (far, True)):
        data = market_data(candles)
        assert data is not None
        assert data["logarithmic"] == wanted


def test_no_candles_have_no_chart() -> None:
    assert market_data(rows_of(CANDLES, slice(0, 0))) is None


def test_the_warm_up_is_left_out(tmp_path: Path) -> None:
    folder, candles = write_example_run(tmp_path, days=5)
    early = Candles(
        np.concatenate((candles.time[:96] - 96 * candles.interval, candles.time)),
        *(np.concatenate((column[:96], column)) for column in candles[1:6]),
        candles.interval,
    )
    assert candles_of_span(read_run(folder), early).time.tolist() == candles.time.tolist()


def test_prices_are_kept_as_finely_as_the_lowest_of_them_needs() -> None:
    low = np.array([0.0123, 0.5, 40.0, 900.0])
    candles = rows_of(CANDLES, slice(0, 4))._replace(open=low, high=low, low=low, close=low)
    packed = packed_candles(candles)
    assert packed is not None
    assert packed["unit"] == pytest.approx(1e-7)


def test_a_market_of_exactly_four_times_its_lowest_price_is_not_wide() -> None:
    flat = np.full(len(CANDLES.time), 100.0)
    high = flat.copy()
    high[7] = 400.0
    data = market_data(CANDLES._replace(open=flat, high=high, low=flat, close=flat))
    assert data is not None
    assert data["logarithmic"] is False


def test_the_documentation_says_how_many_candles_and_charts_there_are_at_most() -> None:
    said = (Path(__file__).parents[3] / "docs" / "reports.md").read_text()
    assert f"at most about {module.MOST_BARS};" in said
    assert f"The first {MOST_CHARTS:,} trades have a chart" in said
    assert f"At most {module.MOST_MARKET_BARS:,} candles, five years of 15m" in said
