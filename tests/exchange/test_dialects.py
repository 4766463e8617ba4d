"""Downloads and warm-ups through the real ccxt client from exchanges of every dialect:
whatever is missing afterwards was named."""

from __future__ import annotations

import contextlib
import itertools
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ccxt
import pytest

from stoptrail.core.errors import ExchangeError
from stoptrail.core.time import DAY_MS, iso
from stoptrail.exchange.client import open_exchange
from stoptrail.exchange.history import History
from stoptrail.exchange.needed import only_the_kind_needed
from stoptrail.feeds.downloads.cache import Cached
from stoptrail.feeds.downloads.download import download_candles
from stoptrail.live.market.store import CCXTStore
from tests.exchange.dialects import DIALECTS as FIRST
from tests.exchange.dialects import QUARTER, Binance, Bitstamp, Dialect, Query, Row
from tests.exchange.further_dialects import FURTHER
from tests.exchange.latest_dialects import LATEST
from tests.exchange.more_dialects import MORE
from tests.exchange.newer_dialects import NEWER
from tests.exchange.other_dialects import OTHERS
from tests.exchange.plain_dialects import PLAIN
from tests.exchange.stamped_dialects import STAMPED
from tests.exchange.standin import StandIn
from tests.exchange.swap_dialects import SWAPS
from tests.exchange.window_dialects import WINDOWS

DIALECTS = FIRST | OTHERS | MORE | NEWER | LATEST | STAMPED | SWAPS | WINDOWS | PLAIN | FURTHER
BEGIN = 1_790_000_000_000 // QUARTER * QUARTER
COUNT = 900
WEEK = 7 * 48
KEPT = 400
"""Candles that an exchange keeps here which keeps few."""


def market(seed: int) -> list[Row]:
    """Candles with a hole here and there and an outage of three days, from BEGIN on."""
    chance = random.Random(seed)
    price, rows = 30_000.0, []
    outage = chance.randrange(COUNT // 2)
    for k in range(COUNT + WEEK):
        open_, price = price, round(price + chance.uniform(-20, 20), 1)
        high, low = max(open_, price) + 5, min(open_, price) - 5
        if not outage <= k < outage + 300 and chance.random() > 0.02:
            volume = round(chance.uniform(1, 9), 4)
            rows.append((BEGIN + k * QUARTER, open_, high, low, price, volume))
    return rows


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[Dialect], None]:
    """Let ccxt live at the exchange's time."""
    monkeypatch.setattr("stoptrail.exchange.client.time.sleep", lambda _: None)

    def follow(dialect: Dialect) -> None:
        for name, unit in (("milliseconds", 1.0), ("seconds", 1000.0), ("microseconds", 0.001)):
            now = staticmethod(lambda unit=unit: int(dialect.now / unit))
            monkeypatch.setattr(ccxt.Exchange, name, now)

    return follow


def opened(name: str, seed: int = 1) -> Dialect:
    dialect = DIALECTS[name](market(seed), BEGIN + COUNT * QUARTER + 60_000)
    dialect.kept, dialect.most = min(dialect.kept, KEPT), min(dialect.most, KEPT)
    return dialect


def closed(dialect: Dialect) -> list[Row]:
    """The truth: what has closed by the exchange's time."""
    return [row for row in dialect.rows if row[0] + QUARTER <= dialect.now]


def download(
    server: StandIn, folder: Path, told: list[str], early: int = 40, **more: Any
) -> Cached:
    dialect = server.dialect
    return download_candles(
        dialect.id,
        server.ccxt_options(),
        dialect.symbol,
        QUARTER,
        BEGIN - early * QUARTER,
        BEGIN + 10 * COUNT * QUARTER,
        folder,
        on_notice=told.append,
        **more,
    )


