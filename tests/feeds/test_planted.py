"""Faults planted in candle files: what is said of them, and what the remedy makes of the file."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stoptrail.core.errors import DataError
from stoptrail.core.time import iso
from stoptrail.feeds.check import check_file
from stoptrail.feeds.files import load_file
from stoptrail.feeds.layouts.recognise import Reading
from stoptrail.feeds.synthetic import synthetic_candles
from stoptrail.feeds.tables.zones import changes
from stoptrail.rules.candles import Candles
from tests.feeds.candle_files import QUARTER, same
from tests.feeds.test_refusals import walk
from tests.feeds.written import PLAIN, Row, moment, rows_of, table

GIVEN = walk(240)
ROWS: list[list[Any]] = [list(row) for row in rows_of(GIVEN)]
DAY, HOUR = 86_400_000, 3_600_000
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


def said(path: Path, reading: Reading | None = None) -> list[str]:
    """What a run says of a file that it takes."""
    return list(load_file(path, QUARTER, reading or Reading(), now=4_000_000_000_000).notes)


def exchanged(rows: list[list[Any]], first: int, last: int) -> list[list[Any]]:
    """Rows of which those of [first, last) have open and close in each other's column."""
    turned = [[t, c, h, low, o, v] for t, o, h, low, c, v in rows[first:last]]
    return [*rows[:first], *turned, *rows[last:]]


@pytest.mark.parametrize(("first", "last"), [(40, 41), (40, 42), (90, 100), (180, 240)])
def test_open_and_close_that_are_exchanged_in_some_rows_are_said(
    tmp_path: Path, first: int, last: int
) -> None:
    """Most rows do not show it, their neighbours do."""
    notes = said(table(tmp_path / "a.csv", PLAIN, exchanged(ROWS, first, last)))
    (note,) = [note for note in notes if "open and close exchanged" in note]
    assert note.startswith(f"row {first + 1} (line {first + 2}), ")
    assert f"{last - first} candle" in note or f"{last - first - 1} candle" in note
    assert said(table(tmp_path / "b.csv", PLAIN, ROWS)) == []


