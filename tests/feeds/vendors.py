"""Layouts of data sellers, trading programs and exchanges' answers, beside those of `written`."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq

from stoptrail.feeds.layouts.recognise import Reading
from stoptrail.rules.candles import Candles
from tests.feeds.written import (
    BITCOIN,
    PLAIN,
    Layout,
    Row,
    moment,
    plain,
    rows_of,
    table,
    text,
    typical,
)

ISO = "%Y-%m-%dT%H:%M:%S.000Z"
QUARTER = 900_000


def csv(
    header: str | None,
    cells: Callable[[Row], list[Any]],
    separator: str = ",",
    *,
    newest_first: bool = False,
) -> Callable[[Path, Candles], Path]:
    """Rows of text."""

    def write(path: Path, given: Candles) -> Path:
        rows = [cells(row) for row in rows_of(given)]
        return table(path, header, rows[::-1] if newest_first else rows, separator)

    return write


def answer(wrapped: Callable[[list[Row]], Any]) -> Callable[[Path, Candles], Path]:
    """JSON of all rows."""

    def write(path: Path, given: Candles) -> Path:
        path.write_text(json.dumps(wrapped(rows_of(given))))
        return path

    return write


def strings(row: Row) -> list[str]:
    return [repr(value) for value in row]


def jitter(row: Row) -> int:
    """Milliseconds after the open of a first trade, different in every candle."""
    return row[0] // QUARTER * 7919 % 4999


def alpaca(scale: float) -> Callable[[Row], dict[str, Any]]:
    def bar(row: Row) -> dict[str, Any]:
        t, o, h, low, c, v = row
        prices = {"o": o * scale, "h": h * scale, "l": low * scale, "c": c * scale}
        at = moment(t, "%Y-%m-%dT%H:%M:%SZ")
        return {**prices, "n": 5, "t": at, "v": v, "vw": typical(row) * scale}

    return bar


def tardis(path: Path, given: Candles) -> Path:
    """The first trade's time is called the open time; `timestamp` ends the candle."""
    records = [
        {"type": "trade_bar", "symbol": "BTCUSDT", "exchange": "binance", "interval": QUARTER,
         "kind": "time", "open": o, "high": h, "low": low, "close": c, "volume": v,
         "buyVolume": v / 2, "sellVolume": v / 2, "trades": 7, "vwap": (h + low) / 2,
         "openTimestamp": moment(t + jitter((t, o, h, low, c, v)), "%Y-%m-%dT%H:%M:%S.777Z"),
         "closeTimestamp": moment(t + QUARTER - 4000, ISO), "timestamp": moment(t + QUARTER, ISO)}
        for t, o, h, low, c, v in rows_of(given)
    ]  # fmt: skip
    return text(path, [json.dumps(record) for record in records])


def upbit(row: Row) -> dict[str, Any]:
    t, o, h, low, c, v = row
    return {"market": "USDT-BTC", "candle_date_time_utc": moment(t, "%Y-%m-%dT%H:%M:%S"),
            "candle_date_time_kst": moment(t + 32_400_000, "%Y-%m-%dT%H:%M:%S"),
            "opening_price": o, "high_price": h, "low_price": low, "trade_price": c,
            "timestamp": t + jitter(row), "candle_acc_trade_price": v * typical(row),
            "candle_acc_trade_volume": v, "unit": 15}  # fmt: skip


def yahoo_chart(rows: list[Row]) -> Any:
    names = ("open", "high", "low", "close", "volume")
    columns = dict(zip(names, list(zip(*rows, strict=True))[1:], strict=True))
    times = [row[0] // 1000 for row in rows]
    result = {"meta": {"symbol": "BTC-USD", "timezone": "EST"}, "timestamp": times,
              "indicators": {"quote": [columns]}}  # fmt: skip
    return {"chart": {"result": [result], "error": None}}


def alpha_vantage(zone: str) -> Callable[[list[Row]], Any]:
    """Times of a zone that stands beside them."""

    def wrapped(rows: list[Row]) -> Any:
        names = ("1. open", "2. high", "3. low", "4. close", "5. volume")
        series = {
            datetime.fromtimestamp(row[0] / 1000, UTC)
            .astimezone(ZoneInfo(zone))
            .strftime("%Y-%m-%d %H:%M:%S"): dict(zip(names, strings(row)[1:], strict=True))
            for row in reversed(rows)
        }
        return {"Meta Data": {"6. Time Zone": zone}, "Time Series (15min)": series}

    return wrapped


def kolkata(time: int) -> str:
    """A zone without summer time."""
    return moment(time + 19_800_000)


def arrow(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Path, Candles], Path]:
    """Parquet with columns of other types."""

    def write(path: Path, given: Candles) -> Path:
        names = ("time", "open", "high", "low", "close", "volume")
        columns = {name: pa.array(values) for name, values in zip(names, given[:6], strict=True)}
        pq.write_table(pa.table(change(columns)), path)
        return path

    return write


