"""Times, numbers and zones as programs and languages spell them; what a line says to do, works."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stoptrail.core.errors import DataError
from stoptrail.feeds.files import load_file
from stoptrail.feeds.layouts.markets import market_in_name
from stoptrail.feeds.layouts.recognise import Reading
from stoptrail.feeds.tables.names import time_name, zone_in
from stoptrail.rules.candles import Candles
from tests.feeds.candle_files import QUARTER, same
from tests.feeds.layouts.test_strangers import refusal
from tests.feeds.test_refusals import walk
from tests.feeds.written import moment, rows_of, table, typical

GIVEN = walk(40, 1_709_235_000_000)
"""From 2024-02-29 19:30 UTC on."""
HEADER = "timestamp,open,high,low,close,volume"


def spelled(form: str) -> Callable[[int], str]:
    return lambda time: moment(time, form)


def half(time: int, morning: str, evening: str, form: str) -> str:
    """A time of twelve hours, with its half of the day before the clock."""
    word = morning if datetime.fromtimestamp(time / 1000, UTC).hour < 12 else evening
    return moment(time, form.replace("@", word))


FEBRUARY = {"German": "Februar", "French": "février", "Spanish": "febrero", "Italian": "febbraio"}
MARCH = {"German": "März", "French": "mars", "Spanish": "marzo", "Italian": "marzo"}


def in_words(language: str, form: str) -> Callable[[int], str]:
    return lambda time: moment(time, form.replace(
        "%B", (FEBRUARY if moment(time, "%m") == "02" else MARCH)[language]))  # fmt: skip


TIMES: dict[str, Callable[[int], str]] = {
    "JavaScript's Date": spelled("%a %b %d %Y %H:%M:%S GMT+0000 (Mitteleuropäische Zeit)"),
    "a browser's": lambda t: moment(t, "%m/%d/%Y, %I:%M:%S\u202f%p"),
    "Go's": spelled("%Y-%m-%d %H:%M:%S +0000 UTC"),
    "asctime": spelled("%a %b %d %H:%M:%S %Y"),
    "date": spelled("%a %b %d %H:%M:%S UTC %Y"),
    ".NET's JSON": lambda t: f"/Date({t})/",
    ".NET's JSON with an offset": lambda t: f"/Date({t}+0200)/",
    "dashes": spelled("%Y-%m-%d-%H-%M"),
    "dashes and seconds": spelled("%Y-%m-%d-%H-%M-%S"),
    "an underscore": spelled("%Y-%m-%d_%H:%M:%S"),
    "digits and an underscore": spelled("%Y%m%d_%H%M%S"),
    "points in the clock": spelled("%Y.%m.%d %H.%M.%S"),
    "colons in the date": spelled("%Y:%m:%d %H:%M:%S"),
    "kdb's": spelled("%Y.%m.%dD%H:%M:%S.000000000"),
    "Oracle's": spelled("%d-%b-%y %I.%M.%S.000000 %p"),
    "Chinese hours": spelled("%Y年%m月%d日%H时%M分"),
    "Chinese seconds": spelled("%Y年%m月%d日 %H时%M分%S秒"),
    "Korean hours": spelled("%Y년 %m월 %d일 %H시 %M분"),
    "Chinese halves": lambda t: half(t, "上午", "下午", "%Y/%m/%d @%I:%M:%S"),
    "Korean halves": lambda t: half(t, "오전", "오후", "%Y-%m-%d @ %I:%M:%S"),
    "Hungarian": spelled("%Y. %m. %d. %H:%M"),
    "Croatian": spelled("%d.%m.%Y. %H:%M"),
    "Finnish": spelled("%d.%m.%Y klo %H.%M"),
    "Bulgarian": spelled("%d.%m.%Y \u0433. %H:%M:%S \u0447."),
    "Korean points and halves": lambda t: half(t, "오전", "오후", "%Y. %m. %d. @ %I:%M"),
    "Spanish halves": lambda t: half(t, "a. m.", "p. m.", "%d/%m/%Y %I:%M @"),
    "Greek halves": lambda t: half(t, "πμ", "μμ", "%d/%m/%Y %I:%M @"),
    "an apostrophe": spelled("'%Y-%m-%d %H:%M:%S"),
    "a month in German": in_words("German", "%d. %B %Y %H:%M"),
    "a month in French": in_words("French", "%d %B %Y %H:%M"),
    "a month in Spanish": in_words("Spanish", "%d de %B de %Y %H:%M"),
    "a month in Italian": in_words("Italian", "%d %B %Y %H:%M"),
    "a formula": spelled('="%Y-%m-%d %H:%M:%S"'),
    "a call": spelled("Timestamp('%Y-%m-%d %H:%M:%S+0000')"),
    "MongoDB's": spelled("ISODate(%Y-%m-%dT%H:%M:%S.000Z)"),
}  # fmt: skip


@pytest.mark.parametrize("name", TIMES)
def test_a_spelling_of_times_is_read(tmp_path: Path, name: str) -> None:
    rows = [[f'"{TIMES[name](t)}"'.replace('="', '=""').replace('S""', 'S"""'), *rest]
            for t, *rest in rows_of(GIVEN)]  # fmt: skip
    if name == "a formula":
        rows = [[f'"=""{moment(t)}"""', *rest] for t, *rest in rows_of(GIVEN)]
    assert same(load_file(table(tmp_path / "a.csv", HEADER, rows), QUARTER).candles, GIVEN)


