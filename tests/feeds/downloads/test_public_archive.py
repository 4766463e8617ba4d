"""`data download --archive` from a local server that speaks the archive's paths."""

from __future__ import annotations

import contextlib
import hashlib
import io
import random
import threading
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stoptrail.cli.data import download
from stoptrail.core.errors import ConfigError, ExchangeError
from stoptrail.core.time import DAY_MS
from stoptrail.exchange.errors import UnreachableError
from stoptrail.feeds.downloads.cache import Cached, cache_path, candles_of, read_cache
from stoptrail.feeds.downloads.public_archive import days, download_archive, months
from tests.exchange.dialects import Binance, Row
from tests.exchange.standin import StandIn
from tests.feeds.candle_files import QUARTER

SPOT = "/data/spot/monthly/klines/BTCUSDT/15m/BTCUSDT-15m"
DAILY = "/data/spot/daily/klines/BTCUSDT/15m/BTCUSDT-15m"


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


START, END = at("2024-11-20"), at("2025-02-10")


def rows(first: int, last: int) -> list[list[float]]:
    times = range(first, last, QUARTER)
    return [[t, 100 + t // QUARTER % 7, 110.0, 90.0, 101.0, 2.5] for t in times]


class Archive:
    """The files by their paths; `asked` holds every path in order."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.failures = 0
        self.most: int | None = None
        """Requests after which every further one fails."""
        archive = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                pass

            def do_GET(self) -> None:
                archive.asked.append(self.path)
                body = archive.files.get(self.path)
                status = 404 if body is None else 200
                if archive.most is not None and len(archive.asked) > archive.most:
                    status, body = 503, b""
                if archive.failures:
                    archive.failures, status, body = archive.failures - 1, 503, b""
                self.send_response(status)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"http://127.0.0.1:{self.server.server_port}"

    def write(self, name: str, candles: list[list[float]], unit: int, header: bool) -> None:
        """A file as Binance writes it: microseconds since 2025, on futures with a header."""
        lines = ["open_time,open,high,low,close,volume,a,b,c,d,e,f"] if header else []
        for time, *values in candles:
            end = (int(time) + QUARTER) * unit - 1
            lines.append(",".join(map(str, [int(time) * unit, *values, end, 1, 1, 1, 1, 0])))
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as file:
            file.writestr(name.rpartition("/")[2] + ".csv", "\n".join(lines) + "\n")
        content = packed.getvalue()
        self.files[f"{name}.zip"] = content
        said = f"{hashlib.sha256(content).hexdigest()}  {name.rpartition('/')[2]}.zip\n"
        self.files[f"{name}.zip.CHECKSUM"] = said.encode()


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch) -> Iterator[Archive]:
    monkeypatch.setattr("stoptrail.feeds.downloads.public_archive.time.sleep", lambda _: None)
    made = Archive()
    december = rows(at("2024-12-01"), at("2025-01-01"))
    made.write(f"{SPOT}-2024-12", december[:500] + december[510:], 1, header=False)
    made.write(f"{SPOT}-2025-01", rows(at("2025-01-01"), at("2025-02-01")), 1000, header=False)
    thread = threading.Thread(target=made.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


def fetch(archive: Archive, folder: Path, **more: Any) -> Cached:
    given = {"exchange_id": "binance", "symbol": "BTC/USDT", **more}
    return download_archive(
        archive.host, interval=QUARTER, start=START, end=END, folder=folder, **given
    )


def test_whole_months_come_and_a_hole_in_one_is_left_to_the_exchange(
    archive: Archive, tmp_path: Path
) -> None:
    cached = fetch(archive, tmp_path)
    december, hole = at("2024-12-01"), at("2024-12-01") + 500 * QUARTER
    expected = [
        row for row in rows(december, at("2025-02-01")) if not 0 <= row[0] - hole < 10 * QUARTER
    ]
    candles = candles_of(cached, QUARTER)
    assert np.array_equal(np.column_stack(candles[:6]), np.array(expected, np.float64))
    assert cached.covered == ((december, hole), (hole + 10 * QUARTER, at("2025-02-01")))


def test_only_months_within_the_span_are_taken() -> None:
    assert months(at("2024-11-20"), at("2025-02-10")) == (
        (at("2024-12-01"), at("2025-01-01")),
        (at("2025-01-01"), at("2025-02-01")),
    )
    assert months(at("2024-11-20"), at("2024-12-31")) == ()


def test_what_has_come_is_not_asked_for_again(archive: Archive, tmp_path: Path) -> None:
    fetch(archive, tmp_path)
    archive.asked.clear()
    fetch(archive, tmp_path)
    assert sorted(archive.asked) == [f"{DAILY}-2025-02-0{day}.zip" for day in range(1, 10)]


def test_the_days_after_the_last_month_come_from_daily_files(
    archive: Archive, tmp_path: Path
) -> None:
    told: list[str] = []
    for day in range(1, 8):
        first = at(f"2025-02-0{day}")
        archive.write(f"{DAILY}-2025-02-0{day}", rows(first, first + DAY_MS), 1000, header=False)
    cached = fetch(archive, tmp_path, on_notice=told.append)
    assert cached.covered[-1][1] == at("2025-02-08")
    assert cached.columns.time[-1] == at("2025-02-08") - QUARTER
    assert told == [
        "the archive has no file for 2 of 9 days, 2025-02-08T00:00:00Z to 2025-02-10T00:00:00Z: "
        "the exchange is asked"
    ]
    archive.asked.clear()
    fetch(archive, tmp_path)
    assert sorted(archive.asked) == [f"{DAILY}-2025-02-0{day}.zip" for day in (8, 9)]


def test_only_days_within_the_span_are_taken() -> None:
    assert days(at("2025-02-01T12:00"), at("2025-02-03T23:00")) == (
        (at("2025-02-02"), at("2025-02-03")),
    )
    assert days(at("2025-02-01"), at("2025-02-01T23:00")) == ()


def test_a_market_that_is_younger_than_the_archive_is_not_asked_for_day_by_day(
    archive: Archive, tmp_path: Path
) -> None:
    archive.files.clear()
    told: list[str] = []
    start = at("2019-01-01")
    end = at("2025-02-10")
    download_archive(
        archive.host, "binance", "NEW/USDT", QUARTER, start, end, tmp_path, on_notice=told.append
    )
    assert len([path for path in archive.asked if "/daily/" in path]) == 62
    assert not [path for path in archive.asked if path.endswith("CHECKSUM")]
    assert [line.split(",")[0] for line in told] == [
        "the archive has no file for 73 of 73 months",
        "the archive has no file for 62 of 62 days",
    ]


def test_a_broken_off_download_keeps_its_months(archive: Archive, tmp_path: Path) -> None:
    whole = archive.files.pop(f"{SPOT}-2025-01.zip.CHECKSUM")
    archive.files[f"{SPOT}-2025-01.zip.CHECKSUM"] = b"0" * 64
    with pytest.raises(ExchangeError, match=r"2025-01\.zip: the checksum is wrong, twice"):
        fetch(archive, tmp_path)
    archive.files[f"{SPOT}-2025-01.zip.CHECKSUM"] = whole
    archive.asked.clear()
    assert len(fetch(archive, tmp_path).covered) == 2
    asked = {path.removesuffix(".CHECKSUM") for path in archive.asked if "monthly" in path}
    assert asked == {f"{SPOT}-2025-01.zip"}


def test_months_that_the_archive_lacks_are_said(archive: Archive, tmp_path: Path) -> None:
    told: list[str] = []
    del archive.files[f"{SPOT}-2024-12.zip"]
    cached = fetch(archive, tmp_path, on_notice=told.append)
    assert cached.covered == ((at("2025-01-01"), at("2025-02-01")),)
    assert told[:1] == [
        "the archive has no file for 1 of 2 months, 2024-12-01T00:00:00Z to "
        "2025-01-01T00:00:00Z: the exchange is asked"
    ]


def test_swaps_have_a_folder_of_their_own_and_a_header(archive: Archive, tmp_path: Path) -> None:
    name = "/data/futures/um/monthly/klines/BTCUSDT/15m/BTCUSDT-15m-2025-01"
    january = rows(at("2025-01-01"), at("2025-02-01"))
    archive.write(name, january, 1, header=True)
    cached = fetch(archive, tmp_path, symbol="BTC/USDT:USDT")
    assert cached.columns.time.tolist() == [row[0] for row in january]


def test_trouble_that_passes_is_waited_out(archive: Archive, tmp_path: Path) -> None:
    archive.failures = 3
    assert len(fetch(archive, tmp_path).columns.time) > 5000


def test_an_archive_that_is_down_is_one_clear_line(archive: Archive, tmp_path: Path) -> None:
    archive.failures = 1000
    with pytest.raises(UnreachableError, match=r"cannot be had \(HTTP 503\); leave --archive out"):
        fetch(archive, tmp_path)


def test_another_exchange_has_no_archive(archive: Archive, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="kraken has no public archive"):
        fetch(archive, tmp_path, exchange_id="kraken")


OUTAGE = (at("2025-01-12T03:00"), at("2025-01-12T09:30"))
"""In which nobody traded: neither the archive nor the exchange has a candle."""


def truth() -> list[Row]:
    """What the exchange's record holds."""
    chance, price, found = random.Random(3), 30_000.0, []
    for time in range(START, END + DAY_MS, QUARTER):
        open_, price = price, round(price + chance.uniform(-30, 30), 2)
        if not OUTAGE[0] <= time < OUTAGE[1]:
            ends = max(open_, price) + 7, min(open_, price) - 7
            volume = round(chance.uniform(0.1, 9), 5)
            found.append((time, open_, round(ends[0], 2), round(ends[1], 2), price, volume))
    return found


def test_archive_and_exchange_together_bring_the_truth_however_often_they_break_off(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Months and days of the archive (one of which lacks ten candles), the rest of the exchange;
    each attempt but the last ends at a random request of either, or by Ctrl-C."""
    monkeypatch.setattr("stoptrail.exchange.client.time.sleep", lambda _: None)
    seed = random.SystemRandom().randrange(10**6)
    chance, known = random.Random(seed), truth()
    print(f"seed {seed}")  # shown where the test fails

    def put(name: str, first: int, last: int, lacks: int = -1) -> None:
        inside = [list(row) for row in known if first <= row[0] < last]
        inside = [row for row in inside if not lacks <= row[0] < lacks + 10 * QUARTER]
        archive.write(name, inside, 1000 if first >= at("2025-01-01") else 1, header=False)

    put(f"{SPOT}-2024-12", at("2024-12-01"), at("2025-01-01"), lacks=at("2024-12-09"))
    put(f"{SPOT}-2025-01", at("2025-01-01"), at("2025-02-01"))
    for day in range(1, 8):
        first = at(f"2025-02-0{day}")
        put(f"{DAILY}-2025-02-0{day}", first, first + DAY_MS)

    def bring(server: StandIn) -> None:
        of = ("binance", server.ccxt_options(), "BTC/USDT", "15m", START, END, tmp_path)
        download(*of, archive=archive.host, warm_up=False)

    exchange = Binance(known, END + DAY_MS)
    with StandIn(exchange) as server:
        for _ in range(3):
            archive.asked.clear()
            server.breaks = -1
            if chance.random() < 0.5:
                archive.most = chance.randrange(30)
            else:
                server.breaks = exchange.asked + chance.randrange(1, 8)
            with contextlib.suppress(ExchangeError, KeyboardInterrupt):
                bring(server)
        archive.most, server.breaks = None, -1
        bring(server)
        asked = exchange.asked
        bring(server)
    cached = read_cache(cache_path(tmp_path, "binance", "BTC/USDT", "15m"), QUARTER)
    rows_ = list(zip(*(column.tolist() for column in cached.columns), strict=True))
    assert rows_ == [row for row in known if row[0] < END]
    assert cached.covered == ((START, END),)
    assert cached.unserved == ()
    assert exchange.asked == asked < 60
