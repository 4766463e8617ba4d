"""What is no candle file of trades is refused by its name; a remedy that a line gives works."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stoptrail.core.errors import DataError
from stoptrail.feeds.check import check_file
from stoptrail.feeds.files import PLAIN, load_file
from stoptrail.feeds.layouts.recognise import Reading
from tests.feeds.candle_files import QUARTER, same
from tests.feeds.test_refusals import walk
from tests.feeds.written import Row, moment, rows_of, table, typical

GIVEN = walk()


def refusal(path: Path, reading: Reading = PLAIN) -> str:
    with pytest.raises(DataError) as caught:
        load_file(path, QUARTER, reading)
    said = str(caught.value)
    assert "\n" not in said
    return said


TABLES: dict[str, tuple[str | None, Callable[[Row], Sequence[Any]], str]] = {
    "Binance's trades": (
        None, lambda r: [r[0] // 7, r[4], 0.5, r[4] / 2, r[0] + 5, r[0] % 7 < 3, True], "trades"),
    "Binance's aggregate trades": (
        "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker",
        lambda r: [1, r[4], 0.5, 1, 2, r[0], "true"], "trades"),
    "Gate's trades": (
        None, lambda r: [r[0] / 1000 + r[0] % 13, 5, r[4], 0.5, r[0] % 2 + 1], "trades, perhaps"),
    "Bybit's trades": (
        "timestamp,symbol,side,size,price,tickDirection,trdMatchID,homeNotional,foreignNotional",
        lambda r: [r[0] / 1000, "BTCUSDT", "Buy", 0.5, r[4], "PlusTick", "x", 1, 2], "trades"),
    "the best bid and ask": (
        "update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,event_time",
        lambda r: [1, r[1], 2, r[1] + 1, 3, r[0]], "quotes"),
    "rates of funding": (
        "calc_time,funding_interval_hours,last_funding_rate",
        lambda r: [r[0], 8, 0.0001], "funding rates, no candles"),
    "rates of funding, as krakenfutures has them": (
        "timestamp,relativeFundingRate", lambda r: [r[0], 0.0001], "funding rates, no candles"),
    "rates of funding, as deribit has them": (
        "timestamp,index_price,interest_1h,interest_8h,prev_index_price",
        lambda r: [r[0], r[1], 1e-5, 1e-4, r[1]], "funding rates, no candles"),
    "open interest": (
        "create_time,symbol,sum_open_interest,sum_open_interest_value,count_long_short_ratio",
        lambda r: [moment(r[0]), "BTCUSDT", 1, 2, 3], "open interest"),
    "a premium index": (
        "open_time,open,high,low,close,volume",
        lambda r: [r[0], -2e-4, 1e-4, -3e-4, -1e-4, 0], "most prices are not above zero"),
    "times that a spreadsheet rounded": (
        "time,open,high,low,close,volume",
        lambda r: [f"{r[0]:.2E}", *r[1:]], "has lost its last digits"),
    "tickers": (
        "timestamp,high,low,bid,ask,open,close,last,baseVolume",
        lambda r: [r[0], r[2], r[3], r[4] - 1, r[4] + 1, r[1], r[4], r[4], r[5]], "holds tickers"),
    "bars of volume": (
        "timestamp,open,high,low,close,volume",
        lambda r: [r[0] + (r[0] // QUARTER) ** 2 % 800_000, *r[1:]], "come in no steps"),
    "seven minutes": (
        "timestamp,open,high,low,close,volume",
        lambda r: [r[0] // QUARTER * 420_000 + 10**12, *r[1:]], "does not divide the day"),
    "seven minutes late": (
        "timestamp,open,high,low,close,volume",
        lambda r: [r[0] + 420_000, *r[1:]], "open at 00:00 UTC"),
    "two closes": (
        "timestamp,open,high,low,close,close,volume",
        lambda r: [*r[:5], r[4], r[5]], "2 columns are called close"),
    "parts of a date": (
        "Year,Month,Day,Open,High,Low,Close,Volume",
        lambda r: [2024, 3, 1, *r[1:]], "year, month and day have columns of their own"),
    "times of another zone": (
        "Date (EST),Open,High,Low,Close,Volume", lambda r: [moment(r[0]), *r[1:]], "data.zone"),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_what_holds_no_candles_is_named(tmp_path: Path, name: str) -> None:
    header, cells, word = TABLES[name]
    path = table(tmp_path / "a.csv", header, [list(cells(row)) for row in rows_of(GIVEN)])
    assert word in refusal(path)


def lean(folder: Path, name: str, cells: Callable[[Row], list[Any]]) -> Path:
    day = [row for row in rows_of(GIVEN) if row[0] // 86_400_000 == GIVEN.time[0] // 86_400_000]
    rows = [[row[0] % 86_400_000, *cells(row)] for row in day]
    return table(folder / name, None, rows)


def test_lean_s_shares_and_quotes_are_named_by_a_run_and_by_the_check(tmp_path: Path) -> None:
    day = moment(int(GIVEN.time[0]), "%Y%m%d")
    shares = lean(tmp_path, f"{day}_spy_minute_trade.csv",
                  lambda r: [*(round(x * 10_000) for x in r[1:5]), 100])  # fmt: skip
    quotes = lean(tmp_path, f"{day}_btcusdt_minute_quote.csv",
                  lambda r: [*r[1:5], 2.0, *(x + 1 for x in r[1:5]), 3.0])  # fmt: skip
    crypto = lean(tmp_path, f"{day}_btcusdt_minute_trade.csv", lambda r: list(r[1:]))
    for path, word in ((shares, "LEAN's layout of shares"), (quotes, "candles of bid and ask")):
        assert word in refusal(path)
        with pytest.raises(DataError, match=word):
            check_file(path)
    assert load_file(crypto, QUARTER).candles.time[0] == GIVEN.time[0]


def test_candles_of_bid_and_ask_in_one_answer_are_quotes(tmp_path: Path) -> None:
    def side(row: Row, more: float) -> dict[str, str]:
        return {name: repr(value + more) for name, value in zip("ohlc", row[1:5], strict=True)}

    records = [
        {"complete": True, "volume": 5, "time": moment(row[0], "%Y-%m-%dT%H:%M:%SZ"),
         "bid": side(row, 0.0), "ask": side(row, 1.0)} for row in rows_of(GIVEN)
    ]  # fmt: skip
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"candles": records}))
    assert "holds quotes" in refusal(path)


def test_heikin_ashi_prices_are_not_taken_for_prices(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", "time,ha_open,ha_high,ha_low,ha_close,volume", rows_of(GIVEN))
    assert "no column open, high, low, close" in refusal(path)


ORDERS: dict[str, Callable[[Row], list[Any]]] = {
    "Coinbase": lambda r: [r[0] // 1000, r[3], r[2], r[1], r[4], r[5]],
    "Bitfinex": lambda r: [r[0], r[1], r[4], r[2], r[3], r[5]],
    "KuCoin": lambda r: [r[0] // 1000, r[1], r[4], r[2], r[3], r[5], r[5] * typical(r)],
    "Kraken": lambda r: [r[0] // 1000, *r[1:5], typical(r), r[5], r[0] // 900_000 % 91],
    "Gate": lambda r: [r[0] // 1000, r[5] * typical(r), r[4], r[2], r[3], r[1], r[5], "true"],
    "Poloniex": lambda r: [
        r[3], r[2], r[1], r[4], r[5] * typical(r), r[5], 1.5, 2.5, 331,
        r[0] + QUARTER - 1 - (r[0] // QUARTER) ** 2 % 3331, typical(r), "MINUTE_15", r[0],
        r[0] + QUARTER - 1,
    ],
}  # fmt: skip


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("name", ORDERS)
def test_the_order_of_columns_that_a_line_gives_loads_the_file(
    tmp_path: Path, name: str, newest_first: bool
) -> None:
    rows = [ORDERS[name](row) for row in rows_of(GIVEN)]
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"data": rows[::-1] if newest_first else rows}))
    found = re.search(r"--set data\.columns=([a-z,-]+), which the numbers fit", refusal(path))
    assert found
    loaded = load_file(path, QUARTER, Reading(columns=tuple(found[1].split(","))))
    assert same(loaded.candles, GIVEN)


def test_rows_of_five_numbers_ask_whether_their_times_are_closes(tmp_path: Path) -> None:
    """CoinGecko's are: "the end (or close) time" (its API documentation, coins/{id}/ohlc)."""
    path = tmp_path / "a.json"
    path.write_text(json.dumps([[row[0] + QUARTER, *row[1:5]] for row in rows_of(GIVEN)]))
    said = refusal(path)
    assert 'data.stamp to "close", or to "open", and data.volume = "unknown"' in said
    loaded = load_file(path, QUARTER, Reading(stamp="close", volume="unknown"))
    assert np.array_equal(loaded.candles.time, GIVEN.time)


