"""Binance's public archive of candles: a zipped file for each month and day, with its checksum.

Paths as Binance documents them (github.com/binance/binance-public-data):
data/spot/monthly/klines/BTCUSDT/15m/BTCUSDT-15m-2021-01.zip and, beside it, .zip.CHECKSUM
with the SHA-256; days lie under daily, swaps under data/futures/um.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stoptrail.core.errors import ConfigError, DataError, ExchangeError
from stoptrail.core.program import Progress
from stoptrail.core.retry import Patience, retry_after, wait_after
from stoptrail.core.text import number_of, public_url
from stoptrail.core.time import DAY_MS, Spans, iso, timeframe_name, uncovered, within
from stoptrail.exchange.errors import UnreachableError
from stoptrail.feeds.downloads.cache import Cached, cache_path, read_cache, with_rows, write_cache
from stoptrail.feeds.downloads.download import Notice
from stoptrail.feeds.files import load_candles
from stoptrail.feeds.tables.columns import Columns, columns_of

_AT_ONCE = 4
_MOST_DAYS = 62
_TIMEOUT = 30.0
"""Seconds for an answer."""


def download_archive(
    host: str,
    exchange_id: str,
    symbol: str,
    interval: int,
    start: int,
    end: int,
    folder: Path,
    on_progress: Progress | None = None,
    on_notice: Notice | None = None,
) -> Cached:
    """Bring what the archive has of [start, end), times in milliseconds, into the cache: whole
    months, and the days after the last of them.

    What is there is not asked for again; each file is kept as soon as it has come. A hole
    within one stays uncovered, so that a download asks the exchange about it. Raises
    ConfigError, OutputError, UnreachableError, or ExchangeError for a checksum that is
    wrong twice.
    """
    if exchange_id not in ("binance", "binanceusdm"):
        raise ConfigError(
            f"--archive: {exchange_id} has no public archive that is known; leave it out, "
            "or set data.exchange to binance"
        )
    timeframe = timeframe_name(interval)
    cached = read_cache(cache_path(folder, exchange_id, symbol, timeframe), interval)
    of = _Market(host.rstrip("/"), symbol, interval)
    notice = on_notice or (lambda _: None)
    for period, spans in (("month", months), ("day", days)):
        first = start if period == "month" else _last_days(cached, start, end)
        wanted = [span for span in spans(first, end) if _lacks(cached, span)]
        total, done, absent = sum(b - a for a, b in wanted) // interval, 0, []
        with closing(_fetched(of, period, wanted)) as fetched:
            for span, columns in fetched:
                if columns is None:
                    absent.append(span)
                else:
                    cached = with_rows(cached, [columns], within(runs(columns, interval), *span))
                    write_cache(cached)
                done += (span[1] - span[0]) // interval
                if on_progress:
                    on_progress(done, total)
        if absent:
            notice(
                f"the archive has no file for {len(absent)} of {number_of(len(wanted), period)}, "
                f"{iso(absent[0][0])} to {iso(absent[-1][1])}: the exchange is asked"
            )
    return cached


class _Market(NamedTuple):
    """Whose files are asked for."""

    host: str
    symbol: str
    interval: int


def _fetched(
    of: _Market, period: str, wanted: Sequence[tuple[int, int]]
) -> Generator[tuple[tuple[int, int], Columns | None]]:
    """Each span with the candles of its file, in order; None where there is no file."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        try:
            found = pool.map(partial(_file, of, period), wanted)
            yield from zip(wanted, found, strict=True)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def months(start: int, end: int) -> Spans:
    """The calendar months (UTC) that lie whole in [start, end)."""
    at = datetime.fromtimestamp(start / 1000, UTC)
    year, month = at.year, at.month
    found: list[tuple[int, int]] = []
    first = _first(year, month)
    while first < end:
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        following = _first(year, month)
        if first >= start and following <= end:
            found.append((first, following))
        first = following
    return tuple(found)


def days(start: int, end: int) -> Spans:
    """The days (UTC) that lie whole in [start, end)."""
    first = start + -start % DAY_MS
    return tuple((day, day + DAY_MS) for day in range(first, end - DAY_MS + 1, DAY_MS))


def _last_days(cached: Cached, start: int, end: int) -> int:
    """From when days are asked for singly: after the last month that came, whose successor
    may not be there yet, yet not for more than two of them."""
    last = max((b for _, b in within(cached.covered, start, end)), default=start)
    return max(start, last - last % DAY_MS, end - _MOST_DAYS * DAY_MS)


def runs(columns: Columns, interval: int) -> Iterator[tuple[int, int]]:
    """Spans of candles without a hole between them."""
    if len(columns.time):
        for run in np.split(columns.time, np.flatnonzero(np.diff(columns.time) != interval) + 1):
            yield int(run[0]), int(run[-1]) + interval


def _first(year: int, month: int) -> int:
    return int(datetime(year, month, 1, tzinfo=UTC).timestamp() * 1000)


def _lacks(cached: Cached, span: tuple[int, int]) -> bool:
    """Whether so much of a month is missing that its file is worth a request."""
    missing = sum(b - a for a, b in uncovered(cached.covered, *span))
    return missing > (span[1] - span[0]) // 4


def _file(of: _Market, period: str, span: tuple[int, int]) -> Columns | None:
    """The candles of one month's or day's file; None where the archive has none."""
    pair, timeframe = of.symbol.partition(":")[0].replace("/", ""), timeframe_name(of.interval)
    market = "futures/um" if ":" in of.symbol else "spot"
    folder, stamp = ("monthly", "%Y-%m") if period == "month" else ("daily", "%Y-%m-%d")
    date = datetime.fromtimestamp(span[0] / 1000, UTC).strftime(stamp)
    name = f"{pair}-{timeframe}-{date}.zip"
    url = f"{of.host}/data/{market}/{folder}/klines/{pair}/{timeframe}/{name}"
    for _ in range(2):
        content = _read(url)
        checksum = None if content is None else _read(f"{url}.CHECKSUM")
        if content is None or checksum is None:
            return None
        expected = checksum.split()[0].decode("ascii", "replace") if checksum.split() else ""
        if hashlib.sha256(content).hexdigest() == expected:
            return _candles(name, content, of.interval)
    raise ExchangeError(f"{url}: the checksum is wrong, twice: leave --archive out")


def _candles(name: str, content: bytes, interval: int) -> Columns:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        try:
            return columns_of(load_candles(path, interval, sparse=True))
        except DataError as error:
            text = str(error).removeprefix(f"{path}: ")
            raise ExchangeError(f"the archive's {name} cannot be read: {text}") from None


def _read(url: str) -> bytes | None:
    """The body at `url`; None for HTTP 404. Repeated after trouble that passes."""
    import requests

    from stoptrail.exchange.whole_answers import WholeAnswers

    patience, failures = Patience(attempts=4), 0
    while True:
        named, reason = None, ""
        try:
            with WholeAnswers() as session:
                answer = session.get(url, timeout=_TIMEOUT)
            if answer.status_code == 404:
                return None
            if answer.status_code == 200:
                return answer.content
            reason, named = f"HTTP {answer.status_code}", retry_after(answer.headers)
        except requests.RequestException as error:
            reason = type(error).__name__
        failures += 1
        pause = wait_after(failures, patience, named)
        if pause is None:
            place, name = public_url(url, path=False), url.rpartition("/")[2]
            raise UnreachableError(f"{place}, {name} cannot be had ({reason}); leave --archive out")
        time.sleep(pause)