def lakhs(value: float) -> str:
    whole, _, rest = repr(value).partition(".")
    head, tail = whole[:-3], whole[-3:]
    groups = [head[max(0, i - 2) : i] for i in range(len(head), 0, -2)][::-1]
    return ",".join([*groups, tail]) + f".{rest}"


NUMBERS: dict[str, Callable[[float], str]] = {
    "lakhs": lakhs,
    "typographic apostrophes": lambda x: f"{x:,.5f}".replace(",", "\u2019"),
    "full width": lambda x: repr(x).translate({ord(c): ord(c) + 0xFEE0 for c in "0123456789."}),
    "Decimal": lambda x: f"Decimal('{x!r}')",
    "NumPy": lambda x: f"np.float64({x!r})",
    "a formula": lambda x: f'=""{x!r}""',
    "a currency in front": lambda x: f"EUR {x!r}",
}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_spelling_of_numbers_is_read(tmp_path: Path, name: str) -> None:
    given = GIVEN._replace(**{n: getattr(GIVEN, n) * 32 for n in ("open", "high", "low", "close")})
    given = given._replace(volume=np.round(given.volume, 4))
    rows = [[moment(t), *(f'"{NUMBERS[name](x)}"' for x in rest)] for t, *rest in rows_of(given)]
    assert same(load_file(table(tmp_path / "a.csv", HEADER, rows), QUARTER).candles, given)


@pytest.mark.parametrize("cell", ["(61000.5)", "61000.5)", "round(61000.5, 2)", "1,2345.6"])
def test_what_is_no_number_stays_none(tmp_path: Path, cell: str) -> None:
    rows = [[moment(t), *rest] for t, *rest in rows_of(GIVEN)]
    rows[20][1] = f'"{cell}"'
    assert f"row 21 (line 22): open = {cell!r}" in refusal(table(tmp_path / "a.csv", HEADER, rows))


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("candle_begin_time_GMT8", "+08:00"), ("time UTC+05:30", "+05:30"), ("utc0_time", "UTC"),
        ("time(GMT+0000)", "UTC"), ("timestamp_utc", "UTC"), ("time_utc_15m", "UTC"),
        ("time_utc_m5", "local"), ("time_utc_8", "local"), ("Date (EST)", "local"),
        ("time_et", "local"), ("Date et heure", ""), ("Date/Time", ""), ("Data/Hora", ""),
        ("open_time", ""), ("ny_time", "America/New_York"), ("Time (US/Eastern)", "US/Eastern"),
        ("eastern_time", "local"), ("London Time", "Europe/London"), ("北京时间", "Asia/Shanghai"),
        ("time_chicago", "America/Chicago"), ("Uhrzeit (MEZ)", "local"),
    ],
)  # fmt: skip
def test_the_zone_in_a_name_is_told_or_asked_for(name: str, zone: str) -> None:
    assert zone_in(name) == zone


