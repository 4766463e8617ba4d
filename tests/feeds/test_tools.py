"""What databases, data frames and terminals leave behind: read where it says what it is, else
refused in words that say what to do."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

from stoptrail.core.errors import DataError
from stoptrail.core.time import iso
from stoptrail.feeds.check import check_file
from stoptrail.feeds.files import load_file
from stoptrail.feeds.layouts.kinds import kind_in_name
from stoptrail.feeds.layouts.recognise import Reading
from tests.feeds.candle_files import PLAIN, QUARTER, same, write_parquet
from tests.feeds.test_refusals import refusal, walk
from tests.feeds.written import moment, rows_of, table, text

GIVEN = walk(300)
ROWS = [list(row) for row in rows_of(GIVEN)]
NAMES = ("time", "open", "high", "low", "close", "volume")
MEANT = Reading(symbol="BTC/USDT", exchange="binance", timeframe="15m")


def columns() -> dict[str, Any]:
    return {name: getattr(GIVEN, name) for name in NAMES}


def lines(cells: Sequence[Sequence[Any]], header: str = PLAIN) -> list[str]:
    return [header, *(",".join(map(str, row)) for row in cells)]


def test_a_table_between_bars_ends_with_the_count_of_its_rows(tmp_path: Path) -> None:
    rule = "+---------+" * 6
    drawn = [f"| {' | '.join(map(str, row))} |" for row in (NAMES, *ROWS)]
    drawn = [rule, drawn[0], rule, *drawn[1:], rule, "300 rows in set (0.01 sec)"]
    path = text(tmp_path / "a.txt", drawn)
    assert same(load_file(path, QUARTER).candles, GIVEN)


@pytest.mark.parametrize("end", ["300 rows", "6 items\n"])
def test_a_count_of_rows_at_the_end_is_no_row(tmp_path: Path, end: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text("\n".join([*lines(ROWS), end]))
    loaded = load_file(path, QUARTER)
    assert same(loaded.candles, GIVEN)
    assert "the last line is no row" in loaded.notes[0]


@pytest.mark.parametrize(
    ("first", "said"),
    [
        ("┌──────┬──────┐", "drawn on a terminal"),
        ("   ┏━━━━━━┳━━━━━━┓", "drawn on a terminal"),  # ClickHouse's Pretty
        ("shape: (400, 6)", "drawn on a terminal"),
        ("[(1708905600000, 51728.85, 51735.0, 51627.22, 51643.38, 173.2)]", "Python or JavaScript"),
        ("[{'time': 1708905600000, 'open': 51728.85}]", "Python or JavaScript"),
        ("var candles = [[1708905600000, 51728.85, 51735.0, 51627.2, 51643.3]];", "JavaScript"),
        (
            "callback([[1708905600000, 51728.85, 51735.0, 51627.22, 51643.38]]);",
            "JavaScript",
        ),
        ('BTCUSDT\t{"time": 1708905600000, "open": 51728.85}', "other text before the JSON"),
    ],
)
def test_what_is_no_table_says_what_to_write(tmp_path: Path, first: str, said: str) -> None:
    assert said in refusal(text(tmp_path / "a.txt", [first] * 20))


def test_names_with_their_translation_tell_trades(tmp_path: Path) -> None:
    """As OKX names the columns of its trades."""
    header = "trade_id/成交id,side/交易方向,size/数量,price/成交价,created_time/成交时间"
    rows = [f"{i},buy,0.1,42000.5,{1_700_000_000_000 + i}" for i in range(20)]
    path = tmp_path / "a.csv"
    path.write_bytes("\n".join([header, *rows]).encode("gbk"))
    assert "holds trades" in refusal(path)


@pytest.mark.parametrize(
    ("line", "zone"),
    [
        ("# timezone: UTC+3", 3),
        ("Time zone,Etc/GMT-3", 3),
        ("All times are in UTC", 0),
    ],
)
def test_a_zone_told_above_the_header_is_that_of_the_times(
    tmp_path: Path, line: str, zone: int
) -> None:
    cells = [[moment(row[0] + zone * 3_600_000), *row[1:]] for row in ROWS]
    loaded = load_file(text(tmp_path / "a.csv", [line, *lines(cells)]), QUARTER)
    assert same(loaded.candles, GIVEN)
    assert any("as the file says" in note for note in loaded.notes) == bool(zone)


def test_a_zone_above_the_header_that_several_have_is_asked_for(tmp_path: Path) -> None:
    cells = [[moment(row[0]), *row[1:]] for row in ROWS]
    path = text(tmp_path / "a.csv", ["Timezone: EST", *lines(cells)])
    assert "set data.zone" in refusal(path)
    assert load_file(path, QUARTER, Reading(zone="UTC")).candles.time[0] == GIVEN.time[0]


def test_a_time_at_which_a_file_was_written_is_no_zone(tmp_path: Path) -> None:
    cells = [[moment(row[0]), *row[1:]] for row in ROWS]
    path = text(tmp_path / "a.csv", ["Exported at 2024-03-01 10:00 Europe/Berlin", *lines(cells)])
    loaded = load_file(path, QUARTER)
    assert same(loaded.candles, GIVEN)
    assert "the times have no zone" in " ".join(loaded.notes)


def test_numbers_of_too_few_bits_are_refused(tmp_path: Path) -> None:
    half = {n: pa.array(v.astype(np.float16)) for n, v in columns().items() if n != "time"}
    pq.write_table(pa.table({"time": GIVEN.time, **half}), tmp_path / "a.parquet")
    assert "numbers of 16 bits" in refusal(tmp_path / "a.parquet")
    array = np.column_stack([GIVEN.time, *(getattr(GIVEN, n) for n in NAMES[1:])])
    np.save(tmp_path / "b.npy", array.astype(np.float32))
    assert "epochs of 32 bits" in refusal(tmp_path / "b.npy")
    with pytest.raises(DataError, match="epochs of 32 bits"):
        check_file(tmp_path / "b.npy")


def test_columns_that_stand_in_one_row_as_lists_are_read(tmp_path: Path) -> None:
    whole = {name: pa.array([values.tolist()]) for name, values in columns().items()}
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"symbol": ["BTCUSDT"], **whole}), path)
    assert same(load_file(path, QUARTER).candles, GIVEN)
    pq.write_table(pa.table({"symbol": ["BTCUSDT"] * 2, **{n: pa.concat_arrays([c, c])
                    for n, c in whole.items()}}), path)  # fmt: skip
    assert "hold lists: write a row for each value" in refusal(path)


LISTS = {
    "list": pa.list_(pa.float64()),
    "large": pa.large_list(pa.float64()),
    "of five": pa.list_(pa.float64(), 5),
    "view": pa.list_view(pa.float64()),
}


@pytest.mark.parametrize("kind", LISTS)
def test_a_list_of_prices_in_each_cell_is_named_with_its_column(tmp_path: Path, kind: str) -> None:
    lists = pa.array([list(row[1:]) for row in ROWS], LISTS[kind])
    path = arrow_file(tmp_path / "a.arrow", pa.table({"time": GIVEN.time, "ohlcv": lists}))
    assert "ohlcv holds a list in each cell: write the values into columns of" in refusal(path)


def test_names_with_their_values_and_lists_of_records_are_told_apart(tmp_path: Path) -> None:
    pairs = [list(zip(NAMES[1:], row[1:], strict=True)) for row in ROWS]
    path = tmp_path / "a.parquet"
    kind = pa.map_(pa.string(), pa.float64())
    pq.write_table(pa.table({"time": GIVEN.time, "k": pa.array(pairs, kind)}), path)
    assert "k holds names with their values in each cell" in refusal(path)
    records = [dict(zip(NAMES, row, strict=True)) for row in ROWS]
    pq.write_table(pa.table({"candles": [records]}), path)
    assert "candles holds lists: write a row for each value" in refusal(path)
    more = pa.array([[1, 2]] * len(ROWS))
    pq.write_table(pa.table({"time": GIVEN.time, **columns(), "levels": more}), path)
    assert same(load_file(path, QUARTER).candles, GIVEN)


def test_lengths_of_time_are_no_moments(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    since = pa.array(GIVEN.time - GIVEN.time[0]).cast(pa.duration("ms"))
    pq.write_table(pa.table({**columns(), "time": since}), path)
    assert "time holds lengths of time (a duration), no moments" in refusal(path)


def test_runs_of_equal_values_that_stand_once_are_read(tmp_path: Path) -> None:
    runs = pc.run_end_encode(pa.array(["BTCUSDT"] * len(ROWS)))
    path = arrow_file(tmp_path / "a.arrow", pa.table({"symbol": runs, **columns()}))
    assert same(load_file(path, QUARTER).candles, GIVEN)


def arrow_file(path: Path, content: pa.Table) -> Path:
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, content.schema) as out:
        out.write_table(content)
    return path


def test_the_lower_boundary_of_a_group_is_its_open(tmp_path: Path) -> None:
    """polars' `group_by_dynamic(label="right", include_boundaries=True)`."""
    ends = GIVEN.time + QUARTER
    times = {"_lower_boundary": GIVEN.time, "_upper_boundary": ends, "time": ends}
    stamped = {n: pa.array(v).cast(pa.timestamp("ms", "UTC")) for n, v in times.items()}
    rest = {n: v for n, v in columns().items() if n != "time"}
    pq.write_table(pa.table(stamped | rest), tmp_path / "a.parquet")
    assert same(load_file(tmp_path / "a.parquet", QUARTER).candles, GIVEN)


