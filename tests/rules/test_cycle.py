from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stoptrail.rules.cycle import (
    BAND_WIDTH,
    CYCLE_START,
    SHORTEST_PERIOD,
    CycleFilter,
    cycle,
    cycle_coefficients,
    cycle_step,
    entry_zones,
    first_known,
    open_sides,
    turn,
    turns,
    zone_of,
)
from stoptrail.rules.jit import compiled
from stoptrail.rules.timeframes import Held, spread

NAN = float("nan")
PERIOD = 64
CYCLE_FILTERS: tuple[CycleFilter, ...] = get_args(CycleFilter)
every_filter = pytest.mark.parametrize("kind", CYCLE_FILTERS)


def wave(period: float, candles: int = 40 * PERIOD) -> np.ndarray:
    return 100.0 + np.sin(2.0 * np.pi * np.arange(candles) / period)


def seen(values: np.ndarray) -> Held:
    """A value for each base candle."""
    return Held(values, np.arange(len(values)))


def raw_amplitude(kind: str, period: float) -> float:
    """Size of the filter's output, before it is normalised, once it has settled."""
    state, coefficients = CYCLE_START, cycle_coefficients(kind, PERIOD)
    bands = []
    for close in wave(period).tolist():
        state = cycle_step(state, close, coefficients)
        bands.append(abs(state.band1))
    return max(bands[-10 * PERIOD :])


@every_filter
def test_a_wave_of_the_period_passes(kind):
    assert 0.6 < raw_amplitude(kind, PERIOD) < 1.2


@every_filter
@pytest.mark.parametrize("factor", [1 / 12, 12])
def test_much_faster_and_much_slower_waves_are_taken_out(kind, factor):
    assert raw_amplitude(kind, PERIOD * factor) < 0.35 * raw_amplitude(kind, PERIOD)


@every_filter
def test_the_oscillator_swings_over_the_whole_range_in_phase_with_a_wave_of_its_period(kind):
    close = wave(PERIOD)
    out = cycle(close, cycle_coefficients(kind, PERIOD))[-10 * PERIOD :]
    assert out.max() > 0.97
    assert out.min() < -0.97
    assert np.corrcoef(out, close[-10 * PERIOD :])[0, 1] > 0.9


@every_filter
def test_it_does_not_depend_on_the_unit_of_the_price(kind):
    close = 100.0 + np.cumsum(np.random.default_rng(2).normal(0.0, 1.0, 2000))
    coefficients = cycle_coefficients(kind, PERIOD)
    np.testing.assert_array_equal(cycle(close, coefficients), cycle(close * 1024.0, coefficients))


@every_filter
def test_a_price_that_never_moves_has_no_cycle(kind):
    out = cycle(np.full(1000, 64.0), cycle_coefficients(kind, PERIOD))
    assert (np.nan_to_num(out) == 0.0).all()


@every_filter
def test_it_is_unknown_until_the_filter_has_settled(kind):
    coefficients = cycle_coefficients(kind, PERIOD)
    out = cycle(wave(PERIOD), coefficients)
    assert np.isnan(out[: coefficients.settle - 1]).all()
    assert not np.isnan(out[coefficients.settle - 1 :]).any()


def test_a_period_too_short_to_filter_is_refused():
    with pytest.raises(ValueError, match=str(SHORTEST_PERIOD)):
        cycle_coefficients("roofing", SHORTEST_PERIOD - 1)


@settings(deadline=None, max_examples=40)
@given(
    kind=st.sampled_from(CYCLE_FILTERS),
    period=st.integers(SHORTEST_PERIOD, 300),
    seed=st.integers(0, 2**32 - 1),
)
def test_steps_and_compiled_vector_are_bit_equal_and_stay_within_one(kind, period, seed):
    close = 100.0 * np.exp(np.cumsum(np.random.default_rng(seed).standard_t(3, 1500)) * 0.01)
    coefficients = cycle_coefficients(kind, period)
    state, steps = CYCLE_START, []
    for price in close.tolist():
        state = cycle_step(state, price, coefficients)
        steps.append(state.value)
    np.testing.assert_array_equal(compiled(cycle)(close, coefficients), steps)
    assert np.nanmax(np.abs(steps), initial=0.0) <= 1.0


def test_the_band_pass_halves_the_power_at_both_ends_of_its_bandwidth():
    """The bandwidth of a second-order band-pass is the distance of its half-power points."""
    section = cycle_coefficients("bandpass", PERIOD).first
    angle = np.linspace(1e-6, 0.5, 200_001)
    z = np.exp(-1j * angle)
    power = np.abs(
        (section.b0 + section.b1 * z + section.b2 * z**2)
        / (1.0 - section.a1 * z - section.a2 * z**2)
    )
    passed = angle[power**2 >= 0.5]
    assert angle[power.argmax()] == pytest.approx(2.0 * np.pi / PERIOD, rel=1e-4)
    assert power.max() == pytest.approx(1.0)
    width = (passed[-1] - passed[0]) * PERIOD / (2.0 * np.pi)
    assert width == pytest.approx(BAND_WIDTH, rel=1e-3)
    assert BAND_WIDTH == 0.6


