from __future__ import annotations

import json
import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoptrail.core.errors import DataError, OutputError
from stoptrail.feeds.downloads import cache
from stoptrail.feeds.downloads.cache import (
    cache_path,
    candles_of,
    joined,
    read_cache,
    uncovered,
    with_rows,
    with_unserved,
    write_cache,
    write_candles,
)
from stoptrail.feeds.files import load_candles
from stoptrail.feeds.tables.columns import Columns, columns_of, rows_of
from stoptrail.rules.candles import Candles
from tests.feeds.candle_files import QUARTER, START, candles, same

SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=8)


def points(spans: object) -> set[int]:
    return {t for start, end in spans for t in range(start, end)}  # type: ignore[attr-defined]


@given(SPANS)
def test_joined_spans_are_in_order_apart_and_cover_the_same(spans: list[tuple[int, int]]) -> None:
    out = joined(spans)
    assert points(out) == points(spans)
    assert all(first[1] < second[0] for first, second in pairwise(out))


@given(SPANS, st.integers(0, 60), st.integers(0, 60))
def test_uncovered_is_what_the_spans_leave_out(
    spans: list[tuple[int, int]], start: int, end: int
) -> None:
    assert points(uncovered(joined(spans), start, end)) == set(range(start, end)) - points(spans)


def test_candles_and_spans_come_back_as_written(tmp_path: Path) -> None:
    data, path = candles(40, missing=(5,)), tmp_path / "a" / "b.parquet"
    span = (START, START + 40 * QUARTER)
    write_cache(with_rows(read_cache(path, QUARTER), [columns_of(data)], [span]))
    cached = read_cache(path, QUARTER)
    assert same(candles_of(cached, QUARTER), data)
    assert cached.covered == (span,)
    assert [file.name for file in path.parent.iterdir()] == ["b.parquet"]


def test_the_file_is_a_candle_file_for_anyone(tmp_path: Path) -> None:
    data, path = candles(40), tmp_path / "b.parquet"
    write_cache(with_rows(read_cache(path, QUARTER), [columns_of(data)], []))
    assert same(load_candles(path), data)


def test_a_market_of_lonely_candles_can_be_cached(tmp_path: Path) -> None:
    data, path = candles(40, missing=[n for n in range(40) if n % 4]), tmp_path / "b.parquet"
    write_cache(with_rows(read_cache(path, QUARTER), [columns_of(data)], []))
    assert same(candles_of(read_cache(path, QUARTER), QUARTER), data)


def test_a_later_copy_of_a_candle_wins(tmp_path: Path) -> None:
    data = candles(10)
    columns = columns_of(data)
    revised = columns._replace(close=columns.close + 0.1)
    empty = read_cache(tmp_path / "none.parquet", QUARTER)
    cached = with_rows(empty, [columns, rows_of(revised, slice(4, 6))], [])
    assert np.array_equal(cached.columns.time, data.time)
    assert np.array_equal(np.flatnonzero(cached.columns.close != data.close), [4, 5])


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "b.parquet"
    path.write_bytes(b"PAR1 no more")
    with pytest.raises(DataError, match=r"b\.parquet: the cached candles are damaged; delete"):
        read_cache(path, QUARTER)


def test_an_unwritable_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where a folder should be")
    empty = read_cache(tmp_path / "none.parquet", QUARTER)
    cached = with_rows(empty._replace(path=tmp_path / "cache" / "b.parquet"), [], [])
    with pytest.raises(OutputError, match=r"b\.parquet: cannot be written .*set data\.cache"):
        write_cache(cached)


def test_markets_have_files_of_their_own() -> None:
    symbols = ["BTC/USDT", "BTC/USDT:USDT", "BTC/USD", "ETH/USDT"]
    paths = {cache_path(Path("c"), "binance", symbol, "15m") for symbol in symbols}
    assert len(paths) == len(symbols)
    assert all(path.parent == Path("c/binance") for path in paths)


