"""Candles that come twice in one file, and what they say of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from stoptrail.feeds.check import check_file
from stoptrail.feeds.files import load_file
from stoptrail.feeds.layouts import Reading
from tests.feeds.tables import QUARTER
from tests.feeds.test_refusals import refusal, walk
from tests.feeds.written import PLAIN, rows_of, table

GIVEN = walk(400)
ROWS = [list(row) for row in rows_of(GIVEN)]
NEAR = [
    [row[0], *(round(value * 1.0007, 2) for value in row[1:5]), round(row[5] * 0.8, 5)]
    for row in ROWS
]
"""The same market on another exchange."""
TURNS = [row for both in zip(ROWS, NEAR, strict=True) for row in both]


@pytest.mark.parametrize("rows", [ROWS + NEAR, TURNS])
def test_two_markets_that_no_column_tells_apart_are_told_as_that(
    tmp_path: Path, rows: list[list[object]]
) -> None:
    path = table(tmp_path / "a.csv", PLAIN, rows)
    said = refusal(path)
    assert "(and 399 more such rows): two markets, exchanges or exports in one file" in said
    assert "remove" not in said
    assert [one.text for one in check_file(path).findings if one.kind == "duplicate"] == [
        said.partition(": ")[2]
    ]


def test_two_files_of_the_same_times_are_told_as_two_markets(tmp_path: Path) -> None:
    for name, rows in (("a", ROWS), ("b", NEAR)):
        table(tmp_path / f"{name}.csv", PLAIN, rows)
    assert "400 of 400 candles that the files share have other prices" in refusal(tmp_path)


def test_of_rows_that_come_twice_those_that_differ_are_shown(tmp_path: Path) -> None:
    """Either one of equal rows may be removed; of the one that differs only one may."""
    again = [list(row) for row in ROWS[380:390]]
    again[5][4] += 0.5
    said = refusal(table(tmp_path / "a.csv", PLAIN, ROWS[:390] + again + ROWS[390:]))
    assert "row 386 (line 387)" in said
    assert "they differ in close" in said
    assert "9 other rows come twice with equal values" in said


@pytest.mark.parametrize("hours", [1, 2, 8])
def test_times_that_go_back_while_the_price_goes_on_are_of_two_zones(
    tmp_path: Path, hours: int
) -> None:
    rows = [[row[0] - (i >= 250) * hours * 4 * QUARTER, *row[1:]] for i, row in enumerate(ROWS)]
    said = refusal(table(tmp_path / "a.csv", PLAIN, rows))
    assert f"row 251 (line 252): the times go back by {hours}h there" in said
    assert "remove" not in said


@pytest.mark.parametrize("factor", [1.02, 0.98])
def test_a_market_that_goes_on_two_percent_elsewhere_is_said(tmp_path: Path, factor: float) -> None:
    given = walk(1200)
    rows = [list(row) for row in rows_of(given)]
    for row in rows[700:]:
        row[1:5] = [round(value * factor, 2) for value in row[1:5]]
    path = table(tmp_path / "a.csv", PLAIN, rows)
    (said,) = load_file(path, QUARTER, Reading(symbol="BTC/USDT")).notes
    assert said.startswith("row 701 (line 702)")
    assert "and stays there: two markets in one file, perhaps" in said