@pytest.mark.parametrize("name", ["收盘价", "Schlusskurs", "Fechamento", "更新时间", "latest"])
def test_a_price_is_no_time_and_the_time_of_an_update_is_no_candle_s(name: str) -> None:
    assert time_name(name) is None


@pytest.mark.parametrize(
    ("header", "shift"), [("quando (UTC+8)", 8), ("北京时刻", 8), ("bar_end_time", 0.25)]
)
def test_what_the_header_says_of_its_time_holds_when_the_columns_are_named_anew(
    tmp_path: Path, header: str, shift: float
) -> None:
    """The line for columns of unknown names is followed: no zone and no close is lost by it."""
    rows = [[moment(t + round(shift * 3_600_000)), *rest] for t, *rest in rows_of(GIVEN)]
    path = table(tmp_path / "a.csv", f"{header},um,dois,tres,quatro,cinco", rows)
    order = re.search(r"data\.columns=([a-z,-]+), which the numbers fit", refusal(path))
    assert order
    loaded = load_file(path, QUARTER, Reading(columns=tuple(order[1].split(","))))
    assert same(loaded.candles, GIVEN)


@pytest.mark.parametrize("header", [None, "Ημερομηνία,Ώρα,Κλείσιμο,Χαμηλό,Υψηλό,Άνοιγμα,Όγκος"])
@pytest.mark.parametrize("clock", ["%H:%M", "%H%M%S"])
def test_a_day_and_a_clock_are_named_as_the_line_says(
    tmp_path: Path, header: str | None, clock: str
) -> None:
    rows = [[moment(t, "%Y%m%d"), moment(t, clock), c, low, h, o, v]
            for t, o, h, low, c, v in rows_of(GIVEN)]  # fmt: skip
    path = table(tmp_path / "a.csv", header, rows)
    order = re.search(r"data\.columns=([a-z,-]+), which the numbers fit", refusal(path))
    assert order
    assert order[1] == "date,time,close,low,high,open,volume"
    loaded = load_file(path, QUARTER, Reading(columns=tuple(order[1].split(","))))
    assert same(loaded.candles, GIVEN)


def test_an_offset_that_is_not_understood_is_asked_for_and_data_zone_answers(
    tmp_path: Path,
) -> None:
    rows = [[moment(t + 2 * 3_600_000), -120, *rest] for t, *rest in rows_of(GIVEN)]
    path = table(tmp_path / "a.csv", "time,timezoneOffset,open,high,low,close,volume", rows)
    assert "set data.zone to their zone" in refusal(path)
    assert same(load_file(path, QUARTER, Reading(zone="+02:00")).candles, GIVEN)


def test_a_row_whose_zone_is_none_is_named(tmp_path: Path) -> None:
    rows = [[moment(t), "+00:00", *rest] for t, *rest in rows_of(walk(600, int(GIVEN.time[0])))]
    rows[500][1] = "Mars/Olympus"
    path = table(tmp_path / "a.csv", "time,utc_offset,open,high,low,close,volume", rows)
    assert "row 501 (line 502): 'Mars/Olympus' is no zone; set data.zone" in refusal(path)


def test_a_zone_that_changes_behind_the_first_rows_is_seen(tmp_path: Path) -> None:
    given = walk(900, int(GIVEN.time[0]))
    rows = [[moment(t + (1 + (k > 700)) * 3_600_000), 3600 * (1 + (k > 700)), *rest]
            for k, (t, *rest) in enumerate(rows_of(given))]  # fmt: skip
    loaded = load_file(table(tmp_path / "a.csv", f"time,gmtoffset,{HEADER[10:]}", rows), QUARTER)
    assert same(loaded.candles, given)
    assert "the times are of +01:00, +02:00, as the file says" in loaded.notes


