"""Logs of sockets, a message a line: candles of one market each, whatever names the market."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stoptrail.core.errors import DataError
from stoptrail.feeds.files import load_file
from stoptrail.feeds.layouts.recognise import Reading
from tests.feeds.candle_files import QUARTER, same
from tests.feeds.test_refusals import walk
from tests.feeds.written import Row, moment, rows_of, typical

GIVEN = walk(200)
ROWS: list[Row] = list(rows_of(GIVEN))
NEAR = [[row[0], *(round(value * 1.002, 2) for value in row[1:5]), row[5]] for row in ROWS]
"""A market whose prices tell nothing."""
MEANT = Reading(symbol="BTC/USDT")
Message = Callable[[str, Any], Any]


def texts(row: Any) -> list[str]:
    return [str(row[0]), *map(repr, row[1:]), repr(row[5] * typical(row))]


def bybit(market: str, row: Any, length: str = "15") -> Any:
    time, o, h, low, c, v, quote = texts(row)
    candle = {"start": int(time), "open": o, "high": h, "low": low, "close": c, "volume": v}
    candle |= {"turnover": quote, "confirm": True, "timestamp": row[0] + QUARTER + 12}
    return {"topic": f"kline.{length}.{market}", "data": [candle], "ts": row[0] + QUARTER + 15}


def binance(market: str, row: Any) -> Any:
    time, o, h, low, c, v, _ = texts(row)
    k = {"t": int(time), "T": row[0] + QUARTER - 1, "o": o, "c": c, "h": h, "l": low, "v": v}
    data = {"e": "kline", "E": row[0] + QUARTER + 3, "k": {**k, "x": True}}
    return {"stream": f"{market.lower()}@kline_15m", "data": data}


def gate(market: str, row: Any) -> Any:
    """`time` is when the message was sent."""
    time, o, h, low, c, v, quote = texts(row)
    name = "15m_" + market.replace("USD", "_USD")
    candle = {"t": str(int(time) // 1000), "v": quote, "c": c, "h": h, "l": low, "o": o, "a": v}
    sent = {"time": (row[0] + QUARTER) // 1000, "channel": "spot.candlesticks", "event": "update"}
    return {**sent, "result": {**candle, "n": name, "w": True}}


def htx(market: str, row: Any) -> Any:
    time, o, h, low, c, v = row
    tick = {"id": time // 1000, "open": o, "close": c, "low": low, "high": h, "amount": v}
    sent = {"ch": f"market.{market.lower()}.kline.15min", "ts": time + QUARTER + 1}
    return {**sent, "tick": {**tick, "vol": v * typical(row), "count": 5}}


def mexc(market: str, row: Any) -> Any:
    time, o, h, low, c, v, quote = texts(row)
    k = {"t": int(time) // 1000, "o": o, "c": c, "h": h, "l": low, "v": v, "a": quote}
    topic = f"spot@public.kline.v3.api@{market}@Min15"
    return {"c": topic, "d": {"e": "spot@public.kline.v3.api", "k": k}, "t": row[0] + QUARTER + 3}


def deribit(market: str, row: Any) -> Any:
    names = ("tick", "open", "high", "low", "close", "volume")
    channel = f"chart.trades.{market.replace('USDT', '-PERPETUAL')}.15"
    params = {"channel": channel, "data": dict(zip(names, row, strict=True))}
    return {"jsonrpc": "2.0", "method": "subscription", "params": params}


def okx(market: str, row: Any) -> Any:
    cells = [*texts(row), texts(row)[-1], "1"]
    arg = {"channel": "candle15m", "instId": market.replace("USD", "-USD")}
    return {"arg": arg, "data": [cells]}


def kraken(market: str, row: Any) -> Any:
    _, o, h, low, c, v, _ = texts(row)
    cells = [str(row[0] / 1000), str(row[0] / 1000 + 900), o, h, low, c, str(typical(row)), v, 5]
    return [7, cells, "ohlc-15", market.replace("USD", "/USD")]


def bitfinex(market: str, row: Any) -> Any:
    time, o, h, low, c, v = row
    return [34 if market == "BTCUSDT" else 35, [time, o, c, h, low, v]]


def kraken_v2(market: str, row: Any) -> Any:
    """`timestamp` is the end of the candle."""
    names = ("open", "high", "low", "close", "volume")
    candle = dict(zip(names, row[1:], strict=True)) | {"symbol": market, "interval": 15}
    begin, end = (moment(at, "%Y-%m-%dT%H:%M:%S.000000Z") for at in (row[0], row[0] + QUARTER))
    candle |= {"interval_begin": begin, "timestamp": end}
    return {"channel": "ohlc", "type": "update", "data": [candle]}


NAMED = {one.__name__: one for one in (bybit, binance, gate, htx, mexc, deribit, kraken_v2)}
UNNAMED = {one.__name__: one for one in (okx, kraken, bitfinex)}


def log(path: Path, messages: list[Any]) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in messages))
    return path


def arrangements(message: Message, other: str = "ETHUSDT") -> list[list[Any]]:
    """Two markets by turns, one behind the other, and one that ends where the other begins."""
    pairs = [(message("BTCUSDT", a), message(other, b)) for a, b in zip(ROWS, NEAR, strict=True)]
    mine, yours = (list(column) for column in zip(*pairs, strict=True))
    return [[one for pair in pairs for one in pair], mine + yours, mine[:90] + yours[90:]]


@pytest.mark.parametrize("message", NAMED.values(), ids=NAMED)
def test_a_log_of_one_market_loads_by_the_times_of_its_candles(
    tmp_path: Path, message: Message
) -> None:
    sent = [{"op": "subscribe", "success": True}, *(message("BTCUSDT", row) for row in ROWS)]
    assert same(load_file(log(tmp_path / "a.json", sent), QUARTER, MEANT).candles, GIVEN)


@pytest.mark.parametrize("message", NAMED.values(), ids=NAMED)
def test_of_a_log_of_two_markets_the_one_that_is_meant_is_read(
    tmp_path: Path, message: Message
) -> None:
    for messages in arrangements(message):
        path = log(tmp_path / "a.json", messages)
        loaded = load_file(path, QUARTER, MEANT)
        count = len(loaded.candles.time)
        assert count in (90, len(ROWS))
        assert np.array_equal(loaded.candles.close, GIVEN.close[:count])
        assert any("of 2 symbols (BTC" in note and ", ETH" in note for note in loaded.notes)
        with pytest.raises(DataError, match=r"holds 2 symbols \(BTC.*, ETH.*data\.symbol"):
            load_file(path, QUARTER, Reading(symbol="XRP/EUR"))


@pytest.mark.parametrize("message", UNNAMED.values(), ids=UNNAMED)
def test_rows_of_two_markets_are_never_mixed(tmp_path: Path, message: Message) -> None:
    one, other = ("34", "35") if message is bitfinex else ("BTCUSDT", "ETHUSDT")
    for messages in arrangements(message):
        path = log(tmp_path / "a.json", messages)
        with pytest.raises(DataError, match=rf"2 tables .* \({one}, {other}\); give one"):
            load_file(path, QUARTER, MEANT)


def test_no_candle_of_a_message_of_many_is_lost(tmp_path: Path) -> None:
    """A snapshot of the candles so far comes first."""
    sent = [kraken_v2("BTCUSDT", row) for row in ROWS]
    snapshot = {**sent[0], "data": [one["data"][0] for one in sent[:60]]}
    path = log(tmp_path / "a.json", [{"channel": "status"}, snapshot, *sent[59:]])
    loaded = load_file(path, QUARTER, Reading(symbol="BTC/USDT"))
    assert same(loaded.candles, GIVEN)
    assert "1 message without a candle passed over" in loaded.notes
    assert any("1 row comes again" in note for note in loaded.notes)


def test_a_cell_that_is_no_number_is_refused_in_a_log_too(tmp_path: Path) -> None:
    sent = [okx("BTCUSDT", row) for row in ROWS]
    sent[20]["data"][0][2] = "n/a"
    with pytest.raises(DataError, match=r"record 21.*high = nan"):
        load_file(log(tmp_path / "a.json", sent), QUARTER, MEANT)


def test_a_swap_and_its_spot_market_are_both_named(tmp_path: Path) -> None:
    for messages in arrangements(okx, "BTCUSDT-SWAP"):
        with pytest.raises(DataError, match="candle15m BTC-USDT, candle15m BTC-USDT-SWAP"):
            load_file(log(tmp_path / "a.json", messages), QUARTER, MEANT)


def test_of_two_lengths_of_candles_that_of_the_settings_is_read(tmp_path: Path) -> None:
    hours = [bybit("BTCUSDT", row, "60") for row in NEAR[::4]]
    messages = [bybit("BTCUSDT", row) for row in ROWS] + hours
    loaded = load_file(log(tmp_path / "a.json", messages), QUARTER, MEANT)
    assert same(loaded.candles, GIVEN)
    assert any("of 2 timeframes (15, 60) 15" in note for note in loaded.notes)


def test_records_whose_volume_stands_outside_of_their_prices_keep_it(tmp_path: Path) -> None:
    records = [
        {"time": t, "mid": {"o": o, "h": h, "l": low, "c": c}, "volume": v}
        for t, o, h, low, c, v in ROWS
    ]
    path = tmp_path / "a.json"
    path.write_text(json.dumps(records))
    assert same(load_file(path, QUARTER).candles, GIVEN)
