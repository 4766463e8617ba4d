from __future__ import annotations

import numpy as np

from stoptrail.reports.html.windows import MOST_CHARTS, packed_candles, trade_windows
from stoptrail.reports.run_files import TradeRecord
from stoptrail.rules.candles import Candles
from tests.reports.example_run import random_candles
from tests.reports.html.test_market import read

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
