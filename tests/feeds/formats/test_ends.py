"""The end of a file that was cut off, and numbers that have lost theirs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stoptrail.core.errors import DataError
from stoptrail.feeds.files import load_file
from stoptrail.feeds.layouts.recognise import Reading
from tests.feeds.candle_files import QUARTER, same
from tests.feeds.test_refusals import refusal, walk
from tests.feeds.written import PLAIN, moment, rows_of, table

GIVEN = walk(120)
ROWS = [[moment(row[0]), *row[1:]] for row in rows_of(GIVEN)]
FIXED = [[row[0], row[5], *(f"{value:.2f}" for value in row[1:5])] for row in ROWS]
"""The close is the last cell, with two decimals."""


def shortened(path: Path, letters: int) -> tuple[str, ...]:
    path.write_bytes(path.read_bytes()[:-letters])
    return load_file(path, QUARTER, Reading(zone="UTC")).notes


@pytest.mark.parametrize("letters", [2, 3, 4])
def test_a_last_number_that_is_cut_off_is_said(tmp_path: Path, letters: int) -> None:
    path = table(tmp_path / "a.csv", "time,volume,open,high,low,close", FIXED)
    (said,) = shortened(path, letters)
    assert f"({FIXED[-1][5][: 1 - letters]}) is shorter than those above it" in said


def test_a_volume_that_is_cut_off_is_said(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", PLAIN, ROWS)
    (said,) = shortened(path, 1 + len(str(ROWS[-1][5]).partition(".")[2]))
    assert "the last line has no end" in said


@pytest.mark.parametrize("rows", [ROWS, FIXED])
def test_a_whole_last_line_without_an_end_is_not_worth_a_word(
    tmp_path: Path, rows: list[list[object]]
) -> None:
    header = PLAIN if rows is ROWS else "time,volume,open,high,low,close"
    assert shortened(table(tmp_path / "a.csv", header, rows), 1) == ()


def test_the_line_of_json_that_is_cut_off_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    lines = [json.dumps(dict(zip(PLAIN.split(","), row, strict=True))) for row in rows_of(GIVEN)]
    path.write_text("\n".join(lines)[:-3])
    assert f"line {len(lines)}: " in (said := refusal(path))
    assert "fetch the file again" in said


def test_prices_that_a_spreadsheet_cut_to_powers_of_ten_are_refused(tmp_path: Path) -> None:
    for form, lost in (("{:.2E}", True), ("{:.8E}", False)):
        rows = [[row[0], *map(form.format, row[1:5]), row[5]] for row in ROWS]
        path = table(tmp_path / "a.csv", PLAIN, rows)
        if lost:
            assert "have lost their last digits" in refusal(path)
        else:
            assert same(load_file(path, QUARTER).candles, GIVEN)


@pytest.mark.parametrize("decimals", [1, 2, 3, 4])
def test_days_of_a_spreadsheet_with_few_decimals_are_refused(tmp_path: Path, decimals: int) -> None:
    rows = [[f"{row[0] / 86_400_000 + 25_569:.{decimals}f}", *row[1:]] for row in rows_of(GIVEN)]
    with pytest.raises(DataError, match="the days have lost decimals"):
        load_file(table(tmp_path / "a.csv", PLAIN, rows), QUARTER)


THOUSANDS = [[*row[:5], f"{1000 + row[5] * 30:,.2f}"] for row in ROWS]
SOME = [[*row[:5], f"{row[5] * 30:,.2f}"] for row in ROWS]
WHOLE = [[*row[:5], f"{1000 + int(row[5] * 30):,}"] for row in ROWS]
PRICES = [[row[0], *(f"{value:,.2f}" for value in row[1:5]), row[5]] for row in ROWS]


@pytest.mark.parametrize("header", [PLAIN, None])
@pytest.mark.parametrize("rows", [THOUSANDS, SOME, WHOLE, PRICES])
def test_commas_of_thousands_without_quotes_are_no_separators(
    tmp_path: Path, rows: list[list[object]], header: str | None
) -> None:
    """Neither 317.11 is the volume of 4,317.11, nor is the row to be removed that has it."""
    said = refusal(table(tmp_path / "a.csv", header, rows))
    assert "commas in numbers stand between the cells too" in said
    assert "data.columns" not in said
    assert "remove" not in said