def test_tables_without_names_are_chosen_by_the_keys_above_them_where_their_order_is_the_usual(
    tmp_path: Path,
) -> None:
    rows = [list(row) for row in rows_of(GIVEN)]
    other = [[row[0], *(value / 18 for value in row[1:5]), row[5]] for row in rows]
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"BTCUSDT": rows, "ETHUSDT": other}))
    assert "holds 2 symbols (BTCUSDT, ETHUSDT): set data.symbol" in refusal(path)
    assert same(load_file(path, QUARTER, Reading(symbol="BTC/USDT")).candles, GIVEN)
    path.write_text(json.dumps({"BTC/USDT": {"1m": other[:40], "15m": rows}}))
    assert same(load_file(path, QUARTER, Reading(symbol="BTC/USDT")).candles, GIVEN)
    path.write_text(json.dumps([{"BTCUSDT": rows}, {"ETHUSDT": other}]))
    assert same(load_file(path, QUARTER, Reading(symbol="BTC/USDT")).candles, GIVEN)
    turned = [[row[0], row[3], row[2], row[1], *row[4:]] for row in rows]
    path.write_text(json.dumps({"BTCUSDT": turned, "ETHUSDT": other}))
    assert "holds 2 tables without names of columns (BTCUSDT, ETHUSDT)" in refusal(path)


