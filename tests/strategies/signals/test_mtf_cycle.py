import inspect

import numpy as np
import pytest

from stoptrail.rules.structure import STRUCTURE_KINDS
from stoptrail.rules.timeframes import spread
from stoptrail.rules.trend import TREND_KINDS
from stoptrail.strategies.signals.mtf_cycle import mtf_cycle
from stoptrail.strategies.signals.timeframe_lines import cycle_line, held_structure, trend_line
from tests.strategies.market import DAY, MIDNIGHT, QUARTER_HOUR, altered_after, head, random_market

QUICK = {
    "trend_period": 8,
    "structure_period": 6,
    "cycle_period": 8.0,
    "cycle_threshold": 0.1,
}
COMBINATIONS = [
    *({"trend": kind, "structure": "none"} for kind in TREND_KINDS),
    *({"trend": "price_ema", "structure": kind} for kind in STRUCTURE_KINDS),
    {"trend": "roc", "structure": "none", "cycle_filter": "bandpass"},
]


def steps(candles, **parameters):
    stepper = mtf_cycle.stepper(candles.interval, **parameters)
    columns = (column.tolist() for column in candles[:6])
    found = [stepper.step(*candle) for candle in zip(*columns, strict=True)]
    return np.array(found, dtype=np.int8).T


@pytest.mark.parametrize("chosen", COMBINATIONS, ids=str)
def test_the_stepper_equals_the_vector_candle_by_candle(chosen):
    candles = random_market(1, 60, start=MIDNIGHT + 7 * QUARTER_HOUR)
    signals = mtf_cycle(candles, **QUICK, **chosen)
    zone, exit_zone = steps(candles, **QUICK, **chosen)
    np.testing.assert_array_equal(signals.zone, zone)
    np.testing.assert_array_equal(signals.exit_zone, exit_zone)
    assert {-1, 1} <= set(zone.tolist())


def test_defaults_of_vector_and_stepper_are_the_same():
    candles = random_market(2, 150)
    signals = mtf_cycle(candles)
    np.testing.assert_array_equal(signals.zone, steps(candles)[0])
    assert signals.zone.any()


def moments(candles):
    """Candles after which a leak would show: last of a day, first of a day, around an
    outage over midnight, and a few at random."""
    of_day = candles.time % DAY
    ends = np.flatnonzero((of_day >= DAY - 2 * QUARTER_HOUR) | (of_day == 0))
    gaps = np.flatnonzero(np.diff(candles.time) > QUARTER_HOUR)
    chosen = np.concatenate((ends[::7], gaps[::8], gaps[-3:] + 1))
    random = np.random.default_rng(3).integers(0, len(candles.time) - 1, 10)
    return np.unique(np.concatenate((chosen, random)))


@pytest.mark.parametrize("trend", TREND_KINDS)
def test_no_zone_depends_on_a_later_candle(trend):
    candles = random_market(4)
    parameters = {**QUICK, "trend": trend, "structure": "average"}
    whole = mtf_cycle(candles, **parameters)
    for t in moments(candles).tolist():
        for other in altered_after(candles, t, seed=t):
            part = mtf_cycle(other, **parameters)
            np.testing.assert_array_equal(part.zone[: t + 1], whole.zone[: t + 1])
            np.testing.assert_array_equal(part.exit_zone[: t + 1], whole.exit_zone[: t + 1])
            assert min(part.warm, t + 1) == min(whole.warm, t + 1)
    assert np.unique(whole.zone).size > 1


def test_zones_lie_within_trend_and_structure_and_at_a_turn_of_the_cycle():
    candles = random_market(5)
    signals = mtf_cycle(candles, trend="roc", structure="average", **QUICK)
    trend = trend_line(candles, "roc", QUICK["trend_period"], 0.0)
    structure = spread(
        *held_structure(candles, "average", QUICK["structure_period"]), len(candles.time)
    )
    cycle = cycle_line(candles, "roofing", QUICK["cycle_period"])
    for side in (1, -1):
        at = np.flatnonzero(signals.zone == side)
        assert at.size
        assert (side * trend[at] > 0).all()
        assert (side * structure[at] >= 0).all()
        assert (side * cycle[at] < -QUICK["cycle_threshold"]).all()
        assert (side * (cycle[at] - cycle[at - 1]) > 0).all()
        assert (signals.exit_zone[at] == side).all()


def test_warm_is_where_every_indicator_is_known_and_no_zone_comes_before():
    candles = random_market(6)
    parameters = {**QUICK, "trend": "roc", "structure": "swing"}
    signals = mtf_cycle(candles, **parameters)
    lines = (
        trend_line(candles, "roc", 8, 0.0),
        spread(*held_structure(candles, "swing", 6), len(candles.time)),
        np.concatenate(([np.nan], cycle_line(candles, "roofing", 8.0)[:-1])),
    )
    unknown = np.isnan(lines).any(axis=0)
    assert signals.warm == int((~unknown).argmax())
    assert not signals.zone[: signals.warm].any()


def test_too_few_candles_never_get_warm():
    candles = head(random_market(7), 500)
    assert mtf_cycle(candles).warm == 500


def test_a_cycle_in_hours_means_the_same_on_hourly_candles():
    quarters = random_market(8, missing=0.0)
    n = len(quarters.time) // 4
    hours = quarters._replace(
        time=quarters.time[::4],
        open=quarters.open[::4],
        high=quarters.high.reshape(n, 4).max(axis=1),
        low=quarters.low.reshape(n, 4).min(axis=1),
        close=quarters.close[3::4],
        volume=quarters.volume.reshape(n, 4).sum(axis=1),
        interval=4 * QUARTER_HOUR,
    )
    fine = cycle_line(quarters, "roofing", 24.0)[3::4]
    coarse = cycle_line(hours, "roofing", 24.0)
    known = ~np.isnan(fine)
    assert np.corrcoef(fine[known], coarse[known])[0, 1] > 0.95


def test_every_parameter_is_by_keyword_with_a_default():
    parameters = list(inspect.signature(mtf_cycle).parameters.values())[1:]
    assert parameters
    for parameter in parameters:
        assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
        assert parameter.default is not inspect.Parameter.empty
