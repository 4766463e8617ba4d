"""Candles that come twice in one file, and what they say of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stoptrail.feeds.check import check_file
from stoptrail.feeds.files import load_file
from stoptrail.feeds.layouts.recognise import Reading
from tests.feeds.candle_files import QUARTER, same
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


def test_updates_of_candles_under_way_are_told_as_such(tmp_path: Path) -> None:
    rows = [[*row[:5], round(row[5] * part, 5)] for row in ROWS for part in (0.5, 1)]
    said = refusal(table(tmp_path / "a.csv", PLAIN, rows))
    assert "as messages about a candle under way do; keep the last row of each time" in said
    assert "two markets" not in said
    assert same(load_file(table(tmp_path / "b.csv", PLAIN, rows[1::2]), QUARTER).candles, GIVEN)


def test_two_files_of_the_same_times_are_told_as_two_markets(tmp_path: Path) -> None:
    for name, rows in (("a", ROWS), ("b", NEAR)):
        table(tmp_path / f"{name}.csv", PLAIN, rows)
    assert "400 of 400 candles that the files share have other prices" in refusal(tmp_path)


SEAMS = {
    "parts of CSV that share a row": (ROWS[:200] + ROWS[199:], 1, 201),
    "parts in the other order": (ROWS[150:] + ROWS[:200], 50, 401),
    "newest first": (ROWS[::-1][:250] + ROWS[::-1][200:], 50, 251),
    "each row three times": ([row for row in ROWS for _ in range(3)], 800, 2),
}
"""Rows, how many of them come again, and the first of these from 1."""


@pytest.mark.parametrize(("rows", "count", "first"), SEAMS.values(), ids=SEAMS)
def test_rows_that_come_again_with_equal_values_are_kept_once_and_counted(
    tmp_path: Path, rows: list[list[object]], count: int, first: int
) -> None:
    path = table(tmp_path / "a.csv", PLAIN, rows)
    loaded = load_file(path, QUARTER)
    assert same(loaded.candles, GIVEN)
    told = [note for note in loaded.notes if "again with equal values" in note]
    assert len(told) == 1
    assert told[0].startswith(f"{count} row")
    before = rows.index(rows[first - 1]) + 1
    assert f"row {before} (line {before + 1}) and row {first} (line {first + 1})" in told[0]
    assert check_file(path).usable
    assert told[0] in check_file(path).notes


def test_pages_of_an_answer_may_overlap_by_a_candle(tmp_path: Path) -> None:
    names = PLAIN.split(",")
    pages = [[dict(zip(names, row, strict=True)) for row in part] for part in (ROWS[:9], ROWS[8:])]
    for name, value in (("rows", [ROWS[:9], ROWS[8:]]), ("records", {"a": {"list": pages}})):
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(value))
        loaded = load_file(path, QUARTER)
        assert same(loaded.candles, GIVEN)
        assert any("1 row comes again with equal values" in note for note in loaded.notes)


def test_of_rows_that_come_twice_those_that_differ_are_shown(tmp_path: Path) -> None:
    """Either one of equal rows may be kept; of the one that differs only one may."""
    again = [list(row) for row in ROWS[380:390]]
    again[5][4] += 0.5
    said = refusal(table(tmp_path / "a.csv", PLAIN, ROWS[:390] + again + ROWS[390:]))
    assert "row 386 (line 387)" in said
    assert "row 396 (line 397)" in said
    assert "they differ in close" in said
    assert "more such rows" not in said


def test_candles_of_two_markets_that_are_equal_by_chance_stay_those_of_either(
    tmp_path: Path,
) -> None:
    rows = [[*row, name] for row in ROWS for name in ("BTCUSDT", "BTCUSDC")]
    path = table(tmp_path / "a.csv", f"{PLAIN},market", rows)
    loaded = load_file(path, QUARTER, Reading(symbol="BTC/USDC"))
    assert same(loaded.candles, GIVEN)
    assert not any("again" in note for note in loaded.notes)


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


def test_a_part_that_is_a_candle_late_is_said_and_a_missing_candle_is_not(tmp_path: Path) -> None:
    given = list(rows_of(walk(1200)))
    late = [[row[0] + QUARTER * (i >= 700), *row[1:]] for i, row in enumerate(given)]
    (said,) = load_file(table(tmp_path / "a.csv", PLAIN, late), QUARTER).notes
    assert said.startswith("row 701 (line 702)")
    assert "may be a candle late" in said
    told = 0
    for missing in range(100, 1100, 25):
        rows = given[:missing] + given[missing + 1 :]
        notes = load_file(table(tmp_path / "b.csv", PLAIN, rows), QUARTER).notes
        told += any("a candle late" in note for note in notes)
    assert told <= 1
    thin = [row for i, row in enumerate(late) if (i + 1) % 97]
    assert not load_file(table(tmp_path / "c.csv", PLAIN, thin), QUARTER).notes


def test_a_late_part_is_said_where_its_seam_has_the_gap_of_one_candle_in_four(
    tmp_path: Path,
) -> None:
    rows = [list(row) for row in rows_of(walk(160))]
    for row in rows[::4]:
        row[1] = round(row[1] + (0.01 if row[1] < row[2] else -0.01), 2)
    late = [[row[0] + QUARTER * (i >= 100), *row[1:]] for i, row in enumerate(rows)]
    (said,) = load_file(table(tmp_path / "a.csv", PLAIN, late), QUARTER).notes
    assert said.startswith("row 101 (line 102)")
    assert "may be a candle late" in said


@pytest.mark.parametrize("sign", ["stands still", "rush"])
def test_a_candle_that_an_outage_left_out_is_no_late_part(tmp_path: Path, sign: str) -> None:
    """When an exchange comes back, the price goes on from where trading had stopped."""
    rows = [list(row) for row in rows_of(walk(1200))]
    for row in rows[700:]:
        row[0] += QUARTER
    if sign == "stands still":
        rows[699][1:] = [rows[700][1]] * 4 + [0.0]
        rows[698][4] = rows[700][1]
        rows[698][2:4] = max(rows[698][2], rows[700][1]), min(rows[698][3], rows[700][1])
    else:
        rows[700][5] = 4 * max(row[5] for row in rows[676:724])
    assert not load_file(table(tmp_path / "a.csv", PLAIN, rows), QUARTER).notes


@pytest.mark.parametrize(("count", "words"), [(200, "after 200 candles"), (3, "two markets")])
def test_a_price_that_leaps_after_standing_still_was_not_updated(
    count: int, words: str, tmp_path: Path
) -> None:
    rows = [list(row) for row in rows_of(walk(1200))]
    for row in rows[700 - count : 700]:
        row[1:5] = [rows[700 - count][4]] * 4
    for row in rows[700:]:
        row[1:5] = [round(value * 1.1, 2) for value in row[1:5]]
    path = table(tmp_path / "a.csv", PLAIN, rows)
    (said,) = load_file(path, QUARTER, Reading(symbol="BTC/USDT")).notes
    assert said.startswith("row 701 (line 702)")
    assert words in said
    assert ("no longer updated" in said) == (count > 3)