def interrupted(server: StandIn, folder: Path, told: list[str], chance: random.Random) -> None:
    """A download that ends at a random moment, if it has not ended before: refused by the
    exchange, or by Ctrl-C."""
    dialect, most = server.dialect, 30
    if chance.random() < 0.5:
        server.breaks = dialect.asked + chance.randrange(1, most)
        with contextlib.suppress(ExchangeError):
            download(server, folder, told)
        server.breaks = -1
        return
    left = chance.randrange(most)

    def stop(_done: int, _total: int) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt

    with contextlib.suppress(KeyboardInterrupt):
        download(server, folder, told, on_progress=stop)


def lost(cached: Cached, truth: list[Row]) -> set[int]:
    return {row[0] for row in truth} - set(cached.columns.time.tolist())


@pytest.mark.parametrize("name", DIALECTS)
def test_broken_off_repeated_and_a_week_later_nothing_is_missing_unnamed(
    name: str, tmp_path: Path, clock: Callable[[Dialect], None]
) -> None:
    seed = random.SystemRandom().randrange(10**6)
    chance = random.Random(seed)
    print(f"seed {seed}")  # shown where the test fails
    dialect = opened(name, chance.randrange(100))
    clock(dialect)
    told: list[str] = []
    with StandIn(dialect) as server:
        for _ in range(2):
            interrupted(server, tmp_path, told, chance)
        cached = download(server, tmp_path, told)
        once = lost(cached, closed(dialect))
        dialect.now += WEEK * QUARTER
        cached = download(server, tmp_path, told)
    truth = closed(dialect)
    missing = lost(cached, truth)
    rows = list(zip(*(column.tolist() for column in cached.columns), strict=True))
    assert set(rows) <= set(truth)  # nothing unfinished, nothing invented
    named = [(a, b) for a, b, _ in cached.unserved]
    unnamed = [at for at in missing if not any(a <= at < b for a, b in named)]
    # the newest may be under way where no clock says that it is not
    assert [at for at in unnamed if at != truth[-1][0]] == []
    assert len([line for line in told if "gave nothing from" in line]) >= 1
    if not dialect.kept:
        assert missing <= {truth[-1][0]}
    else:
        assert len(once) <= len(truth) - KEPT * 9 // 10 + WEEK


@pytest.mark.parametrize("name", DIALECTS)
def test_a_naive_downloader_of_twenty_lines_fails(
    name: str, clock: Callable[[Dialect], None]
) -> None:
    dialect = opened(name)
    clock(dialect)
    with StandIn(dialect) as server:
        exchange = open_exchange(name, server.ccxt_options())
        only_the_kind_needed(exchange, dialect.symbol)
        rows: list[list[float]] = []
        since = BEGIN - 40 * QUARTER
        while True:
            try:
                page = exchange.fetch_ohlcv(dialect.symbol, "15m", since, 1000)
            except ccxt.BaseError:
                break
            if not page:
                break
            rows += page
            since = page[-1][0] + QUARTER
    assert [tuple(row) for row in rows] != closed(dialect)


@pytest.mark.parametrize("name", DIALECTS)
def test_a_session_s_warm_up_is_as_complete(name: str, clock: Callable[[Dialect], None]) -> None:
    dialect = opened(name, seed=2)
    clock(dialect)
    with StandIn(dialect) as server, CCXTStore(name, "", server.ccxt_options(), 1) as store:
        store._local_time = lambda: dialect.now
        found = store.fetch_candles(dialect.symbol, QUARTER, BEGIN)
        named = store.unserved
    truth = closed(dialect)
    assert set(found) <= set(truth)
    missing = {row[0] for row in truth} - {row[0] for row in found}
    unnamed = {at for at in missing if not any(a <= at < b for a, b in named)}
    assert unnamed <= {truth[-1][0]}
    assert bool(missing - unnamed) == bool(dialect.kept)


