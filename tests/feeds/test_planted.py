"""Faults planted in candle files: what is said of them, and what the remedy makes of the file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from stoptrail.core.errors import DataError
from stoptrail.feeds.files import load_file
from stoptrail.feeds.layouts import Reading
from tests.feeds.tables import QUARTER, same
from tests.feeds.test_refusals import walk
from tests.feeds.written import PLAIN, Row, moment, rows_of, table

GIVEN = walk(240)
ROWS: list[list[Any]] = [list(row) for row in rows_of(GIVEN)]
EUROPE = str.maketrans(",.", ".,")


def refusal(path: Path, reading: Reading | None = None) -> str:
    with pytest.raises(DataError) as caught:
        load_file(path, QUARTER, reading or Reading())
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("form", ["%y-%m-%d %H:%M", "%y/%m/%d %H:%M", "%d-%m-%y %H:%M"])
def test_years_of_two_digits_are_found_on_either_side(tmp_path: Path, form: str) -> None:
    """24-03-01 is no 24th of March 2001: so read, each midnight is a year."""
    rows = [[moment(row[0], form), *row[1:]] for row in ROWS]
    assert same(load_file(table(tmp_path / "a.csv", PLAIN, rows), QUARTER).candles, GIVEN)


@pytest.mark.parametrize(
    ("i", "cell", "said"),
    [
        (-1, "Total", "is not a time as those above it .* remove the row if it is a total"),
        (-1, "", "is empty; .* or remove the row"),
        (40, "2024-03-01T10:00:00Z", "is not a time as those above it .*; write all alike"),
    ],
)
@pytest.mark.parametrize("header", [PLAIN, None])
def test_a_time_unlike_those_above_it_is_told_as_that(
    tmp_path: Path, i: int, cell: str, said: str, header: str | None
) -> None:
    """To write it as ISO 8601 mends no total, and no ISO 8601 among epochs."""
    rows = [list(row) for row in ROWS]
    rows[i][0] = cell
    with pytest.raises(DataError, match=said):
        load_file(table(tmp_path / "a.csv", header, rows), QUARTER)


def test_a_file_whose_second_half_has_times_of_another_kind_names_the_first_of_them(
    tmp_path: Path,
) -> None:
    for count in (30, len(ROWS) - 30):
        rows = [list(row) for row in ROWS]
        for row in rows[count:]:
            row[0] = moment(row[0], "%Y-%m-%dT%H:%M:%SZ")
        for header in (PLAIN, None):
            said = refusal(table(tmp_path / "a.csv", header, rows))
            assert f"row {count + 1} (line {count + 1 + (header is not None)})" in said
            assert "write all alike" in said


def test_a_longer_candle_among_the_others_is_not_taken_for_the_finished_one(tmp_path: Path) -> None:
    """It opens as the one whose time it has, reaches farther and has more volume: but the next
    candle opens where the shorter one closed."""
    i = 40
    four = ROWS[i : i + 4]
    hour = [
        four[0][0],
        four[0][1],
        max(row[2] for row in four),
        min(row[3] for row in four),
        four[3][4],
        sum(row[5] for row in four),
    ]
    assert abs(hour[4] - four[1][1]) > abs(four[0][4] - four[1][1])
    said = refusal(table(tmp_path / "a.csv", PLAIN, [*ROWS[:i], hour, *ROWS[i:]]))
    assert "which of them is right the file does not tell" in said
    assert "remove that one" not in said


def test_the_first_row_of_prices_in_groups_of_thousands_is_no_header(tmp_path: Path) -> None:
    """It was one, so that the first candle was lost when the columns were named."""

    cells = [[*(f"{value:,.2f}" for value in row[1:5]), str(row[5])] for row in ROWS]
    rows = [
        [moment(row[0]), *(cell.translate(EUROPE) for cell in more)]
        for row, more in zip(ROWS, cells, strict=True)
    ]
    path = table(tmp_path / "a.csv", None, rows, ";")
    assert same(load_file(path, QUARTER).candles, GIVEN)


def test_of_two_columns_of_times_without_names_the_one_of_the_open_is_shown(
    tmp_path: Path,
) -> None:
    rows = [[*row[3:0:-1], row[4], row[5], row[0] + QUARTER, row[0]] for row in ROWS]
    said = refusal(table(tmp_path / "a.csv", None, rows))
    assert "data.columns=low,high,open,close,volume,-,time, which the numbers fit" in said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: [*rows[7:], *rows[:7:2], *rows[1:7:2]], "sort the file by open time"),
        (lambda rows: [[f"{row[0]:.4E}", *row[1:]] for row in rows], "lost its last digits"),
        (lambda rows: [[row[0] + i * i * 7919 % 45007, *row[1:]] for i, row in enumerate(rows)],
         "the times come in no steps"),
    ],
)  # fmt: skip
def test_times_of_a_file_without_a_header_are_told_as_those_of_one_with_names(
    tmp_path: Path, change: Callable[[Sequence[Row]], list[list[Any]]], said: str
) -> None:
    for header in (PLAIN, None):
        assert said in refusal(table(tmp_path / "a.csv", header, change(ROWS)))
