import numpy as np
import pytest

from stoptrail.feeds.synthetic import synthetic_candles
from stoptrail.feeds.synthetic_detail import synthetic_detail
from stoptrail.feeds.tables.columns import aggregated, columns_of
from stoptrail.rules.candles import Candles

DAY = 86_400_000
QUARTER = 900_000
START = 18_262 * DAY


def base(seed: int = 1, interval: int = QUARTER, days: int = 60) -> Candles:
    return synthetic_candles(seed, interval, START, START + days * DAY)


@pytest.mark.parametrize(
    ("interval", "fine"), [(QUARTER, 60_000), (QUARTER, 300_000), (DAY, QUARTER)]
)
def test_put_together_the_pieces_are_the_candles_themselves(interval: int, fine: int) -> None:
    candles = base(interval=interval)
    pieces = synthetic_detail(candles, fine, 1)
    reach = ((START, START + 60 * DAY),)
    made, _ = aggregated(columns_of(pieces), reach, interval)
    for name in ("time", "open", "high", "low", "close"):
        np.testing.assert_array_equal(getattr(made, name), getattr(candles, name))
    np.testing.assert_allclose(made.volume, candles.volume, rtol=0, atol=1e-8)
    assert len(pieces.time) == len(candles.time) * (interval // fine)


def test_every_piece_is_a_possible_candle() -> None:
    pieces = synthetic_detail(base(2), 60_000, 2)
    assert (pieces.high >= np.maximum(pieces.open, pieces.close)).all()
    assert (pieces.low <= np.minimum(pieces.open, pieces.close)).all()
    assert (np.diff(pieces.time) > 0).all()
    assert (pieces.volume >= 0.0).all()


def test_the_same_seed_gives_the_same_bytes_and_another_one_does_not() -> None:
    one, two, other = (synthetic_detail(base(), 60_000, seed) for seed in (1, 1, 2))
    assert all(a.tobytes() == b.tobytes() for a, b in zip(one[:6], two[:6], strict=True))
    assert one.high.tobytes() != other.high.tobytes()


def test_both_extremes_come_first_in_many_candles() -> None:
    """The path is no habit that a stop could live on."""
    candles = base()
    pieces = synthetic_detail(candles, 60_000, 1)
    high, low = (column.reshape(len(candles.time), -1) for column in (pieces.high, pieces.low))
    earlier = high.argmax(axis=1) < low.argmin(axis=1)
    assert 0.3 < earlier.mean() < 0.7


def test_a_candle_of_few_lots_is_one_piece_and_a_silent_one_flat_pieces() -> None:
    volume = np.array([0.00003, 0.0, 5.0])
    prices = np.array(
        [[10.0, 11.0, 9.0, 10.5], [10.5, 10.5, 10.5, 10.5], [10.5, 12.0, 10.0, 11.0]]
    ).T
    candles = Candles(START + QUARTER * np.arange(3), *prices, volume, QUARTER)
    pieces = synthetic_detail(candles, 60_000, 1)
    at = (pieces.time - START) // QUARTER
    assert np.bincount(at).tolist() == [1, 15, 15]
    assert [column[0] for column in pieces[1:6]] == [10.0, 11.0, 9.0, 10.5, 0.00003]
    silent = at == 1
    assert (pieces.high[silent] == 10.5).all()
    assert (pieces.volume[silent] == 0.0).all()
