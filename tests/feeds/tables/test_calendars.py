"""Years of other calendars are named, and years of this one are never taken for such."""

from __future__ import annotations

from pathlib import Path

import pytest

from stoptrail.feeds.check import check_file
from stoptrail.feeds.files import load_file
from stoptrail.feeds.tables.calendars import other_calendar
from tests.feeds.candle_files import QUARTER
from tests.feeds.test_refusals import refusal, walk
from tests.feeds.written import PLAIN, moment, rows_of, table

ROWS = rows_of(walk())
"""Of October 2024."""


@pytest.mark.parametrize("form", ["%d/%m/{} %H:%M", "{}-%m-%d %H:%M:%S", "{}-%m-%dT%H:%M:%SZ",
                                  "{}%m%d%H%M%S"])  # fmt: skip
def test_a_buddhist_year_is_named_with_the_one_that_it_is(tmp_path: Path, form: str) -> None:
    rows = [[moment(row[0], form.format(2567)), *row[1:]] for row in ROWS]
    path = table(tmp_path / "a.csv", PLAIN, rows)
    assert "2567 may be a year of the Buddhist (Thai) calendar, 2024; give open" in refusal(path)
    assert not check_file(path, QUARTER).usable


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("1403-08-04 00:15", "1403 may be a year of the Persian calendar, 2024 or the one after"),
        ("113/10/25 00:15", "113 may be a year of the Minguo calendar, 2024"),
        ("令和6年10月25日 00:15", "6 may be a year of Reiwa, 2024"),
        ("R6.10.25", "6 may be a year of Reiwa, 2024"),
    ],
)
def test_other_years_are_named_too(tmp_path: Path, text: str, told: str) -> None:
    assert told in refusal(table(tmp_path / "a.csv", PLAIN, [[text, *row[1:]] for row in ROWS]))


@pytest.mark.parametrize(
    "text", ["2024-10-25", "25/10/2024 00:15", "1729814400", "28806912", "45590.5", "n/a", "739550"]
)
def test_years_and_numbers_of_another_kind_are_none_of_another_calendar(text: str) -> None:
    assert not other_calendar(text)


def test_a_short_buddhist_year_lies_ahead_of_every_zone(tmp_path: Path) -> None:
    rows = [[moment(row[0], "%d/%m/67 %H:%M"), *row[1:]] for row in ROWS]
    notes = load_file(table(tmp_path / "a.csv", PLAIN, rows), QUARTER).notes
    assert any("no zone is so far ahead: the years may be those of another" in n for n in notes)


def test_a_single_day_that_may_be_first_or_second_warns_of_nothing(tmp_path: Path) -> None:
    """NumPy warns of the deviation of nothing."""
    path = table(tmp_path / "a.csv", PLAIN, [["03/04/24 00:15", *ROWS[0][1:]]])
    assert not check_file(path, QUARTER).usable
