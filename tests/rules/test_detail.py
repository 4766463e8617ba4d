"""The finer candles of a base candle, one by one."""

from __future__ import annotations

import numpy as np
import pytest

from stoptrail.rules.detail import (
    Detail,
    Piece,
    no_detail,
    piece_at,
    piece_mark,
    piece_price,
    pieces,
    worst_piece,
)
from stoptrail.rules.margin import Mark

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


@pytest.mark.parametrize("side", [1, -1])
def test_mark_prices_are_met_where_the_market_is_furthest_out(side: int) -> None:
    marks = np.array([[10.0, 13.0, 8.0, 11.5], [np.nan] * 4, [12.0, 14.0, 10.5, 12.5]])
    worst = worst_piece(TWO, 0, side, marks)
    assert worst == (0 if side > 0 else 1)  # low 9.1 of the first, high 11.9 of the second
    found = [piece_mark(TWO, row, 0, worst, marks) for row in (0, 1)]
    assert [mark.open for mark in found] == pytest.approx([10.0, np.nan], nan_ok=True)
    assert (found[worst].high, found[worst].low) == (13.0, 8.0)
    assert np.isnan(found[1 - worst][1:3]).all()


def test_a_candle_without_mark_prices_is_met_by_its_own() -> None:
    marks = np.full((3, 4), np.nan)
    assert worst_piece(TWO, 0, 1, marks) == -1
    assert piece_mark(TWO, 1, 0, -1, marks) == Mark(11.0, 11.9, 10.1, 11.5)


def test_of_equally_far_pieces_the_first_is_the_worst() -> None:
    flat = TWO._replace(high=np.full(3, 12.0), low=np.full(3, 9.0))
    marks = np.full((3, 4), 10.0)
    assert [worst_piece(flat, 0, side, marks) for side in (1, -1)] == [0, 0]
