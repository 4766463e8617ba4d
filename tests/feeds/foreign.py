"""Layouts of databases, trading programs, spreadsheets elsewhere and exchanges' archives, beside
those of `written` and `vendors`."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stoptrail.feeds.layouts.recognise import Reading
from stoptrail.rules.candles import Candles
from tests.feeds.vendors import ISO, QUARTER, answer, contracts, csv, jitter
from tests.feeds.written import BITCOIN, Layout, Row, moment, plain, rows_of, text, typical

DAY = 86_400_000
SOME_DAY = 1_708_900_200_000
"""2024-02-25 22:30 UTC: days and months can be told apart from it on."""
NAMES = ("time", "open", "high", "low", "close", "volume")
SHUFFLED = ("open", "close", "high", "low", "volume")
Writer = Callable[[Path, Candles], Path]


def lines(record: Callable[[Row], dict[str, Any]]) -> Writer:
    """A JSON object on each line."""

    def write(path: Path, given: Candles) -> Path:
        return text(path, [json.dumps(record(row)) for row in rows_of(given)])

    return write


def local(time: int, zone: str, form: str) -> str:
    return datetime.fromtimestamp(time / 1000, UTC).astimezone(ZoneInfo(zone)).strftime(form)


def several(header: str, cells: Callable[[Row], list[list[Any]]]) -> Writer:
    """Rows of several markets at each time."""

    def write(path: Path, given: Candles) -> Path:
        made = [row for one in rows_of(given) for row in cells(one)]
        return text(path, [header, *(",".join(map(str, row)) for row in made)])

    return write


def framed(writer: Writer, before: str = "", behind: str = "", encoding: str = "utf-8") -> Writer:
    """The file of another writer between two texts."""

    def write(path: Path, given: Candles) -> Path:
        content = writer(path, given).read_text()
        path.write_text(before + content + behind, encoding)
        return path

    return write


def scaled(row: Row, factor: float) -> list[float]:
    """The values of another market."""
    return [*(value * factor for value in row[1:5]), row[5]]


def investing(names: str, form: str, decimal: str = ",") -> Layout:
    """As investing.com writes in many languages: newest first, the close before the open."""
    marks = str.maketrans(",.", ".,") if decimal == "," else str.maketrans("", "")

    def cells(row: Row) -> list[str]:
        prices = (f"{row[i]:,.6f}".translate(marks) for i in (4, 1, 2, 3))
        volume = f"{row[5]:.5f}".translate(marks)
        return [f'"{cell}"' for cell in (moment(row[0], form), *prices, volume, "0%")]

    header = ",".join(f'"{name}"' for name in names.split(","))
    return Layout(csv(header, cells, newest_first=True), start=SOME_DAY // DAY * DAY, interval=DAY)


def phemex(path: Path, given: Candles) -> Path:
    """The close before has a column of its own."""
    before = [given.open[0], *given.close[:-1].tolist()]
    rows = [[t // 1000, 900, last, *rest, rest[4] * 2]
            for last, (t, *rest) in zip(before, rows_of(given), strict=True)]  # fmt: skip
    path.write_text(json.dumps({"data": {"rows": rows}}))
    return path


def nautilus(kind: Callable[[list[float]], pa.Array]) -> Writer:
    """Its catalogue: prices and volumes as whole numbers, times that are closes."""

    def write(path: Path, given: Candles) -> Path:
        columns: dict[str, Any] = {name: kind(getattr(given, name).tolist()) for name in NAMES[1:]}
        ends = pa.array(((given.time + QUARTER) * 10**6).astype("uint64"))
        pq.write_table(pa.table({**columns, "ts_event": ends, "ts_init": ends}), path)
        return path

    return write


def packed(values: list[float]) -> pa.Array:
    raw = [(round(x * 10**9) * 10**7).to_bytes(16, "little", signed=True) for x in values]
    return pa.array(raw, pa.binary(16))


def of_32_bits(path: Path, given: Candles) -> Path:
    """Candles whose prices 32 bits hold to the digit that was written."""
    columns: dict[str, Any] = {n: getattr(given, n).astype(np.float32) for n in NAMES[1:]}
    columns["open_time"] = pa.array(given.time * 1000).cast(pa.timestamp("us"))
    pq.write_table(pa.table(columns), path)
    return path


def records(names: str, cells: Callable[[Row], list[Any]]) -> Callable[[list[Row]], list[Any]]:
    return lambda rows: [dict(zip(names.split(), cells(row), strict=True)) for row in rows]


def spoken(
    header: str,
    form: str = "%Y-%m-%d %H:%M",
    *,
    ahead: int = 0,
    separator: str = ",",
    clock: str = "",
    close: int = 0,
    more: int = 0,
    start: int | None = None,
) -> Layout:
    """A table of a program that speaks another language: `ahead` hours of a zone that the header
    tells, decimal commas beside semicolons, `more` columns behind those of candles."""

    def cells(row: Row) -> list[str]:
        time = row[0] + ahead * 3_600_000 + close
        values = [repr(value) for value in (*row[1:], *([row[5] * typical(row)] * more))]
        if separator == ";":
            values = [value.replace(".", ",") for value in values]
        return [moment(time, form), *([moment(time, clock)] if clock else []), *values]

    return Layout(csv(header.replace(",", separator), cells, separator), start=start)


def one_cell(inner: Writer, *, header: bool = True) -> Writer:
    """Lines that stand in quotes as a whole, with those within them doubled."""

    def write(path: Path, given: Candles) -> Path:
        first, *rest = inner(path, given).read_text().splitlines()
        quoted = [
            '"' + line.replace('"', '""') + '"' for line in ([first] if header else []) + rest
        ]
        return text(path, quoted if header else [first, *quoted])

    return write


OUTSIDE = ",open,high,low,close,volume"


FOREIGN: dict[str, Layout] = {
    "gekko": Layout(csv("start,open,high,low,close,vwp,volume,trades",
                        lambda r: [r[0] // 1000, *r[1:5], typical(r), r[5], 12])),
    "vnpy": Layout(csv(
        "datetime,symbol,exchange,interval,volume,turnover,open_interest,open_price,high_price,"
        "low_price,close_price",
        lambda r: [moment(r[0]), "BTCUSDT", "BINANCE", "15m", r[5], r[5] * typical(r), 0.0,
                   *r[1:5]])),
    "cryptofeed": Layout(csv(
        "exchange,symbol,start,stop,interval,trades,open,close,high,low,volume,closed,timestamp,"
        "receipt_timestamp",
        lambda r: ["BINANCE", "BTC-USDT", r[0] / 1000, (r[0] + QUARTER - 1) / 1000, "15m", 5, r[1],
                   r[4], r[2], r[3], r[5], "True", (r[0] + QUARTER) / 1000,
                   (r[0] + QUARTER + 310) / 1000])),
    "barter": Layout(lines(lambda r: {
        "close_time": moment(r[0] + QUARTER, "%Y-%m-%dT%H:%M:%SZ"), "open": r[1], "high": r[2],
        "low": r[3], "close": r[4], "volume": r[5], "trade_count": 8})),
    "Bitpanda": Layout(answer(lambda rows: [
        {"instrument_code": "BTC_EUR", "time": moment(r[0] + QUARTER - 1, "%Y-%m-%dT%H:%M:%S.999Z"),
         "granularity": {"unit": "MINUTES", "period": 15}, "open": r[1], "high": r[2], "low": r[3],
         "close": r[4], "total_amount": r[5], "volume": r[5] * typical(r), "last_sequence": 5}
        for r in rows])),
    "InfluxDB, pivoted": Layout(framed(
        csv(",result,table,_start,_stop,_time,close,high,low,open,volume",
            lambda r: ["", "", 0, "2012-01-01T00:00:00Z", "2032-01-01T00:00:00Z",
                       moment(r[0], "%Y-%m-%dT%H:%M:%SZ"), r[4], r[2], r[3], r[1], r[5]]),
        before="#group,false,false,true,true,false,false,false,false,false,false\n"
               "#datatype,string,long,dateTime,dateTime,dateTime,double,double,double,double,double\n"
               "#default,_result,,,,,,,,,\n")),
    "InfluxDB's answer": Layout(answer(lambda rows: {"results": [{"series": [
        {"name": "ohlcv", "columns": ["time", "close", "high", "low", "open", "volume"],
         "values": [[moment(r[0], ISO), r[4], r[2], r[3], r[1], r[5]] for r in rows]}]}]})),
    "ClickHouse, names and types": Layout(csv(
        "ts,open,high,low,close,volume\nDateTime,Float64,Float64,Float64,Float64,Float64",
        lambda r: [moment(r[0]), *r[1:]])),
    "ClickHouse, compact": Layout(answer(lambda rows: {
        "meta": [{"name": n, "type": "x"} for n in ("symbol", "ts", *SHUFFLED)],
        "data": [["BTCUSDT", moment(r[0]), r[1], r[4], r[2], r[3], r[5]] for r in rows]})),
    "MongoDB": Layout(lines(lambda r: {
        "_id": {"$oid": f"{r[0]:x}"}, "ts": {"$date": {"$numberLong": str(r[0])}},
        **{n: {"$numberDecimal": repr(v)} for n, v in zip(NAMES[1:], r[1:], strict=True)}})),
    "MongoDB, relaxed": Layout(lines(lambda r: {
        "_id": {"$oid": f"{r[0]:x}"}, "ts": {"$date": moment(r[0], ISO)},
        **dict(zip(NAMES[1:], r[1:], strict=True))})),
    "DynamoDB": Layout(answer(lambda rows: {"Items": [
        {"pair": {"S": "BTCUSDT"}, **{n: {"N": repr(v)} for n, v in zip(NAMES, r, strict=True)}}
        for r in rows]})),
    "Trino": Layout(answer(lambda rows: {
        "columns": [{"name": n, "type": "x"} for n in (*SHUFFLED, "ts")],
        "data": [[r[1], r[4], r[2], r[3], r[5], moment(r[0])] for r in rows]})),
    "QuestDB": Layout(answer(lambda rows: {
        "query": "candles", "columns": [{"name": n} for n in ("timestamp", *NAMES[1:])],
        "dataset": [[moment(r[0], ISO), *r[1:]] for r in rows]})),
    "Snowflake": Layout(answer(lambda rows: {
        "resultSetMetaData": {"rowType": [{"name": n.upper()} for n in ("ts", *NAMES[1:])]},
        "data": [[str(r[0]), *map(repr, r[1:])] for r in rows]})),
    "Grafana": Layout(answer(lambda rows: {"frames": [
        {"schema": {"fields": [{"name": n} for n in NAMES]},
         "data": {"values": [list(column) for column in zip(*rows, strict=True)]}}]})),
    "a sheet with its header": Layout(answer(lambda rows: {
        "values": [list(NAMES), *([moment(r[0]), *map(repr, r[1:])] for r in rows)]})),
    "pandas, orient table": Layout(answer(lambda rows: {
        "schema": {"fields": [{"name": n} for n in NAMES]},
        "data": [dict(zip(NAMES, r, strict=True)) for r in rows]})),
    "Plotly": Layout(answer(lambda rows: {"data": [
        {"x": [moment(r[0]) for r in rows],
         **{n: [r[i] for r in rows] for i, n in enumerate(NAMES[1:5], 1)}}]}),
        Reading(volume="unknown"), "unknown"),
    "MOEX": Layout(answer(lambda rows: {"candles": {
        "columns": ["open", "close", "high", "low", "value", "volume", "begin", "end"],
        "data": [[r[1], r[4], r[2], r[3], r[5] * typical(r), r[5], moment(r[0]),
                  moment(r[0] + QUARTER - 1000)] for r in rows]}})),
    "The Graph": Layout(answer(lambda rows: {"data": {"tokenHourDatas": records(
        "periodStartUnix open high low close volume volumeUSD",
        lambda r: [r[0] // 1000, *map(repr, r[1:]), repr(r[5] * typical(r))])(rows)}})),
    "GeckoTerminal": Layout(answer(lambda rows: {"data": {"attributes": {
        "ohlcv_list": [[r[0] // 1000, *r[1:5], r[5] * typical(r)] for r in reversed(rows)]}}}),
        volume="quote"),
    "FTX": Layout(answer(lambda rows: {"success": True, "result": records(
        "startTime time open high low close volume", lambda r: [
            moment(r[0], ISO), float(r[0]), *r[1:5], r[5] * typical(r)])(rows)}), volume="quote"),
    "TradeStation, open interest": Layout(csv(
        '"Date","Time","Open","High","Low","Close","Vol","OI"', lambda r: [
            f'"{moment(r[0] + QUARTER, part)}"' for part in ("%m/%d/%Y", "%H:%M")] + [*r[1:], 0]),
        start=SOME_DAY, volume="contracts"),
    "Birdeye": Layout(answer(lambda rows: {"data": {"items": records(
        "o h l c v unixTime address type currency",
        lambda r: [*r[1:], r[0] // 1000, "x", "15m", "usd"])(rows)}})),
    "Finnhub": Layout(answer(lambda rows: {
        "s": "ok", **dict(zip("ohlcv", list(map(list, zip(*rows, strict=True)))[1:], strict=True)),
        "t": [r[0] // 1000 for r in rows]})),
    "Coinalyze": Layout(answer(lambda rows: [{"symbol": "BTCUSDT_PERP.A", "history": records(
        "t o h l c v bv tx btx", lambda r: [r[0] // 1000, *r[1:], r[5] / 2, 9, 5])(rows)}])),
    "CoinGlass": Layout(answer(lambda rows: {"data": records(
        "time open high low close volume_usd", lambda r: [*r[:5], r[5] * typical(r)])(rows)}),
        volume="quote"),
    "CCData": Layout(answer(lambda rows: {"Data": records(
        "UNIT TIMESTAMP TYPE MARKET INSTRUMENT OPEN HIGH LOW CLOSE FIRST_TRADE_TIMESTAMP "
        "LAST_TRADE_TIMESTAMP HIGH_TRADE_PRICE TOTAL_TRADES VOLUME QUOTE_VOLUME VOLUME_BUY",
        lambda r: ["MINUTE", r[0] // 1000, "952", "binance", "BTC-USDT", *r[1:5], r[0] // 1000 + 1,
                   r[0] // 1000 + 890, r[2], 9, r[5], r[5] * typical(r), r[5] / 2])(rows)})),
    "Hyperliquid": Layout(answer(records("t T s i o c h l v n", lambda r: [
        r[0], r[0] + QUARTER - 1, "BTC", "15m", *map(repr, (r[1], r[4], *r[2:4], r[5])), 12]))),
    "HitBTC": Layout(answer(records(
        "timestamp open close min max volume volume_quote",
        lambda r: [moment(r[0], ISO), *map(repr, (r[1], r[4], r[3], r[2], r[5])), "7"]))),
    "Phemex": Layout(phemex, Reading(columns=("time", "-", "-", *NAMES[1:]))),
    "OKX's archive": Layout(csv(
        "instrument_name,open,high,low,close,vol,vol_ccy,vol_quote,open_time,confirm",
        lambda r: ["BTC-USDT", *r[1:], r[5], r[5] * typical(r), r[0], 1])),
    "OKX's archive of swaps": Layout(csv(
        "instrument_name,open,high,low,close,vol,vol_ccy,vol_quote,open_time,confirm",
        lambda r: ["BTC-USDT-SWAP", *r[1:5], contracts(0.01)(r), contracts(0.01)(r) / 100, 7, r[0],
                   1]), volume="base of contracts"),
    "Bybit's archive": Layout(csv(None, lambda r: [moment(r[0], "%Y.%m.%d %H:%M"), *r[1:]])),
    "Bybit's archive of indices": Layout(csv(
        "start_at,symbol,period,open,high,low,close",
        lambda r: [r[0] // 1000, "BTCUSDT", 15, *r[1:5]]), Reading(volume="unknown"), "unknown"),
    "HTX's archive": Layout(
        csv(None, lambda r: [r[0] // 1000, r[1], r[4], r[3], r[2], r[5] * typical(r), r[5]]),
        Reading(columns=("time", "open", "close", "low", "high", "-", "volume"))),
    "CoinEx": Layout(csv(
        "market,created_at,open,close,high,low,volume,value",
        lambda r: ["BTCUSDT", r[0], r[1], r[4], r[2], r[3], r[5], r[5] * typical(r)])),
    "symbols as s": Layout(several("s,t,o,h,l,c,v", lambda r: [
        ["ETHUSDT", r[0], *scaled(r, 0.05)], ["BTCUSDT", *r]]), BITCOIN),
    "symbols as S": Layout(answer(lambda rows: [
        {"T": "b", "S": s, "t": moment(r[0], ISO),
         **dict(zip("ohlcv", scaled(r, k), strict=True))}
        for r in rows for s, k in (("BTC/USD", 1.0), ("ETH/USD", 0.05))]), BITCOIN),
    "base and quote": Layout(several("time,base,quote,open,high,low,close,volume", lambda r: [
        [r[0], "BTC", "USDT", *r[1:]], [r[0], "BTC", "EUR", *scaled(r, 0.92)],
        [r[0], "ETH", "USDT", *scaled(r, 0.05)]]), BITCOIN),
    "numbers of assets": Layout(several("timestamp,Asset_ID,Count,Open,High,Low,Close,Volume,VWAP",
        lambda r: [[r[0] // 1000, 6, 5, *scaled(r, 0.05), typical(r) / 20],
                   [r[0] // 1000, 1, 9, *r[1:], typical(r)]]),
        Reading(symbol="1", timeframe="15m", exchange="binance")),
    "spot beside perpetual": Layout(several("time,market_type,open,high,low,close,volume",
        lambda r: [[r[0], "spot", *r[1:]], [r[0], "perpetual", *scaled(r, 1.001)]]), BITCOIN),
    "perpetual beside spot": Layout(several("time,venue_class,open,high,low,close,volume",
        lambda r: [[r[0], "spot", *scaled(r, 1.001)], [r[0], "perp", *r[1:]]]),
        BITCOIN._replace(symbol="BTC/USDT:USDT")),
    "Velo": Layout(several(
        "time,coin,exchange,product,open_price,high_price,low_price,close_price,coin_volume,"
        "dollar_volume",
        lambda r: [[r[0], "BTC", "binance", "BTCUSDT", *r[1:], r[5] * typical(r)],
                   [r[0], "BTC", "bybit", "BTCUSDT", *scaled(r, 1.001), r[5] * r[4]]]), BITCOIN),
    "a day with its clock": Layout(csv("day,open,high,low,close,volume",
                                       lambda r: [moment(r[0]), *r[1:]])),
    "a day at midnight, and a clock": Layout(csv(
        "day,time,open,high,low,close,volume",
        lambda r: [moment(r[0], "%Y-%m-%d 00:00:00"), moment(r[0], "%H:%M"), *r[1:]])),
    "a moment, and its clock again": Layout(csv(
        "date,time,open,high,low,close,volume",
        lambda r: [moment(r[0]), moment(r[0], "%H:%M"), *r[1:]])),
    "commas of full width": Layout(framed(csv(
        "时间，开盘，最高，最低，收盘，成交量",  # noqa: RUF001
        lambda r: [moment(r[0]), *r[1:]], "，"))),  # noqa: RUF001
    "Chinese, GBK": Layout(framed(csv(
        "交易日期,开盘价,最高价,最低价,收盘价,成交量,成交额",
        lambda r: [moment(r[0]), *r[1:], r[5] * typical(r)]), encoding="gbk")),
    "Chinese, a title above": Layout(framed(csv(
        "日期,时间,开盘,最高,最低,收盘,成交量",
        lambda r: [moment(r[0], "%Y/%m/%d"), moment(r[0], "%H%M"), *r[1:]]),
        before="BTC 15分钟线\n", encoding="gbk"), start=SOME_DAY),
    "Russian, Windows": Layout(framed(csv(
        "Дата;Время;Откр;Макс;Мин;Закр;Объём",
        lambda r: [moment(r[0], "%d.%m.%Y"), moment(r[0], "%H:%M"), *r[1:]], ";"),
        encoding="cp1251")),
    "Interactive Brokers": Layout(csv(
        "date,open,high,low,close,volume,average,barCount",
        lambda r: [local(r[0], "US/Eastern", "%Y%m%d %H:%M:%S US/Eastern"), *r[1:], typical(r), 9]),
        start=SOME_DAY),
    "an offset in the header": Layout(csv("time (UTC+8),open,high,low,close,volume", lambda r: [
        moment(r[0] + 28_800_000), *r[1:]])),
    "an offset in a column": Layout(csv("time,utc_offset,open,high,low,close,volume", lambda r: [
        moment(r[0] - 12_600_000), "-03:30", *r[1:]])),
    "prices in two currencies": Layout(csv(
        "time,open_btc,high_btc,low_btc,close_btc,open_usd,high_usd,low_usd,close_usd,volume",
        lambda r: [r[0], *(value / 7 for value in r[1:5]), *r[1:]]), BITCOIN),
    "prices in two currencies, numbered": Layout(answer(lambda rows: {"Time Series": {
        moment(r[0]) + "Z": {
            f"{k}{letter}. {name} ({currency})": repr(x * factor)
            for letter, currency, factor in (("a", "CNY", 7.2), ("b", "USD", 1.0))
            for k, name, x in zip(range(1, 5), NAMES[1:5], r[1:5], strict=True)
        } | {"5. volume": repr(r[5])}
        for r in reversed(rows)}}), Reading(symbol="BTC/USD")),
    "prices in two currencies, in brackets": Layout(csv(
        "timestamp,open (CNY),high (CNY),low (CNY),close (CNY),open (USD),high (USD),low (USD),"
        "close (USD),volume,market cap (USD)",
        lambda r: [r[0], *(x * 7.2 for x in r[1:5]), *r[1:5], r[5], 9]), Reading(symbol="BTC/USD")),
    "Java's zones": Layout(csv(",".join(NAMES), lambda r: [
        local(r[0], "Asia/Tokyo", "%Y-%m-%dT%H:%M[Asia/Tokyo]"), *r[1:]])),
    "Barchart": Layout(framed(csv(
        "Time,Open,High,Low,Last,Change,%Chg,Volume",
        lambda r: [moment(r[0], "%m/%d/%Y %H:%M"), *r[1:5], 1.5, "+0.02%", r[5]],
        newest_first=True), behind='"Downloaded from Barchart.com as of 03-05-2024 08:11am CST"\n'),
        start=SOME_DAY),
    "Refinitiv": Layout(csv(
        "Local Date;Local Time;Close;Net;%Chg;Open;Low;High;Volume",
        lambda r: [moment(r[0], "%d-%b-%Y"), moment(r[0], "%H:%M"), r[4], 1, "0%", r[1], r[3], r[2],
                   r[5]], ";"), Reading(zone="UTC")),
    "Finam": Layout(csv(
        "<DATE>;<TIME>;<OPEN>;<HIGH>;<LOW>;<CLOSE>;<VOL>",
        lambda r: [moment(r[0], "%y%m%d"), moment(r[0], "%H%M%S"), *r[1:]], ";"), start=SOME_DAY),
    "MetaStock": Layout(csv(
        "<TICKER>,<PER>,<DTYYYYMMDD>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>",
        lambda r: ["BTCUSDT", "I", moment(r[0], "%Y%m%d"), moment(r[0], "%H%M%S"), *r[1:], 0])),
    "Quantower": Layout(csv(
        "Time left;Time right;Open;High;Low;Close;Volume;Ticks",
        lambda r: [moment(r[0]), moment(r[0] + QUARTER), *r[1:], 4], ";")),
    "cTrader": Layout(csv("Time;Open;High;Low;Close;Ticks",
                          lambda r: [moment(r[0], "%d.%m.%Y %H:%M"), *r[1:]], ";"),
                      volume="contracts"),
    "quantmod": Layout(csv(
        '"Index","BTC.USD.Open","BTC.USD.High","BTC.USD.Low","BTC.USD.Close","BTC.USD.Volume"',
        lambda r: [moment(r[0]), *r[1:]])),
    "Santiment": Layout(csv(
        "slug,datetime,openPriceUsd,highPriceUsd,lowPriceUsd,closePriceUsd,volume",
        lambda r: ["bitcoin", moment(r[0], "%Y-%m-%dT%H:%M:%SZ"), *r[1:]])),
    "milliseconds behind a blank": Layout(csv(
        ",".join(NAMES), lambda r: [moment(r[0], "%Y-%m-%d %H:%M:%S 000"), *r[1:]])),
    "digits with milliseconds": Layout(csv(
        ",".join(NAMES), lambda r: [moment(r[0], "%Y%m%d%H%M%S000"), *r[1:]])),
    "Tardis, as CSV": Layout(csv(
        "type,symbol,exchange,interval,kind,open,high,low,close,volume,vwap,openTimestamp,"
        "closeTimestamp,timestamp",
        lambda r: ["trade_bar", "BTCUSDT", "binance", QUARTER, "time", *r[1:], typical(r),
                   moment(r[0] + jitter(r), "%Y-%m-%dT%H:%M:%S.777Z"),
                   moment(r[0] + QUARTER - 4000, ISO), moment(r[0] + QUARTER, ISO)])),
    "Nautilus, whole numbers": Layout(nautilus(
        lambda values: pa.array([round(x * 10**9) for x in values], pa.int64()))),
    "Nautilus, packed": Layout(nautilus(packed)),
    "32 bits": Layout(of_32_bits),
    "CoinMarketCap, older": Layout(csv(
        "Date,Open*,High,Low,Close**,Volume,Market Cap",
        lambda r: [f'"{moment(r[0], "%b %d, %Y")}"', *r[1:5], r[5] * typical(r), 1e12],
        newest_first=True), volume="quote", interval=DAY),
    "CoinCodex": Layout(csv(
        "Start,End,Open,High,Low,Close,Volume,Market Cap",
        lambda r: [moment(r[0], "%Y-%m-%d"), moment(r[0] + DAY, "%Y-%m-%d"), *r[1:5],
                   r[5] * typical(r), 1e12], newest_first=True), volume="quote", interval=DAY),
    "Nasdaq": Layout(csv(
        "Date,Close/Last,Volume,Open,High,Low",
        lambda r: [moment(r[0], "%m/%d/%Y"), f"${r[4]}", r[5], f"${r[1]}", f"${r[2]}", f"${r[3]}"],
        newest_first=True), start=SOME_DAY // DAY * DAY, interval=DAY),
    "Investing.com": investing("Date,Price,Open,High,Low,Vol.,Change %", "%m/%d/%Y", "."),
    "in German": investing("Datum,Zuletzt,Eröffn.,Hoch,Tief,Vol.,+/- %", "%d.%m.%Y"),
    "in Spanish": investing("Fecha,Último,Apertura,Máximo,Mínimo,Vol.,% var.", "%d.%m.%Y"),
    "in French": investing("Date,Dernier,Ouv., Plus Haut,Plus Bas,Vol.,Variation %", "%d/%m/%Y"),
    "in Italian": investing("Data,Ultimo,Apertura,Massimo,Minimo,Vol.,Var. %", "%d.%m.%Y"),
    "in Portuguese": investing("Data,Último,Abertura,Máxima,Mínima,Vol.,Var%", "%d.%m.%Y"),
    "in Russian": investing("Дата,Цена,Откр.,Макс.,Мин.,Объём,Изм. %", "%d.%m.%Y"),
    "in Polish": investing("Data,Ostatnio,Otwarcie,Max.,Min.,Wol.,Zmiana%", "%d.%m.%Y"),
    "in Turkish": investing(
        "Tarih,Şimdi,Açılış,Yüksek,Düşük,Hac.,Fark %",  # noqa: RUF001
        "%d.%m.%Y"),
    "in Dutch": investing("Datum,Laatste,Open,Hoog,Laag,Vol.,Verandering %", "%d-%m-%Y"),
    "in Japanese": investing("日付け,終値,始値,高値,安値,出来高,変化率 %", "%Y年%m月%d日", "."),
    "in Korean": investing("날짜,종가,시가,고가,저가,거래량,변동 %", "%Y-%m-%d", "."),
    "in Chinese": investing("日期,收盘,开盘,高,低,交易量,涨跌幅", "%Y-%m-%d", "."),
    "whole lines in quotes": Layout(one_cell(plain)),
    "whole lines in quotes, quotes within": Layout(one_cell(csv(
        '"timestamp","open",high,low,close,volume', lambda r: [f'"{moment(r[0])}"', *r[1:]]))),
    "rows in quotes below a plain header": Layout(one_cell(plain, header=False)),
    "semicolons within quotes": Layout(one_cell(spoken(
        "Datum,Eröffnung,Hoch,Tief,Schluss,Volumen", "%d.%m.%Y %H:%M", separator=";").write)),
    "Beijing's time": spoken("北京时间,开盘价,最高价,最低价,收盘价,成交量,成交额", ahead=8, more=1),
    "Beijing's time in brackets": spoken("时间(北京时间),开盘,最高,最低,收盘,成交量", ahead=8),
    "GMT8 behind the name": spoken("candle_begin_time_GMT8" + OUTSIDE, ahead=8),
    "utc8 behind the name": spoken("open_time_utc8" + OUTSIDE, ahead=8),
    "utc minus 5": spoken("time_utc_minus_5" + OUTSIDE, ahead=-5),
    "bj behind the name": spoken("open_time_bj" + OUTSIDE, ahead=8),
    "Etc/GMT-8, which is ahead": spoken("Time (Etc/GMT-8)" + OUTSIDE, ahead=8),
    "a city behind the name": spoken("time_shanghai" + OUTSIDE, ahead=8),
    "a city of two words": spoken("Sao Paulo Time" + OUTSIDE, ahead=-3, start=SOME_DAY),
    "KST behind the name": spoken("candle_date_time_kst" + OUTSIDE, ahead=9),
    "Upbit, Korean time first": Layout(csv(
        "market,candle_date_time_kst,candle_date_time_utc,opening_price,high_price,low_price,"
        "trade_price,timestamp,candle_acc_trade_price,candle_acc_trade_volume,unit",
        lambda r: ["KRW-BTC", moment(r[0] + 32_400_000, "%Y-%m-%dT%H:%M:%S"),
                   moment(r[0], "%Y-%m-%dT%H:%M:%S"), *r[1:5], r[0] + jitter(r),
                   r[5] * typical(r), r[5], 15], newest_first=True)),
    "the end of a candle in Chinese": spoken(
        "k线结束时间,开盘价,最高价,最低价,收盘价,成交量,成交额", close=QUARTER, more=1),
    "the close's time in Chinese": spoken(
        "收盘时间,开盘价,最高价,最低价,收盘价,成交量", close=QUARTER),
    "the begin of a candle in Chinese": spoken("开盘时间,开盘价,最高价,最低价,收盘价,成交量"),
    "Taiwan": spoken("時間,開盤價,最高價,最低價,收盤價,成交量,成交金額", more=1),
    "two languages in one name": spoken(
        "open_time/开始时间,open/开盘价,high/最高价,low/最低价,close/收盘价,vol/成交量"),
    "Japanese time": spoken("日時(JST),始値,高値,安値,終値,出来高", "%Y/%m/%d %H:%M", ahead=9),
    "Japanese, day and clock": spoken(
        "日付,時刻,始値(円),高値(円),安値(円),終値(円),出来高", "%Y/%m/%d", clock="%H:%M"),
    "Korean": spoken("일시,시가,고가,저가,종가,거래량,거래대금", more=1),
    "Korean, day and clock": spoken(
        "일자,시간,시가,고가,저가,현재가,거래량", "%Y/%m/%d", clock="%H:%M"),
    "Moscow's time": spoken(
        "Время (МСК),Открытие,Максимум,Минимум,Закрытие,Объём",  # noqa: RUF001
        "%d.%m.%Y %H:%M", ahead=3, separator=";", start=SOME_DAY),
    "Russian, in more words": spoken(
        "Дата и время,Цена открытия,Макс. цена,Мин. цена,Цена закрытия,Объем торгов",
        "%d.%m.%Y %H:%M", separator=";"),
    "German, rates": spoken(
        "Zeitstempel,Eröffnungskurs,Höchstkurs,Tiefstkurs,Schlußkurs,Stücke,Umsatz",
        "%d.%m.%Y %H:%M", separator=";", more=1),
    "French, in more words": spoken(
        "Date et heure,Cours d'ouverture,Cours le plus haut,Cours le plus bas,Cours de clôture,"
        "Quantité", "%d/%m/%Y %H:%M", separator=";", start=SOME_DAY),
    "Spanish, in more words": spoken(
        "Fecha y hora,Precio de apertura,Precio máximo,Precio mínimo,Precio de cierre,Volumen",
        "%d/%m/%Y %H:%M", separator=";", start=SOME_DAY),
    "Portuguese": spoken("Data/Hora,Abertura,Máximo,Mínimo,Fechamento,Quantidade,Volume",
                         "%d/%m/%Y %H:%M", separator=";", more=1, start=SOME_DAY),
    "Polish, day and clock": spoken("Data,Czas,Otwarcie,Najwyższy,Najniższy,Zamknięcie,Wolumen",
                                    "%Y-%m-%d", clock="%H:%M", separator=";"),
    "Turkish, day and clock": spoken(
        "Tarih,Saat,Açılış,Yüksek,Düşük,Kapanış,Hacim",  # noqa: RUF001
        "%d.%m.%Y", clock="%H:%M", separator=";"),
    "Vietnamese": spoken("Ngày,Giờ,Mở cửa,Cao nhất,Thấp nhất,Đóng cửa,Khối lượng",
                         "%Y-%m-%d", clock="%H:%M"),
    "Czech": spoken("Datum,Čas,Otevření,Maximum,Minimum,Zavření,Objem",
                    "%d.%m.%Y", clock="%H:%M", separator=";"),
    "Swedish": spoken("Datum,Tid,Öppning,Högst,Lägst,Stängning,Volym",
                      "%Y-%m-%d", clock="%H:%M", separator=";"),
    "a day and a clock of any name": spoken("jour,moment,open,high,low,close,volume",
                                            "%Y-%m-%d", clock="%H:%M:%S"),
    "the zone of a clock": spoken("Date,Time (UTC+8),open,high,low,close,volume",
                                  "%Y-%m-%d", clock="%H:%M", ahead=8),
    "a clock without zeros in front": Layout(csv(
        "date,time,open,high,low,close,volume",
        lambda r: [moment(r[0], "%Y%m%d"), int(moment(r[0], "%H%M%S")), *r[1:]])),
    "PostgreSQL's copy": Layout(framed(
        csv(None, lambda r: [f"{moment(r[0])}+00", *r[1:]], "\t"),
        before="COPY public.candles (ts, open, high, low, close, volume) FROM stdin;\n",
        behind="\\.\n")),
    "EODHD": Layout(csv("Timestamp,Gmtoffset,Datetime,Open,High,Low,Close,Volume",
                        lambda r: [r[0] // 1000, 0, f'"{moment(r[0])}"', *r[1:]])),
    "seconds ahead in a column": Layout(csv(
        "Datetime,Gmtoffset" + OUTSIDE, lambda r: [moment(r[0] - 18_000_000), -18_000, *r[1:]])),
    "minutes ahead in a column": Layout(csv(
        "time,utc_offset_minutes" + OUTSIDE,
        lambda r: [moment(r[0] + 20_700_000), 345, *r[1:]])),
    "hours ahead in a column": Layout(csv(
        "time,utc_offset" + OUTSIDE, lambda r: [moment(r[0] + 28_800_000), 8, *r[1:]])),
    "each row's own offset": Layout(csv("time,utc_offset" + OUTSIDE, lambda r: [
        moment(r[0] + (2 + r[0] // QUARTER // 5 % 2) * 3_600_000),
        f"+0{2 + r[0] // QUARTER // 5 % 2}:00", *r[1:]])),
    "each row's own zone": Layout(csv("time,tz" + OUTSIDE, lambda r: [
        local(r[0], zone := ("Asia/Tokyo", "America/Chicago")[r[0] // QUARTER % 2],
              "%Y-%m-%d %H:%M"), zone, *r[1:]]), start=SOME_DAY),
    "UTC in the name, and a zone beside it": Layout(csv(
        "timestamp_utc,timezone" + OUTSIDE, lambda r: [moment(r[0]), "Asia/Tokyo", *r[1:]])),
    "Poloniex, older": Layout(answer(records(
        "date high low open close volume quoteVolume weightedAverage",
        lambda r: [r[0] // 1000, r[2], r[3], r[1], r[4], r[5] * typical(r), r[5], typical(r)]))),
    "Bittrex, older": Layout(answer(lambda rows: {"result": records("O H L C V T BV", lambda r: [
        *r[1:], moment(r[0], "%Y-%m-%dT%H:%M:%S"), r[5] * typical(r)])(rows)})),
    "CoinCap": Layout(answer(lambda rows: {"data": records(
        "open high low close volume period", lambda r: [*map(repr, r[1:]), r[0]])(rows)})),
    "Cryptowatch": Layout(answer(lambda rows: {"result": {"900": [
        [(r[0] + QUARTER) // 1000, *r[1:], r[5] * typical(r)] for r in rows]}}),
        Reading(stamp="close")),
    "pyupbit": Layout(csv(
        ",open,high,low,close,volume,value",
        lambda r: [moment(r[0] + 32_400_000), *r[1:], r[5] * typical(r)]),
        Reading(zone="Asia/Seoul")),
    "pysystemtrade": Layout(csv("DATETIME,OPEN,HIGH,LOW,FINAL,VOLUME",
                                lambda r: [moment(r[0]), *r[1:]])),
    "Bloomberg": Layout(csv("Dates,Open,Close,High,Low,Volume",
                            lambda r: [moment(r[0], "%m/%d/%Y %H:%M"), r[1], r[4], *r[2:4], r[5]]),
                        start=SOME_DAY),
}  # fmt: skip
