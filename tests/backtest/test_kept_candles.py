from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from stoptrail.backtest.kept_candles import FILE, read_kept, write_kept
from stoptrail.core.errors import DataError, OutputError
from stoptrail.feeds.market import MarketData
from stoptrail.rules.candles import Candles
from tests.reports.example_run import random_candles


def market(candles: Candles, start: int = 7) -> MarketData:
    first, last = int(candles.time[start]), int(candles.time[-1]) + candles.interval
    return MarketData(candles, "X/Y", "file", "x.csv", start, first, last)


CANDLES = random_candles(np.random.default_rng(3), 30)
ODD = CANDLES._replace(
    open=CANDLES.open / 3.0, high=CANDLES.high / 3.0, low=CANDLES.low / 3.0, close=CANDLES.close / 3
)
TINY = CANDLES._replace(
    **{n: np.round(getattr(CANDLES, n) * 1e-9, 10) for n in ("open", "high", "low", "close")}
)


@pytest.mark.parametrize("candles", [CANDLES, ODD, TINY], ids=["decimals", "no decimals", "tiny"])
def test_candles_come_back_to_the_last_bit(candles: Candles, tmp_path: Path) -> None:
    write_kept(tmp_path, market(candles))
    kept = read_kept(tmp_path)
    assert kept is not None
    assert (kept.start, kept.candles.interval) == (7, candles.interval)
    for before, after in zip(candles[:6], kept.candles[:6], strict=True):
        assert after.dtype == before.dtype
        assert (after == before).all()


@pytest.mark.parametrize("candles", [CANDLES, ODD], ids=["decimals", "no decimals"])
def test_candles_of_many_groups_come_back_too(
    candles: Candles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[write_kept.__module__], "_GROUP", 8)
    write_kept(tmp_path, market(candles))
    kept = read_kept(tmp_path)
    assert kept is not None
    assert all((a == b).all() for a, b in zip(candles[:6], kept.candles[:6], strict=True))
    assert pq.ParquetFile(tmp_path / FILE).num_row_groups == -(-len(candles.time) // 8)


def test_one_price_of_many_decimals_keeps_its_column_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In whichever group it lies."""
    monkeypatch.setattr(sys.modules[write_kept.__module__], "_GROUP", 8)
    close = CANDLES.close.copy()
    close[-1] *= np.pi / 3.0
    write_kept(tmp_path, market(CANDLES._replace(close=close)))
    kept = read_kept(tmp_path)
    assert kept is not None
    assert (kept.candles.close == close).all()
    assert "close" in pq.read_schema(tmp_path / FILE).names


def test_prices_with_decimals_take_less_room(tmp_path: Path) -> None:
    sizes = []
    for name, candles in (("steps", CANDLES), ("floats", ODD)):
        (tmp_path / name).mkdir()
        write_kept(tmp_path / name, market(candles))
        sizes.append((tmp_path / name / FILE).stat().st_size)
    assert sizes[0] < 0.7 * sizes[1]


def test_whole_numbers_are_not_named_as_prices(tmp_path: Path) -> None:
    write_kept(tmp_path, market(CANDLES))
    names = pq.read_schema(tmp_path / FILE).names
    assert "close_steps" in names
    assert "close" not in names


def test_a_run_without_candles_has_none(tmp_path: Path) -> None:
    assert read_kept(tmp_path) is None


def test_altered_candles_are_refused(tmp_path: Path) -> None:
    write_kept(tmp_path, market(CANDLES))
    table = pq.read_table(tmp_path / FILE)
    pq.write_table(table.slice(1).replace_schema_metadata(table.schema.metadata), tmp_path / FILE)
    with pytest.raises(DataError, match="not the run's candles"):
        read_kept(tmp_path)
    (tmp_path / FILE).write_bytes(b"PAR1")
    with pytest.raises(DataError, match="cannot be read") as raised:
        read_kept(tmp_path)
    assert "\n" not in str(raised.value)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        write_kept(tmp_path / "nowhere", market(CANDLES))
