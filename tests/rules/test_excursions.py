import pytest

from stoptrail.rules.measure import excursion
from stoptrail.rules.types import OPEN, fill_log
from tests.rules.runs import CANDLES, TWO, trades


def test_the_candles_before_the_exit_count_whole_and_of_the_last_the_exit_price() -> None:
    """Candles 1 and 2 have highs of 105 and 107, lows of 100 and 102; candle 3 goes to 97."""
    found = excursion(TWO, fill_log(0), 0, CANDLES)
    assert (found.adverse, found.favourable) == (0.0, 107.0 - 100.0)


def test_a_short_is_the_mirror_and_an_open_trade_reaches_to_the_last_candle() -> None:
    """Candles 5 to 7 have highs of 100, 93 and 98, lows of 95, 88 and 93."""
    found = excursion(TWO, fill_log(0), 1, CANDLES)
    assert (found.adverse, found.favourable) == (100.0 - 98.0, 98.0 - 88.0)


@pytest.mark.parametrize(("price", "adverse", "favourable"), [(96.0, 4.0, 0.0), (103.0, 0.0, 3.0)])
def test_a_trade_within_one_candle_knows_its_exit_only(
    price: float, adverse: float, favourable: float
) -> None:
    found = excursion(trades((3, 3, 1, 1.0, 100.0, price)), fill_log(0), 0, CANDLES)
    assert (found.adverse, found.favourable) == (adverse, favourable)


def test_both_distances_are_never_negative() -> None:
    found = excursion(trades((6, OPEN, 1, 1.0, 10.0, 95.0)), fill_log(0), 0, CANDLES)
    assert found.adverse == 0.0
