"""Every layout loads to the candles that were written in it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stoptrail.feeds.files import load_file
from stoptrail.rules.candles import Candles
from tests.feeds.foreign import FOREIGN
from tests.feeds.vendors import VENDORS
from tests.feeds.written import LAYOUTS

QUARTER = 900_000


@st.composite
def walks(draw: st.DrawFn) -> Candles:
    """A market's candles: each opens near where the one before closed."""
    n = draw(st.integers(12, 60))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    price = draw(st.sampled_from([0.08, 3.0, 420.0, 61_000.0]))
    digits = 6 if price < 1 else 2
    ends = price * np.exp(np.cumsum(random.normal(0, 0.004, n + 1)))
    opened = np.round(ends[:-1] * (1 + random.normal(0, 1e-5, n)), digits)
    closed = np.round(ends[1:], digits)
    spread = price * 0.002 * (0.1 + random.random((2, n)))
    high = np.round(np.maximum(opened, closed) + spread[0], digits)
    low = np.round(np.minimum(opened, closed) - spread[1], digits)
    volume = np.round(random.random(n) * 50 + 0.01, 5)
    start = draw(st.integers(1_500_000, 1_950_000)) * QUARTER
    at = np.sort(random.choice(n + 4, n, replace=False)) if draw(st.booleans()) else np.arange(n)
    return Candles(start + at * QUARTER, opened, high, low, closed, volume, QUARTER)


ALL = LAYOUTS | VENDORS | FOREIGN


@pytest.mark.parametrize("name", ALL)
@settings(max_examples=4, deadline=None)
@given(market=walks())
def test_a_layout_loads_to_the_candles_that_were_written(name: str, market: Candles) -> None:
    layout = ALL[name]
    step = layout.interval
    if layout.start is not None or step != QUARTER:
        start = layout.start or market.time[0] // step * step
        market = market._replace(
            time=(market.time - market.time[0]) // QUARTER * step + start, interval=step
        )
    with tempfile.TemporaryDirectory() as folder:
        path = layout.write(Path(folder) / "candles.data", market)
        loaded = load_file(path, step, layout.reading, now=4_000_000_000_000)
    candles = loaded.candles
    assert candles.interval == step
    assert np.array_equal(candles.time, market.time)
    for column in ("open", "high", "low", "close"):
        assert np.array_equal(getattr(candles, column), getattr(market, column)), column
    assert loaded.unit == layout.volume.partition(" ")[0]
    if layout.volume == "base":
        assert np.allclose(candles.volume, market.volume, rtol=1e-12)