def coded(columns: dict[str, Any]) -> dict[str, Any]:
    """Categories as polars writes them: counted by unsigned integers."""
    kind = pa.dictionary(pa.uint32(), pa.string())
    symbol = pa.array(["BTCUSDT"] * len(columns["time"])).cast(kind)
    return {"symbol": symbol, "closed": pa.array(["true"] * len(symbol)).cast(kind), **columns}


def packed(kind: str) -> Callable[[Path, Candles], Path]:
    def write(path: Path, given: Candles) -> Path:
        content = plain(path, given).read_bytes()
        with pa.CompressedOutputStream(pa.OSFile(str(path), "wb"), kind) as stream:
            stream.write(content)
        return path

    return write


def framed(path: Path, given: Candles) -> Path:
    """As psql prints a table."""
    rows = [" " + " | ".join(strings(row)) for row in rows_of(given)]
    header = " timestamp | open | high | low | close | volume "
    return text(path, [header, "-----+----+----+----+----+----", *rows, f"({len(rows)} rows)"])


def to_string(path: Path, given: Candles) -> Path:
    """As pandas prints a table: a blank between day and clock."""
    rows = ["  ".join([moment(row[0]) + "+00:00", *strings(row)[1:]]) for row in rows_of(given)]
    return text(path, ["timestamp open high low close volume", *rows])


def one_too_many(row: Row) -> list[Any]:
    return [moment(row[0]), *(f'"{value!r}"'.replace(".", ",") for value in row[1:])]


def contracts(size: float) -> Callable[[Row], int]:
    return lambda row: max(1, round(row[5] / size))