@pytest.mark.parametrize(
    ("moved", "remedy", "reading"),
    [
        (QUARTER, 'data.stamp = "close"', Reading(stamp="close")),
        (-5 * 3_600_000, 'data.zone = "-05:00"', Reading(zone="-05:00")),
        (0, 'data.zone = "UTC"', Reading(zone="UTC")),
    ],
)
def test_what_histdata_and_ninjatrader_mean_otherwise_is_asked_for(
    tmp_path: Path, moved: int, remedy: str, reading: Reading
) -> None:
    rows = [[moment(row[0] + moved, "%Y%m%d %H%M%S"), *row[1:]] for row in rows_of(GIVEN)]
    path = table(tmp_path / "a.txt", None, rows, ";")
    assert remedy in refusal(path)
    assert same(load_file(path, QUARTER, reading).candles, GIVEN)


def test_rows_that_are_0_without_volume_are_no_candles(tmp_path: Path) -> None:
    rows: list[Sequence[Any]] = list(rows_of(GIVEN))
    rows[7] = [rows[7][0], 0, 0, 0, 0, 0]
    loaded = load_file(table(tmp_path / "a.csv", "t,o,h,l,c,v", rows), QUARTER)
    assert GIVEN.time[7] not in loaded.candles.time
    assert any("1 row without a price left out" in note for note in loaded.notes)


def test_two_columns_of_one_name_in_parquet_are_refused_as_in_text(tmp_path: Path) -> None:
    columns = [*GIVEN[:5], GIVEN.close * 2, GIVEN.volume]
    names = ["time", "open", "high", "low", "close", "close", "volume"]
    pq.write_table(pa.table([pa.array(c) for c in columns], names=names), tmp_path / "a.parquet")
    assert "2 columns are called close" in refusal(tmp_path / "a.parquet")
    named = ("time", "open", "high", "low", "-", "close", "volume")
    rows = [[*row[:5], row[4], row[5]] for row in rows_of(GIVEN)]
    path = table(tmp_path / "b.csv", ",".join(names), rows)
    assert same(load_file(path, QUARTER, Reading(columns=named)).candles, GIVEN)


