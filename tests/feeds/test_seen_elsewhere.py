"""Files as other tools and other mistakes leave them: what is read of them, and what is said."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pytest

from stoptrail.core.errors import DataError
from stoptrail.feeds.check import check_file
from stoptrail.feeds.files import load_file
from stoptrail.feeds.layouts.recognise import Reading
from stoptrail.rules.candles import Candles
from tests.feeds.candle_files import QUARTER, same
from tests.feeds.test_refusals import walk
from tests.feeds.written import PLAIN, rows_of, table

GIVEN = walk(300)
ROWS: list[list[Any]] = [list(row) for row in rows_of(GIVEN)]
BITCOIN = Reading(symbol="BTC/USDT")
DAY = 86_400_000
Rows = list[list[Any]]


def refusal(path: Path, reading: Reading = BITCOIN) -> str:
    with pytest.raises(DataError) as caught:
        load_file(path, QUARTER, reading)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def notes(path: Path) -> str:
    return "\n".join(load_file(path, QUARTER, BITCOIN).notes)


def read(path: Path, content: str) -> Candles:
    path.write_text(content)
    return load_file(path, QUARTER, BITCOIN).candles


def test_a_log_of_a_socket_is_read_to_its_end(tmp_path: Path) -> None:
    """Three messages a candle, more than a thousand in all, each with its candles in a list."""
    given = walk(700)
    log = [
        json.dumps({"topic": "kline.15.BTCUSDT", "data": [
            {"start": row[0], "open": row[1], "high": row[2], "low": row[3], "close": row[4],
             "volume": row[5] if part == 3 else part, "confirm": part == 3}]})
        for row in rows_of(given) for part in (1, 2, 3)
    ]  # fmt: skip
    assert same(read(tmp_path / "a.jsonl", "\n".join(log)), given)
    answers = json.dumps([{"data": [list(row)]} for row in rows_of(walk(1200))])
    assert same(read(tmp_path / "a.json", answers), walk(1200))


@pytest.mark.parametrize("between", ["", "\n", "\n\n  "])
@pytest.mark.parametrize("indent", [None, 1])
def test_answers_that_were_appended_to_one_file_are_its_pages(
    between: str, indent: int | None, tmp_path: Path
) -> None:
    pages = [{"code": 0, "data": {"list": ROWS[i : i + 100]}} for i in range(0, len(ROWS), 100)]
    content = between.join(json.dumps(page, indent=indent) for page in pages)
    assert same(read(tmp_path / "a.json", content), GIVEN)
    refused = json.dumps({"code": 429, "message": "too many requests"}, indent=indent)
    content = between.join([json.dumps(pages[0]), refused, *map(json.dumps, pages[1:])])
    assert same(read(tmp_path / "b.json", content), GIVEN)
    named = [[dict(zip("tohlcv", row, strict=True)) for row in ROWS[i : i + 100]]
             for i in range(0, len(ROWS), 100)]  # fmt: skip
    assert same(read(tmp_path / "a.json", json.dumps([{"rows": part} for part in named])), GIVEN)


def test_lines_of_lists_may_end_with_commas(tmp_path: Path) -> None:
    assert same(read(tmp_path / "a.txt", "".join(f"{list(row)},\n" for row in ROWS)), GIVEN)


@pytest.mark.parametrize("unit", [1_000, 1_000_000])
@pytest.mark.parametrize("kind", ["csv", "feather"])
def test_the_last_moment_of_a_candle_in_any_unit_is_its_close(
    unit: int, kind: str, tmp_path: Path
) -> None:
    times = [(row[0] + QUARTER) * unit - 1 for row in ROWS]
    path = tmp_path / f"a.{kind}"
    if kind == "csv":
        table(path, PLAIN, [[time, *row[1:]] for time, row in zip(times, ROWS, strict=True)])
    else:
        columns = dict(zip(PLAIN.split(","), zip(*ROWS, strict=True), strict=True))
        pa.feather.write_feather(pa.table({**columns, "timestamp": times}), path)
    assert same(load_file(path, QUARTER, BITCOIN).candles, GIVEN)
    exact = table(tmp_path / "b.csv", PLAIN, [[row[0] * unit, *row[1:]] for row in ROWS])
    assert same(load_file(exact, QUARTER, BITCOIN).candles, GIVEN)


@pytest.mark.parametrize(
    ("spell", "unit"),
    [
        (lambda t: t // 60_000, "minutes since 1970"),
        (lambda t: t // 3_600_000, "hours since 1970"),
        (lambda t: round(t / DAY + 719_529, 6), "days since the year 0, as MATLAB counts"),
        (lambda t: round(t / DAY + 2_440_587.5, 6), "a Julian day"),
        (lambda t: t // 1000 - 978_307_200, "seconds since 2001, as Apple counts"),
    ],
)
def test_a_unit_that_is_not_read_is_named_with_what_the_file_has(
    spell: Callable[[int], float], unit: str, tmp_path: Path
) -> None:
    path = table(tmp_path / "a.csv", PLAIN, [[spell(row[0]), *row[1:]] for row in ROWS])
    said = refusal(path)
    assert f"timestamp = '{spell(ROWS[0][0])}' is outside the years 2000 to 2100" in said
    assert f"it would be one as {unit}: write ISO 8601" in said


@pytest.mark.parametrize("share", [1.003, 0.99])
def test_rows_of_a_market_a_little_apart_are_said(share: float, tmp_path: Path) -> None:
    other = [[row[0], *(round(x * share, 2) for x in row[1:5]), row[5]] for row in ROWS]
    spliced = table(tmp_path / "a.csv", PLAIN, ROWS[:150] + other[150:])
    assert "row 151 (line 152)" in (said := notes(spliced))
    assert "the price goes from" in said
    mixed = [other[k] if k % 10 == 5 else row for k, row in enumerate(ROWS)]
    assert "more such places)" in notes(table(tmp_path / "b.csv", PLAIN, mixed))
    assert not notes(table(tmp_path / "c.csv", PLAIN, ROWS))


def test_a_price_after_silent_candles_is_that_of_an_exchange_that_came_back(
    tmp_path: Path,
) -> None:
    """By however much: outages that a program has filled in are as long as it takes to go there."""
    for share in (1.004, 1.02, 0.97):
        assert not notes(_filled(tmp_path, share, lambda row: [*[row[4]] * 4, 0]))


@pytest.mark.parametrize(
    "filled",
    [
        lambda row: row[1:],
        lambda row: [*row[1:5], None],
        lambda row: [*[row[4]] * 4, row[5]],
    ],
)
def test_a_stretch_that_repeats_prices_is_told_as_that_alone(
    filled: Callable[[list[Any]], list[Any]], tmp_path: Path
) -> None:
    """It was said to be of two markets, or with open and close exchanged."""
    (note,) = notes(_filled(tmp_path, 1.02, filled)).splitlines()
    assert "written again without data" in note


def test_a_candle_that_repeats_one_is_said_by_what_follows(tmp_path: Path) -> None:
    """Too few to be told as repeated: where the price then goes to is told."""
    rows = [list(row) for row in ROWS]
    rows[101][1:] = rows[100][1:]
    later = [[row[0], *(round(x * 1.02, 2) for x in row[1:5]), row[5]] for row in rows[102:]]
    assert "the price goes from" in notes(table(tmp_path / "a.csv", PLAIN, rows[:102] + later))


def _filled(folder: Path, share: float, fill: Callable[[list[Any]], list[Any]]) -> Path:
    """Candles of which some repeat the one before by `fill`, with the volume of their own where
    that says None; what follows is at `share` times its price."""
    rows = [list(row) for row in ROWS]
    for k in range(100, 112):
        rows[k][1:] = [rows[k][5] if cell is None else cell for cell in fill(rows[99])]
    later = [[row[0], *(round(x * share, 2) for x in row[1:5]), row[5]] for row in rows[112:]]
    return table(folder / "a.csv", PLAIN, rows[:112] + later)


def changed(change: Callable[[Rows], Rows]) -> Callable[[Rows], Rows]:
    return lambda rows: change([list(row) for row in rows])


def summed(rows: Rows) -> Rows:
    """Volumes of the last 24 hours."""
    volumes = np.cumsum([row[5] for row in rows])
    return [[*row[:5], volumes[k] - (volumes[k - 96] if k >= 96 else 0)]
            for k, row in enumerate(rows)]  # fmt: skip


def of_the_day(rows: Rows) -> Rows:
    total, out = 0.0, []
    for row in rows:
        total = row[5] + (total if row[0] % DAY else 0.0)
        out.append([*row[:5], total])
    return out


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (summed, "volumes hardly change from candle to candle"),
        (of_the_day, "volumes hardly change from candle to candle"),
        (lambda rows: [[row[0], *[row[4]] * 4, row[5]] for row in rows], "are of one price"),
        (
            lambda rows: [[t, o, max(h, o), min(low, o), o, v] for t, o, h, low, _, v in rows],
            "candles close where they open",
        ),
        (
            lambda rows: [[*row[:5], row[5] * (1e6 if k == 77 else 1)]
                          for k, row in enumerate(rows)],
            "times any other",
        ),
        (
            lambda rows: [[t, 1 / o, 1 / low, 1 / h, 1 / c, v] for t, o, h, low, c, v in rows],
            "where no BTC was in USDT",
        ),
        (
            lambda rows: [[row[0], *(round(x * 1.001, 2) for x in row[1:5]), row[5]] if k % 2
                          else row for k, row in enumerate(rows)],
            "above and below by turns: those of two markets or exchanges",
        ),
        (
            lambda rows: rows[:100] + [
                [row[0], *(round(a + (b - a) * k / 30, 2)
                           for a, b in zip(rows[100][1:5], rows[130][1:5], strict=True)), row[5]]
                for k, row in enumerate(rows[100:130])] + rows[130:],
            "candles go on in a straight line: filled in between two others",
        ),
        (
            lambda rows: [[rows[0][0] - k * DAY, *rows[0][1:]] for k in (4, 3, 2, 1)] + rows,
            "candles come every 1d from there: longer ones, perhaps",
        ),
    ],
)  # fmt: skip
def test_what_the_values_of_all_candles_tell_is_said(
    change: Callable[[Rows], Rows], said: str, tmp_path: Path
) -> None:
    path = table(tmp_path / "a.csv", PLAIN, change([list(row) for row in ROWS]))
    assert said in notes(path)
    assert any(said in one.text for one in check_file(path, QUARTER, BITCOIN).findings)


def test_premiums_above_zero_are_no_prices(tmp_path: Path) -> None:
    """Binance's premiumIndexKlines of a month in which the swap was dearer."""
    rows = [[row[0], *((x / row[3] - 1) / 10 + 0.0001 for x in row[1:5]), 0] for row in ROWS]
    assert "most highs are more than 1.5 times the low: premiums" in refusal(
        table(tmp_path / "a.csv", PLAIN, rows)
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("ohlcv,symbol=BTCUSDT open={1},high={2},low={3},close={4},volume={5} {0}000000",
         "is a text of InfluxDB (line protocol)"),
        ("INSERT INTO candles VALUES ({0},{1},{2},{3},{4},{5});", "is an SQL dump"),
        ('candle_close{{symbol="BTCUSDT",le="1"}} {4} {0}', "is a text of single values"),
        ("- time: {0}\n  open: {1}\n  high: {2}\n  low: {3}\n  close: {4}", "is YAML"),
    ],
)  # fmt: skip
def test_a_text_that_is_no_table_is_named(line: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("".join(line.format(*row) + "\n" for row in ROWS))
    assert said in refusal(path)


def test_one_value_a_row_and_one_value_of_many_markets_are_no_candles(tmp_path: Path) -> None:
    names = ("open", "high", "low", "close", "volume")
    rows = [["", "_result", k, row[0], row[k + 1], name, "ohlcv"]
            for k, name in enumerate(names) for row in ROWS]  # fmt: skip
    header = ",result,table,_time,_value,_field,_measurement"
    said = refusal(table(tmp_path / "a.csv", header, rows))
    assert "each row holds one value (_field = " in said
    wide = [[row[0], row[4], row[4] / 20, row[4] / 400, row[4] / 9] for row in ROWS]
    said = refusal(table(tmp_path / "b.csv", "timestamp,BTCUSDT,ETHUSDT,SOLUSDT,BNBUSDT", wide))
    assert "holds one value of each of 4 markets" in said
    assert "data.columns" not in said


def test_what_is_known_to_be_no_candles_is_passed_over_beside_candles(tmp_path: Path) -> None:
    """A folder of freqtrade's holds the trades beside the candles, one of Binance's too."""
    table(tmp_path / "BTC_USDT-15m.csv", PLAIN, ROWS)
    trades = table(tmp_path / "BTC_USDT-trades.csv", "timestamp,id,side,price,amount,cost",
                   [[row[0], k, "buy", row[1], 0.1, 9] for k, row in enumerate(ROWS)])  # fmt: skip
    assert same(load_file(tmp_path, QUARTER, BITCOIN).candles, GIVEN)
    assert "passed over: BTC_USDT-trades.csv: holds trades, no candles" in notes(tmp_path)
    assert check_file(tmp_path, QUARTER, BITCOIN).usable
    assert "holds trades" in refusal(trades)
    (tmp_path / "BTC_USDT-15m.csv").unlink()
    assert "holds trades" in refusal(tmp_path)


def test_the_time_of_an_unknown_name_is_found_and_asked_about(tmp_path: Path) -> None:
    names = ("amount", "closePrice", "count", "highPrice", "lowPrice", "openPrice", "score", "vol")
    rows = [dict(zip(names, (v, c, 7, h, low, o, t // 1000, v * c), strict=True))
            for t, o, h, low, c, v in ROWS]  # fmt: skip
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"code": "A10000", "data": rows}))
    said = refusal(path)
    assert "no column timestamp, but score holds times" in said
    order = said.partition("--set data.columns=")[2].partition(";")[0]
    assert order == "volume,close,-,high,low,open,time,-"
    told = BITCOIN._replace(columns=tuple(order.split(",")))
    assert same(load_file(path, QUARTER, told).candles, GIVEN)


def test_digits_below_the_line_are_not_read_as_others(tmp_path: Path) -> None:
    """Sites write 0.000004008 as 0.0, a small 5, and 4008."""
    rows = [[row[0], *(f"0.0\u2085{round(x)}" for x in row[1:5]), row[5]] for row in ROWS]
    said = refusal(table(tmp_path / "a.csv", PLAIN, rows))
    assert f"row 1 (line 2): open = '0.0\u2085{round(ROWS[0][1])}' is not a number" in said


@pytest.mark.parametrize("name", ["BTCUSDC", "1000BTCUSDT", "XBTUSD"])
def test_a_market_in_the_name_of_the_file_that_is_not_the_one_meant_is_said(
    name: str, tmp_path: Path
) -> None:
    path = table(tmp_path / f"{name}-15m.csv", PLAIN, ROWS)
    assert "it is run as BTC/USDT" in notes(path)
    assert not notes(table(tmp_path / "BTC_USDT-15m.csv", PLAIN, ROWS))


def test_a_column_that_is_empty_is_not_told_to_be_in_the_usual_order(tmp_path: Path) -> None:
    """marketstack's close is null while a day goes on; its last is the price."""
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"data": [
        {"open": o, "high": h, "low": low, "last": c, "close": None, "volume": v, "date": t}
        for t, o, h, low, c, v in ROWS]}))  # fmt: skip
    said = refusal(path)
    assert "if another column holds the close, name all as they come" in said
    told = BITCOIN._replace(columns=("open", "high", "low", "close", "-", "volume", "time"))
    assert same(load_file(path, QUARTER, told).candles, GIVEN)


