"""Columns whose names have two levels, as frames of pandas have them when they are written."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stoptrail.feeds.files import load_file
from stoptrail.feeds.layouts.recognise import Reading
from tests.feeds.candle_files import QUARTER, same
from tests.feeds.test_refusals import refusal, walk
from tests.feeds.written import Row, rows_of

GIVEN = walk(200)
ROWS: list[Row] = list(rows_of(GIVEN))
OHLC = ("open", "high", "low", "close")
TRADES = (*(("price", name) for name in OHLC), ("amount", "amount"))
"""`trades.resample("15min").agg({"price": "ohlc", "amount": "sum"})`."""
FRAMES = {
    "price and amount": TRADES,
    "amount as sum": (*TRADES[:4], ("amount", "sum")),
    "first and max": (
        *(("price", name) for name in ("first", "max", "min", "last")),
        ("volume", "sum"),
    ),
    "lists of one": tuple(
        zip((*OHLC, "volume"), ("first", "max", "min", "last", "sum"), strict=True)
    ),
    "one market": tuple(("BTC/USDT", name) for name in (*OHLC, "volume")),
    "fields above their market": tuple((name, "BTC/USDT") for name in (*OHLC, "volume")),
}
"""Two levels of the names of the columns behind the time."""


def header(levels: tuple[tuple[str, str], ...], index: str) -> list[list[str]]:
    """Header lines as `to_csv` writes them for an index of this name, or without index."""
    upper, lower = (list(level) for level in zip(*levels, strict=True))
    if index == "none":
        return [["timestamp", *upper], ["", *lower]]
    first = [["", *upper], ["", *lower]]
    return first if not index else [*first, [index, *([""] * len(levels))]]


@pytest.mark.parametrize("index", ["timestamp", "", "none"])
@pytest.mark.parametrize("levels", FRAMES.values(), ids=FRAMES)
def test_a_frame_of_two_levels_loads_from_text(
    tmp_path: Path, levels: tuple[tuple[str, str], ...], index: str
) -> None:
    lines = [*header(levels, index), *ROWS]
    path = tmp_path / "a.csv"
    path.write_text("".join(",".join(map(str, line)) + "\n" for line in lines))
    loaded = load_file(path, QUARTER, Reading(symbol="BTC/USDT"))
    assert same(loaded.candles, GIVEN)
    assert loaded.unit == "base"


@pytest.mark.parametrize("kind", ["Parquet", "JSON"])
@pytest.mark.parametrize("levels", FRAMES.values(), ids=FRAMES)
def test_a_frame_of_two_levels_loads_from_parquet_and_json(
    tmp_path: Path, levels: tuple[tuple[str, str], ...], kind: str
) -> None:
    path = tmp_path / "a"
    time, *columns = zip(*ROWS, strict=True)
    names = list(map(str, levels))
    if kind == "JSON":
        frame = {n: dict(zip(time, c, strict=True)) for n, c in zip(names, columns, strict=True)}
        path.write_text(json.dumps(frame))
    else:
        pq.write_table(pa.table([*columns, time], names=[*names, "timestamp"]), path)
    loaded = load_file(path, QUARTER, Reading(symbol="BTC/USDT"))
    assert same(loaded.candles, GIVEN)


def test_of_two_markets_in_any_level_the_one_that_is_meant_is_taken(tmp_path: Path) -> None:
    names = (*OHLC, "volume")
    rows = [[*row, *(value / 2 for value in row[1:])] for row in ROWS]
    for k, levels in enumerate(
        (
            tuple((m, n) for m in ("ETH/USDT", "BTC/USDT") for n in names),
            tuple((n, m) for m in ("ETH/USDT", "BTC/USDT") for n in names),
        )
    ):
        path = tmp_path / f"{k}.csv"
        lines = [*header(levels, "none"), *rows]
        path.write_text("".join(",".join(map(str, line)) + "\n" for line in lines))
        loaded = load_file(path, QUARTER, Reading(symbol="BTC/USDT"))
        assert loaded.candles.close.tolist() == [row[4] / 2 for row in ROWS]
        assert "of the columns those of BTC/USDT" in loaded.notes
        table = pa.table([*zip(*rows, strict=True)][1:], names=list(map(str, levels)))
        pq.write_table(table.append_column("time", [[row[0] for row in ROWS]]), path)
        assert load_file(path, QUARTER, Reading(symbol="ETH/USDT")).candles.close.tolist() == [
            row[4] for row in ROWS
        ]


def test_prices_of_amounts_are_no_volume(tmp_path: Path) -> None:
    """`trades.resample("15min").ohlc()` makes candles of the amounts as well."""
    levels = tuple((what, name) for what in ("price", "amount") for name in OHLC)
    lines = [*header(levels, "timestamp"), *([*row[:5], *([row[5]] * 4)] for row in ROWS)]
    path = tmp_path / "a.csv"
    path.write_text("".join(",".join(map(str, line)) + "\n" for line in lines))
    said = refusal(path)
    assert "no column volume" in said
    assert "symbols" not in said
    assert load_file(path, QUARTER, Reading(volume="unknown")).candles.high.tolist() == [
        row[2] for row in ROWS
    ]


@pytest.mark.parametrize(
    "names",
    [
        "timestamp,price_first,price_max,price_min,price_last,amount_sum",
        "time_period_start,px_open,px_high,px_low,px_close,sx_sum",
    ],
)
def test_flat_names_of_what_was_put_together_are_read(tmp_path: Path, names: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"{names}\n" + "".join(",".join(map(str, row)) + "\n" for row in ROWS))
    assert same(load_file(path, QUARTER).candles, GIVEN)


THREE = {
    "exchange, market, field": (0, 1, 2),
    "market, exchange, field": (1, 0, 2),
    "field, market, exchange": (2, 1, 0),
    "exchange, field, market": (0, 2, 1),
}
NESTED = [
    (exchange, market, name)
    for exchange in ("kraken", "binance")
    for market in ("ETH/USDT", "BTC/USDT")
    for name in (*OHLC, "volume")
]
MANY = [[row[0], *(x * k for k in (5.0, 2.0, 3.0) for x in row[1:]), *row[1:]] for row in ROWS]
"""Rows of which the last market, of binance, is the one that is meant."""
MEANT = Reading(symbol="BTC/USDT", exchange="binance")


@pytest.mark.parametrize("order", THREE.values(), ids=THREE)
def test_of_markets_of_several_exchanges_the_one_that_is_meant_is_taken(
    tmp_path: Path, order: tuple[int, int, int]
) -> None:
    levels = [tuple(name[i] for i in order) for name in NESTED]
    lines = [["", *level] for level in zip(*levels, strict=True)]
    lines = [*lines, ["timestamp", *([""] * len(levels))], *MANY]
    csv = tmp_path / "a.csv"
    csv.write_text("".join(",".join(map(str, line)) + "\n" for line in lines))
    time, *columns = zip(*MANY, strict=True)
    names = list(map(str, levels))
    parquet = tmp_path / "a.parquet"
    pq.write_table(pa.table([*columns, time], names=[*names, "timestamp"]), parquet)
    by_column = tmp_path / "a.json"
    frame = {n: dict(zip(time, c, strict=True)) for n, c in zip(names, columns, strict=True)}
    by_column.write_text(json.dumps(frame))
    by_row = tmp_path / "b.json"
    records = [{"('time', '', '')": row[0], **dict(zip(names, row[1:], strict=True))}
               for row in MANY]  # fmt: skip
    by_row.write_text(json.dumps(records))
    for path in (csv, parquet, by_column, by_row):
        assert same(load_file(path, QUARTER, MEANT).candles, GIVEN), path
        said = refusal(path, MEANT._replace(exchange="okx"))
        assert "4 symbols" in said
        assert "kraken" in said


def test_exchanges_side_by_side_are_chosen_by_data_exchange(tmp_path: Path) -> None:
    levels = [(e, name) for e in ("kraken", "binance") for name in (*OHLC, "volume")]
    rows = [[row[0], *(x * 2 for x in row[1:]), *row[1:]] for row in ROWS]
    path = tmp_path / "a.csv"
    lines = [*header(tuple(levels), "timestamp"), *rows]
    path.write_text("".join(",".join(map(str, line)) + "\n" for line in lines))
    loaded = load_file(path, QUARTER, MEANT)
    assert same(loaded.candles, GIVEN)
    assert "of the columns those of binance" in loaded.notes


def test_levels_that_all_columns_share_tell_the_market_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    time, *columns = zip(*ROWS, strict=True)
    names = [str(("binance", "ETH/USDT", name)) for name in (*OHLC, "volume")]
    pq.write_table(pa.table([*columns, time], names=[*names, "timestamp"]), path)
    assert same(load_file(path, QUARTER, Reading(symbol="ETH/USDT")).candles, GIVEN)
    assert "ETH/USDT" in refusal(path, MEANT)


def test_merged_cells_above_the_names_stand_for_all_columns_below_them(tmp_path: Path) -> None:
    names = (*OHLC, "volume")
    upper = ["time", "ETH/USDT", *([""] * 4), "BTC/USDT", *([""] * 4)]
    rows = [[row[0], *(x / 2 for x in row[1:]), *row[1:]] for row in ROWS]
    path = tmp_path / "a.csv"
    lines = [upper, ["", *names, *names], *rows]
    path.write_text("".join(",".join(map(str, line)) + "\n" for line in lines))
    assert same(load_file(path, QUARTER, MEANT).candles, GIVEN)


def test_yahoo_s_volume_is_in_dollars_in_json_too(tmp_path: Path) -> None:
    names = ("Open", "High", "Low", "Close", "Volume")
    levels = [(market, name) for market in ("ETH-USD", "BTC-USD") for name in names]
    rows = [[*(x / 2 for x in row[1:]), *row[1:]] for row in ROWS]
    columns = zip(*rows, strict=True)
    frame = {
        str(n): dict(zip((row[0] for row in ROWS), c, strict=True))
        for n, c in zip(levels, columns, strict=True)
    }
    path = tmp_path / "a.json"
    path.write_text(json.dumps(frame))
    loaded = load_file(path, QUARTER, Reading(symbol="BTC/USD"))
    assert loaded.candles.close.tolist() == [row[4] for row in ROWS]
    assert loaded.unit == "quote"


@pytest.mark.parametrize("upper", [("1h", "15m"), ("1h BTC/USDT", "15m BTC/USDT")])
def test_timeframes_side_by_side_are_chosen_by_the_one_of_the_run(
    tmp_path: Path, upper: tuple[str, str]
) -> None:
    levels = [(*of.split(), name) for of in upper for name in (*OHLC, "volume")]
    rows = [[row[0], *(x * 2 for x in row[1:]), *row[1:]] for row in ROWS]
    lines = [["", *level] for level in zip(*levels, strict=True)]
    lines = [*lines, ["timestamp", *([""] * len(levels))], *rows]
    path = tmp_path / "a.csv"
    path.write_text("".join(",".join(map(str, line)) + "\n" for line in lines))
    assert same(load_file(path, QUARTER, MEANT).candles, GIVEN)


@pytest.mark.parametrize("cells", [6, 8])
def test_a_level_of_fewer_or_more_cells_than_the_names_is_read(tmp_path: Path, cells: int) -> None:
    """Ends of lines are cut off or filled up by who saves a table anew."""
    given = walk(120)
    names = "timestamp,open,high,low,close,volume,trades"
    rows = "\n".join(",".join(map(str, (*row, 5))) for row in rows_of(given))
    (tmp_path / "a.csv").write_text(
        f"{names}\n,{','.join(['BTCUSDT'] * 5)}{',' * (cells - 6)}\n{rows}\n"
    )
    assert same(load_file(tmp_path / "a.csv", QUARTER, Reading(symbol="BTC/USDT")).candles, given)