def test_the_left_end_of_an_interval_is_the_open(tmp_path: Path) -> None:
    cells = [[f'"[{moment(row[0])}, {moment(row[0] + QUARTER)})"', *row[1:]] for row in ROWS]
    path = text(tmp_path / "a.csv", lines(cells, ",open,high,low,close,volume"))
    assert same(load_file(path, QUARTER).candles, GIVEN)


def test_a_sum_beside_first_and_last_is_the_volume(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", "bucket,first,max,min,last,sum", ROWS)
    loaded = load_file(path, QUARTER)
    assert same(loaded.candles, GIVEN)
    assert loaded.unit == "base"


def test_the_older_feather_is_read_without_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "a.feather"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        feather.write_feather(pa.table(columns()), path, version=1)
    assert same(load_file(path, QUARTER).candles, GIVEN)


@pytest.mark.parametrize("word", ["nil", ".", "(null)", "n.a."])
def test_words_for_no_price_are_known(tmp_path: Path, word: str) -> None:
    cells = [[iso(row[0]), *(row[1:] if i % 50 != 7 else [word] * 5)] for i, row in enumerate(ROWS)]
    loaded = load_file(text(tmp_path / "a.csv", lines(cells)), QUARTER)
    assert "6 rows without a price left out" in loaded.notes[0]


def test_an_index_in_a_name_is_that_of_a_frame(tmp_path: Path) -> None:
    path = text(tmp_path / "BTCUSDT_15m_index.csv", lines(ROWS))
    assert load_file(path, QUARTER, MEANT).notes == ()
    assert kind_in_name("BTC_USDT_USDT-15m-index.feather") == "index prices"  # as freqtrade writes


def test_folders_of_a_data_set_tell_spot_from_futures(tmp_path: Path) -> None:
    for market in ("futures", "spot"):
        (tmp_path / f"market={market}").mkdir()
        factor = 1.0 if market == "spot" else 1.01
        four = {n: getattr(GIVEN, n) * factor for n in NAMES[1:5]}
        write_parquet(tmp_path / f"market={market}" / "BTCUSDT.parquet", GIVEN._replace(**four))
    loaded = load_file(tmp_path, QUARTER, MEANT)
    assert same(loaded.candles, GIVEN)
    assert "whose path says a swap" in " ".join(loaded.notes)


def test_keys_above_tables_tell_exchanges_markets_and_timeframes(tmp_path: Path) -> None:
    def records(factor: float, every: int = 1) -> list[dict[str, float]]:
        return [dict(zip(NAMES, [row[0], *(x * factor for x in row[1:5]), row[5]], strict=True))
                for row in ROWS[::every]]  # fmt: skip

    path = tmp_path / "a.json"
    value = {
        exchange: {
            market: {"1h": records(factor * size, 4), "15m": records(factor * size)}
            for market, size in (("ETH/USDT", 0.05), ("BTC/USDT", 1.0))
        }
        for exchange, factor in (("kraken", 1.001), ("binance", 1.0))
    }
    path.write_text(json.dumps(value))
    assert same(load_file(path, QUARTER, MEANT).candles, GIVEN)
    assert "holds 2 exchanges (kraken, binance)" in refusal(path, MEANT._replace(exchange="okx"))


@pytest.mark.parametrize("under_way", [False, True])
def test_okx_s_rows_of_an_index_have_a_flag_and_no_volume(tmp_path: Path, under_way: bool) -> None:
    rows = [[str(row[0]), *map(str, row[1:5]), "1"] for row in reversed(ROWS)]
    if under_way:
        rows[0][-1] = "0"
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"code": "0", "data": rows}))
    assert 'set data.volume = "unknown"' in refusal(path)
    loaded = load_file(path, QUARTER, Reading(volume="unknown"))
    assert loaded.candles.close.tolist() == GIVEN.close[: 300 - under_way].tolist()
    assert any("unfinished" in note for note in loaded.notes) == under_way


