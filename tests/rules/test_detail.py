"""The finer candles of a base candle, one by one."""

from __future__ import annotations

import numpy as np
import pytest

from stoptrail.rules.detail import Detail, Piece, no_detail, piece_at, piece_price, pieces

TWO = Detail(
    np.array([0, 60_000, 120_000]),
    np.array([10.0, 11.0, 12.0]),
    np.array([10.9, 11.9, 12.9]),
    np.array([9.1, 10.1, 11.1]),
    np.array([10.5, 11.5, 12.5]),
    np.array([0, 2, 2]),
    np.array([2, 2, 3]),
)
"""Pieces of the first and the third of three base candles."""


def test_every_base_candle_has_its_own_pieces_or_none() -> None:
    assert [pieces(TWO, i) for i in range(3)] == [(0, 2), (2, 2), (2, 3)]
    assert pieces(TWO, 3) == (0, 0)
    assert pieces(no_detail(), 0) == (0, 0)


def test_a_piece_has_the_four_prices_of_its_row() -> None:
    assert piece_at(TWO, 1) == Piece(60_000, 11.0, 11.9, 10.1, 11.5)


@pytest.mark.parametrize(
    ("side", "prices"), [(1, [11.0, 10.1, 11.9, 11.5]), (-1, [11.0, 11.9, 10.1, 11.5])]
)
def test_the_adverse_extreme_comes_before_the_favourable_one(side: int, prices: list) -> None:
    assert [piece_price(piece_at(TWO, 1), side, step) for step in range(4)] == prices