@pytest.mark.parametrize(
    ("share", "found"), [(0.05, False), (0.3, True)], ids=["hardly a body", "a body"]
)
def test_a_body_that_goes_on_either_way_round_says_nothing_of_its_columns(
    tmp_path: Path, share: float, found: bool
) -> None:
    """As BTC/USDT's candle of 2022-12-27 01:00 in half hours, with 47 cents of 20 dollars."""
    rows = [list(row) for row in ROWS]
    usual = sorted(high - low for _, _, high, low, _, _ in rows)[len(rows) // 2]
    before = rows[99][4]
    other = before + round(share * usual, 2)
    rows[100][1:5] = other, other + usual, before - usual, before
    rows[101][1:3] = other, max(rows[101][2], other)
    rows[101][3] = min(rows[101][3], other)
    notes = said(table(tmp_path / "a.csv", PLAIN, rows))
    assert any("open and close exchanged" in note for note in notes) == found


def test_a_candle_of_few_steps_says_nothing_of_its_columns(tmp_path: Path) -> None:
    """Of a price that moves by one or two of its steps, many candles go on either way round."""
    step = 100.0
    rows = [[t, *(round(price / step) * step for price in prices), v] for t, *prices, v in ROWS]
    rows[100][1:5] = rows[99][4] + step, rows[99][4] + step, rows[99][4], rows[99][4]
    rows[101][1:5] = rows[99][4] + step, rows[99][4] + step, rows[99][4], rows[99][4]
    assert not any("exchanged" in note for note in said(table(tmp_path / "a.csv", PLAIN, rows)))


def test_a_market_whose_bid_and_ask_are_apart_has_no_columns_exchanged(tmp_path: Path) -> None:
    """It closes at the one and opens at the other, so that many candles go on either way round: so
    do those of ETH/BTC in five minutes of January 2018."""
    chance = np.random.default_rng(11)
    count, spread = 3000, 4e-5
    moves = np.where(chance.random(count) < 0.3, chance.normal(0, 1.5e-4, count), 0.0)
    level = np.round(0.1 + np.cumsum(moves), 8)
    close = level + spread * (chance.random(count) < 0.3)
    open_ = np.concatenate([[0.1], level[:-1]]) + spread * (chance.random(count) < 0.3)
    again = chance.random(count) < 0.5
    open_[1:] = np.where(again[1:], close[:-1], open_[1:])
    high = np.maximum(open_, close) + 4e-5
    low = np.minimum(open_, close) - 4e-5
    rows = [
        [ROWS[0][0] + i * QUARTER, *map(float, cells), float(volume)]
        for i, (*cells, volume) in enumerate(
            zip(open_, high, low, close, chance.lognormal(3, 1, count), strict=True)
        )
    ]
    assert said(table(tmp_path / "a.csv", PLAIN, rows)) == []
    largest = int(np.argmax(np.abs(close - open_)[10:-10])) + 10
    notes = said(table(tmp_path / "b.csv", PLAIN, exchanged(rows, largest, largest + 1)))
    assert any("open and close exchanged" in note for note in notes)


def test_a_program_s_same_few_trades_are_no_candles_written_again(tmp_path: Path) -> None:
    """One step high, of a stable pair: 24 coins every five minutes."""
    chance = np.random.default_rng(1)
    rows: list[list[Any]] = []
    for row in ROWS:
        close = float(chance.choice([0.9994, 0.9995]))
        rows.append([row[0], 0.9994, 0.9995, 0.9994, close, float(chance.integers(9, 999))])
    for row in rows[100:110]:
        row[4:] = 0.9995, 24.0
    assert not any("written again" in note for note in said(table(tmp_path / "a.csv", PLAIN, rows)))
    stale = [list(row) for row in ROWS]
    for i in range(101, 110):
        stale[i][1:] = stale[100][1:]
    assert any("written again" in note for note in said(table(tmp_path / "b.csv", PLAIN, stale)))


def test_a_stretch_that_is_another_one_s_copy_is_said(tmp_path: Path) -> None:
    rows = [list(row) for row in ROWS]
    for i in range(4):
        rows[100 + i][1:] = ROWS[50 + i][1:]
    (note,) = [one for one in said(table(tmp_path / "a.csv", PLAIN, rows)) if "copied" in one]
    assert note.startswith("row 101 (line 102), ")
    assert f"4 candles are those from {iso(ROWS[50][0])} again" in note
    rows[101][5] += 0.00001
    assert not any("copied" in one for one in said(table(tmp_path / "b.csv", PLAIN, rows)))


@pytest.mark.parametrize("factor", [42_000.0, 1e-4])
def test_volumes_of_another_unit_from_some_row_on_are_said(tmp_path: Path, factor: float) -> None:
    rows = [[*row[:5], row[5] * (factor if i >= 160 else 1)] for i, row in enumerate(ROWS)]
    notes = said(table(tmp_path / "a.csv", PLAIN, rows))
    (note,) = [one for one in notes if "count something else" in one]
    assert note.startswith("row 161 (line 162), ")


@pytest.mark.parametrize("i", [0, 40, -1])
@pytest.mark.parametrize("factor", [10.0, 0.1])
def test_a_candle_of_ten_times_the_price_is_said_whatever_its_neighbours_did(
    tmp_path: Path, i: int, factor: float
) -> None:
    rows = [list(row) for row in ROWS]
    rows[i][1:5] = [value * factor for value in rows[i][1:5]]
    notes = said(table(tmp_path / "a.csv", PLAIN, rows))
    for name in ("open", "high", "low", "close"):
        assert any(f"{name} = " in note and "is usual around it" in note for note in notes)


def test_half_a_day_of_longer_candles_is_said(tmp_path: Path) -> None:
    rows = [*ROWS[:192], *ROWS[192:240:4]]
    rows += [[row[0] + 48 * QUARTER, *row[1:]] for row in ROWS[192:200:4]]
    notes = said(table(tmp_path / "a.csv", PLAIN, rows))
    assert any("candles come every 1h from there" in note for note in notes)


def test_points_that_may_group_thousands_are_said(tmp_path: Path) -> None:
    rows = [[moment(row[0]), *(f"{x:,.0f}".replace(",", ".") for x in row[1:5]), f"{row[5]:.0f}"]
            for row in ROWS]  # fmt: skip
    header = "time,open,high,low,close,volume".replace(",", ";")
    (note,) = [one for one in said(table(tmp_path / "a.csv", header, rows, ";")) if "41." in one]
    assert "point as their decimal mark; if it groups thousands" in note
    plain = [[moment(row[0]), *row[1:]] for row in ROWS]
    assert not any(
        "thousands" in one for one in said(table(tmp_path / "b.csv", header, plain, ";"))
    )


@pytest.mark.parametrize("name", ["timestamp", "open_time"])
@pytest.mark.parametrize("step", [1, 4])
def test_times_that_begin_a_candle_after_midnight_may_be_closes(
    tmp_path: Path, name: str, step: int
) -> None:
    """A file of whole days whose candles are stamped with their closes; no other one is."""
    rows = [[row[0] + step * QUARTER, *row[1:]] for row in ROWS[:192:step]]
    rows = [[t - ROWS[0][0] % DAY, *more] for t, *more in rows]
    header = PLAIN.replace("timestamp", name)
    path = table(tmp_path / "a.csv", header, rows)
    notes = load_file(path, None, now=4_000_000_000_000).notes
    assert any('set data.stamp = "close"' in note for note in notes) == (name == "timestamp")
    closes = load_file(path, None, Reading(stamp="close"), now=4_000_000_000_000)
    assert closes.candles.time[0] % DAY == 0
    assert not any("data.stamp" in note for note in closes.notes)
    later = table(tmp_path / "b.csv", header, rows[1:])
    assert not any("data.stamp" in note for note in load_file(later, None).notes)


def test_times_in_the_middle_of_candles_are_told_as_that(tmp_path: Path) -> None:
    rows = [[row[0] + QUARTER // 2, *row[1:]] for row in ROWS]
    assert "write them half a candle earlier" in refusal(table(tmp_path / "a.csv", PLAIN, rows))
    hours = [[row[0] + 2 * QUARTER, *row[1:]] for row in ROWS[::4]]
    with pytest.raises(DataError, match="half a candle earlier"):
        load_file(table(tmp_path / "b.csv", PLAIN, hours), 4 * QUARTER)
    odd = [[row[0] + 420_000, *row[1:]] for row in ROWS]
    assert "half a candle" not in refusal(table(tmp_path / "c.csv", PLAIN, odd))


@pytest.mark.parametrize(
    ("ahead", "words"),
    [
        (-QUARTER, "was not over when the file was written"),
        (-1, "was not over when the file was written"),
        (-2 * 3_600_000, "7 candles, the last row 240 .* open after the file was written"),
        (0, ""),
        (-30 * 3_600_000, ""),  # a date that says nothing
    ],
)
def test_candles_that_end_after_their_file_was_written_are_said(
    tmp_path: Path, ahead: int, words: str
) -> None:
    """Whatever the clock says by now."""
    path = table(tmp_path / "a.csv", PLAIN, ROWS)
    ends = (ROWS[-1][0] + QUARTER + ahead) / 1000
    os.utime(path, (ends, ends))
    notes = load_file(path, QUARTER, now=4_000_000_000_000).notes
    findings = [one for one in check_file(path, QUARTER).findings if one.said]
    assert (len(notes), len(findings)) == ((1, 1) if words else (0, 0))
    assert not words or re.search(words, notes[0])
    if "not over" in words:
        table(path, PLAIN, ROWS[:-1])
        os.utime(path, (ends, ends))
        assert load_file(path, QUARTER, now=4_000_000_000_000).notes == ()


@pytest.mark.parametrize(
    ("time", "rule"),
    [
        (lambda t: t - 365 * DAY, "is earlier than the row before"),
        (lambda t: t + 365 * DAY, "is later than the row behind"),
        (lambda t: t - 4 * QUARTER - 1, "is earlier than the row before"),
    ],
)
def test_one_row_of_a_wrong_time_is_not_to_be_sorted(
    tmp_path: Path, time: Callable[[int], int], rule: str
) -> None:
    """Sorted, the file would load with a candle of another day."""
    rows = [list(row) for row in ROWS]
    rows[100][0] = time(rows[100][0])
    told = refusal(table(tmp_path / "a.csv", PLAIN, rows))
    assert "row 101 (line 102)" in told
    assert f"{rule}; mend its time, or remove the row" in told
    moved = [*ROWS[:100], *ROWS[101:], ROWS[100]]
    assert "sort the file by open time" in refusal(table(tmp_path / "b.csv", PLAIN, moved))


def test_one_row_beside_the_grid_is_told_alone(tmp_path: Path) -> None:
    rows = [list(row) for row in ROWS]
    rows[100][0] += 420_000
    told = refusal(table(tmp_path / "a.csv", PLAIN, rows))
    assert "row 101 (line 102)" in told
    assert told.endswith("mend the time, or remove the row")


@pytest.mark.parametrize(
    ("form", "said"),
    [("%Y-%m-%d", "the times tell the day alone"), ("%Y-%m-%d %I:%M", "a clock with AM and PM")],
)
def test_times_without_all_of_their_clock_are_no_duplicates(
    tmp_path: Path, form: str, said: str
) -> None:
    rows = [[moment(row[0], form), *row[1:]] for row in ROWS]
    assert said in refusal(table(tmp_path / "a.csv", PLAIN, rows))


@pytest.mark.parametrize("header", [PLAIN, None])
def test_commas_of_numbers_without_quotes_are_refused(tmp_path: Path, header: str | None) -> None:
    """Prices were cut to whole numbers by the remedy of a row whose cells are halves."""
    for form, heads in (("{:.2f}", (header,)), ("{:,.2f}", (PLAIN,))):
        mark = str.maketrans(".", ",") if form == "{:.2f}" else {}
        rows = [[row[0], *(form.format(x).translate(mark) for x in row[1:])] for row in ROWS]
        for head in heads:
            said = refusal(table(tmp_path / "a.csv", head, rows))
            assert "write it with semicolons" in said
            assert "data.columns" not in said


def test_a_header_that_comes_again_in_capitals_is_skipped(tmp_path: Path) -> None:
    rows = [*ROWS[:100], PLAIN.upper().split(","), *ROWS[100:]]
    loaded = load_file(table(tmp_path / "a.csv", PLAIN, rows), QUARTER)
    assert same(loaded.candles, GIVEN)
    assert loaded.notes == ("1 repeated header line skipped, the first at row 101 (line 102)",)


@pytest.mark.parametrize("end", [200, len(ROWS)])
@pytest.mark.parametrize("order", [(0, 1, 4, 2, 3, 5), (0, 1, 3, 2, 4, 5), (0, 1, 2, 3, 5, 4)])
def test_columns_of_another_order_for_a_stretch_are_another_table(
    tmp_path: Path, end: int, order: tuple[int, ...]
) -> None:
    """To remove its rows would leave a month out that is there."""
    rows = [[row[k] for k in order] if 150 <= i < end else row for i, row in enumerate(ROWS)]
    said = refusal(table(tmp_path / "a.csv", PLAIN, rows))
    assert f"rows to row {end} (line {end + 1}): the columns seem to come in another order" in said
    assert "give each table as a file of its own" in said
    assert "remove" not in said


def test_a_stretch_whose_columns_are_possible_in_most_rows_is_told_as_that_too(
    tmp_path: Path,
) -> None:
    """High and close exchanged: an open lies above the close in every second row."""
    rows = [list(row) for row in ROWS]
    for row in rows[170:]:
        row[2], row[4] = row[4], row[2]
    assert "the columns seem to come in another order" in refusal(
        table(tmp_path / "a.csv", PLAIN, rows)
    )


def test_prices_that_become_0_are_told_as_that(tmp_path: Path) -> None:
    """No other table begins there, and no other order of columns mends them."""
    rows = [row if i < 150 else [row[0], 0, 0, 0, 0, row[5]] for i, row in enumerate(ROWS)]
    said = refusal(table(tmp_path / "a.csv", PLAIN, rows))
    assert "open = 0 is not a positive price (and 89 more); mend or remove the row" in said


def test_a_time_of_0_in_one_row_is_that_of_the_row(tmp_path: Path) -> None:
    rows = [*ROWS, [0, *ROWS[-1][1:]]]
    assert refusal(table(tmp_path / "a.csv", PLAIN, rows)).endswith("mend or remove the row")


@pytest.mark.parametrize("header", [PLAIN, None])
def test_rows_that_get_a_cell_more_are_not_taken_for_a_title(
    tmp_path: Path, header: str | None
) -> None:
    """The rows before them were passed over, and the file began in its middle."""
    rows = [*ROWS[:100], *([*row, 1] for row in ROWS[100:])]
    path = table(tmp_path / "a.csv", header, rows)
    for reading in (Reading(), Reading(columns=(*PLAIN.split(","), "-"))):
        assert "rows before the others have 6 cells, not 7" in refusal(path, reading)


def local_epochs(truth: Candles, zone: str) -> list[list[Any]]:
    """Rows whose epochs were made of the time on that zone's clocks."""
    rows: list[list[Any]] = [list(row) for row in rows_of(truth)]
    for row in rows:
        local = datetime.fromtimestamp(row[0] / 1000, ZoneInfo(zone)).replace(tzinfo=UTC)
        row[0] = int(local.timestamp() * 1000)
    return rows


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Sydney"])
def test_epochs_of_local_time_are_told_where_summer_time_begins_and_ends(
    tmp_path: Path, zone: str
) -> None:
    """data.zone alone does not hold for epochs: what does is said, and gives the truth."""
    for change, length in changes(zone, 2024):
        begin = (change - 5 * DAY) // DAY * DAY
        truth = synthetic_candles(3, QUARTER, begin, begin + 10 * DAY)
        rows = local_epochs(truth, zone)
        path = table(tmp_path / "a.csv", PLAIN, rows)
        told = refusal(path) if length < 0 else "\n".join(said(path))
        assert 'set data.zone to the zone of the file and data.epochs = "local"' in told
        assert ("comes twice" in told) == (length < 0)
        mended = load_file(path, QUARTER, Reading(zone=zone, epochs="local"))
        assert same(mended.candles, truth)
        assert mended.notes == (f"the epochs are taken as those of the clock in {zone}",)


@pytest.mark.parametrize("newest_first", [False, True])
def test_where_another_zone_may_begin_is_said_beside_the_remedy_that_is_of_one(
    tmp_path: Path, newest_first: bool
) -> None:
    """data.zone alone moved the candles before, which were of UTC, and nothing said so."""
    zone = "Europe/Berlin"
    change = next(time for time, length in changes(zone, 2024) if length < 0) // DAY * DAY
    truth = synthetic_candles(3, QUARTER, change - 10 * DAY, change + 5 * DAY)
    at, local = 3 * DAY // QUARTER, local_epochs(truth, zone)
    mixed = [*map(list, rows_of(truth)[:at]), *local[at:]]
    for rows, said_too in ((mixed, True), (local, False)):
        words = [[moment(row[0], "%Y-%m-%d %H:%M"), *row[1:]] for row in rows]
        path = table(tmp_path / "a.csv", PLAIN, words[::-1] if newest_first else words)
        told = refusal(path)
        assert "set data.zone to the zone of the file, or give times in UTC" in told
        assert (f"from {iso(mixed[at][0])} on they may be of another zone" in told) == said_too
        assert ("another zone" in told) == said_too


def test_a_zone_that_moves_nothing_is_said_and_epochs_of_local_time_need_one(
    tmp_path: Path,
) -> None:
    path = table(tmp_path / "a.csv", PLAIN, ROWS)
    zoned = load_file(path, QUARTER, Reading(zone="Europe/Berlin"))
    assert same(zoned.candles, load_file(path, QUARTER).candles)
    assert any("data.zone moves nothing: the times are epochs" in note for note in zoned.notes)
    assert not load_file(path, QUARTER, Reading(zone="UTC")).notes
    with pytest.raises(DataError, match=r'data\.epochs = "local" needs the zone'):
        load_file(path, QUARTER, Reading(epochs="local"))


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
@pytest.mark.parametrize("newest_first", [False, True])
def test_local_time_that_says_to_be_of_utc_is_moved_where_the_user_says_so(
    tmp_path: Path, kind: str, newest_first: bool
) -> None:
    """As a file that was read as UTC, and written anew, holds it."""
    begin = int(datetime(2024, 10, 25, tzinfo=UTC).timestamp()) * 1000
    truth = synthetic_candles(3, QUARTER, begin, begin + 5 * DAY)
    rows = local_epochs(truth, "Europe/Berlin")[:: -1 if newest_first else 1]
    path = tmp_path / f"a.{kind}"
    if kind == "csv":
        table(path, PLAIN, [[moment(row[0]) + "Z", *row[1:]] for row in rows])
    elif kind == "json":
        path.write_text(json.dumps(rows))
    else:
        columns = dict(zip(PLAIN.split(","), zip(*rows, strict=True), strict=True))
        stamps = pa.array(columns["timestamp"]).cast(pa.timestamp("ms", "UTC"))
        pq.write_table(pa.table({**columns, "timestamp": stamps}), path)
    reading = Reading(zone="Europe/Berlin", epochs="local")
    assert same(load_file(path, QUARTER, reading).candles, truth)


def test_an_outage_of_that_very_hour_is_no_local_time(tmp_path: Path) -> None:
    """Unless the price goes on over it; so it does over most outages, at other hours."""
    begin = int(datetime(2024, 3, 26, tzinfo=UTC).timestamp()) * 1000
    rows = [list(row) for row in rows_of(synthetic_candles(3, QUARTER, begin, begin + 10 * DAY))]
    hour = int(datetime(2024, 3, 31, 2, tzinfo=UTC).timestamp()) * 1000
    rows = [row for row in rows if not hour <= row[0] < hour + 4 * QUARTER]
    assert not any("summer time" in note for note in said(table(tmp_path / "a.csv", PLAIN, rows)))


def test_hours_that_are_missing_at_any_time_are_no_summer_time(tmp_path: Path) -> None:
    """As of a market that hardly anybody trades."""
    begin = int(datetime(2024, 3, 1, tzinfo=UTC).timestamp()) * 1000
    rows = [list(row) for row in rows_of(synthetic_candles(3, QUARTER, begin, begin + 60 * DAY))]
    skipped = {(begin + 30 * DAY) // DAY * DAY + 2 * HOUR}  # of 31 March
    often = skipped | {begin + k * DAY + 7 * HOUR for k in range(4, 10)}
    for hours, said_so in ((skipped, True), (often, False)):
        kept = [row for row in rows if not any(h <= row[0] < h + HOUR for h in hours)]
        written = [[moment(row[0]), *row[1:]] for row in kept]
        notes = said(table(tmp_path / "a.csv", PLAIN, written))
        assert any("summer time" in note for note in notes) == said_so


def test_a_volatile_coin_moves_by_half_over_a_missing_day(tmp_path: Path) -> None:
    chance = np.random.default_rng(6)
    close = 0.3 * np.exp(np.cumsum(chance.normal(0, 0.2, 400)))
    open_ = np.concatenate([[0.3], close[:-1]])
    high, low = np.maximum(open_, close) * 1.1, np.minimum(open_, close) / 1.1
    first = ROWS[0][0] // DAY * DAY
    rows = [
        [first + i * DAY, *map(float, cells), float(chance.lognormal(12, 1))]
        for i, cells in enumerate(zip(open_, high, low, close, strict=True))
    ]
    jump = int(np.argmax(np.abs(np.log(open_[2:] / close[:-2]))[10:-10])) + 11
    assert abs(np.log(open_[jump + 1] / close[jump - 1])) > 0.45
    rows.pop(jump)
    path = table(tmp_path / "a.csv", PLAIN, rows)
    notes = load_file(path, DAY, Reading(), now=4_000_000_000_000).notes
    assert not any("the price goes from" in note for note in notes)


def test_the_first_days_of_a_coin_are_prices_though_they_are_twice_as_high_as_low(
    tmp_path: Path,
) -> None:
    chance = np.random.default_rng(4)
    close = 0.3 * np.exp(np.cumsum(chance.normal(0.1, 0.3, 21)))
    open_ = np.concatenate([[0.4], close[:-1]])
    high, low = np.maximum(open_, close) * 1.3, np.minimum(open_, close) / 1.3
    rows = [
        [ROWS[0][0] // DAY * DAY + i * DAY, *map(float, cells), 1e6 + i * 7]
        for i, cells in enumerate(zip(open_, high, low, close, strict=True))
    ]
    assert np.median(high / low) > 1.5
    assert len(load_file(table(tmp_path / "a.csv", PLAIN, rows), DAY).candles.time) == 21


def test_midnights_with_the_date_of_the_day_that_they_end_are_not_to_be_sorted(
    tmp_path: Path,
) -> None:
    """Sorted, each would stand among the candles of the day before."""
    truth = walk(600)
    rows = [list(row) for row in rows_of(truth)]
    for row in rows:
        row[0] = moment(row[0] - (DAY if row[0] % DAY == 0 else 0))
    path = table(tmp_path / "a.csv", PLAIN, rows)
    assert "add a day to it and to its like" in refusal(path, Reading(stamp="close"))


@pytest.mark.parametrize("names", [PLAIN.split(",")[1:], ["o", "h", "l", "c", "vol"]])
def test_prices_without_a_time_are_not_to_be_named(names: list[str], tmp_path: Path) -> None:
    """As pandas leaves the index out of records; to name the columns brings no times."""
    records = [dict(zip(names, row[1:], strict=True)) for row in ROWS]
    path = tmp_path / "a.json"
    path.write_text(json.dumps(records))
    assert "none of them holds times: give open times beside the prices" in refusal(path)
    assert "data.columns" not in refusal(path)


def test_a_socket_of_bybit_s_is_told_as_that(tmp_path: Path) -> None:
    names = ("open", "high", "low", "close", "volume")
    lines = []
    for time, *values in ROWS:
        data = {"start": time, "end": time + QUARTER - 1, "interval": "15", "turnover": "1"}
        data |= {**dict(zip(names, map(str, values), strict=True)), "confirm": True}
        lines.append(json.dumps({"topic": "kline.15.BTCUSDT", "data": [data], "ts": time}))
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(lines))
    loaded = load_file(path, QUARTER)
    assert same(loaded.candles, GIVEN)
    assert loaded.layout == "Bybit"


def test_rows_are_not_to_be_sorted_where_their_times_are_wrong(tmp_path: Path) -> None:
    """A spreadsheet that reads the day first exchanges it with the month up to the twelfth: sorted,
    those days would be days of other months."""
    truth = synthetic_candles(3, QUARTER, 1_704_067_200_000, 1_704_067_200_000 + 90 * DAY)
    rows = [list(row) for row in rows_of(truth)]
    for row in rows:
        small = datetime.fromtimestamp(row[0] / 1000, UTC).day <= 12
        row[0] = moment(row[0], "%Y-%d-%m %H:%M" if small else "%Y-%m-%d %H:%M")
    said = refusal(table(tmp_path / "a.csv", PLAIN, rows))
    assert "the times are wrong there, not the order of rows" in said
    assert "sort the file" not in said
    months = [list(row) for row in rows_of(truth)]
    whole = months[:3000][::-1] + months[3000:6000] + months[6000:][::-1]
    assert "sort the file by open time" in refusal(table(tmp_path / "b.csv", PLAIN, whole))


@pytest.mark.parametrize(("unit", "ends"), [("M", "months"), ("D", "days")])
def test_ends_of_months_and_days_that_were_under_way_are_said(
    unit: str, ends: str, tmp_path: Path
) -> None:
    """Months in one file have no seams: one of five such ends was told, as of another market."""
    begin = 1_704_067_200_000
    truth = synthetic_candles(3, QUARTER, begin, begin + 160 * DAY)
    rows = [list(row) for row in rows_of(truth)]
    whole = said(table(tmp_path / "a.csv", PLAIN, rows))
    assert not any("ends of" in note for note in whole)
    names = truth.time.astype("datetime64[ms]").astype(f"datetime64[{unit}]")
    last = np.flatnonzero(names[1:] != names[:-1])
    for i in last.tolist():
        row = rows[i]
        row[4] = round((row[1] + row[4]) / 2, 2)
        row[2:4] = max(row[1], row[4]), min(row[1], row[4])
        row[5] = row[5] / 2
    (note,) = [one for one in said(table(tmp_path / "b.csv", PLAIN, rows)) if "ends of" in one]
    assert f"of {len(last)} candles at the ends of {ends}, this the first" in note