def test_days_that_open_at_16_are_named_and_built_from_smaller_candles(
    tmp_path: Path, clock: Callable[[Dialect], None]
) -> None:
    dialect = opened("htx")
    clock(dialect)
    first, day = BEGIN - BEGIN % DAY_MS + DAY_MS, DAY_MS
    told: list[str] = []
    with StandIn(dialect) as server:
        cached = download_candles(
            "htx",
            server.ccxt_options(),
            "BTC/USDT",
            DAY_MS,
            first,
            dialect.now,
            tmp_path,
            on_notice=told.append,
        )
    expected: dict[int, list[Row]] = {}
    for row in dialect.rows:
        if first <= row[0] and row[0] - row[0] % day + day <= dialect.now:
            expected.setdefault(row[0] - row[0] % day, []).append(row)
    assert cached.columns.time.tolist() == list(expected)
    assert cached.columns.open.tolist() == [rows[0][1] for rows in expected.values()]
    assert cached.columns.high.tolist() == [
        max(row[2] for row in rows) for rows in expected.values()
    ]
    assert cached.columns.low.tolist() == [
        min(row[3] for row in rows) for rows in expected.values()
    ]
    assert cached.columns.close.tolist() == [rows[-1][4] for rows in expected.values()]
    volumes = [sum(row[5] for row in rows) for rows in expected.values()]
    assert cached.columns.volume.tolist() == pytest.approx(volumes)
    assert told[0] == (
        "htx: its 1d candles open at 16:00 UTC, not at 00:00; they are built from its 4h candles"
    )


@pytest.mark.parametrize("name", ["upbit", "bitstamp", "cryptocom"])
def test_without_a_clock_the_newest_candle_is_left_out_but_not_the_last_of_a_span_long_past(
    name: str, tmp_path: Path, clock: Callable[[Dialect], None]
) -> None:
    dialect = opened(name)
    last = dialect.rows[-WEEK - 5][0]
    clock(dialect)
    with StandIn(dialect) as server:
        cached = download_candles(
            name,
            server.ccxt_options(),
            dialect.symbol,
            QUARTER,
            last - 50 * QUARTER,
            last + QUARTER,
            tmp_path,
        )
        assert cached.columns.time[-1] == last
        assert cached.covered[-1][1] == last + QUARTER
        dialect.now += 9 * 60_000  # this machine's clock is fast, the exchange's is not
        begun, dialect.begun = dialect.begun, lambda: begun()[:-1]  # type: ignore[method-assign]
        cached = download(server, tmp_path, [])
    assert cached.columns.time[-1] < begun()[-2][0]


def test_mark_candles_that_are_counted_back_from_an_end_are_whole(
    tmp_path: Path, clock: Callable[[Dialect], None]
) -> None:
    dialect, told = opened("toobit"), list[str]()
    clock(dialect)
    with StandIn(dialect) as server:
        interrupted(server, tmp_path, told, random.Random(1))
        cached = download(server, tmp_path, told, mark=True)
    rows = list(zip(*(column.tolist() for column in cached.columns), strict=True))
    assert rows == [(*row[:5], 0.0) for row in closed(dialect)]


Change = Callable[[list[list[Any]], random.Random], list[list[Any]]]


class Odd(Binance):
    """Binance whose pages are changed."""

    change: Change
    chance = random.Random(1)

    def candles(self, query: Query) -> Any:
        return type(self).change(super().candles(query), self.chance)


def odd(change: Change) -> Odd:
    kind = type("Changed", (Odd,), {"change": staticmethod(change)})
    made: Odd = kind(market(3), BEGIN + COUNT * QUARTER + 60_000)
    return made


def shuffled(rows: list[list[Any]], chance: random.Random) -> list[list[Any]]:
    return chance.sample(rows, len(rows))


def doubled(rows: list[list[Any]], _: random.Random) -> list[list[Any]]:
    return [row for row in reversed(rows) for _ in range(2)]


def worded(rows: list[list[Any]], _: random.Random) -> list[list[Any]]:
    return [[str(cell) for cell in row] for row in rows]


def quiet(rows: list[list[Any]], _: random.Random) -> list[list[Any]]:
    """Every second candle without trades has a row of nothing, each third one of zeros."""
    out = []
    for before, row in itertools.pairwise(rows):
        out.append(before)
        for time in range(before[0] + QUARTER, row[0], QUARTER):
            if time // QUARTER % 2:
                out.append([time, *[None] * 5, time, None, 0, None, None, "0"])
            elif time // QUARTER % 3:
                out.append([time, *["0"] * 5, time, "0", 0, "0", "0", "0"])
    return [*out, *rows[-1:]]