WORDY = {
    "Independent Reserve": (
        "StartTimestampUtc EndTimestampUtc PrimaryCurrencyVolume SecondaryCurrencyVolume "
        "OpeningSecondaryCurrencyPrice ClosingSecondaryCurrencyPrice HighestSecondaryCurrencyPrice "
        "LowestSecondaryCurrencyPrice",
        lambda t, o, h, low, c, v: [
            moment(t, "%Y-%m-%dT%H:%M:%SZ"), moment(t + QUARTER, "%Y-%m-%dT%H:%M:%SZ"), v, v * c,
            o, c, h, low],
    ),
    "Drift": (
        "ts fillOpen fillHigh fillClose fillLow oracleOpen oracleHigh oracleClose oracleLow "
        "quoteVolume baseVolume",
        lambda t, o, h, low, c, v: [
            t // 1000, o, h, c, low, *(x * 1.001 for x in (o, h, c, low)),
            v * typical((t, o, h, low, c, v)), v],
    ),
    "Phemex": (
        "timestamp interval lastCloseEp openEp highEp lowEp closeEp volume turnoverEv",
        lambda t, o, h, low, c, v: [t // 1000, 900, o, o, h, low, c, v, 3],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WORDY)
def test_prices_that_are_called_in_more_words_are_named_as_the_line_says(
    tmp_path: Path, name: str
) -> None:
    names, cells = WORDY[name]
    rows = [dict(zip(names.split(), cells(*row), strict=True)) for row in rows_of(GIVEN)]
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"data": rows}))
    said = refusal(path)
    order = re.search(r"are prices of trades, .*--set data\.columns=([a-z,-]+)$", said)
    assert order, said
    loaded = load_file(path, QUARTER, Reading(columns=tuple(order[1].split(","))))
    assert same(loaded.candles, GIVEN)


def test_the_remedy_of_a_wide_table_is_not_cut_off(tmp_path: Path) -> None:
    more = ",".join(f"a_column_with_a_long_name_{i}" for i in range(60))
    rows = [[*row, *([7] * 60)] for row in rows_of(GIVEN)]
    path = table(tmp_path / "a.csv", f"time,xOpen,xHigh,xLow,xClose,volume,{more}", rows)
    assert refusal(path).endswith("--set data.columns=time,open,high,low,close,volume")


@pytest.mark.parametrize("stamp", ["close", "open"])
def test_rows_below_the_seconds_of_their_timeframe_ask_what_their_times_are(
    tmp_path: Path, stamp: str
) -> None:
    rows = [[(t + QUARTER) // 1000, *rest] for t, *rest in rows_of(GIVEN)]
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"result": {"900": rows}}))
    assert 'set data.stamp to "close", or to "open"' in refusal(path)
    loaded = load_file(path, QUARTER, Reading(stamp=stamp))  # type: ignore[arg-type]
    late = 0 if stamp == "close" else QUARTER
    assert np.array_equal(loaded.candles.time, GIVEN.time + late)


CUT = {60_000: "%Y-%m-%d %H:%M", 4 * QUARTER: "%Y-%m-%d %H:00", 96 * QUARTER: "%Y-%m-%d"}
"""Lengths of candles, and the form in which open and last moment are one time."""


@pytest.mark.parametrize("interval", CUT)
@pytest.mark.parametrize("name", ["open_time", "datetime"])
def test_a_close_that_is_cut_to_the_time_of_the_open_asks_which_of_them_it_is(
    tmp_path: Path, name: str, interval: int
) -> None:
    given = walk(60, 1_709_164_800_000)
    time = given.time[0] + np.arange(60) * interval
    given = given._replace(time=time, interval=interval)
    rows = [
        [moment(t, CUT[interval]), *rest, moment(t + interval - 1, CUT[interval])]
        for t, *rest in rows_of(given)
    ]
    path = table(tmp_path / "a.csv", f"{name},open,high,low,close,volume,close_time", rows)
    with pytest.raises(DataError, match=r'set data\.stamp to "open" or "close"'):
        load_file(path, interval)
    assert same(load_file(path, interval, Reading(stamp="open")).candles, given)
    closed = load_file(path, interval, Reading(stamp="close")).candles
    assert np.array_equal(closed.time, given.time - interval)


def test_the_last_minute_of_a_candle_is_its_close(tmp_path: Path) -> None:
    rows = [[moment(t + QUARTER - 1, "%Y-%m-%d %H:%M"), *rest] for t, *rest in rows_of(GIVEN)]
    path = table(tmp_path / "a.csv", "close_time,open,high,low,close,volume", rows)
    assert same(load_file(path, QUARTER).candles, GIVEN)


