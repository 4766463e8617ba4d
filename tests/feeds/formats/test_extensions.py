"""Periods and intervals as pandas writes them into Parquet and Arrow files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from stoptrail.core.errors import DataError
from stoptrail.feeds.files import load_candles
from tests.feeds.candle_files import QUARTER, candles, same

GIVEN = candles(200)
MINUTE, HOUR = 60_000, 3_600_000


def marked(time: pa.Array, kind: str, told: str) -> pa.Table:
    """Candles whose times have a type of pandas, as files that were written elsewhere tell it."""
    metadata = {"ARROW:extension:name": kind, "ARROW:extension:metadata": told}
    columns = {"time": time} | {
        name: pa.array(getattr(GIVEN, name)) for name in ("open", "high", "low", "close", "volume")
    }
    fields = [pa.field(name, column.type) for name, column in columns.items()]
    fields[0] = fields[0].with_metadata(metadata)
    return pa.table(list(columns.values()), schema=pa.schema(fields))


@pytest.mark.parametrize(
    ("frequency", "counts"),
    [("15min", MINUTE), ("min", MINUTE), ("s", 1000), ("ms", 1)],
)
@pytest.mark.parametrize("write", [pq.write_table, pyarrow.feather.write_feather])
def test_periods_begin_where_they_say(
    write: object, frequency: str, counts: int, tmp_path: Path
) -> None:
    time = pa.array(GIVEN.time // counts)
    table = marked(time, "pandas.period", f'{{"freq": "{frequency}"}}')
    write(table, tmp_path / "a")  # type: ignore[operator]
    assert same(load_candles(tmp_path / "a", QUARTER), GIVEN)


def test_the_longer_period_is_not_taken_for_a_shorter(tmp_path: Path) -> None:
    """Hours counted since 1970, beside the file of the candles themselves."""
    hours = GIVEN.time[::4] // HOUR
    table = marked(pa.array(GIVEN.time // HOUR), "pandas.period", '{"freq": "h"}')
    pq.write_table(table.take(list(range(0, len(GIVEN.time), 4))), tmp_path / "a")
    assert np.array_equal(load_candles(tmp_path / "a", HOUR).time, hours * HOUR)


def test_a_frequency_that_is_not_known_is_named_as_before(tmp_path: Path) -> None:
    table = marked(pa.array(GIVEN.time // MINUTE), "pandas.period", '{"freq": "W-SUN"}')
    pq.write_table(table, tmp_path / "a")
    with pytest.raises(DataError, match="as minutes since 1970"):
        load_candles(tmp_path / "a", QUARTER)


def frame(index: pd.Index) -> pd.DataFrame:
    columns = ("open", "high", "low", "close", "volume")
    return pd.DataFrame({name: getattr(GIVEN, name) for name in columns}, index)


def intervals(opens: pd.DatetimeIndex) -> pd.IntervalIndex:
    return pd.IntervalIndex.from_arrays(opens, opens + pd.Timedelta("15min"), closed="left")


OPENS = pd.to_datetime(GIVEN.time, unit="ms", utc=True)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_intervals_of_a_zone_come_back(zone: str, tmp_path: Path) -> None:
    table = frame(intervals(OPENS.tz_convert(zone)))
    try:
        table.to_parquet(tmp_path / "a.parquet")
    except TypeError:
        pytest.skip(f"pandas {pd.__version__} writes no intervals of times with a zone")
    assert same(load_candles(tmp_path / "a.parquet", QUARTER), GIVEN)


@pytest.mark.parametrize("make", [intervals, lambda opens: opens.to_period("15min")])
def test_frames_of_pandas_come_back(
    make: Callable[[pd.DatetimeIndex], pd.Index], tmp_path: Path
) -> None:
    frame(make(OPENS.tz_localize(None))).to_parquet(tmp_path / "b.parquet")
    assert same(load_candles(tmp_path / "b.parquet", QUARTER), GIVEN)
