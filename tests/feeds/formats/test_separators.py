"""What stands between cells: read where no number, time or name has it, else told."""

from __future__ import annotations

from pathlib import Path

import pytest

from stoptrail.feeds.files import load_file
from tests.feeds.candle_files import QUARTER, same
from tests.feeds.test_refusals import refusal, walk
from tests.feeds.written import PLAIN, rows_of, table

GIVEN = walk()


@pytest.mark.parametrize("separator", ["^", "~", "\x01", "\x1f"])
@pytest.mark.parametrize("header", [PLAIN, None])
def test_separators_of_database_exports_are_read(
    tmp_path: Path, separator: str, header: str | None
) -> None:
    path = table(tmp_path / "a.txt", header, rows_of(GIVEN), separator)
    assert same(load_file(path, QUARTER).candles, GIVEN)


@pytest.mark.parametrize("separator", ["#", "$", "&", "/", "_", "!"])
def test_another_separator_is_named_and_commas_in_its_place_load(
    tmp_path: Path, separator: str
) -> None:
    path = table(tmp_path / "a.txt", PLAIN, rows_of(GIVEN), separator)
    assert f"they seem to stand between {separator!r}: write commas" in refusal(path)
    path.write_text(path.read_text().replace(separator, ","))
    assert same(load_file(path, QUARTER).candles, GIVEN)


def test_a_text_of_words_has_no_separator(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("It's a note, with words; no table.\nAnd another line!\n")
    assert "seem to stand" not in refusal(path)
