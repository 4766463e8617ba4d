"""Candles as exchanges, data sellers and programs write them, a function for each layout."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stoptrail.feeds.layouts.recognise import Reading
from stoptrail.rules.candles import Candles

Row = tuple[int, float, float, float, float, float]
PLAIN = "timestamp,open,high,low,close,volume"
KLINE = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
    "taker_buy_volume,taker_buy_quote_volume,ignore"
)


class Layout(NamedTuple):
    """How a layout is written, and what is lost in it."""

    write: Callable[[Path, Candles], Path]
    reading: Reading = Reading()
    volume: str = "base"
    """"base", or what the volumes count instead: then they are not compared."""
    start: int | None = None
    """First open time, where not every one can be told."""
    interval: int = 900_000
    """Milliseconds of a candle."""


def rows_of(given: Candles) -> list[Row]:
    """Plain rows: time, four prices, volume."""
    return list(zip(*(column.tolist() for column in given[:6]), strict=True))


def text(path: Path, lines: Sequence[str]) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def table(
    path: Path, header: str | None, rows: Sequence[Sequence[Any]], separator: str = ","
) -> Path:
    """Cells with a separator, floats in full."""
    lines = [] if header is None else [header.replace(",", separator)]
    lines += [
        separator.join(repr(cell) if isinstance(cell, float) else str(cell) for cell in row)
        for row in rows
    ]
    return text(path, lines)


def moment(time: int, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    return datetime.fromtimestamp(time / 1000, UTC).strftime(form)


def typical(row: Row) -> float:
    """A price of the candle, for amounts in the quote currency."""
    return (row[2] + row[3]) / 2


def kline(given: Candles, scale: int = 1) -> list[list[Any]]:
    return [
        [t * scale, o, h, low, c, v, (t + given.interval) * scale - 1, v * typical(row), 7, v / 2,
         v * typical(row) / 2, 0]
        for row in rows_of(given) for t, o, h, low, c, v in [row]
    ]  # fmt: skip


def binance(path: Path, given: Candles) -> Path:
    return table(path, None, kline(given))


def binance_coin_futures(path: Path, given: Candles) -> Path:
    """Coin-margined: the volume counts contracts, the eighth column the base currency."""
    rows = []
    for row in kline(given):
        contracts = max(1, round(row[5] * (row[2] + row[3]) / 2 * 1000))
        base = contracts / ((row[2] + row[3]) / 2 * 1000)
        rows.append([*row[:5], contracts, row[6], base, *row[8:]])
    return table(path, None, rows)


def binance_us(path: Path, given: Candles) -> Path:
    half = len(given.time) // 2
    return table(path, None, kline(given)[:half] + kline(given, 1000)[half:])


def binance_futures_catted(path: Path, given: Candles) -> Path:
    rows = kline(given)
    half = len(rows) // 2
    table(path, KLINE, rows[:half])
    first = path.read_text()
    table(path, KLINE, rows[half:])
    path.write_text(first + path.read_text())
    return path


def binance_zip(path: Path, given: Candles) -> Path:
    inner = binance(path.with_suffix(".csv"), given).read_bytes()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("BTCUSDT-15m-2024-01.csv", inner)
        archive.writestr("__MACOSX/._x.csv", "nothing")
    return path


def compressed(module: Any) -> Callable[[Path, Candles], Path]:
    def write(path: Path, given: Candles) -> Path:
        path.write_bytes(module.compress(plain(path, given).read_bytes()))
        return path

    return write


def tarred(path: Path, given: Candles) -> Path:
    content = plain(path, given).read_bytes()
    with tarfile.open(path, "w:gz") as archive:
        info = tarfile.TarInfo("data/candles.csv")
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    return path


def plain(path: Path, given: Candles) -> Path:
    return table(path, PLAIN, rows_of(given))


def binance_rest_json(path: Path, given: Candles) -> Path:
    path.write_text(json.dumps([[str(x) if 0 < i < 6 else x for i, x in enumerate(row)]
                                for row in kline(given)]))  # fmt: skip
    return path


def binance_stream(path: Path, given: Candles) -> Path:
    records = [
        {"t": t, "T": t + given.interval - 1, "s": "BTCUSDT", "i": "15m", "f": 100, "L": 200,
         "o": str(o), "c": str(c), "h": str(h), "l": str(low), "v": str(v), "n": 9, "x": True,
         "q": str(v * (h + low) / 2), "V": "1", "Q": "2"}
        for t, o, h, low, c, v in rows_of(given)
    ]  # fmt: skip
    return text(path, [json.dumps(record) for record in records])


def kraken(path: Path, given: Candles) -> Path:
    return table(path, None, [[t // 1000, *rest, 5] for t, *rest in rows_of(given)])


def crypto_data_download(path: Path, given: Candles) -> Path:
    rows = [
        [t, moment(t), "BTCUSDT", o, h, low, c, v, v * (h + low) / 2, 900]
        for t, o, h, low, c, v in reversed(rows_of(given))
    ]
    header = "Unix,Date,Symbol,Open,High,Low,Close,Volume BTC,Volume USDT,tradecount"
    table(path, header, rows)
    path.write_text("https://www.CryptoDataDownload.com\n" + path.read_text())
    return path


def crypto_data_download_old(path: Path, given: Candles) -> Path:
    rows = [
        [moment(t, "%Y-%m-%d %I-%p") if given.interval % 3_600_000 == 0 else moment(t), "BTCUSD",
         o, h, low, c, v, v * (h + low) / 2]
        for t, o, h, low, c, v in reversed(rows_of(given))
    ]  # fmt: skip
    table(path, "Date,Symbol,Open,High,Low,Close,Volume BTC,Volume USD", rows)
    path.write_text("https://www.CryptoDataDownload.com\n" + path.read_text())
    return path


def bybit(path: Path, given: Candles) -> Path:
    rows = [[*row, row[5] * typical(row)] for row in reversed(rows_of(given))]
    header = "startTime,openPrice,highPrice,lowPrice,closePrice,volume,turnover"
    return table(path, header, rows)


def bybit_json(path: Path, given: Candles) -> Path:
    rows = [[str(x) for x in (*row, row[5] * typical(row))] for row in reversed(rows_of(given))]
    answer = {"retCode": 0, "result": {"symbol": "BTCUSDT", "category": "spot", "list": rows}}
    path.write_text(json.dumps(answer))
    return path


def okx(path: Path, given: Candles) -> Path:
    """A swap: `vol` counts contracts of a hundredth, `volCcy` the base currency."""
    rows = [[*row[:5], row[5] * 100, row[5], row[5] * typical(row), 1] for row in rows_of(given)]
    last = given.time[-1] + given.interval
    rows.append([int(last), *rows[-1][1:8], 0])
    return table(path, "ts,o,h,l,c,vol,volCcy,volCcyQuote,confirm", rows)


def freqtrade_feather(path: Path, given: Candles) -> Path:
    arrays = {"date": pa.array(given.time).cast(pa.timestamp("ms", "UTC"))}
    names = ("open", "high", "low", "close", "volume")
    arrays |= {name: pa.array(getattr(given, name)) for name in names}
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, pa.table(arrays).schema) as out:
        out.write_table(pa.table(arrays))
    return path


def freqtrade_json(path: Path, given: Candles) -> Path:
    path.write_text(json.dumps(rows_of(given), separators=(",", ":")))
    return path


def yfinance_download(path: Path, given: Candles) -> Path:
    rows = [
        [moment(t) + "+00:00", c, h, low, o, int(v * 40_000)]
        for t, o, h, low, c, v in rows_of(given)
    ]
    table(path, None, rows)
    head = [
        "Price,Close,High,Low,Open,Volume",
        "Ticker,BTC-USD,BTC-USD,BTC-USD,BTC-USD,BTC-USD",
        "Datetime,,,,,",
    ]
    path.write_text("\n".join(head) + "\n" + path.read_text())
    return path


def yfinance_two(path: Path, given: Candles) -> Path:
    rows = [
        [moment(t) + "+00:00", c, 2.0, h, 2.5, low, 1.5, o, 2.0, 7.0, 8.0]
        for t, o, h, low, c, _ in rows_of(given)
    ]
    table(path, None, rows)
    head = [
        "Price,Close,Close,High,High,Low,Low,Open,Open,Volume,Volume",
        "Ticker" + ",BTC-USD,ETH-USD" * 5,
        "Datetime" + "," * 10,
    ]
    path.write_text("\n".join(head) + "\n" + path.read_text())
    return path


def yfinance_history(path: Path, given: Candles) -> Path:
    rows = [
        [moment(t) + "+00:00", o, h, low, c, int(v * 40_000), 0.0, 0.0]
        for t, o, h, low, c, v in rows_of(given)
    ]
    return table(path, "Datetime,Open,High,Low,Close,Volume,Dividends,Stock Splits", rows)


def kaggle(path: Path, given: Candles) -> Path:
    rows: list[list[Any]] = [
        [row[0] // 1000, *row[1:], row[5] * typical(row), typical(row)] for row in rows_of(given)
    ]
    rows.insert(3, [int(given.time[-1]) // 1000 + 10**6, *["NaN"] * 7])
    header = "Timestamp,Open,High,Low,Close,Volume_(BTC),Volume_(Currency),Weighted_Price"
    return table(path, header, rows)


def dukascopy(path: Path, given: Candles) -> Path:
    rows = [[moment(t, "%d.%m.%Y %H:%M:%S.000"), *rest] for t, *rest in rows_of(given)]
    return table(path, "Gmt time,Open,High,Low,Close,Volume", rows)


def dukascopy_local(path: Path, given: Candles) -> Path:
    rows = [
        [moment(t + 3_600_000, "%d.%m.%Y %H:%M:%S.000 GMT+0100"), *rest]
        for t, *rest in rows_of(given)
    ]
    return table(path, "Local time,Open,High,Low,Close,Volume", rows)


def tradingview(path: Path, given: Candles) -> Path:
    rows = [[t // 1000, *rest, ""] for t, *rest in rows_of(given)]
    return table(path, "time,open,high,low,close,Volume,Volume MA", rows)


def bitmex(path: Path, given: Candles) -> Path:
    rows = [
        [moment(t + given.interval, "%Y-%m-%dT%H:%M:%S.000Z"), "XBTUSD", o, h, low, c, 5,
         int(v * (h + low) / 2) + 1, (h + low) / 2, 1, 10**8, v, v * (h + low) / 2]
        for t, o, h, low, c, v in rows_of(given)
    ]  # fmt: skip
    header = (
        "timestamp,symbol,open,high,low,close,trades,volume,vwap,lastSize,turnover,"
        "homeNotional,foreignNotional"
    )
    return table(path, header, rows)


def jesse(path: Path, given: Candles) -> Path:
    rows = [
        [f"id{i}", t, o, c, h, low, v, "Binance Spot", "BTC-USDT", "15m"]
        for i, (t, o, h, low, c, v) in enumerate(rows_of(given))
    ]
    return table(path, "id,timestamp,open,close,high,low,volume,exchange,symbol,timeframe", rows)


def jesse_numpy(path: Path, given: Candles) -> Path:
    columns = (given.time, given.open, given.close, given.high, given.low, given.volume)
    with path.open("wb") as file:
        np.save(file, np.column_stack(columns))
    return path


def hummingbot(path: Path, given: Candles) -> Path:
    rows = [
        [row[0] / 1000, *row[1:], row[5] * typical(row), 9.0, 0.5, 0.5] for row in rows_of(given)
    ]
    header = (
        "timestamp,open,high,low,close,volume,quote_asset_volume,n_trades,"
        "taker_buy_base_volume,taker_buy_quote_volume"
    )
    return table(path, header, rows)


def lean(path: Path, given: Candles) -> Path:
    """A zip for each day in a folder, times in milliseconds of the day."""
    path.mkdir()
    days: dict[int, list[list[Any]]] = {}
    for t, *rest in rows_of(given):
        days.setdefault(t // 86_400_000, []).append([t % 86_400_000, *rest])
    for day, rows in days.items():
        name = moment(day * 86_400_000, "%Y%m%d")
        inner = table(path / "inner.csv", None, rows)
        with zipfile.ZipFile(path / f"{name}_trade.zip", "w") as archive:
            archive.writestr(f"{name}_btcusdt_minute_trade.csv", inner.read_bytes())
        inner.unlink()
    return path


def lean_hour(path: Path, given: Candles) -> Path:
    return table(path, None, [[moment(t, "%Y%m%d %H:%M"), *rest] for t, *rest in rows_of(given)])


def metatrader(path: Path, given: Candles) -> Path:
    rows = [
        [moment(t, "%Y.%m.%d"), moment(t, "%H:%M:%S"), o, h, low, c, 88, v, 12]
        for t, o, h, low, c, v in rows_of(given)
    ]
    header = "<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<TICKVOL>,<VOL>,<SPREAD>"
    return table(path, header, rows, "\t")


def metatrader_4(path: Path, given: Candles) -> Path:
    rows = [[moment(t, "%Y.%m.%d"), moment(t, "%H:%M"), *rest] for t, *rest in rows_of(given)]
    return table(path, None, rows)


def histdata(path: Path, given: Candles) -> Path:
    return table(path, None, [[moment(t, "%Y%m%d %H%M%S"), *r] for t, *r in rows_of(given)], ";")


def pandas_index(path: Path, given: Candles) -> Path:
    rows = [[moment(t) + "+00:00", *rest] for t, *rest in rows_of(given)]
    return table(path, ",open,high,low,close,volume", rows)


def pandas_json(path: Path, given: Candles) -> Path:
    names = ("open", "high", "low", "close", "volume")
    keys = [str(t) for t in given.time.tolist()]
    columns = {name: dict(zip(keys, getattr(given, name).tolist(), strict=True)) for name in names}
    path.write_text(json.dumps(columns))
    return path


def pandas_parquet(path: Path, given: Candles) -> Path:
    index = pa.array(given.time * 1_000_000).cast(pa.timestamp("ns", "UTC"))
    names = ("open", "high", "low", "close", "volume")
    columns = {name: getattr(given, name) for name in names} | {"__index_level_0__": index}
    pq.write_table(pa.table(columns), path)
    return path


def polars_csv(path: Path, given: Candles) -> Path:
    rows = [[moment(t, "%Y-%m-%dT%H:%M:%S.000000"), *rest] for t, *rest in rows_of(given)]
    return table(path, "datetime,open,high,low,close,volume", rows)


def duckdb_csv(path: Path, given: Candles) -> Path:
    return table(path, "ts,open,high,low,close,volume",
                 [[moment(t) + "+00", *rest] for t, *rest in rows_of(given)])  # fmt: skip


def duckdb_parquet(path: Path, given: Candles) -> Path:
    def exact(values: Any) -> pa.Array:
        return pa.array([f"{v:.8f}" for v in values.tolist()]).cast(pa.decimal128(24, 8))

    names = ("open", "high", "low", "close", "volume")
    columns: dict[str, Any] = {name: exact(getattr(given, name)) for name in names}
    columns["ts"] = pa.array(given.time * 1000).cast(pa.timestamp("us"))
    pq.write_table(pa.table(columns), path)
    return path


def bigquery(path: Path, given: Candles) -> Path:
    return table(path, PLAIN, [[moment(t) + " UTC", *rest] for t, *rest in rows_of(given)])


def european(path: Path, given: Candles) -> Path:
    rows = [
        [moment(t, "%d.%m.%Y %H:%M"), *(repr(x).replace(".", ",") for x in rest)]
        for t, *rest in rows_of(given)
    ]
    return table(path, "Date,Open,High,Low,Close,Volume", rows, ";")


def american(path: Path, given: Candles) -> Path:
    rows = [
        [moment(t, "%m/%d/%Y %I:%M:%S %p"), *(f'"${x:,.8f}"' for x in rest)]
        for t, *rest in rows_of(given)
    ]
    return table(path, "Date,Open,High,Low,Close,Volume", rows)


def blanks(path: Path, given: Candles) -> Path:
    table(path, PLAIN, rows_of(given))
    path.write_text(path.read_text().replace(",", ", ").replace("\n", "\n "))
    return path


def columns_of_blanks(path: Path, given: Candles) -> Path:
    return table(path, PLAIN, rows_of(given), "   ")


def utf_16(path: Path, given: Candles) -> Path:
    path.write_text(table(path, PLAIN, rows_of(given), "\t").read_text(), "utf-16")
    return path


def utf_32(path: Path, given: Candles) -> Path:
    path.write_text(table(path, PLAIN, rows_of(given)).read_text(), "utf-32")
    return path


def utf_32_unmarked(path: Path, given: Candles) -> Path:
    path.write_text(table(path, PLAIN, rows_of(given)).read_text(), "utf-32-be")
    return path


def excel_days(path: Path, given: Candles) -> Path:
    return table(path, PLAIN, [[t / 86_400_000 + 25_569, *rest] for t, *rest in rows_of(given)])


def open_and_close(path: Path, given: Candles) -> Path:
    step = given.interval
    rows = [[t, t + step - 1, t + step, *rest] for t, *rest in rows_of(given)]
    return table(path, "open_time,close_time,timestamp,open,high,low,close,volume", rows)


def close_only(path: Path, given: Candles) -> Path:
    rows = [[t + given.interval - 1, *rest] for t, *rest in rows_of(given)]
    return table(path, "close_time,open,high,low,close,volume", rows)


def two_symbols(path: Path, given: Candles) -> Path:
    rows = []
    for t, *rest in rows_of(given):
        rows += [[t, "BTCUSDT", *rest], [t, "ETHUSDT", *(x / 2 for x in rest)]]
    return table(path, "timestamp,symbol,open,high,low,close,volume", rows)


def coinbase(path: Path, given: Candles) -> Path:
    rows = [[t // 1000, low, h, o, c, v] for t, o, h, low, c, v in rows_of(given)]
    return table(path, None, rows)


def gate(path: Path, given: Candles) -> Path:
    rows = [[t // 1000, v, c, h, low, o] for t, o, h, low, c, v in rows_of(given)]
    return table(path, None, rows)


def deribit(path: Path, given: Candles) -> Path:
    columns = {name: getattr(given, name).tolist() for name in PLAIN.split(",")[1:]}
    columns |= {"ticks": given.time.tolist(), "cost": given.volume.tolist()}
    columns["timestamp"] = columns.pop("ticks")
    path.write_text(json.dumps({"jsonrpc": "2.0", "result": {"status": "ok", **columns}}))
    return path


def oanda(path: Path, given: Candles) -> Path:
    records = [
        {"complete": True, "volume": v, "time": moment(t, "%Y-%m-%dT%H:%M:%S.000000000Z"),
         "mid": {"o": str(o), "h": str(h), "l": str(low), "c": str(c)}}
        for t, o, h, low, c, v in rows_of(given)
    ]  # fmt: skip
    path.write_text(json.dumps({"instrument": "BTC_USD", "candles": records}))
    return path


BITCOIN = Reading(symbol="BTC/USDT", timeframe="15m", exchange="binance")
ORDER = "time,low,high,open,close,volume"

LAYOUTS: dict[str, Layout] = {
    "binance": Layout(binance),
    "binance coin futures": Layout(binance_coin_futures, volume="base of contracts"),
    "binance that goes over to microseconds": Layout(binance_us),
    "binance futures, months joined": Layout(binance_futures_catted),
    "binance zipped": Layout(binance_zip),
    "binance's answer": Layout(binance_rest_json),
    "binance's stream": Layout(binance_stream),
    "csv.gz": Layout(compressed(gzip)),
    "csv.bz2": Layout(compressed(bz2)),
    "csv.xz": Layout(compressed(lzma)),
    "tar.gz": Layout(tarred),
    "kraken": Layout(kraken),
    "CryptoDataDownload": Layout(crypto_data_download),
    "CryptoDataDownload, older": Layout(crypto_data_download_old),
    "bybit": Layout(bybit),
    "bybit's answer": Layout(bybit_json),
    "okx swap": Layout(okx),
    "freqtrade feather": Layout(freqtrade_feather),
    "freqtrade json": Layout(freqtrade_json),
    "yfinance download": Layout(yfinance_download, volume="quote"),
    "yfinance download of two": Layout(yfinance_two, BITCOIN, "quote"),
    "yfinance history": Layout(yfinance_history, volume="quote"),
    "kaggle": Layout(kaggle),
    "dukascopy": Layout(dukascopy),
    "dukascopy, local": Layout(dukascopy_local),
    "tradingview": Layout(tradingview),
    "bitmex": Layout(bitmex),
    "jesse": Layout(jesse, BITCOIN),
    "jesse numpy": Layout(
        jesse_numpy, Reading(columns=("time", "open", "close", "high", "low", "volume"))
    ),
    "hummingbot": Layout(hummingbot),
    "LEAN": Layout(lean),
    "LEAN hours": Layout(lean_hour),
    "MetaTrader 5": Layout(metatrader, Reading(zone="UTC"), "contracts"),
    "MetaTrader 4": Layout(metatrader_4, volume="contracts"),
    "HistData": Layout(histdata, Reading(zone="UTC")),
    "pandas with an unnamed index": Layout(pandas_index),
    "pandas json": Layout(pandas_json),
    "pandas parquet": Layout(pandas_parquet),
    "polars csv": Layout(polars_csv),
    "DuckDB csv": Layout(duckdb_csv),
    "DuckDB parquet": Layout(duckdb_parquet),
    "BigQuery": Layout(bigquery),
    "decimal commas": Layout(european),
    "dollars, am and pm": Layout(american, start=1_708_900_200_000),
    "blanks around cells": Layout(blanks),
    "columns of blanks": Layout(columns_of_blanks),
    "UTF-16": Layout(utf_16),
    "UTF-32": Layout(utf_32),
    "UTF-32 without a mark": Layout(utf_32_unmarked),
    "days of a spreadsheet": Layout(excel_days),
    "open, close and timestamp": Layout(open_and_close),
    "close times": Layout(close_only),
    "two symbols": Layout(two_symbols, BITCOIN),
    "coinbase rows, named": Layout(coinbase, Reading(columns=tuple(ORDER.split(",")))),
    "gate rows, named": Layout(
        gate, Reading(columns=("time", "volume", "close", "high", "low", "open"))
    ),
    "deribit": Layout(deribit),
    "OANDA": Layout(oanda, volume="contracts"),
}
