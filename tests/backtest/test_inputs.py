"""Which filters a run uses."""

from __future__ import annotations

import pytest

from stoptrail.backtest.inputs import prepare
from stoptrail.config.market import Filters
from stoptrail.config.settings import Settings
from stoptrail.feeds.market import MarketData
from tests.feeds.candle_files import candles

THEIRS = Filters(0.5, 0.002, 0.004, 12.5)


def steps(filters: Filters | None, **market: float) -> tuple[float, float, float, float]:
    data = candles(50)
    start, end = int(data.time[0]), int(data.time[-1])
    given = MarketData(data, "XYZ/USDT", "exchange", "okx", 0, start, end, filters=filters)
    found = prepare(given, Settings.model_validate({"market": market})).market
    return (
        found.price_step / found.price_scale,
        found.lot_step / found.lot_scale,
        found.min_quantity,
        found.min_notional,
    )


def test_a_run_uses_the_filters_that_were_kept_beside_the_candles() -> None:
    assert steps(THEIRS) == pytest.approx(tuple(THEIRS))


def test_the_user_s_own_come_first() -> None:
    assert steps(THEIRS, tick=0.25) == pytest.approx((0.25, *THEIRS[1:]))


def test_without_any_the_decimals_of_the_candles_tell() -> None:
    tick, lot, least, notional = steps(None)
    assert (tick, lot) != (0.5, 0.002)
    assert (least, notional) == (lot, 0.0)


def test_what_the_exchange_does_not_say_is_told_by_the_decimals() -> None:
    tick, *_ = steps(None)
    assert steps(THEIRS._replace(tick=None)) == pytest.approx((tick, *THEIRS[1:]))
