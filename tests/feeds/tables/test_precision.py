"""Prices of 32 bits that were written as 64 are the decimals that they stand for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stoptrail.feeds.files import load_file
from stoptrail.rules.candles import Candles
from tests.feeds.candle_files import QUARTER, candles, rows_of, same, write_csv

SAID = "the prices are numbers of 32 bits written with 64: read as the decimals they stand for"
FIELDS = ("open", "high", "low", "close", "volume")


def coin(price: float, count: int = 300) -> Candles:
    """Candles at about `price`, of seven digits at most."""
    given = candles(count)
    scaled = [np.round(column / 100 * price, 2) for column in given[1:5]]
    return Candles(given.time, *scaled, given.volume + 0.125, given.interval)


def single(given: Candles) -> Candles:
    """As a frame of float32 that became one of float64."""
    short = [column.astype(np.float32).astype(np.float64) for column in given[1:6]]
    return Candles(given.time, *short, given.interval)


def parquet(path: Path, given: Candles) -> Path:
    time = pa.array(given.time).cast(pa.timestamp("ms", "UTC"))
    pq.write_table(pa.table({"time": time} | {n: getattr(given, n) for n in FIELDS}), path)
    return path


@pytest.mark.parametrize("price", [7.0, 450.37, 45_003.7])
def test_they_are_read_as_they_were(price: float, tmp_path: Path) -> None:
    given = coin(price)
    assert not np.array_equal(single(given).open, given.open)
    for path in (
        parquet(tmp_path / "a", single(given)),
        write_csv(tmp_path / "b", rows_of(single(given))),
    ):
        loaded = load_file(path, QUARTER)
        assert same(loaded.candles, given)
        assert SAID in loaded.notes


@pytest.mark.parametrize("step", [1.0, 0.25, 1 / 64, 0.01])
def test_prices_in_other_steps_stay_as_they_are(step: float, tmp_path: Path) -> None:
    """Parts of two are short decimals and numbers of 32 bits alike, hundredths none of these."""
    given = candles(300)
    rounded = [np.round(column / step) * step for column in given[1:5]]
    given = Candles(given.time, *rounded, given.volume, given.interval)
    loaded = load_file(parquet(tmp_path / "a", given), QUARTER)
    assert same(loaded.candles, given)
    assert SAID not in loaded.notes


def test_one_price_of_64_bits_keeps_all(tmp_path: Path) -> None:
    given = single(coin(45_003.7))
    given.high[7] += 0.01
    loaded = load_file(parquet(tmp_path / "a", given), QUARTER)
    assert same(loaded.candles, given)
    assert SAID not in loaded.notes
