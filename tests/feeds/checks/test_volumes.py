"""Volumes that count something else from some candle on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stoptrail.feeds.checks.volumes import other_volumes
from stoptrail.feeds.files import load_file
from stoptrail.feeds.synthetic import synthetic_candles
from stoptrail.feeds.tables.columns import Columns, columns_of
from stoptrail.rules.candles import Candles, Floats
from tests.feeds.candle_files import QUARTER, START, rows_of, write_csv

GIVEN = synthetic_candles(3, QUARTER, START, START + 3000 * QUARTER)
FIRST, DAY = 1536, 96


def counted(size: float, rows: slice) -> Columns:
    """The volumes of those rows in contracts of so many coins."""
    volume: Floats = GIVEN.volume.copy()
    volume[rows] = np.round(volume[rows] / size)
    return columns_of(GIVEN._replace(volume=volume))


@pytest.mark.parametrize("size", [0.001, 0.01])
@pytest.mark.parametrize("end", [FIRST + DAY, FIRST + 12 * DAY, None])
def test_contracts_among_coins_are_said(size: float, end: int | None) -> None:
    """A thousand and more times as large was told, which a contract of 0.001 coins seldom is."""
    ((kind, row, _, text),) = other_volumes(counted(size, slice(FIRST, end)))
    assert (kind, row) == ("volume", FIRST)
    assert "as large: they count something else" in text


def test_coins_behind_contracts_are_said() -> None:
    ((_, row, _, text),) = other_volumes(counted(0.01, slice(0, FIRST)))
    assert row == FIRST
    assert "as small" in text


def test_a_day_in_the_quote_currency_is_said_by_a_run(tmp_path: Path) -> None:
    volume = GIVEN.volume.copy()
    volume[FIRST : FIRST + DAY] *= GIVEN.close[FIRST : FIRST + DAY]
    path = write_csv(tmp_path / "a.csv", rows_of(GIVEN._replace(volume=volume)))
    (note,) = [one for one in load_file(path, QUARTER).notes if "count something" in one]
    assert note.startswith(f"row {FIRST + 1} (line {FIRST + 2})")


@pytest.mark.parametrize("times", [1.0, 15.0, 60.0])
def test_busier_days_and_coins_traded_as_a_whole_are_none(times: float) -> None:
    """A market may trade 60 times as much for a day; that its coins become whole is rarer."""
    volume = GIVEN.volume.copy()
    volume[FIRST : FIRST + DAY] *= times
    given: list[Candles] = [GIVEN._replace(volume=volume)]
    given.append(GIVEN._replace(volume=np.round(volume * 10)))
    assert [list(other_volumes(columns_of(one))) for one in given] == [[], []]
