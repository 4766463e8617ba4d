"""Folders whose files hold more than their table are refused, however they are named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stoptrail.core.errors import DataError
from stoptrail.feeds.files import load_candles
from tests.feeds.candle_files import QUARTER, candles, rows_of, write_csv, write_parquet

GIVEN = candles(100)
MARKS = {
    "a Delta table": ("_delta_log/00000000000000000000.json", ".parquet"),
    "an Iceberg table": ("metadata/00001-6f3a.metadata.json", ".parquet"),
    "a Hudi table": (".hoodie/hoodie.properties", ".parquet"),
    "a Lance dataset": ("_versions/1.manifest", ".lance"),
    "a Zarr store": ("zarr.json", ""),
    "a data folder of qlib": ("calendars/15min.txt", ".bin"),
    "a bcolz table": ("__attrs__", ".blp"),
    "an LMDB store": ("lock.mdb", ".mdb"),
}


def laid_out(kind: str, folder: Path) -> str:
    """A table of that kind in `folder`; how the name of its file ends."""
    mark, end = MARKS[kind]
    (folder / mark).parent.mkdir(exist_ok=True)
    (folder / mark).write_text("{}")
    (folder / "day=2024-01-01").mkdir()
    write_parquet(folder / "day=2024-01-01" / f"a{end}", GIVEN)
    return end


@pytest.mark.parametrize("named", ["", "day=2024-01-01", "*/*", "day=2024-01-01/a"])
@pytest.mark.parametrize("kind", MARKS)
def test_files_of_a_table_with_a_log_are_refused(kind: str, named: str, tmp_path: Path) -> None:
    end = laid_out(kind, tmp_path)
    path = tmp_path / (named + end if named.endswith(("*", "a")) else named)
    with pytest.raises(DataError, match=rf"is {kind}.*; write its frame .* as one Parquet file"):
        load_candles(path, QUARTER)


@pytest.mark.parametrize("kind", MARKS)
def test_other_files_beside_a_table_are_read(kind: str, tmp_path: Path) -> None:
    laid_out(kind, tmp_path)
    path = write_csv(tmp_path / "day=2024-01-01" / "own.csv", rows_of(GIVEN))
    assert np.array_equal(load_candles(path, QUARTER).time, GIVEN.time)


def test_a_folder_of_partitions_without_a_log_is_joined(tmp_path: Path) -> None:
    for name in ("one", "metadata"):
        (tmp_path / name).mkdir()
    write_parquet(tmp_path / "one" / "a.parquet", GIVEN)
    (tmp_path / "metadata" / "notes.txt").write_text("made by hand\n")
    assert np.array_equal(load_candles(tmp_path, QUARTER).time, GIVEN.time)