@pytest.mark.parametrize("change", [shuffled, doubled, worded, quiet])
def test_pages_in_any_order_twice_as_words_or_with_rows_of_nothing_bring_the_truth(
    change: Change, tmp_path: Path, clock: Callable[[Dialect], None]
) -> None:
    dialect, told = odd(change), list[str]()
    clock(dialect)
    with StandIn(dialect) as server:
        download(server, tmp_path, told)
        dialect.now += WEEK * QUARTER
        cached = download(server, tmp_path, told)
    rows = list(zip(*(column.tolist() for column in cached.columns), strict=True))
    assert rows == closed(dialect)
    assert len([line for line in told if "impossible" in line]) == 0
    assert len(told) < 8


def test_a_candle_that_makes_no_sense_once_is_asked_for_again(
    tmp_path: Path, clock: Callable[[Dialect], None]
) -> None:
    wrong = {BEGIN + k * QUARTER for k in range(0, COUNT, 90)}

    def spoilt(rows: list[list[Any]], _: random.Random) -> list[list[Any]]:
        return [[row[0], row[1], "-1", *row[3:]] if row[0] in wrong else row for row in rows]

    dialect, told = odd(spoilt), list[str]()
    clock(dialect)
    with StandIn(dialect) as server:
        cached = download(server, tmp_path, told)
        times = {row[0] for row in dialect.rows} & wrong
        assert lost(cached, closed(dialect)) == times
        assert all(any(a <= at < b for a, b, _ in cached.unserved) for at in times)
        assert len([line for line in told if "impossible" in line]) in (len(times), 6)
        wrong.clear()
        cached = download(server, tmp_path, told)
    assert not lost(cached, closed(dialect))


def test_candles_that_open_anywhere_are_left_out_and_said(
    tmp_path: Path, clock: Callable[[Dialect], None]
) -> None:
    def anywhere(rows: list[list[Any]], chance: random.Random) -> list[list[Any]]:
        return [[row[0] + chance.randrange(1, QUARTER), *row[1:]] for row in rows]

    dialect, told = odd(anywhere), list[str]()
    clock(dialect)
    with StandIn(dialect) as server:
        cached = download(server, tmp_path, told)
    assert len(cached.columns.time) == 0
    assert told[0].startswith("left out an off-grid candle: [1")
    assert any("gave nothing from" in line for line in told)


def spread(factor: float) -> Change:
    """Rows so many times as far apart."""
    return lambda rows, _: [
        [BEGIN + int((row[0] - BEGIN) * factor), *row[1:]] for row in rows if row[0] >= BEGIN
    ]


def later(rows: list[list[Any]], _: random.Random) -> list[list[Any]]:
    return [[row[0] + QUARTER, *row[1:]] for row in rows]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (spread(1 / 3), "answers with candles of 5m where 15m are asked for"),
        (spread(1 / 15), "answers with candles of 1m where 15m are asked for"),
        (later, "its times are closes, or its clock is wrong"),
    ],
)
def test_candles_of_another_length_or_stamped_at_their_close_are_refused(
    change: Change, word: str, tmp_path: Path, clock: Callable[[Dialect], None]
) -> None:
    dialect = odd(change)
    clock(dialect)
    with StandIn(dialect) as server, pytest.raises(ExchangeError, match=word):
        download(server, tmp_path, [])


@pytest.mark.parametrize("copies_last", [True, False])
def test_of_two_candles_of_one_time_the_unfinished_one_is_not_kept(
    copies_last: bool, tmp_path: Path, clock: Callable[[Dialect], None]
) -> None:
    def twice(rows: list[list[Any]], _: random.Random) -> list[list[Any]]:
        halves = [[*row[:5], str(float(row[5]) / 2), *row[6:]] for row in rows]
        return rows + halves if copies_last else halves + rows

    dialect = odd(twice)
    clock(dialect)
    with StandIn(dialect) as server:
        cached = download(server, tmp_path, [])
    rows = list(zip(*(column.tolist() for column in cached.columns), strict=True))
    assert rows == closed(dialect)


