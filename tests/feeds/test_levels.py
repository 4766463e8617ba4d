"""Columns whose names have two levels, as frames of pandas have them when they are written."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stoptrail.feeds.files import load_file
from stoptrail.feeds.layouts import Reading
from tests.feeds.tables import QUARTER, same
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