def test_names_without_rows_are_no_reason_to_fail(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("when,one,two,three,four,five\n")
    assert "not a candle file" in refusal(path)


def test_bars_of_a_chart_are_read(tmp_path: Path) -> None:
    """ApexCharts."""
    path = tmp_path / "a.json"
    path.write_text(
        json.dumps({"series": [{"data": [{"x": row[0], "y": row[1:5]} for row in ROWS]}]})
    )
    loaded = load_file(path, QUARTER, BITCOIN._replace(volume="unknown")).candles
    assert all(np.array_equal(a, b) for a, b in zip(loaded[:5], GIVEN[:5], strict=True))


def test_candles_of_bid_and_ask_are_quotes_however_they_are_nested(tmp_path: Path) -> None:
    names = ("Open", "High", "Low", "Close")
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"prices": [
        {"snapshotTime": row[0], **{f"{name.lower()}Price": {"bid": x, "ask": x + 1}
                                    for name, x in zip(names, row[1:5], strict=True)}}
        for row in ROWS]}))  # fmt: skip
    assert "give candles of trades" in refusal(path)
    path.write_text(json.dumps({"Data": [
        {"Time": row[0], **{f"{name}{side}": x for name, x in zip(names, row[1:5], strict=True)
                            for side in ("Bid", "Ask")}}
        for row in ROWS]}))  # fmt: skip
    assert "holds candles of bid and ask (quotes" in (said := refusal(path))
    assert "data.columns" not in said


def test_rows_of_prices_without_a_time_are_no_days_of_a_spreadsheet(tmp_path: Path) -> None:
    """The values of a frame whose index holds the times, at prices that days have."""
    path = tmp_path / "a.json"
    path.write_text(json.dumps([[45_000.91, 45_060.1, 44_936.79, 45_005.98, 389.4 + i]
                                for i in range(50)]))  # fmt: skip
    told = refusal(path)
    assert "holds times" in told or "no column timestamp" in told, told
    assert "lost decimals" not in told