def test_two_writers_of_one_file_lose_no_candles(tmp_path: Path) -> None:
    """Both begin from the same file, as two processes do, and write in turns."""
    data = columns_of(candles(400))
    path = tmp_path / "x.parquet"
    one = other = read_cache(path, QUARTER)
    for k in range(0, 400, 100):
        first, second = slice(k, k + 50), slice(k + 50, k + 100)
        one = with_rows(one, [rows_of(data, first)], [_span(data, first)])
        write_cache(one)
        other = with_rows(other, [rows_of(data, second)], [_span(data, second)])
        write_cache(other)
    found = read_cache(path, QUARTER)
    assert same(candles_of(found, QUARTER), Candles(*data, QUARTER))
    assert found.covered == (_span(data, slice(0, 400)),)


def test_what_an_older_program_said_it_covered_is_not_taken_over(tmp_path: Path) -> None:
    """Its holes were not asked for twice: reading it judges them, and writing keeps that."""
    data, path = columns_of(candles(400)), tmp_path / "x.parquet"
    older = {cache._COVERED: json.dumps([[START, START + 300 * QUARTER]]).encode()}
    write_candles(path, rows_of(data, slice(0, 100)), older)
    new = slice(300, 400)
    empty = read_cache(tmp_path / "none.parquet", QUARTER)._replace(path=path)
    write_cache(with_rows(empty, [rows_of(data, new)], [_span(data, new)]))
    found = read_cache(path, QUARTER)
    assert len(found.columns.time) == 200
    assert found.covered == (_span(data, new),)


def test_what_was_not_served_is_known_with_the_time_it_was_asked_for(tmp_path: Path) -> None:
    empty, hour = read_cache(tmp_path / "none.parquet", QUARTER), 4 * QUARTER
    first = with_unserved(empty, ((START, START + hour),), START, START + hour, 1_000)
    half = START + hour // 2
    again = with_unserved(first, ((half, START + hour),), half, START + hour, 2_000)
    assert again.unserved == ((START, half, 1_000), (half, START + hour, 2_000))


def _span(columns: Columns, rows: slice) -> tuple[int, int]:
    return int(columns.time[rows][0]), int(columns.time[rows][-1]) + QUARTER


def _write_many(path: Path, part: slice) -> None:
    data = columns_of(candles(400))
    cached = read_cache(path, QUARTER)
    for k in range(part.start, part.stop, 10):
        row = slice(k, k + 10)
        cached = with_rows(cached, [rows_of(data, row)], [_span(data, row)])
        write_cache(cached)


def test_a_file_that_is_replaced_while_it_is_read_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, data = tmp_path / "x.parquet", columns_of(candles(400))
    first, second = slice(0, 50), slice(50, 100)
    one = with_rows(read_cache(path, QUARTER), [rows_of(data, first)], [_span(data, first)])
    write_cache(one)
    reads = []

    def replaced(*given: Any, **more: Any) -> Any:
        reads.append(given)
        found = load_candles(*given, **more)
        if len(reads) == 1:  # its spans are of this file, its candles could be of the next
            write_cache(with_rows(one, [rows_of(data, second)], [_span(data, second)]))
            raise DataError("torn")
        if len(reads) == 2:
            write_cache(one)
        return found

    monkeypatch.setattr(cache, "load_candles", replaced)
    found = read_cache(path, QUARTER)
    assert len(reads) == 3
    assert found.covered == (_span(data, slice(0, 100)),)
    assert len(found.columns.time) == 100


def test_two_processes_that_write_at_once_lose_no_candles(tmp_path: Path) -> None:
    import multiprocessing

    path = tmp_path / "x.parquet"
    context = multiprocessing.get_context("spawn")
    parts = [slice(0, 200), slice(200, 400)]
    writers = [context.Process(target=_write_many, args=(path, part)) for part in parts]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(300)
        assert writer.exitcode == 0
    assert len(read_cache(path, QUARTER).columns.time) == 400


def test_what_a_killed_writer_left_half_written_is_taken_away(tmp_path: Path) -> None:
    dead = tmp_path / ".x.parquet.999999999.part"
    alive = tmp_path / f".x.parquet.{os.getppid()}.part"
    dead.touch()
    alive.touch()
    write_cache(read_cache(tmp_path / "x.parquet", QUARTER))
    assert not dead.exists()
    assert alive.exists()