def hours() -> tuple[Candles, list[tuple[str, int, list[float]]]]:
    """Candles of an hour; of each the day, the hour from 0 to 23, and the values."""
    given = walk(60, 1_709_164_800_000)
    given = given._replace(time=given.time[0] + np.arange(60) * 4 * QUARTER, interval=4 * QUARTER)
    rows = [(moment(t, "%Y-%m-%d"), int(moment(t, "%H")), rest) for t, *rest in rows_of(given)]
    return given, rows


ENDS: dict[str, tuple[str, Callable[[str, int], list[object]]]] = {
    "an hour that ends": ("date,hour,", lambda day, hour: [day, hour + 1]),
    "a clock": ("date,time,", lambda day, hour: [day, f"{hour + 1}:00"]),
    "ISO 8601": ("time,", lambda day, hour: [f"{day}T{hour + 1:02}:00:00Z"]),
    "digits": ("time,", lambda day, hour: [f"{day.replace('-', '')}{hour + 1:02}"]),
    "day first": (
        "Zeit,",
        lambda day, hour: [f"{'.'.join(day.split('-')[::-1])} {hour + 1:02}:00"],
    ),
}


@pytest.mark.parametrize("name", ENDS)
@pytest.mark.parametrize("newest_first", [False, True])
def test_times_that_end_a_day_at_24_ask_whether_they_are_closes(
    tmp_path: Path, name: str, newest_first: bool
) -> None:
    head, cells = ENDS[name]
    given, rows = hours()
    lines = [[*cells(day, hour), *rest] for day, hour, rest in rows]
    path = table(tmp_path / "a.csv", f"{head}open,high,low,close,volume",
                 lines[::-1] if newest_first else lines)  # fmt: skip
    with pytest.raises(DataError, match=r'24.* set data\.stamp to "close"'):
        load_file(path, given.interval)
    assert same(load_file(path, given.interval, Reading(stamp="close")).candles, given)
    opened = load_file(path, given.interval, Reading(stamp="open")).candles
    assert np.array_equal(opened.time, given.time + given.interval)


def test_midnight_that_is_written_24_before_1_is_the_beginning_of_its_day(tmp_path: Path) -> None:
    rows = [[moment(t, "%m/%d/%Y, ") + re.sub("^00", "24", moment(t, "%H:%M:%S")), *rest]
            for t, *rest in rows_of(GIVEN)]  # fmt: skip
    path = table(tmp_path / "a.csv", HEADER.replace(",", ";"), rows, ";")
    assert same(load_file(path, QUARTER).candles, GIVEN)


def test_ten_digits_that_spell_a_day_and_an_hour_are_no_seconds(tmp_path: Path) -> None:
    given, rows = hours()
    lines = [[f"{day.replace('-', '')}{hour:02}", *rest] for day, hour, rest in rows]
    path = table(tmp_path / "a.csv", HEADER, lines)
    assert same(load_file(path, given.interval).candles, given)


def test_ten_digits_that_spell_a_short_year_to_the_minute_are_no_seconds(tmp_path: Path) -> None:
    rows = [[moment(t, "%y%m%d%H%M"), *rest] for t, *rest in rows_of(GIVEN)]
    assert same(load_file(table(tmp_path / "a.csv", HEADER, rows), QUARTER).candles, GIVEN)


def test_columns_of_markets_that_are_named_before_their_fields_load(tmp_path: Path) -> None:
    """As pandas joins frames: pd.concat({"BTC-USDT": ..., "ETH-USDT": ...}, axis=1)."""
    columns = {"time": pa.array(GIVEN.time).cast(pa.timestamp("ms"))}
    for market, factor in (("ETH-USDT", 0.06), ("BTC-USDT", 1.0)):
        for name in ("open", "high", "low", "close", "volume"):
            columns[str((market, name))] = pa.array(getattr(GIVEN, name) * factor)
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    loaded = load_file(tmp_path / "a.parquet", QUARTER, Reading(symbol="BTC/USDT"))
    assert same(loaded.candles, GIVEN)


