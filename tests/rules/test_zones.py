import numpy as np
import pytest

from stoptrail.rules.jit import compiled
from stoptrail.rules.zones import turn, zone_of, zones

NAN = float("nan")


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


def test_warm_is_the_first_candle_with_every_input_and_a_previous_oscillator():
    oscillator = np.array([NAN, -0.9, -0.8, -0.7, -0.6])
    trend = np.array([NAN, NAN, NAN, 1.0, 1.0])
    zone, exit_zone, warm = zones(oscillator, trend, np.zeros(5), 0.5)
    assert warm == 3
    assert zone.tolist() == [0, 0, 0, 1, 1]
    assert exit_zone.tolist() == [0, 0, 1, 1, 1]


def test_the_exit_zone_is_any_turn_on_its_side_of_the_middle_whatever_the_trend():
    oscillator = np.array([0.5, 0.4, 0.1, -0.1, -0.3, -0.2, 0.1])
    zone, exit_zone, _ = zones(oscillator, np.full(7, -1.0), np.zeros(7), 0.3)
    assert zone.tolist() == [0, -1, 0, 0, 0, 0, 0]
    assert exit_zone.tolist() == [0, -1, -1, 0, 0, 1, 0]


def test_warm_is_the_end_where_an_input_never_comes():
    assert zones(np.zeros(4), np.full(4, NAN), np.zeros(4), 0.5)[2] == 4


def test_compiled_zones_equal_plain_ones():
    random = np.random.default_rng(5)
    oscillator = random.uniform(-1.0, 1.0, 500)
    trend, structure = random.integers(-1, 2, (2, 500)).astype(float)
    plain = zones(oscillator, trend, structure, 0.2)
    fast = compiled(zones)(oscillator, trend, structure, 0.2)
    for expected, got in zip(plain, fast, strict=True):
        np.testing.assert_array_equal(expected, got)
    assert set(np.unique(plain[0])) == {-1, 0, 1}
