from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stoptrail.core.errors import DataError
from stoptrail.feeds.check import check_file
from stoptrail.feeds.files import load_candles, load_file
from tests.feeds.candle_files import (
    PLAIN,
    QUARTER,
    START,
    candles,
    rows_of,
    same,
    write_csv,
    write_parquet,
)

GIVEN = candles(50, missing=(7, 8, 30))

KLINE_HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
    "taker_buy_volume,taker_buy_quote_volume,ignore"
)


def kline_rows(scale: int) -> list[list[object]]:
    """Twelve columns as in the exchange's export; times in units of 1/scale ms."""
    return [
        [int(time) * scale, *values, (int(time) + QUARTER) * scale - 1, "9.5", 3, "1.5", "2.5", 0]
        for time, *values in zip(*(column.tolist() for column in GIVEN[:6]), strict=True)
    ]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_parquet_loads_whatever_the_unit_of_its_timestamps(tmp_path: Path, unit: str) -> None:
    assert same(load_candles(write_parquet(tmp_path / "a.parquet", GIVEN, unit), QUARTER), GIVEN)


def test_the_suffix_does_not_matter(tmp_path: Path) -> None:
    assert same(load_candles(write_parquet(tmp_path / "candles.csv", GIVEN)), GIVEN)


def test_plain_csv_with_iso_times_loads_without_options(tmp_path: Path) -> None:
    assert same(load_candles(write_csv(tmp_path / "a.csv", rows_of(GIVEN))), GIVEN)


@pytest.mark.parametrize(
    "written",
    [
        lambda text: text.replace("Z", ""),
        lambda text: text.replace("T", " ").replace("Z", ""),
        lambda text: text.replace("T", " ").replace("Z", "+00:00"),
        lambda text: f'"{text}"',
    ],
)
def test_iso_times_load_in_every_usual_spelling(
    tmp_path: Path, written: Callable[[str], str]
) -> None:
    rows = [[written(row[0]), *row[1:]] for row in rows_of(GIVEN)]
    assert same(load_candles(write_csv(tmp_path / "a.csv", rows)), GIVEN)


def test_times_with_another_zone_are_brought_to_utc(tmp_path: Path) -> None:
    rows = rows_of(candles(4))
    rows[0][0] = "2021-06-22T02:00:00+02:00"
    assert load_candles(write_csv(tmp_path / "a.csv", rows)).time[0] == START


@pytest.mark.parametrize("per_second", [1, 1_000, 1_000_000, 1_000_000_000])
def test_epoch_times_load_in_every_unit(tmp_path: Path, per_second: int) -> None:
    rows = [
        [int(time) // 1000 * per_second, *row[1:]]
        for time, row in zip(GIVEN.time, rows_of(GIVEN), strict=True)
    ]
    assert same(load_candles(write_csv(tmp_path / "a.csv", rows)), GIVEN)


@pytest.mark.parametrize("scale", [1, 1000])
@pytest.mark.parametrize("header", [None, KLINE_HEADER])
def test_kline_export_loads_without_options(tmp_path: Path, header: str | None, scale: int) -> None:
    assert same(load_candles(write_csv(tmp_path / "a.csv", kline_rows(scale), header)), GIVEN)


def test_kline_export_may_change_from_milliseconds_to_microseconds(tmp_path: Path) -> None:
    rows = kline_rows(1)[:20] + kline_rows(1000)[20:]
    assert same(load_candles(write_csv(tmp_path / "a.csv", rows, None)), GIVEN)


def test_columns_are_found_by_name_in_any_order_and_case(tmp_path: Path) -> None:
    rows = [[row[5], "x", *row[1:5], row[0]] for row in rows_of(GIVEN)]
    path = write_csv(tmp_path / "a.csv", rows, "Volume,source,Open,High,Low,Close,Date")
    assert same(load_candles(path), GIVEN)


@pytest.mark.parametrize("separator", [";", "\t"])
def test_other_separators_are_recognised(tmp_path: Path, separator: str) -> None:
    path = write_csv(tmp_path / "a.csv", rows_of(GIVEN))
    path.write_text(path.read_text().replace(",", separator))
    assert same(load_candles(path), GIVEN)


def test_a_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", rows_of(GIVEN))
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert same(load_candles(path), GIVEN)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.csv: no such file"):
        load_candles(tmp_path / "nowhere.csv")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is a folder"):
        load_candles(tmp_path)


@pytest.mark.parametrize("content", [b"", b" \n\n"])
def test_an_empty_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match="the file is empty"):
        load_candles(path)


