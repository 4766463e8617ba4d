"""Mark candles: from a file, checked against the market's own, and from exchanges (C19, C20)."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stoptrail.cli.data import convert
from stoptrail.core.errors import ConfigError, DataError
from stoptrail.feeds.downloads.cache import mark_path, read_cache
from stoptrail.feeds.downloads.download import download_candles
from stoptrail.feeds.files import PLAIN
from stoptrail.feeds.market import MarketData, MarketMarks
from stoptrail.feeds.marks import load_marks
from stoptrail.feeds.source import Wanted
from stoptrail.feeds.tables.columns import columns_of
from stoptrail.rules.candles import Candles, rows_of
from tests.live import funding_exchanges as exchanges
from tests.live.funding_exchanges import NOW, Exchange, hosted

QUARTER, DAY = 900_000, 86_400_000
COUNT = 400
START = NOW // DAY * DAY - 4 * DAY


def marks_like(candles: Candles, seed: int = 2) -> Candles:
    """Mark prices near a market's, without volume."""
    random = np.random.default_rng(seed)
    near = 1.0 + random.normal(0.0, 0.0002, len(candles.time))
    opens, close = candles.open * near, candles.close * near
    high, low = np.maximum(opens, close) * 1.0001, np.minimum(opens, close) * 0.9999
    return Candles(candles.time, opens, high, low, close, np.zeros(len(near)), QUARTER)


def walk() -> Candles:
    random = np.random.default_rng(7)
    close = 100.0 * np.exp(np.cumsum(random.normal(0.0, 0.004, COUNT)))
    opens = np.concatenate(([100.0], close[:-1]))
    high, low = np.maximum(opens, close) * 1.002, np.minimum(opens, close) * 0.998
    time = START + QUARTER * np.arange(COUNT, dtype=np.int64)
    return Candles(time, opens, high, low, close, np.ones(COUNT), QUARTER)


CANDLES = walk()
MARKS = marks_like(CANDLES)
SPAN = START, START + COUNT * QUARTER
MARKET = MarketData(CANDLES, "BTC/USDT:USDT", "file", "own.csv", 0, *SPAN)
WANTED = Wanted(symbol="BTC/USDT:USDT", interval=QUARTER)


def written(path: Path, marks: Candles, header: str = "timestamp,open,high,low,close") -> Path:
    columns = zip(*marks[:5], strict=True)
    path.write_text("\n".join([header, *(",".join(map(repr, map(float, r))) for r in columns)]))
    return path


def load(path: Path | None, wanted: Wanted = WANTED, market: MarketData = MARKET) -> MarketMarks:
    return load_marks(wanted, path, market, NOTICES.append)


NOTICES: list[str] = []


@pytest.fixture(autouse=True)
def quiet() -> None:
    NOTICES.clear()


def test_a_file_without_volume_is_read_and_nothing_is_said(tmp_path: Path) -> None:
    found = load(written(tmp_path / "mark.csv", MARKS))
    assert found.candles is not None
    np.testing.assert_array_equal(found.candles.low, MARKS.low)
    assert (found.missing, NOTICES) == (0, [])
    assert found.summary()["timeframe"] == "15m"


@pytest.mark.parametrize("unit", [1, 1000])
@pytest.mark.parametrize("named", [True, False])
def test_a_public_archive_of_mark_candles_is_read(tmp_path: Path, unit: int, named: bool) -> None:
    """As Binance's markPriceKlines have them: volumes of 0, ms and us, with names or without."""
    names = "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume"
    head = [f"{names},taker_buy_quote_volume,ignore"] if named else []
    for part in (0, 1):
        rows = slice(part * 200, part * 200 + 200)
        lines = [
            f"{t * unit},{o!r},{h!r},{low!r},{c!r},0,{(t + QUARTER - 1) * unit},0,900,0,0,0"
            for t, o, h, low, c in zip(*(x[rows].tolist() for x in MARKS[:5]), strict=True)
        ]
        with zipfile.ZipFile(tmp_path / f"BTCUSDT-15m-2024-{part + 11}.zip", "w") as archive:
            archive.writestr(f"BTCUSDT-15m-2024-{part + 11}.csv", "\n".join([*head, *lines]))
    found = load(tmp_path)
    assert found.candles is not None
    np.testing.assert_array_equal(found.candles.time, MARKS.time)
    assert (found.missing, NOTICES) == (0, [])


