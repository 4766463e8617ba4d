"""A column of unknown name in which the newest candle alone stands apart is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stoptrail.feeds.files import load_file
from tests.feeds.candle_files import PLAIN, QUARTER, candles, rows_of, same, write_csv

GIVEN = candles(500)
ROWS = rows_of(GIVEN)


def notes(folder: Path, name: str, cells: list[Any], *, newest_first: bool = False) -> str:
    rows = [[*row, cell] for row, cell in zip(ROWS, cells, strict=True)]
    path = write_csv(folder / "a.csv", rows[::-1] if newest_first else rows, f"{PLAIN},{name}")
    loaded = load_file(path, QUARTER)
    assert same(loaded.candles, GIVEN)
    return "\n".join(loaded.notes)


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize(
    ("name", "others", "newest"),
    [("live", 0, 1), ("live", "False", "True"), ("state", "done", "building"), ("n", "a", "")],
)
def test_the_newest_candle_alone_is_told(
    name: str, others: object, newest: object, newest_first: bool, tmp_path: Path
) -> None:
    said = notes(tmp_path, name, [others] * 499 + [newest], newest_first=newest_first)
    told = f"only the newest candle has {name} = {newest or 'nothing'}, the others {others}: "
    assert told in said
    assert "leave its row out" in said


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("source", ["binance"] * 500),
        ("source", ["binance"] * 400 + ["kraken"] * 100),
        ("live", [0] * 200 + [1] + [0] * 298 + [1]),
        ("live", [1] + [0] * 499),
        ("trades", [5] * 499 + [6]),
        ("n", list(range(500))),
        ("ignore", [0] * 499 + [1]),
    ],
)
def test_nothing_is_said_of_other_columns(name: str, cells: list[Any], tmp_path: Path) -> None:
    assert "newest" not in notes(tmp_path, name, cells)


def test_a_flag_with_words_of_its_own_is_told(tmp_path: Path) -> None:
    assert "has status = building" in notes(tmp_path, "status", ["done"] * 499 + ["building"])