class Partial(Binance):
    """The last candle of each answer is a part of it, as where pages of trades are put together."""

    def candles(self, query: Query) -> Any:
        rows = super().candles(query)
        if rows:
            open_, volume = float(rows[-1][1]), float(rows[-1][5])
            prices = [str(price) for price in (open_, open_ + 1, open_ - 1, open_, volume / 3)]
            rows[-1] = [rows[-1][0], *prices, *rows[-1][6:]]
        return rows


def test_of_a_candle_in_two_answers_the_whole_one_is_kept(
    tmp_path: Path, clock: Callable[[Dialect], None]
) -> None:
    """A page ends with a part of a candle, the next one begins with it; the last candle of a
    download was late, the next download has it."""
    dialect, told = Partial(market(6), BEGIN + COUNT * QUARTER + 60_000), list[str]()
    dialect.rows = [row for row in dialect.rows if row[0] != BEGIN + COUNT * QUARTER]
    clock(dialect)
    with StandIn(dialect) as server:
        download(server, tmp_path, told)
        later = told.copy()
        dialect.now += WEEK * QUARTER
        cached = download(server, tmp_path, later)
        with CCXTStore("binance", "", server.ccxt_options(), 1) as store:
            store._local_time = lambda: dialect.now
            found = store.fetch_candles(dialect.symbol, QUARTER, BEGIN)
    rows = list(zip(*(column.tolist() for column in cached.columns), strict=True))
    truth = closed(dialect)
    assert rows[:-1] == truth[:-1]
    assert found[:-1] == truth[: len(found) - 1]
    (said,) = [line for line in told if "different values" in line]
    assert re.match(r"binance gave \d candles? with different values, .*: the copy with", said)
    assert len([line for line in later if "different values" in line]) == 2


class Late(Bitstamp):
    """Without a clock; its times are closes."""

    def candles(self, query: Query) -> Any:
        answer = super().candles(query)
        for row in answer["data"]["ohlc"]:
            row["timestamp"] = str(int(row["timestamp"]) + 900)
        return answer


def test_closes_of_an_exchange_without_a_clock_are_said_by_this_machine_s(
    tmp_path: Path, clock: Callable[[Dialect], None]
) -> None:
    dialect, told = Late(market(4), BEGIN + COUNT * QUARTER + 60_000), list[str]()
    clock(dialect)
    with StandIn(dialect) as server:
        download(server, tmp_path, told)
    (said,) = [line for line in told if "later than this machine's clock says" in line]
    assert "its times are closes, or the clock is slow" in said


def test_candles_longer_than_were_asked_for_are_said(
    tmp_path: Path, clock: Callable[[Dialect], None]
) -> None:
    dialect, told = odd(lambda rows, _: [row for row in rows if not row[0] % (4 * QUARTER)]), []
    dialect.rows = [(BEGIN + k * QUARTER, 9.0, 10.0, 8.0, 9.0, 1.0) for k in range(COUNT)]
    clock(dialect)
    with StandIn(dialect) as server:
        download(server, tmp_path, told)
    assert any("answers with candles every 1h where 15m are asked for" in line for line in told)


class Short(Bitstamp):
    """Without a clock, and the first rows of a window are cut far below what is asked for."""

    def candles(self, query: Query) -> Any:
        answer = super().candles(query)
        answer["data"]["ohlc"] = answer["data"]["ohlc"][:120]
        return answer


class Closing(Bitstamp):
    """Without a clock; a candle under way has half its volume, and closes while it is read."""

    def begun(self) -> list[Row]:
        return [
            row if self.closed(row) else (*row[:5], row[5] / 2)  # type: ignore[misc]
            for row in super().begun()
        ]

    def candles(self, query: Query) -> Any:
        answer = super().candles(query)
        if any(int(row["timestamp"]) * 1000 + QUARTER > self.now for row in answer["data"]["ohlc"]):
            self.now += 2 * 60_000
        return answer