def test_times_of_the_last_minutes_of_candles_ask_for_the_stamp(tmp_path: Path) -> None:
    cells = [[moment(row[0] + QUARTER - 60_000), *row[1:]] for row in ROWS]
    path = text(tmp_path / "a.csv", lines(cells))
    assert refusal(path).endswith('last minutes of candles, set data.stamp = "close"')
    assert same(load_file(path, QUARTER, Reading(stamp="close")).candles, GIVEN)


RATES = "time,open,high,low,close,tick_volume,spread,real_volume"


@pytest.mark.parametrize("kind", ["npy", "csv"])
def test_epochs_of_metatrader_are_of_the_clock_that_is_asked_for(tmp_path: Path, kind: str) -> None:
    """What its Python package copies: the server's time, counted as if that were UTC."""
    rows = [
        (t // 1000 + 7200, o, h, low, c, round(v * 10) + 1, 2, 0) for t, o, h, low, c, v in ROWS
    ]
    path = tmp_path / f"a.{kind}"
    if kind == "npy":
        kinds = ["<i8", *["<f8"] * 4, "<u8", "<i4", "<u8"]
        np.save(path, np.array(rows, list(zip(RATES.split(","), kinds, strict=True))))
    else:
        table(path, RATES, rows)
    assert "by the clock of the broker's server: set data.zone to its zone" in refusal(path)
    moved = load_file(path, QUARTER, Reading(zone="+02:00", epochs="local")).candles
    assert np.array_equal(moved.time, GIVEN.time)
    assert np.array_equal(moved.close, GIVEN.close)
    assert (
        load_file(path, QUARTER, Reading(zone="UTC")).candles.time[0] == GIVEN.time[0] + 7_200_000
    )


def test_tables_of_several_markets_in_one_numpy_file_are_named(tmp_path: Path) -> None:
    array = np.array(ROWS)
    np.savez(tmp_path / "a.npz", **{"Binance-BTC-USDT": array, "Binance-ETH-USDT": array / 20})
    said = refusal(tmp_path / "a.npz")
    assert "holds 2 arrays (Binance-BTC-USDT, Binance-ETH-USDT), some of them tables" in said


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4, 5], [0, 5, 4, 2, 3, 1]])
def test_a_last_column_of_true_and_false_tells_which_candle_is_finished(
    tmp_path: Path, order: list[int], *, newest_first: bool
) -> None:
    """As Gate's rows end; the name that the refusal gives it keeps that, which - would not."""
    rows = [[*(row[i] for i in order), row is not ROWS[-1]] for row in ROWS]
    path = tmp_path / "a.json"
    path.write_text(json.dumps(rows[::-1] if newest_first else rows))
    reading = Reading()
    if order[1] == 5:
        told = refusal(path).partition("data.columns=")[2].partition(", which")[0]
        assert told == "time,volume,close,high,low,open,closed"
        reading = Reading(columns=tuple(told.split(",")))
    loaded = load_file(path, QUARTER, reading)
    assert loaded.candles.time[-1] == GIVEN.time[-2]
    assert any("1 unfinished candle (closed = False) left out" in note for note in loaded.notes)


def test_a_flag_of_an_unknown_name_is_kept_by_the_columns_that_the_refusal_names(
    tmp_path: Path,
) -> None:
    """Of a stream's messages, flattened."""
    rows = [[*row, row is not ROWS[-1]] for row in ROWS]
    path = table(tmp_path / "a.csv", "k_t,k_o,k_h,k_l,k_c,k_v,k_x", rows)
    told = refusal(path).partition("data.columns=")[2].partition(", which")[0]
    assert told == "time,open,high,low,close,volume,closed"
    loaded = load_file(path, QUARTER, Reading(columns=tuple(told.split(","))))
    assert loaded.candles.time[-1] == GIVEN.time[-2]


def test_a_state_of_the_market_is_no_flag(tmp_path: Path) -> None:
    rows = [[*row, k % 2] for k, row in enumerate(ROWS)]
    path = table(tmp_path / "a.csv", f"{PLAIN},state", rows)
    assert same(load_file(path, QUARTER).candles, GIVEN)


def test_a_column_that_is_false_throughout_is_no_flag(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps([[*row, False] for row in ROWS]))
    assert same(load_file(path, QUARTER).candles, GIVEN)
