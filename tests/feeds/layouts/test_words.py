"""Rows without names in which words tell market, timeframe or exchange."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stoptrail.feeds.files import load_file
from stoptrail.feeds.layouts.recognise import Reading
from tests.feeds.candle_files import QUARTER, same
from tests.feeds.test_refusals import refusal, walk
from tests.feeds.written import kline, moment, rows_of, table

GIVEN = walk(300)
ROWS = [list(row) for row in rows_of(GIVEN)]
OTHER = [[row[0], *(value / 20 for value in row[1:5]), row[5]] for row in ROWS]
BITCOIN = Reading(symbol="BTC/USDT", timeframe="15m")


def two(place: int, *, blocks: bool = False) -> list[list[Any]]:
    """Rows of two markets by turns, or one after the other, with the market in a column."""
    mine, others = (
        [[*row[:place], name, *row[place:]] for row in rows]
        for name, rows in (("BTCUSDT", ROWS), ("ETHUSDT", OTHER))
    )
    if blocks:
        return others + mine
    return [row for both in zip(mine, others, strict=True) for row in both]


@pytest.mark.parametrize("blocks", [False, True])
@pytest.mark.parametrize("place", [0, 1, 6])
def test_the_market_that_is_meant_is_chosen(tmp_path: Path, place: int, blocks: bool) -> None:
    path = table(tmp_path / "a.csv", None, two(place, blocks=blocks))
    loaded = load_file(path, QUARTER, BITCOIN)
    assert same(loaded.candles, GIVEN)
    assert "of 2 symbols" in " ".join(loaded.notes)
    assert load_file(path, QUARTER, Reading(symbol="ETH/USDT")).candles.close[0] == OTHER[0][4]
    assert "none is SOL/USDT: set data.symbol" in refusal(path, Reading(symbol="SOL/USDT"))


def test_json_rows_and_klines_too(tmp_path: Path) -> None:
    rows = tmp_path / "a.json"
    rows.write_text(json.dumps(two(0)))
    klines = table(tmp_path / "b.csv", None, [["BTCUSDT", *row] for row in kline(GIVEN)])
    for path in (rows, klines):
        assert same(load_file(path, QUARTER, BITCOIN).candles, GIVEN)


def test_exchange_market_and_timeframe_before_the_time(tmp_path: Path) -> None:
    both = (("ETHUSDT", OTHER), ("BTCUSDT", ROWS))
    every = [["binance", name, "15m", *row] for name, rows in both for row in rows]
    path = table(tmp_path / "a.csv", None, every)
    assert same(load_file(path, QUARTER, BITCOIN).candles, GIVEN)


def test_the_only_market_is_that_of_the_run_or_refused(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", None, [["ETHUSDT", *row] for row in ROWS])
    assert "the candles are of ETHUSDT" in refusal(path, BITCOIN)
    assert same(load_file(path, QUARTER, Reading(symbol="ETH/USDT")).candles, GIVEN)


def test_days_and_clocks_in_words_are_no_markets(tmp_path: Path) -> None:
    rows = [[moment(row[0], "%d-%b-%Y"), moment(row[0], "%I:%M %p"), *row[1:]] for row in ROWS]
    assert same(load_file(table(tmp_path / "a.csv", None, rows), QUARTER).candles, GIVEN)


def test_sides_of_trades_are_no_markets(tmp_path: Path) -> None:
    rows = [[side, *row] for row, side in zip(ROWS, ["buy", "sell"] * 150, strict=True)]
    assert "column 2 holds the times" in refusal(table(tmp_path / "a.csv", None, rows))


def test_another_order_is_told_with_the_column_of_words(tmp_path: Path) -> None:
    rows = [["BTC-USD", row[0], row[3], row[2], row[1], row[4], row[5]] for row in ROWS]
    path = table(tmp_path / "a.csv", None, rows)
    order = "-,time,low,high,open,close,volume"
    assert f"data.columns={order}" in refusal(path)
    assert same(load_file(path, QUARTER, Reading(columns=tuple(order.split(",")))).candles, GIVEN)