def test_settling_takes_until_a_peak_twenty_times_as_high_is_forgotten():
    coefficients = cycle_coefficients("roofing", PERIOD)
    assert coefficients.decay**coefficients.settle < 1.0 / 20.0
    assert coefficients.decay ** (coefficients.settle - PERIOD) > 1.0 / 20.0


@pytest.mark.parametrize(
    ("previous", "value", "turned"),
    [
        (-0.8, -0.7, 1),
        (-0.7, -0.8, 0),  # still falling
        (-0.8, -0.8, 0),  # not yet turned
        (-0.6, -0.5, 0),  # at the threshold is not below it
        (0.8, 0.7, -1),
        (0.7, 0.8, 0),
        (0.6, 0.5, 0),
        (0.8, 0.8, 0),
        (NAN, -0.7, 0),
        (-0.7, NAN, 0),
    ],
)
def test_turn_needs_depth_and_direction(previous, value, turned):
    assert turn(previous, value, 0.5) == turned


@pytest.mark.parametrize(
    ("turned", "trend", "structure", "zone"),
    [
        (1, 1.0, 0.0, 1),
        (1, 1.0, 1.0, 1),
        (1, 1.0, -1.0, 0),
        (1, 0.0, 1.0, 0),
        (1, -1.0, 1.0, 0),
        (-1, -1.0, 0.0, -1),
        (-1, -1.0, 1.0, 0),
        (-1, 1.0, -1.0, 0),
        (0, 1.0, 1.0, 0),
        (1, NAN, 0.0, 0),
        (1, 1.0, NAN, 0),
    ],
)
def test_a_turn_counts_with_the_trend_where_the_structure_does_not_oppose(
    turned, trend, structure, zone
):
    assert zone_of(turned, trend, structure) == zone


def zones(oscillator, trend, structure, threshold, made=lambda rule: rule):
    """Entry zone, exit zone, and the first candle where all inputs are known; `made` may compile
    the rules."""
    turned, leave = (made(turns)(oscillator, depth) for depth in (threshold, 0.0))
    sides = made(open_sides)(trend, structure, len(oscillator))
    return entry_zones(turned, *sides), leave, made(first_known)(oscillator, trend, structure)


def test_warm_is_the_first_candle_with_every_input_and_a_previous_oscillator():
    oscillator = np.array([NAN, -0.9, -0.8, -0.7, -0.6])
    trend = np.array([NAN, NAN, NAN, 1.0, 1.0])
    zone, exit_zone, warm = zones(oscillator, seen(trend), seen(np.zeros(5)), 0.5)
    assert warm == 3
    assert zone.tolist() == [0, 0, 0, 1, 1]
    assert exit_zone.tolist() == [0, 0, 1, 1, 1]
    known = seen(np.zeros(5))
    assert first_known(np.array([NAN, NAN, NAN, 0.1, 0.2]), known, known) == 4


def test_the_exit_zone_is_any_turn_on_its_side_of_the_middle_whatever_the_trend():
    oscillator = np.array([0.5, 0.4, 0.1, -0.1, -0.3, -0.2, 0.1])
    zone, exit_zone, _ = zones(oscillator, seen(np.full(7, -1.0)), seen(np.zeros(7)), 0.3)
    assert zone.tolist() == [0, -1, 0, 0, 0, 0, 0]
    assert exit_zone.tolist() == [0, -1, -1, 0, 0, 1, 0]


def test_values_hold_from_the_candle_that_sees_them_until_the_next():
    """Two that are seen at once: the later one holds."""
    random = np.random.default_rng(6)
    oscillator = random.uniform(-1.0, 1.0, 300)
    trend = Held(
        random.integers(-1, 2, 9).astype(float), np.array([3, 3, 40, 90, 90, 90, 91, 150, 298])
    )
    structure = Held(np.array([NAN, 0.0, 1.0]), np.array([0, 7, 200]))
    spread_out = [seen(spread(*each, 300)) for each in (trend, structure)]
    one_by_one = [
        zone_of(turned, *(line[i] for line in (spread(*trend, 300), spread(*structure, 300))))
        for i, turned in enumerate(turns(oscillator, 0.1))
    ]
    for made in (lambda rule: rule, compiled):
        for expected, got in zip(
            zones(oscillator, *spread_out, 0.1),
            zones(oscillator, trend, structure, 0.1, made),
            strict=True,
        ):
            np.testing.assert_array_equal(expected, got)
        assert zones(oscillator, trend, structure, 0.1, made)[0].tolist() == one_by_one
    assert zones(oscillator, trend, structure, 0.1)[2] == 7


def test_warm_is_the_end_where_an_input_never_comes():
    assert zones(np.zeros(4), seen(np.full(4, NAN)), seen(np.zeros(4)), 0.5)[2] == 4


def test_compiled_zones_equal_plain_ones():
    random = np.random.default_rng(5)
    oscillator = random.uniform(-1.0, 1.0, 500)
    trend, structure = random.integers(-1, 2, (2, 500)).astype(float)
    plain = zones(oscillator, seen(trend), seen(structure), 0.2)
    fast = zones(oscillator, seen(trend), seen(structure), 0.2, compiled)
    for expected, got in zip(plain, fast, strict=True):
        np.testing.assert_array_equal(expected, got)
    assert set(np.unique(plain[0])) == {-1, 0, 1}