def test_holes_are_counted_and_said(tmp_path: Path) -> None:
    kept = np.ones(COUNT, np.bool_)
    kept[[50, 51, 200]] = False
    found = load(written(tmp_path / "mark.csv", rows_of(MARKS, kept)))
    assert found.missing == 3
    assert ["3 of 400 candles have no mark candles" in line for line in NOTICES] == [True]


def test_a_span_that_is_not_covered_is_refused(tmp_path: Path) -> None:
    for rows in (slice(0, 250), slice(150, COUNT)):
        with pytest.raises(DataError, match=r"the mark candles reach from .* the span from"):
            load(written(tmp_path / "mark.csv", rows_of(MARKS, rows)))


@pytest.mark.parametrize("factor", [17.0, 0.001, 1.03])
def test_marks_of_another_market_are_refused(tmp_path: Path, factor: float) -> None:
    prices = [column * factor for column in MARKS[1:5]]
    other = Candles(MARKS.time, *prices, MARKS.volume, QUARTER)
    with pytest.raises(DataError, match="of another market, or in other units"):
        load(written(tmp_path / "mark.csv", other))


@pytest.mark.parametrize(
    ("by", "said"),
    [(1, "0.25 hours late"), (-8, "2 hours early"), (4, "1 hour late"), (-4, "1 hour early")],
)
def test_marks_that_are_shifted_in_time_are_refused(tmp_path: Path, by: int, said: str) -> None:
    moved = MARKS._replace(time=MARKS.time + by * QUARTER)
    with pytest.raises(DataError, match=said):
        load(written(tmp_path / "mark.csv", moved))


def in_words(path: Path, candles: Candles, hours: int) -> Path:
    """A file whose times are of a zone so many hours ahead of UTC, without saying so."""
    times = (candles.time + hours * 4 * QUARTER).astype("datetime64[ms]").astype(str)
    rows = zip(times, *(column.tolist() for column in candles[1:5]), strict=True)
    lines = [",".join([time, *map(repr, prices)]) for time, *prices in rows]
    path.write_text("\n".join(["time,open,high,low,close", *lines]))
    return path


@pytest.mark.parametrize("reading", [{"zone": "Etc/GMT-3"}, {"stamp": "close"}])
def test_a_zone_or_stamp_of_the_market_s_file_is_not_forced_on_the_marks(
    tmp_path: Path, reading: dict[str, Any]
) -> None:
    """They are of that zone, or of UTC: what goes with the market's prices is taken, and said."""
    wanted = Wanted("BTC/USDT:USDT", QUARTER, reading=PLAIN._replace(**reading))
    assert load(in_words(tmp_path / "utc.csv", MARKS, 0), wanted).missing == 0
    assert "is read without data.columns, data.zone and data.stamp" in NOTICES[-1]
    NOTICES.clear()
    alike = in_words(tmp_path / "zone.csv", MARKS, 3)
    if "zone" in reading:
        assert load(alike, wanted).missing == 0
        assert not any("is read without" in notice for notice in NOTICES)
    else:
        with pytest.raises(DataError, match=r"data convert FILE marks\.parquet"):
            load(alike, wanted)


def test_columns_of_the_market_s_file_are_not_forced_on_the_marks(tmp_path: Path) -> None:
    names = ("time", "volume", "open", "high", "low", "close")
    wanted = Wanted("BTC/USDT:USDT", QUARTER, reading=PLAIN._replace(columns=names))
    assert load(written(tmp_path / "mark.csv", MARKS), wanted).missing == 0