@pytest.mark.parametrize(
    "content",
    [
        bytes(range(256)) * 9,
        b"\x89PNX\r\n\x1a\n\0\0",
        b"dear diary\ntoday it rained\n",
        b"{}\n",
        b"PAR1 and then nothing of the kind",
    ],
)
def test_what_is_no_candle_file_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.csv: not a (candle|readable Parquet) file") as caught:
        load_candles(path)
    assert "\n" not in str(caught.value)


def test_want_of_memory_is_no_damage_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise pa.ArrowMemoryError("malloc of size 64 failed")

    file = write_parquet(tmp_path / "a.parquet", GIVEN)
    monkeypatch.setattr(pq.ParquetFile, "iter_batches", full)
    with pytest.raises(MemoryError):
        load_candles(file, QUARTER)


def test_a_truncated_parquet_file_is_refused(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a.parquet", GIVEN)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match="not a readable Parquet file"):
        load_candles(path)


@pytest.mark.parametrize("column", PLAIN.split(","))
def test_a_missing_column_is_named(tmp_path: Path, column: str) -> None:
    path = write_csv(tmp_path / "a.csv", rows_of(GIVEN), PLAIN.replace(column, "other"))
    with pytest.raises(DataError, match=f"no column {column}"):
        load_candles(path)


def test_a_row_with_too_few_cells_is_refused(tmp_path: Path) -> None:
    rows = rows_of(GIVEN)
    rows[3] = rows[3][:4]
    with pytest.raises(DataError, match="not a readable CSV file"):
        load_candles(write_csv(tmp_path / "a.csv", rows))


BAD_CELLS = [
    (1, "nan", "open = nan is missing or not a finite number"),
    (2, "inf", "high = inf is missing or not a finite number"),
    (3, "-1.0", "low = -1 is not a positive price"),
    (4, "0", "close = 0 is not a positive price"),
    (5, "-0.5", "volume = -0.5 is negative"),
    (5, "nan", "volume = nan is missing or not a finite number"),
    (2, "1.0", "high = 1 is below the low"),
    (1, "500.0", "open = 500 is above the high"),
    (4, "1.0", "close = 1 is below the low"),
    (4, "abc", "close = 'abc' is not a number"),
    (5, "", "volume = nan is missing"),
]


@pytest.mark.parametrize(("column", "cell", "said"), BAD_CELLS)
def test_a_bad_value_is_named_with_file_row_and_column(
    tmp_path: Path, column: int, cell: str, said: str
) -> None:
    rows = rows_of(GIVEN)
    rows[11][column] = cell
    with pytest.raises(DataError) as caught:
        load_candles(write_csv(tmp_path / "a.csv", rows))
    message = str(caught.value)
    assert "a.csv: row 12" in message
    assert said in message
    assert "mend or remove the row" in message
    assert "\n" not in message


@pytest.mark.parametrize("cell", ["", "yesterday", "2021-13-01T00:00:00Z", "12", "nan"])
def test_an_unreadable_time_is_named_with_its_row(tmp_path: Path, cell: str) -> None:
    rows = rows_of(GIVEN)
    rows[4][0] = cell
    with pytest.raises(DataError, match=r"a\.csv: row 5 \(line 6\): timestamp"):
        load_candles(write_csv(tmp_path / "a.csv", rows))


def test_a_null_in_parquet_is_a_missing_value(tmp_path: Path) -> None:
    bad = GIVEN._replace(low=GIVEN.low.copy())
    bad.low[5] = np.nan
    with pytest.raises(DataError, match=r"row 6, .*low = nan is missing"):
        load_candles(write_parquet(tmp_path / "a.parquet", bad))


def refusal(use: Callable[[Path], object], path: Path) -> str:
    """The message with which a file is refused, nothing where it is not."""
    try:
        use(path)
    except DataError as error:
        return str(error)
    return "-"


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """A CSV and a Parquet file of the same candles."""
    folder = tmp_path_factory.mktemp("whole")
    text = write_csv(folder / "a.csv", rows_of(GIVEN))
    return text.read_bytes(), write_parquet(folder / "a.parquet", GIVEN).read_bytes()


@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
)
@given(data=st.data())
@pytest.mark.parametrize("kind", [0, 1])
def test_whatever_is_done_to_a_file_it_loads_or_is_refused_in_one_short_line(
    tmp_path: Path, contents: tuple[bytes, bytes], kind: int, data: st.DataObject
) -> None:
    path, content = tmp_path / "x", bytearray(contents[kind])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content)))
        junk = data.draw(st.binary(max_size=4) | st.sampled_from([b",", b"\n", b'"', b"-", b"9"]))
        content[at : at + data.draw(st.integers(0, 30))] = junk
    path.write_bytes(content)
    for use in (load_candles, check_file):
        said = refusal(use, path)
        assert said.isprintable()
        assert len(said) < len(str(path)) + 400


