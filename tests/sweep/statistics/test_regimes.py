from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from stoptrail.rules.candles import Candles
from stoptrail.rules.costs import DAY
from stoptrail.sweep.statistics.regimes import NAMES, WINDOW, regimes

HOUR = 3_600_000


def hourly(days: int, seed: int = 5) -> Candles:
    generator = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(generator.normal(0.0, 0.01, days * 24)))
    opened = np.concatenate(([100.0], close[:-1]))
    time = 20_000 * DAY + HOUR * np.arange(days * 24, dtype=np.int64)
    return Candles(time, opened, np.maximum(opened, close), np.minimum(opened, close), close,
                   np.ones(len(time)), HOUR)  # fmt: skip


CANDLES = hourly(200)
BEGINS = CANDLES.time[0] + DAY * np.arange(50, 200, dtype=np.int64)


def by_pandas() -> pd.DataFrame:
    """Trend and volatility of each day as pandas has them, from the closes at midnight."""
    index = pd.to_datetime(CANDLES.time + HOUR, unit="ms")
    closes = pd.Series(CANDLES.close, index).resample("D").asfreq().dropna()
    steps = np.log(closes).diff()
    table = pd.DataFrame({
        "trend": np.log(closes).diff(WINDOW),
        "volatility": steps.rolling(WINDOW).std(),
    })  # fmt: skip
    return table.loc[pd.to_datetime(BEGINS, unit="ms")]


@pytest.mark.parametrize("kind", NAMES)
def test_thirds_are_those_of_the_days_before(kind: str) -> None:
    measured = by_pandas()[kind]
    expected = pd.qcut(measured, 3, labels=list(NAMES[kind])).to_numpy()
    found = {r.name: r for r in regimes(CANDLES, BEGINS) if r.kind == kind}
    assert list(found) == list(NAMES[kind])
    for name, regime in found.items():
        assert (regime.days == (expected == name)).all()
        assert regime.low == pytest.approx(measured[expected == name].min())
        assert regime.high == pytest.approx(measured[expected == name].max())


def test_a_regime_knows_nothing_of_its_own_day() -> None:
    whole = list(regimes(CANDLES, BEGINS))
    cut = int(np.searchsorted(CANDLES.time, BEGINS[-1]))
    other = CANDLES._replace(
        close=np.where(np.arange(len(CANDLES.time)) >= cut, 1e4, CANDLES.close)
    )
    for before, after in zip(whole, regimes(other, BEGINS), strict=True):
        assert (before.days == after.days).all()


def test_days_without_a_whole_window_are_in_no_third() -> None:
    begins = CANDLES.time[0] + DAY * np.arange(100, dtype=np.int64)
    counted = sum(regime.days for regime in regimes(CANDLES, begins) if regime.kind == "trend")
    # The first day's window needs a close before the first candle; so do the WINDOW after it.
    assert counted.tolist() == [0] * (WINDOW + 1) + [1] * (99 - WINDOW)


def test_a_short_span_has_no_regimes() -> None:
    assert list(regimes(CANDLES, BEGINS[:2])) == []