def test_marks_of_another_zone_are_brought_to_utc_by_the_remedy(tmp_path: Path) -> None:
    other, mended = in_words(tmp_path / "zone.csv", MARKS, 3), tmp_path / "marks.parquet"
    with pytest.raises(DataError, match="3 hours late"):
        load(other)
    reading = PLAIN._replace(zone="Etc/GMT-3", volume="unknown")
    assert convert(other, mended, "15m", reading=reading) == 0
    assert load(mended).missing == 0
    assert load(mended, Wanted("BTC/USDT:USDT", QUARTER)).candles is not None


def test_returns_in_place_of_marks_name_a_remedy(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    moves = MARKS._replace(**{k: random.normal(0.0, 0.01, COUNT) for k in MARKS._fields[1:5]})
    with pytest.raises(DataError, match=r"returns or a premium.*give data\.mark_path the prices"):
        load(written(tmp_path / "premium.csv", moves))


def test_longer_candles_are_refused_in_one_line(tmp_path: Path) -> None:
    hours = MARKS._replace(time=START + 4 * QUARTER * np.arange(COUNT, dtype=np.int64))
    with pytest.raises(DataError, match="mark candles of 1h say too little of candles of 15m"):
        load(written(tmp_path / "mark.csv", hours))


def test_the_markets_own_candles_are_named_as_such(tmp_path: Path) -> None:
    load(written(tmp_path / "mark.csv", CANDLES))
    assert "the market's own candles" in NOTICES[0]


def test_a_file_that_is_not_there_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"data\.mark_path"):
        load(tmp_path / "nothing.csv")


def test_what_mends_a_mark_file_leaves_the_market_as_it_is(tmp_path: Path) -> None:
    """data.symbol and data.columns are the market's own file's too, which they would spoil."""
    eth = tmp_path / "marks.csv"
    written(eth, MARKS)
    first, *rows = eth.read_text().splitlines()
    eth.write_text("\n".join([f"{first},symbol", *(f"{row},ETHUSDT" for row in rows)]))
    with pytest.raises(DataError, match=r"give data\.mark_path a file of that market") as refused:
        load(eth)
    assert "set data.symbol" not in str(refused.value)
    swapped = tmp_path / "swapped.csv"
    parts = [row.split(",") for row in rows]
    swapped.write_text("\n".join(",".join([t, low, h, o, c]) for t, o, h, low, c in parts))
    with pytest.raises(DataError, match=r"else give data\.mark_path a file that names its col"):
        load(swapped)
    swapped.write_text("time,low,high,open,close\n" + swapped.read_text())
    assert load(swapped).missing == 0


def test_without_any_there_are_none(tmp_path: Path) -> None:
    found = load(None, Wanted(symbol="BTC/USDT:USDT", interval=QUARTER, cache=tmp_path))
    assert (found.candles, found.summary()) == (None, {})


# Downloads