@pytest.mark.parametrize("name", ["volume_usdt.csv", "my_data_usd.csv", "prices-btc.csv"])
def test_words_before_a_currency_are_no_market(tmp_path: Path, name: str) -> None:
    path = table(tmp_path / name, "time,open,high,low,close,volume", rows_of(GIVEN))
    assert not load_file(path, QUARTER, Reading(symbol="ETH/USDT")).notes


def test_remarks_between_rows_are_passed_over(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", "time,open,high,low,close,volume", rows_of(GIVEN))
    path.write_text(path.read_text() + "# 300 rows\n")
    assert same(load_file(path, QUARTER).candles, GIVEN)


def test_the_name_of_an_exchange_is_no_market(tmp_path: Path) -> None:
    rows = [["binance", "BTC-USDT", *row] for row in rows_of(GIVEN)]
    header = "MARKET,INSTRUMENT,TIMESTAMP,OPEN,HIGH,LOW,CLOSE,VOLUME"
    path = table(tmp_path / "a.csv", header, rows)
    assert same(load_file(path, QUARTER, Reading(symbol="BTC/USDT")).candles, GIVEN)


def test_columns_of_unknown_names_are_named_as_the_line_says(tmp_path: Path) -> None:
    path = table(
        tmp_path / "a.csv",
        "quando,fim,cima,baixo,inicio,quanto,media",
        [[moment(t), c, h, low, o, v, (h + low) / 2] for t, o, h, low, c, v in rows_of(GIVEN)],
    )
    given = re.search(r"data\.columns=(\S+),", refusal(path))
    assert given
    assert same(
        load_file(path, QUARTER, Reading(columns=tuple(given[1].split(",")))).candles, GIVEN
    )


def test_the_close_before_is_no_open_and_the_end_of_a_candle_no_volume(tmp_path: Path) -> None:
    before = [float(GIVEN.open[0]), *GIVEN.close[:-1].tolist()]
    gaps = [[t // 1000, 900, last, o, h, low, c, v]
            for last, (t, o, h, low, c, v) in zip(before, rows_of(GIVEN), strict=True)]  # fmt: skip
    ends = [[low, h, o, c, t, t + QUARTER - 1] for t, o, h, low, c, _ in rows_of(GIVEN)]
    for rows, order in (
        (gaps, "time,-,-,open,high,low,close,volume"),
        (ends, "low,high,open,close,time,-"),
    ):
        path = tmp_path / "a.json"
        path.write_text(json.dumps(rows))
        assert f"data.columns={order}," in refusal(path)


def test_kinds_of_rows_that_no_setting_chooses_are_named_and_never_mixed(tmp_path: Path) -> None:
    rows = [[t, kind, *rest] for t, *rest in rows_of(GIVEN) for kind in ("upper", "lower")]
    path = table(tmp_path / "a.csv", "time,sieve,open,high,low,close,volume", rows)
    assert "holds rows of 2 kinds, which sieve tells apart (upper, lower)" in refusal(path)


def test_numbers_of_markets_are_chosen_by_the_symbol_that_the_line_asks_for(tmp_path: Path) -> None:
    rows = [[t, n, *(x * n for x in rest)] for t, *rest in rows_of(GIVEN) for n in (1, 2)]
    path = table(tmp_path / "a.csv", "time,id_of,open,high,low,close,volume", rows)
    said = refusal(path, Reading(symbol="BTC/USDT"))
    assert "holds 2 symbols (1, 2); none is BTC/USDT: set data.symbol to one of them" in said
    assert said.endswith("""--set 'data.symbol="1"' for one""")
    loaded = load_file(path, QUARTER, Reading(symbol="1"))
    assert same(loaded.candles, GIVEN)
    assert any("2 symbols (1, 2) 1; 300 rows left out" in note for note in loaded.notes)


def test_a_pair_in_any_column_tells_the_market(tmp_path: Path) -> None:
    rows = [[t, "ETH-USDT", *rest] for t, *rest in rows_of(GIVEN)]
    path = table(tmp_path / "a.csv", "time,of,open,high,low,close,volume", rows)
    assert "the candles are of ETH-USDT, data.symbol is BTC/USDT" in refusal(
        path, Reading(symbol="BTC/USDT")
    )


def test_amounts_too_large_for_coins_tell_no_lot_and_whole_prices_are_said(tmp_path: Path) -> None:
    dollars = [[*row[:5], row[5] * row[4] * 1000] for row in rows_of(GIVEN)]
    path = table(tmp_path / "a.csv", "time,open,high,low,close,volume", dollars)
    loaded = load_file(path, QUARTER, Reading(symbol="BTC/USDT"))
    assert loaded.unit == "unknown"
    assert any("seems to count the quote currency" in note for note in loaded.notes)
    assert load_file(path, QUARTER, Reading(symbol="BTC/KRW")).unit == "base"
    path = table(tmp_path / "c.csv", "time,open,high,low,close,turnover", dollars)
    notes = load_file(path, QUARTER, Reading(symbol="BTC/USDT")).notes
    assert notes == ("the volume counts the quote currency, so that it tells no lot",)

    fractions = [[t, *(round(x * 10_000) for x in four), v] for t, *four, v in rows_of(GIVEN)]
    path = table(tmp_path / "b.csv", "time,open,high,low,close,volume", fractions)
    notes = load_file(path, QUARTER, Reading(symbol="BTC/USDT")).notes
    assert any("prices are whole numbers near" in note for note in notes)
    assert not load_file(path, QUARTER, Reading(symbol="BTC/KRW")).notes


def test_times_of_several_zones_are_refused(tmp_path: Path) -> None:
    rows = [[f"{moment(t)} {('US/Eastern', 'Asia/Tokyo')[k % 2]}", *rest]
            for k, (t, *rest) in enumerate(rows_of(GIVEN))]  # fmt: skip
    path = table(tmp_path / "a.csv", "date,open,high,low,close,volume", rows)
    assert "holds times of Asia/Tokyo, US/Eastern; write them in UTC" in refusal(path)


def test_tables_of_two_timeframes_without_names_are_not_pages_of_one(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    rows = [list(row) for row in rows_of(GIVEN)]
    path.write_text(json.dumps({"result": {"60": rows[:20], "900": rows}}))
    assert "holds 2 tables without names of columns (60, 900); give one" in refusal(path)


def test_a_price_that_stays_elsewhere_from_one_candle_to_the_next_is_said(tmp_path: Path) -> None:
    half = [row if k < 150 else [row[0], *(x / 18 for x in row[1:5]), row[5]]
            for k, row in enumerate(rows_of(GIVEN))]  # fmt: skip
    spike = [[t, o, h * 1.8, low, c, v] if k == 150 else [t, o, h, low, c, v]
             for k, (t, o, h, low, c, v) in enumerate(rows_of(GIVEN))]  # fmt: skip
    header = "timestamp,open,high,low,close,volume"
    said = load_file(table(tmp_path / "a.csv", header, half), QUARTER).notes
    assert [note for note in said if "row 151 (line 152)" in note and "stays there" in note]
    (wick,) = load_file(table(tmp_path / "b.csv", header, spike), QUARTER).notes
    assert "row 151 (line 152)" in wick
    assert "80% beyond its open and close" in wick


@pytest.mark.parametrize("volume", ["-1", "", "nan"])
def test_a_volume_that_no_row_has_is_unknown_and_the_line_s_setting_loads_the_file(
    tmp_path: Path, volume: str
) -> None:
    path = table(tmp_path / "a.csv", "timestamp,open,high,low,close,volume",
                 [[*row[:5], volume] for row in rows_of(GIVEN)])  # fmt: skip
    said = refusal(path)
    assert said.endswith('the volume is unknown: set data.volume = "unknown"')
    loaded = load_file(path, QUARTER, Reading(volume="unknown"))
    assert same(loaded.candles._replace(volume=GIVEN.volume), GIVEN)


def test_a_second_table_is_not_to_be_joined_by_removing_the_line_between(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", "timestamp,open,high,low,close,volume", rows_of(GIVEN))
    path.write_text(path.read_text() + "ETHUSDT\n" + path.read_text())
    said = refusal(path)
    assert "row 301 (line 302) is words, 'ETHUSDT'" in said
    assert "give each table as a file of its own" in said


def test_timeframes_and_exchanges_under_any_name_are_those_that_are_meant(tmp_path: Path) -> None:
    for words, reading in (
        (("15m", "1h"), Reading(symbol="BTC/USDT")),
        (("okx", "kraken"), Reading(symbol="BTC/USDT", exchange="okx")),
    ):
        rows = [[t, word, *(x * k for x in rest)] for t, *rest in rows_of(GIVEN)
                for word, k in zip(words, (1, 2), strict=True)]  # fmt: skip
        path = table(tmp_path / "a.csv", "time,res,open,high,low,close,volume", rows)
        assert same(load_file(path, QUARTER, reading).candles, GIVEN)


@pytest.mark.parametrize(
    ("name", "words"),
    [("partial", ("false", "true")), ("in_progress", (0, 1)), ("is_final", (1, 0)),
     ("status", ("closed", "open")), ("bar_status", ("FINISHED", "OPEN")), ("forming", (0, 1)),
     ("isBarClosed", ("true", "false")), ("provisional", ("N", "Y"))],
)  # fmt: skip
def test_a_flag_of_either_sense_leaves_the_unfinished_candle_out(
    tmp_path: Path, name: str, words: tuple[object, object]
) -> None:
    rows = [[*row, words[k == 299]] for k, row in enumerate(rows_of(GIVEN))]
    path = table(tmp_path / "a.csv", f"timestamp,open,high,low,close,volume,{name}", rows)
    loaded = load_file(path, QUARTER)
    assert loaded.candles.time[-1] == GIVEN.time[-2]
    assert f"1 unfinished candle ({name} = {words[1]}) left out" in loaded.notes[0]


@pytest.mark.parametrize("order", ["open,close,high,low", "close,high,low,open"])
def test_a_header_of_another_order_in_the_middle_is_no_row_to_remove(
    tmp_path: Path, order: str
) -> None:
    path = table(tmp_path / "a.csv", "timestamp,open,high,low,close,volume", rows_of(GIVEN))
    path.write_text(path.read_text() + f"timestamp,{order},volume\n1,2,3,4,5,6\n")
    said = refusal(path)
    assert "row 301 (line 302): another header begins there" in said
    assert "give each table as a file of its own" in said


def test_candles_that_become_longer_or_stand_still_are_said(tmp_path: Path) -> None:
    header, rows = "timestamp,open,high,low,close,volume", rows_of(GIVEN)
    longer = [[rows[200][0] + (k - 200) * 4 * QUARTER, *row[1:]] if k > 200 else row
              for k, row in enumerate(rows)]  # fmt: skip
    still = [[row[0], *rows[100][1:]] if 100 < k < 140 else row for k, row in enumerate(rows)]
    for written, word in (
        (longer, "row 201 (line 202), {}: 98 candles come every 1h from there"),
        (still, "row 101 (line 102), {}: 39 candles have the prices of the one before"),
    ):
        notes = load_file(table(tmp_path / "a.csv", header, written), QUARTER).notes
        at = moment(written[200 if "1h" in word else 100][0], "%Y-%m-%dT%H:%M:%SZ")
        assert [note for note in notes if word.format(at) in note], notes


def test_kinds_of_markets_one_after_the_other_are_chosen_by_the_symbol(tmp_path: Path) -> None:
    rows = [[t, ("spot", "perp")[k > 99], *rest] for k, (t, *rest) in enumerate(rows_of(GIVEN))]
    path = table(tmp_path / "a.csv", "time,market_type,open,high,low,close,volume", rows)
    spot = load_file(path, QUARTER, Reading(one_of="BTC/USDT")).candles
    swap = load_file(path, QUARTER, Reading(symbol="BTC/USDT:USDT")).candles
    assert (len(spot.time), len(swap.time)) == (100, 200)
    assert spot.time[-1] < swap.time[0]