@pytest.mark.parametrize("ahead", [0, 20, 47])
def test_a_candle_that_closes_while_it_is_read_is_not_half_of_it(
    ahead: int, clock: Callable[[Dialect], None]
) -> None:
    """Where the exchange has no clock and this machine's is `ahead` minutes of it."""
    dialect = Closing(market(3), BEGIN + COUNT * QUARTER - 60_000)
    clock(dialect)
    with StandIn(dialect) as server, CCXTStore("bitstamp", "", server.ccxt_options(), 1) as store:
        store._local_time = lambda: dialect.now + ahead * 60_000
        found = store.fetch_candles(dialect.symbol, QUARTER, BEGIN + 600 * QUARTER)
    assert dialect.now > BEGIN + COUNT * QUARTER
    assert found
    assert set(found) <= set(closed(dialect))


@pytest.mark.parametrize("silent", [0, 60])
def test_without_a_clock_and_with_short_answers_the_end_is_reached_or_named(
    silent: int, tmp_path: Path, clock: Callable[[Dialect], None]
) -> None:
    dialect = Short(market(5), BEGIN + COUNT * QUARTER + 60_000)
    dialect.rows = [row for row in dialect.rows if row[0] < dialect.now - silent * QUARTER]
    clock(dialect)
    told: list[str] = []
    with StandIn(dialect) as server:
        cached = download(server, tmp_path, told)
    truth = closed(dialect)
    assert lost(cached, truth) <= {truth[-1][0]}
    named = any(a <= dialect.now - 3 * QUARTER < b for a, b, _ in cached.unserved)
    assert named == bool(silent)


def opened_on(dialect: Dialect, server: StandIn) -> CCXTStore:
    store = CCXTStore(dialect.id, "", server.ccxt_options(), 1)
    store._local_time = lambda: dialect.now  # type: ignore[method-assign]
    return store


def cut(rows: list[list[Any]], _: random.Random) -> list[list[Any]]:
    """The last candle of a page is a part of itself."""
    return [*rows[:-1], [*rows[-1][:5], str(float(rows[-1][5]) / 2), *rows[-1][6:]]]


def test_a_warm_up_says_which_copy_of_a_candle_it_took(
    clock: Callable[[Dialect], None],
) -> None:
    dialect = odd(cut)
    clock(dialect)
    with StandIn(dialect) as server, opened_on(dialect, server) as store:
        store._reading(dialect.symbol, "15m")
        store._reader.most = 50  # type: ignore[union-attr]
        said: list[str] = []
        store.warning_log.heard = lambda notice: said.append(notice.text)
        found = store.fetch_candles(dialect.symbol, QUARTER, BEGIN)
    assert found == closed(dialect)
    assert len(said) == 1
    assert "with different values, the first at" in said[0]
    assert "the copy with more volume is kept" in said[0]


def test_a_candle_that_closed_while_a_warm_up_was_read_is_mended_and_said(
    clock: Callable[[Dialect], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the last of the first answer, and a part then."""
    answers = 0

    def once(rows: list[list[Any]], chance: random.Random) -> list[list[Any]]:
        nonlocal answers
        answers += 1
        return [*cut(rows[:-1], chance), rows[-1]] if answers == 1 else rows

    dialect = odd(once)
    dialect.rows = [(BEGIN + k * QUARTER, 100.0, 110.0, 90.0, 105.0, 5.0) for k in range(2 * COUNT)]
    clock(dialect)
    last, said = closed(dialect)[-1], list[str]()
    monkeypatch.setattr(History, "unsure", lambda _: [last[0]])
    with StandIn(dialect) as server, opened_on(dialect, server) as store:
        store._reading(dialect.symbol, "15m")
        store.warning_log.heard = lambda notice: said.append(notice.text)
        assert store.fetch_candles(dialect.symbol, QUARTER, BEGIN) == closed(dialect)
    assert said == [
        f"binance gave 1 candle with different values, at {iso(last[0])}: "
        "the copy with more volume is kept, the later one of equal ones"
    ]
