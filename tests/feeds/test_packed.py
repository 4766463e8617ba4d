"""Tables whose columns are packed: within another column, as bytes, as arrays of an archive."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

from stoptrail.feeds.files import load_file
from stoptrail.feeds.layouts.recognise import Reading
from tests.feeds.candle_files import QUARTER, same
from tests.feeds.test_refusals import walk
from tests.feeds.written import rows_of

GIVEN = walk(60)
PRICES = ("open", "high", "low", "close")


def nested() -> pa.Table:
    """Prices as one column of four."""
    prices = pa.StructArray.from_arrays([pa.array(getattr(GIVEN, n)) for n in PRICES], PRICES)
    return pa.table({"time": GIVEN.time, "candle": prices, "volume": GIVEN.volume})


def as_bytes() -> pa.Table:
    """Texts that are not marked as such."""
    names = ("time", *PRICES, "volume")
    columns = {n: [str(x).encode() for x in getattr(GIVEN, n).tolist()] for n in names}
    return pa.table({n: pa.array(cells, pa.binary()) for n, cells in columns.items()})


@pytest.mark.parametrize("made", [nested, as_bytes])
def test_columns_within_a_column_and_texts_as_bytes(
    tmp_path: Path, made: Callable[[], pa.Table]
) -> None:
    pq.write_table(made(), tmp_path / "a.parquet")
    feather.write_feather(made(), str(tmp_path / "a.feather"))
    for name in ("a.parquet", "a.feather"):
        assert same(load_file(tmp_path / name, QUARTER).candles, GIVEN)


@pytest.mark.parametrize("coded", ["symbol", "time", "close"])
def test_categories_whose_words_are_views_are_read(tmp_path: Path, coded: str) -> None:
    """As polars writes Enum and Categorical into Arrow files."""
    columns = {name: pa.array(getattr(GIVEN, name)) for name in GIVEN._fields[:6]}
    columns["symbol"] = pa.array(["BTCUSDT"] * len(GIVEN.time))
    words = [str(cell) for cell in columns[coded].to_pylist()]
    each = list(dict.fromkeys(words))
    columns[coded] = pa.DictionaryArray.from_arrays(
        pa.array(list(map(each.index, words)), pa.uint8()), pa.array(each, pa.string_view())
    )
    table = pa.table(columns)
    path = str(tmp_path / "a.arrow")
    with pa.OSFile(path, "wb") as sink, pa.ipc.new_file(sink, table.schema) as out:
        out.write_table(table)
    given = Reading(symbol="BTC/USDT")
    assert same(load_file(tmp_path / "a.arrow", QUARTER, given).candles, GIVEN)


def test_arrays_by_name_in_one_file_of_numpy(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **{name: getattr(GIVEN, name) for name in GIVEN._fields[:6]})
    assert same(load_file(tmp_path / "a.npz", QUARTER).candles, GIVEN)


def test_a_time_and_the_record_of_it(tmp_path: Path) -> None:
    """As Zonda's API has them."""
    items = [[str(t), dict(zip("ohlcv", map(str, row), strict=True))]
             for t, *row in rows_of(GIVEN)]  # fmt: skip
    (tmp_path / "a.json").write_text(json.dumps({"status": "Ok", "items": items}))
    assert same(load_file(tmp_path / "a.json", QUARTER).candles, GIVEN)
