"""Whole days change places; everything within a day, and all else, stays as it is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stoptrail.rules.candles import Candles, rows_of
from stoptrail.rules.costs import DAY
from stoptrail.sweep.permutation import deviations, permuted_days
from tests.markets import COARSE, FINE, random_market


class Kept:
    """A draw that leaves every day where it is."""

    def permutation(self, values):
        return values


class Reversed:
    """The last whole day first."""

    def permutation(self, values):
        return values[::-1]


def market(seed: int = 1, count: int = 1200, **options) -> Candles:
    return random_market(seed, count, market=FINE, **options)


def test_days_that_stay_give_the_same_candles() -> None:
    candles = market()
    found = permuted_days(candles, 0, FINE, Kept())  # type: ignore[arg-type]
    for ours, theirs in zip(candles[:6], found[:6], strict=True):
        assert ours.tolist() == theirs.tolist()


def test_days_change_places_with_their_returns_times_and_volumes() -> None:
    day = 3_600_000
    time = np.arange(48, dtype=np.int64) * day + 18_000 * DAY
    close = 100.0 * np.exp(np.concatenate((np.full(24, 0.01), np.full(24, -0.02))).cumsum())
    opens = np.concatenate(([100.0], close[:-1]))
    volume = np.arange(48.0) + 1
    candles = Candles(
        time, opens, np.maximum(opens, close), np.minimum(opens, close), close, volume, day
    )
    found = permuted_days(candles, 0, FINE, Reversed())  # type: ignore[arg-type]
    wanted = 100.0 * np.exp(np.concatenate((np.full(24, -0.02), np.full(24, 0.01))).cumsum())
    assert found.time.tolist() == time.tolist()
    assert found.close == pytest.approx(wanted, abs=0.006)
    assert found.open[0] == 100.0
    assert found.volume.tolist() == [*range(25, 49), *range(1, 25)]


@given(st.integers(0, 2**32 - 1), st.integers(0, 600))
@settings(deadline=None, max_examples=40)
def test_any_order_leaves_a_market_of_the_same_days(seed: int, start: int) -> None:
    candles = market(seed % 1000, 1500)
    found = permuted_days(candles, start, FINE, np.random.default_rng(seed))
    for name in ("time", "open", "high", "low", "close", "volume"):
        ours, theirs = getattr(candles, name), getattr(found, name)
        assert ours[:start].tolist() == theirs[:start].tolist(), "the warm-up stays"
    span, new = rows_of(candles, slice(start, None)), rows_of(found, slice(start, None))
    assert (np.diff(new.time) > 0).all()
    assert (new.high >= np.maximum(new.open, new.close)).all()
    assert (new.low <= np.minimum(new.open, new.close)).all()
    assert sorted(new.volume.tolist()) == sorted(span.volume.tolist())
    assert new.open[0] == span.open[0]
    for column in new[1:5]:
        assert column == pytest.approx(np.rint(column * 100) / 100, abs=1e-9)
    days = span.time // DAY
    per_day = np.unique(days, return_counts=True)[1]
    assert sorted(per_day) == sorted(np.unique(new.time // DAY, return_counts=True)[1])


def test_days_that_the_span_holds_in_part_stay() -> None:
    candles = market(3, 400, missing=0.0, silent=0.0)
    start = 40
    found = permuted_days(candles, start, FINE, Reversed())  # type: ignore[arg-type]
    first = candles.time // DAY == candles.time[start] // DAY
    assert found.volume[first].tolist() == candles.volume[first].tolist()
    last = candles.time // DAY == candles.time[-1] // DAY
    assert found.volume[last].tolist() == candles.volume[last].tolist()
    assert found.volume.tolist() != candles.volume.tolist()


def test_prices_lie_on_a_coarse_tick() -> None:
    candles = random_market(5, 800, market=COARSE)
    found = permuted_days(candles, 0, COARSE, np.random.default_rng(1))
    for column in found[1:5]:
        assert ((column * 2) % 1 == 0).all()
        assert (column > 0).all()


def test_the_same_draw_gives_the_same_market() -> None:
    candles = market()
    one, other = (permuted_days(candles, 9, FINE, np.random.default_rng(4)) for _ in range(2))
    assert all((a == b).all() for a, b in zip(one[:6], other[:6], strict=True))


def test_deviations_need_two_markets_that_differ() -> None:
    assert deviations(3.0, [1.0, 2.0, float("-inf")]) == pytest.approx(1.5 / 0.5**0.5)
    for others in ([], [1.0], [1.0, float("-inf")], [2.0, 2.0]):
        assert np.isnan(deviations(3.0, others))