class Bybit(exchanges.Bybit):
    """The newest first, of [start, end) at most so many from its end."""

    def answer(self, path: str, query: dict[str, Any]) -> Any:
        if path.endswith("/market/time"):
            return self._told({"timeSecond": str(NOW // 1000), "timeNano": f"{NOW}000000"})
        if not path.endswith("kline"):
            return super().answer(path, query)
        assert path.endswith("/mark-price-kline")
        found = served(int(query["start"]), int(query.get("end", 2**62)))[: int(query["limit"])]
        rows = [[str(x) for x in row] for row in reversed(found)]
        return self._told({"category": "linear", "symbol": "BTCUSDT", "list": rows})


class Okx(exchanges.Okx):
    """Never more than 100, the newest of those between `before` and `after`, newest first."""

    def answer(self, path: str, query: dict[str, Any]) -> Any:
        if path.endswith("/public/time"):
            return self._told([{"ts": str(NOW)}])
        if not path.endswith("candles"):
            return super().answer(path, query)
        assert path.endswith("mark-price-candles")
        found = served(int(query.get("before", -1)) + 1, int(query.get("after", 2**62)) - 1)
        rows = [
            [*(str(x) for x in row), "1"]
            for row in reversed(found[-min(100, int(query["limit"])) :])
        ]
        return self._told(rows)


class Krakenfutures(exchanges.Krakenfutures):
    """The kind of price is a part of the path; ascending from `from` to `to`, in seconds."""

    def answer(self, path: str, query: dict[str, Any]) -> Any:
        if "/charts/" not in path and "candles" not in path and "/mark/" not in path:
            return super().answer(path, query)
        assert "/mark/" in path
        found = served(int(query["from"]) * 1000, int(query.get("to", 2**40)) * 1000)
        names = ("time", "open", "high", "low", "close")
        rows = [dict(zip(names, [row[0], *map(str, row[1:])], strict=True)) for row in found]
        return {"candles": [{**row, "volume": "0"} for row in rows], "more_candles": False}


class Gate(exchanges.Gate):
    """Contracts whose name begins with mark_; ascending from `from` to `to`, no volume."""

    def answer(self, path: str, query: dict[str, Any]) -> Any:
        if path.endswith("/time"):
            return {"server_time": NOW}
        if not path.endswith("/usdt/candlesticks"):
            return super().answer(path, query)
        assert query["contract"].startswith("mark_")
        found = served(int(query["from"]) * 1000, int(query["to"]) * 1000)
        return [
            {"t": row[0] // 1000, **dict(zip("ohlc", map(str, row[1:]), strict=True))}
            for row in found
        ]


HOLE = range(120, 124)
"""Candles that no exchange has."""


def served(first: int, last: int) -> list[list[float]]:
    """Mark candles that open from `first` to `last`."""
    rows = zip(*(column.tolist() for column in MARKS[:5]), strict=True)
    return [list(row) for k, row in enumerate(rows) if first <= row[0] <= last and k not in HOLE]


def fetch(exchange: Exchange, folder: Path, first: int = 0, last: int = COUNT) -> list[int]:
    """The candles, by their number, that are in the cache after a download of [first, last)."""
    span = START + first * QUARTER, START + last * QUARTER
    with hosted(exchange) as options:
        download_candles(
            exchange.id,
            options,
            exchange.symbol,
            QUARTER,
            *span,
            folder,
            mark=True,
            on_notice=NOTICES.append,
        )
    cached = read_cache(mark_path(folder, exchange.id, exchange.symbol, "15m"), QUARTER)
    rows = (cached.columns.time - START) // QUARTER
    np.testing.assert_array_equal(cached.columns.close, MARKS.close[rows])
    assert not cached.columns.volume.any()
    return [int(row) for row in rows]


@pytest.mark.parametrize("kind", [Bybit, Okx, Krakenfutures, Gate])
def test_every_mark_candle_arrives_and_a_hole_is_named(kind: Any, tmp_path: Path) -> None:
    end = (NOW - START) // QUARTER if kind is not Krakenfutures else COUNT
    wanted = [k for k in range(min(end, COUNT)) if k not in HOLE]
    assert fetch(kind([]), tmp_path) == wanted
    assert any("no candle in 1 gap, 4 candles" in line for line in NOTICES), NOTICES


def test_a_second_download_asks_for_what_is_missing_only(tmp_path: Path) -> None:
    fetch(Krakenfutures([]), tmp_path, 0, 100)
    found = fetch(Krakenfutures([]), tmp_path, 0, 250)
    assert found == [k for k in range(250) if k not in HOLE]


def test_downloaded_marks_are_found_beside_the_candles(tmp_path: Path) -> None:
    exchange = Krakenfutures([])
    fetch(exchange, tmp_path)
    wanted = Wanted(symbol=exchange.symbol, interval=QUARTER, cache=tmp_path)
    found = load(None, Wanted(**{**vars(wanted), "exchange_id": exchange.id}))
    assert (found.source, found.missing) == ("exchange: krakenfutures", len(HOLE))
    assert columns_of(found.candles).time[0] == START  # type: ignore[arg-type]


def test_an_exchange_without_mark_candles_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"serves no mark candles through ccxt; set data\.mark_path"
    ):
        fetch(exchanges.Hyperliquid([]), tmp_path)