def test_unsorted_times_are_refused(tmp_path: Path) -> None:
    rows = rows_of(GIVEN)
    rows[9], rows[10] = rows[10], rows[9]
    with pytest.raises(
        DataError, match=r"row 11 \(line 12\): time = .* earlier than the row before; sort"
    ):
        load_candles(write_csv(tmp_path / "a.csv", rows))


def test_rows_of_one_time_with_other_values_are_refused_and_counted(tmp_path: Path) -> None:
    rows = [[row[0], *row[1:5], str(k)] for row in rows_of(GIVEN) for k in range(1, 4)]
    with pytest.raises(DataError, match=r"comes twice.*\(and 93 more such rows\)"):
        load_candles(write_csv(tmp_path / "a.csv", rows))


def test_another_timeframe_is_refused_with_its_name(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", rows_of(GIVEN))
    for length, name in ((60_000, "1m"), (QUARTER + 600_000, "25m")):
        said = rf'15m apart, data\.timeframe is {name}; set .* = "15m"'
        with pytest.raises(DataError, match=said):
            load_candles(path, length)


def test_longer_candles_are_built_of_the_file_s_own_and_that_is_said(tmp_path: Path) -> None:
    """Of hours of which the file holds the beginning and the end; nothing is invented."""
    given = candles(50, START + QUARTER, missing=(5, 6, 7, 8))
    loaded = load_file(write_csv(tmp_path / "a.csv", rows_of(given)), 4 * QUARTER)
    assert "1h candles, built from the 15m candles of the file" in loaded.notes
    hours = given.time // (4 * QUARTER)
    whole = [hour for hour in np.unique(hours) if (given.time[0] <= hour * 4 * QUARTER)]
    assert loaded.candles.interval == 4 * QUARTER
    assert loaded.candles.time.tolist() == [hour * 4 * QUARTER for hour in whole][:-1]
    for i, hour in enumerate(whole[:-1]):
        inside = hours == hour
        assert loaded.candles.open[i] == given.open[inside][0]
        assert loaded.candles.high[i] == given.high[inside].max()
        assert loaded.candles.low[i] == given.low[inside].min()
        assert loaded.candles.close[i] == given.close[inside][-1]
        assert loaded.candles.volume[i] == given.volume[inside].sum()


@pytest.mark.parametrize("days", [7, 30])
def test_candles_longer_than_a_day_are_refused_without_a_remedy_that_fails(
    tmp_path: Path, days: int
) -> None:
    rows = [[START + i * days * 86_400_000, 1.0, 1.0, 1.0, 1.0, 1.0] for i in range(9)]
    with pytest.raises(DataError, match=r"longer than a day are not used"):
        load_candles(write_csv(tmp_path / "a.csv", rows))


def test_times_off_the_timeframe_are_refused(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", rows_of(candles(20, START + 60_000)))
    with pytest.raises(DataError, match="does not open on a 15m boundary"):
        load_candles(path, QUARTER)


def test_a_single_candle_is_too_few(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds 1 candle;"):
        load_candles(write_csv(tmp_path / "a.csv", rows_of(candles(1))))


def test_a_header_alone_is_too_few(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds 0 candles"):
        load_candles(write_csv(tmp_path / "a.csv", []))