def test_minutes_in_a_column_of_their_own_are_no_markets(tmp_path: Path) -> None:
    rows = [[moment(t, "%Y-%m-%d"), moment(t, "%H"), moment(t, "%M"), *rest]
            for t, *rest in rows_of(GIVEN)]  # fmt: skip
    path = table(tmp_path / "a.csv", "date,hour,minute,open,high,low,close,volume", rows)
    for interval in (QUARTER, 4 * QUARTER):
        with pytest.raises(DataError, match=r"minute seems to be a part of the time \(00, 15"):
            load_file(path, interval, Reading(symbol="15"))


def test_korean_time_of_pyupbit_is_asked_for(tmp_path: Path) -> None:
    rows = [[moment(t), *rest, 5] for t, *rest in rows_of(GIVEN)]
    with pytest.raises(DataError, match=r"pyupbit or the like\); set data\.zone"):
        load_file(table(tmp_path / "a.csv", ",open,high,low,close,volume,value", rows), QUARTER)


@pytest.mark.parametrize(
    ("spot", "swap"),
    [("BTC-USDT", "BTC-USDT-SWAP"), ("XBTUSDT", "XBTUSDTM"), ("BTCUSDT", "BTCUSDT.P"),
     ("BTC/USDT", "BTC/USDT:USDT"), ("BTC_USDT", "BTC_USDT_PERP")],
)  # fmt: skip
def test_of_a_spot_market_and_its_swap_the_one_that_is_meant_is_taken(
    tmp_path: Path, spot: str, swap: str
) -> None:
    rows = [[t, name, *(x * k for x in rest)] for t, *rest in rows_of(GIVEN)
            for name, k in ((spot, 1), (swap, 2))]  # fmt: skip
    path = table(tmp_path / "a.csv", "time,instrument,open,high,low,close,volume", rows)
    for symbol, times in (("BTC/USDT", 1), ("BTC/USDT:USDT", 2)):
        loaded = load_file(path, QUARTER, Reading(symbol=symbol)).candles
        assert np.array_equal(loaded.close, GIVEN.close * times)


@pytest.mark.parametrize(
    ("word", "meant", "same"),
    [("WBTCUSDT", "BTC/USDT", False), ("ETHWUSDT", "ETH/USDT", False),
     ("SHOPUSD", "OP/USD", False), ("XXBTZUSD", "BTC/USD", True), ("tBTCUSD", "BTC/USD", True),
     ("XBTUSD", "BTC/USDT", True), ("BTCTUSD", "BTC/USDT", True), ("BTC_USDT", "BTC/USDT", True),
     ("1000PEPEUSDT", "PEPE/USDT", True), ("BTC-PERPETUAL", "BTC/USD", True),
     ("binance-btc-usdt-spot", "BTC/USDT", True), ("BTCUSDT.P", "BTC/USDT:USDT", True)],
)  # fmt: skip
def test_a_coin_whose_name_holds_another_one_s_is_not_taken_for_it(
    tmp_path: Path, word: str, meant: str, same: bool
) -> None:
    rows = [[t, word, *rest] for t, *rest in rows_of(GIVEN)]
    path = table(tmp_path / "a.csv", "time,symbol,open,high,low,close,volume", rows)
    if same:
        assert load_file(path, QUARTER, Reading(symbol=meant)).candles.interval == QUARTER
    else:
        assert f"the candles are of {word}, data.symbol is {meant}" in refusal(
            path, Reading(symbol=meant)
        )


@pytest.mark.parametrize(
    ("name", "unit"),
    [("volume_in_quote_currency", "quote"), ("notional", "quote"), ("Volume (K)", "contracts"),
     ("volume_contracts", "contracts"), ("lots", "contracts"), ("volume_base", "base")],
)  # fmt: skip
def test_a_lone_amount_counts_what_its_name_says(tmp_path: Path, name: str, unit: str) -> None:
    path = table(tmp_path / "a.csv", f"time,open,high,low,close,{name}", rows_of(GIVEN))
    assert load_file(path, QUARTER).unit == unit