VENDORS: dict[str, Layout] = {
    "CoinAPI's flat file": Layout(
        csv(
            "time_period_start;time_period_end;time_open;time_close;price_open;price_high;price_low;"
            "price_close;volume_traded;trades_count",
            lambda r: [moment(r[0], ISO), moment(r[0] + QUARTER, ISO),
                       moment(r[0] + jitter(r), ISO), moment(r[0] + 800_000, ISO), *r[1:], 9],
            ";",
        )
    ),
    "Coin Metrics": Layout(
        csv(
            "market,time,price_open,price_close,price_high,price_low,vwap,volume,candle_usd_volume,"
            "candle_trades_count",
            lambda r: ["binance-btc-usdt-spot", moment(r[0], "%Y-%m-%dT%H:%M:%S.000000000Z"), r[1],
                       r[4], r[2], r[3], typical(r), r[5], r[5] * typical(r), 3],
        )
    ),
    "Polygon's day of all": Layout(
        csv(
            "ticker,volume,open,close,high,low,window_start,transactions",
            lambda r: ["X:BTC-USD", r[5], r[1], r[4], r[2], r[3], r[0] * 10**6, 8],
        )
    ),
    "Alpaca, two markets": Layout(
        answer(lambda rows: {"bars": {"ETH/USD": [*map(alpaca(0.05), rows)],
                                      "BTC/USD": [*map(alpaca(1.0), rows)]}}),
        BITCOIN,
    ),
    "a list of markets": Layout(
        answer(lambda rows: [
            {"symbol": name, "candles": [{"time": r[0], "open": r[1] * k, "high": r[2] * k,
                                          "low": r[3] * k, "close": r[4] * k, "volume": r[5]}
                                         for r in rows]}
            for name, k in (("ETHUSDT", 0.05), ("BTCUSDT", 1.0))
        ]),
        BITCOIN,
    ),
    "columns of two markets": Layout(
        csv(
            "timestamp," + ",".join(f"{m}_{n}" for m in ("ETH", "BTC")
                                    for n in ("open", "high", "low", "close", "volume")),
            lambda r: [r[0], *(value * 0.05 for value in r[1:]), *r[1:]],
        ),
        BITCOIN,
    ),
    "Tardis": Layout(tardis),
    "Databento, whole prices": Layout(
        csv(
            "ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume",
            lambda r: [r[0] * 10**6, 33, 1, 5482, *(round(x * 1e9) for x in r[1:5]), r[5]],
        ),
        volume="contracts",
    ),
    "Databento, written out": Layout(
        csv(
            "ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume,symbol",
            lambda r: [moment(r[0], "%Y-%m-%dT%H:%M:%S.000000000Z"), 33, 1, 5482,
                       *(f"{x:.9f}" for x in r[1:5]), r[5], "BTCZ4"],
        ),
        volume="contracts",
    ),
    "Nautilus": Layout(
        csv(
            "bar_type,open,high,low,close,volume,ts_event,ts_init",
            lambda r: ["BTCUSDT.BINANCE-15-MINUTE-LAST", *r[1:], (r[0] + QUARTER) * 10**6,
                       (r[0] + QUARTER) * 10**6],
        )
    ),
    "Nautilus, stamped at the open": Layout(
        csv(
            "bar_type,open,high,low,close,volume,ts_event,ts_init",
            lambda r: ["BTCUSDT.BINANCE-15-MINUTE-LAST", *r[1:], r[0] * 10**6,
                       (r[0] + QUARTER) * 10**6],
        )
    ),
    "TradeStation": Layout(
        csv(
            '"Date","Time","Open","High","Low","Close","Up","Down"',
            lambda r: [moment(r[0] + QUARTER, "%m/%d/%Y"), moment(r[0] + QUARTER, "%H:%M"), *r[1:5],
                       5, 6],
        ),
        Reading(volume="unknown"), "unknown", 1_708_900_200_000,
    ),
    "Sierra Chart": Layout(
        csv(
            "Date, Time, Open, High, Low, Last, Volume, NumberOfTrades, BidVolume, AskVolume",
            lambda r: [moment(r[0], "%Y/%m/%d"), moment(r[0], "%H:%M:%S.000000"), *r[1:], 3,
                       r[5] / 3, r[5] / 3],
        )
    ),
    "Alpha Vantage, of New York": Layout(
        answer(alpha_vantage("US/Eastern")), start=1_708_900_200_000
    ),
    "Yahoo's chart": Layout(answer(yahoo_chart)),
    "Tiingo": Layout(
        answer(lambda rows: [{"ticker": "btcusd", "priceData": [
            {"open": r[1], "high": r[2], "low": r[3], "close": r[4], "date": moment(r[0], ISO),
             "volume": r[5], "volumeNotional": r[5] * typical(r), "tradesDone": 3.0} for r in rows
        ]}])
    ),
    "Upbit": Layout(answer(lambda rows: [*map(upbit, reversed(rows))])),
    "dYdX": Layout(
        answer(lambda rows: {"candles": [
            {"startedAt": moment(r[0], ISO), "ticker": "BTC-USD", "resolution": "15MINS",
             "low": repr(r[3]), "high": repr(r[2]), "open": repr(r[1]), "close": repr(r[4]),
             "baseTokenVolume": repr(r[5]), "usdVolume": repr(r[5] * typical(r)), "id": "x"}
            for r in rows
        ]})
    ),
    "HTX linear": Layout(
        answer(lambda rows: {"data": [
            {"id": r[0] // 1000, "open": r[1], "close": r[4], "low": r[3], "high": r[2],
             "amount": round(contracts(0.001)(r) * 0.001, 6), "vol": contracts(0.001)(r),
             "count": 5}
            for r in rows
        ]}),
        volume="base of contracts",
    ),
    "MEXC contracts": Layout(
        answer(lambda rows: {"data": {
            "time": [r[0] // 1000 for r in rows], "open": [r[1] for r in rows],
            "close": [r[4] for r in rows], "high": [r[2] for r in rows],
            "low": [r[3] for r in rows],
            "vol": [contracts(0.0001)(r) for r in rows],
            "amount": [contracts(0.0001)(r) * 0.0001 * typical(r) for r in rows],
        }}),
        volume="contracts",
    ),
    "KuCoin futures": Layout(
        answer(lambda rows: {"data": [
            [*r[:5], contracts(0.001)(r), contracts(0.001)(r) * 0.001 * typical(r)] for r in rows
        ]}),
        volume="contracts",
    ),
    "Bybit inverse, newest first": Layout(
        answer(lambda rows: {"result": {"list": [
            [*strings(r)[:5], repr(r[5] * typical(r)), repr(r[5])] for r in reversed(rows)
        ]}})
    ),
    "times that end with 999": Layout(
        csv(PLAIN, lambda r: [r[0] + QUARTER - 1, *r[1:]])
    ),
    "times that end with 59": Layout(
        csv(PLAIN, lambda r: [moment(r[0] + QUARTER - 1000), *r[1:]])
    ),
    "t_close alone": Layout(
        csv("t_close,open,high,low,close,volume", lambda r: [r[0] + QUARTER, *r[1:]])
    ),
    "until when": Layout(
        csv("until,open,high,low,close,volume", lambda r: [moment(r[0] + QUARTER), *r[1:]])
    ),
    "the end of a bar": Layout(
        csv("bar_end_time,open,high,low,close,volume", lambda r: [moment(r[0] + QUARTER), *r[1:]])
    ),
    "a zone in the header": Layout(
        csv("Time (Asia/Kolkata),Open,High,Low,Close,Volume", lambda r: [kolkata(r[0]), *r[1:]])
    ),
    "a zone in a column": Layout(
        csv("timestamp,timezone,open,high,low,close,volume",
            lambda r: [kolkata(r[0]), "Asia/Kolkata", *r[1:]])
    ),
    "German": Layout(
        csv("Datum;Zeit;Eröffnung;Hoch;Tief;Schluss;Volumen",
            lambda r: [moment(r[0], "%d.%m.%Y"), moment(r[0], "%H:%M"),
                       *(cell.replace(".", ",") for cell in strings(r)[1:])], ";")
    ),
    "French, with blanks": Layout(
        csv("Date;Ouverture;Haut;Bas;Clôture;Volume",
            lambda r: [moment(r[0], "%d/%m/%Y %H:%M"),
                       *(f"{x:,.6f}".replace(",", "\u202f").replace(".", ",") for x in r[1:])],
            ";"),
        start=1_708_900_200_000,
    ),
    "Russian": Layout(
        csv("Дата;Время;Открытие;Максимум;Минимум;Закрытие;Объём",
            lambda r: [moment(r[0], "%d.%m.%Y"), moment(r[0], "%H:%M"), *r[1:]], ";")
    ),
    "Chinese": Layout(
        csv("时间,开盘,收盘,最高,最低,涨跌幅,成交量,成交额",
            lambda r: [moment(r[0]), r[1], r[4], r[2], r[3], 0.1, r[5], r[5] * typical(r)])
    ),
    "decimal commas in quotes": Layout(
        csv("Date,Open,High,Low,Close,Volume", one_too_many)
    ),
    "Java's numbers": Layout(
        csv(PLAIN, lambda r: [f"{str(r[0])[0]}.{str(r[0])[1:].rstrip('0')}E12", *r[1:]])
    ),
    "days in Chinese": Layout(
        csv(PLAIN, lambda r: [moment(r[0], "%Y年%m月%d日 %H:%M"), *r[1:]])
    ),
    "currencies behind the numbers": Layout(
        csv(PLAIN, lambda r: [r[0], *(f"{x!r} USDT" for x in r[1:5]), f"{r[5]!r} BTC"])
    ),
    "pages of rows": Layout(
        answer(lambda rows: [[list(r) for r in rows[i : i + 5]] for i in range(0, len(rows), 5)])
    ),
    "rows by their times": Layout(
        answer(lambda rows: {moment(r[0], ISO): list(r[1:]) for r in rows})
    ),
    "Binance's combined stream": Layout(
        answer(lambda rows: [
            {"stream": "btcusdt@kline_15m", "data": {"e": "kline", "E": r[0] + QUARTER + 7, "k": {
                "t": r[0], "T": r[0] + QUARTER - 1, "i": "15m", "f": 1, "L": 2, "o": repr(r[1]),
                "c": repr(r[4]), "h": repr(r[2]), "l": repr(r[3]), "v": repr(r[5]), "n": 3,
                "x": True, "q": repr(r[5] * typical(r)), "V": "1", "Q": "2"}}}
            for r in rows
        ])
    ),
    "psql": Layout(framed),
    "pandas, printed": Layout(to_string),
    "zstd": Layout(packed("zstd")),
    "LZ4": Layout(packed("lz4")),
    "categories": Layout(arrow(coded)),
    "seconds of 32 bits": Layout(
        arrow(lambda c: {**c, "time": pa.array((c["time"].to_numpy() // 1000).astype("int32"))})
    ),
    "unsigned nanoseconds": Layout(
        arrow(lambda c: {**c, "time": pa.array((c["time"].to_numpy() * 10**6).astype("uint64"))})
    ),
    "codes of text": Layout(
        arrow(lambda c: {**c, "open": pa.array([repr(x) for x in c["open"].to_pylist()])
                         .dictionary_encode()})
    ),
}  # fmt: skip
