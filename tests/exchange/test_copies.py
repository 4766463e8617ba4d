"""Of two copies of a candle the whole one is kept."""

from __future__ import annotations

from stoptrail.exchange.copies import CandleCopies
from stoptrail.exchange.rows import Row

WHOLE: Row = (900_000, 10.0, 12.0, 9.0, 11.0, 5.0)
PART: Row = (900_000, 10.0, 11.0, 10.0, 10.5, 2.0)


def test_the_one_with_more_volume_is_kept_in_whatever_order_they_come() -> None:
    copies = CandleCopies()
    assert copies.whole(PART, WHOLE) == copies.whole(WHOLE, PART) == WHOLE
    assert copies.differing == {900_000}


def test_of_equal_volumes_the_later_one_is_kept() -> None:
    copies, mended = CandleCopies(), (*WHOLE[:4], 11.5, WHOLE[5])
    assert copies.whole(WHOLE, mended) == mended
    assert list(copies.lines("binance", 900_000)) == []
    assert list(copies.lines("binance", 900_001)) == [
        "binance gave 1 candle with different values, at 1970-01-01T00:15:00Z: "
        "the copy with more volume is kept, the later one of equal ones"
    ]


def test_the_same_volume_written_in_two_ways_is_no_difference() -> None:
    copies = CandleCopies()
    copies.whole(WHOLE, (*WHOLE[:5], 5.0 + 1e-12))
    assert copies.differing == set()


def test_tables_are_merged_in_order_each_candle_once() -> None:
    later: Row = (1_800_000, 11.0, 11.0, 11.0, 11.0, 1.0)
    assert CandleCopies().merged([later, PART], [WHOLE]) == [WHOLE, later]