@pytest.mark.parametrize("name", ["cum_volume", "volume_24h", "rolling_volume", "volume_ma20"])
def test_an_amount_of_more_than_the_candle_is_no_volume(tmp_path: Path, name: str) -> None:
    path = table(tmp_path / "a.csv", f"time,open,high,low,close,{name}", rows_of(GIVEN))
    assert 'set data.volume = "unknown"' in refusal(path)


@pytest.mark.parametrize("size", [2**57, -(2**57), 2**62])
def test_a_time_that_no_calendar_has_is_named_in_any_kind_of_file(
    tmp_path: Path, size: int
) -> None:
    times = GIVEN.time.copy()
    times[7] = size
    columns = {n: pa.array(getattr(GIVEN, n)) for n in ("open", "high", "low", "close", "volume")}
    table_ = pa.table({"timestamp": pa.array(times).cast(pa.timestamp("ms")), **columns})
    pq.write_table(table_, tmp_path / "a.parquet")
    assert "is outside the years 2000 to 2100" in refusal(tmp_path / "a.parquet")


@pytest.mark.parametrize(
    ("name", "market"),
    [("06_freqtrade_BTC_USDT-15m.feather", "BTCUSDT"), ("BTC-USDT_USDT_1h.parquet", "BTCUSDT"),
     ("Binance_BTCUSDT_1h.csv", "BTCUSDT"),
     ("XRP_ETH-5m.json", "XRPETH"), ("my_btc_usd_candles.csv", "BTCUSD"), ("candles.csv", ""),
     ("export_of_USDC.csv", "")],
)  # fmt: skip
def test_the_market_in_a_name_of_a_file_is_no_word_before_it(name: str, market: str) -> None:
    assert market_in_name(name) == market


@pytest.mark.parametrize(
    ("names", "late"),
    [("Open,High,Low,Close,TotalVolume", QUARTER), ("Open,High,Low,Close,total_volume", 0),
     ("open_price,high_price,low_price,close_price,TotalVolume", 0)],
)  # fmt: skip
def test_times_are_closes_where_multicharts_wrote_them_and_not_for_one_like_name(
    tmp_path: Path, names: str, late: int
) -> None:
    rows = [[moment(t + late, "%Y-%m-%d"), moment(t + late, "%H:%M"), *rest]
            for t, *rest in rows_of(GIVEN)]  # fmt: skip
    path = table(tmp_path / "a.csv", f"Date,Time,{names}", rows)
    assert same(load_file(path, QUARTER).candles, GIVEN)


def test_single_values_by_time_and_a_zone_of_many_are_said_as_such(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"prices": [[t, c] for t, _, _, _, c, _ in rows_of(GIVEN)]}))
    assert "prices hold single values by time: give candles" in refusal(path)
    path.write_text(json.dumps({"prices": [], "message": "no key"}))
    assert "it says 'no key'" in refusal(path)
    rows = [[f"{moment(t)} CST", *rest] for t, *rest in rows_of(GIVEN)]
    said = refusal(table(tmp_path / "a.csv", HEADER, rows))
    assert "CST may be several zones; write its offset, such as +08:00" in said
    rows = [[f"{moment(t)} +08:00", *rest] for t, *rest in rows_of(GIVEN)]
    shifted = load_file(table(tmp_path / "a.csv", HEADER, rows), QUARTER).candles.time
    assert np.array_equal(shifted + 8 * 3_600_000, GIVEN.time)


def test_blanks_that_do_not_break_group_thousands_in_the_encoding_of_windows(
    tmp_path: Path,
) -> None:
    """As a French spreadsheet saves them, in three cells out of four."""
    lines = ["Date;Ouverture;Haut;Bas;Clôture;Volume"]
    for time, *rest in rows_of(GIVEN):
        cells = [f"{cell:,.5f}".replace(",", "\xa0").replace(".", ",") for cell in rest]
        lines.append(";".join([moment(time, "%Y-%m-%d %H:%M"), *cells]))
    path = tmp_path / "a.csv"
    path.write_bytes("\r\n".join(lines).encode("cp1252"))
    assert same(load_file(path, QUARTER).candles, GIVEN)
