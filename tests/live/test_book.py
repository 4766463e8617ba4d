"""A book on paper, on candles, equals its backtest on the candles that it has stored (C14, C22)."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from stoptrail.core.errors import ConfigError
from stoptrail.exchange.rows import Row
from stoptrail.live.book_session import BookSession
from stoptrail.live.ledger.database import Ledger, open_existing
from stoptrail.live.ledger.records import rows, with_sleeves
from stoptrail.live.ledger.spoken import Commands
from stoptrail.live.ledger.tables import Decisions, PaperOrders, StoredCandles, Ticks
from stoptrail.live.market.ccxtbt_store import make_store
from stoptrail.live.market.shared import SharedStore
from stoptrail.live.session import Options
from stoptrail.live.watch.messages import Message
from tests.exchange.player import Pace
from tests.live.book_exchange import SeveralMarkets
from tests.live.book_market import (
    Events,
    PlaybackBook,
    book_settings,
    four_sleeves,
    in_process,
    play_book,
    replayed,
    run_book_victim,
    three_markets,
    together,
    told_and_tested,
    whole_ledger,
)
from tests.live.books import columns_of
from tests.live.playback import FILTERS, PlaybackStore
from tests.live.scenario import PATIENT
from tests.live.small_market import HOUR, WARM_UP
from tests.live.victim import Fate

KILLED = -signal.SIGKILL
Ledgers = dict[tuple[int, str], list[dict[str, Any]]]
PROTECTED = {"protections": {"daily_loss": 0.01, "drawdown": 0.06, "losses": 3, "candles": 9}}


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/ledger.db"


def live_at() -> int:
    return int(three_markets()["BTC/USDT"][WARM_UP][0])


@pytest.mark.parametrize(
    ("changes", "swaps"),
    [({}, ()), (PROTECTED, ()), ({}, ("ETH/USDT", "SOL/USDT"))],
    ids=["caps", "protections", "spot and swaps"],
)
def test_a_book_equals_its_backtest(
    changes: dict[str, dict[str, float]], swaps: tuple[str, ...], url: str
) -> None:
    whole = book_settings(**changes)
    store = PlaybackBook(three_markets(), live_at())
    play_book(whole, store, url, four_sleeves(whole, swaps))
    found = told_and_tested(url)
    assert sum(len(told) for told, _ in found) >= 100
    for told, tested in found:
        assert told == tested


def test_a_book_is_replayed_without_a_difference(url: str) -> None:
    play_book(book_settings(), PlaybackBook(short(), live_at()), url)
    compared = replayed(url)
    assert compared.trades >= 30
    assert compared.differences == []


def short() -> dict[str, list[Row]]:
    return three_markets(520)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Ledgers:
    url = f"sqlite:///{tmp_path_factory.mktemp('undisturbed')}/ledger.db"
    run_book_victim(url, short(), 0)
    return whole_ledger(url)


@pytest.mark.parametrize("kind", ["session", "candle entered", "candle left"])
def test_a_kill_at_each_kind_of_step_changes_nothing(
    kind: str, undisturbed: Ledgers, url: str
) -> None:
    skipped = 0 if kind == "session" else 5
    for moment in ("before", "within", "after"):
        assert in_process(url, short(), 0, Fate(skipped + 1, moment, kind)) == KILLED
        skipped = 0
    assert in_process(url, short(), 3) == 0  # missed steps leave no trace either
    assert whole_ledger(url) == undisturbed
    assert replayed(url).differences == []


def test_kills_at_random_moments_change_nothing(undisturbed: Ledgers, url: str) -> None:
    chance = random.Random(7)
    for _ in range(6):
        assert in_process(url, short(), 0, Fate(chance.randrange(1, 60))) == KILLED
    assert in_process(url, short(), 0) == 0
    assert whole_ledger(url) == undisturbed


@pytest.mark.parametrize("catch_up", ["stops_only", "full"])
def test_a_market_that_is_late_is_absent_from_its_step(
    catch_up: str, undisturbed: Ledgers, url: str
) -> None:
    """Stored so, and replayed so. Late are the candles whose signals led to trades."""
    markets = short()
    ends = markets["SOL/USDT"][-1][0]  # nobody is waited for in a recording
    signals = [row for row in undisturbed[3, "Decisions"] if row["outcome"] == "filled"]
    late = {row["time"] for row in signals if row["time"] < ends}
    assert len(late) >= 4

    def order(coming: Mapping[str, list[Row]]) -> Events:
        held: list[Any] = []
        for entry in together(coming):
            if entry is None:
                yield None
                if held:
                    time.sleep(0.06)
                    yield None
                    yield from held
                    held.clear()
            elif entry[0] == "ETH/USDT" and entry[1].time in late:
                held.append(entry)
            else:
                yield entry

    whole = book_settings(live={"signal_seconds": 0.05, "catch_up": catch_up})
    store = PlaybackBook(markets, live_at(), order)
    # By the exchange's clock, as it is once the warm-ups are read, whatever is held up is too late.
    store.clock_offset = lambda: 2**42  # type: ignore[method-assign]
    session = play_book(whole, store, url)
    steps = steps_of(url)
    assert {time for symbol, time, step in steps if symbol == "ETH/USDT"} >= late
    own = {time: step for symbol, time, step in steps if symbol == "BTC/USDT"}
    lag = [step - own[at] for name, at, step in steps if at in late & {*own} and name[0] == "E"]
    assert {*lag} == {1}
    assert session.engine.steps == len({step for _, _, step in steps})
    compared = replayed(url)
    assert compared.trades >= 30
    assert compared.differences == []
    outcomes = [row["outcome"] for row in told_of(url, Decisions, "ETH/USDT")]
    assert (outcomes.count("stale") >= 4) == (catch_up == "stops_only")


@pytest.fixture
def said() -> list[tuple[str, str]]:
    """What the session of `heard` said: kind and text."""
    return []


@pytest.fixture
def heard(said: list[tuple[str, str]]) -> Options:
    class Listener:
        def happened(self, message: Message) -> None:
            said.append((message.kind, message.text))

        def turned(self, session: object) -> None:
            """Nothing to do."""

    return Options(watchers=(Listener(),))


def test_a_market_that_fails_for_good_stops_its_own_sleeves_alone(
    url: str, said: list[tuple[str, str]], heard: Options
) -> None:
    first = live_at() + 60 * HOUR
    store = PlaybackBook(short(), live_at(), failing={"ETH/USDT": (first, 2**62)})
    play_book(book_settings(), store, url, options=heard)
    (error,) = [text for kind, text in said if kind == "error"]
    assert error.startswith("ETH/USDT: binance does not list it any more; its sleeves stand still")
    newest = {symbol: time for symbol, time, _ in steps_of(url)}
    assert newest["ETH/USDT"] < first < newest["SOL/USDT"] < newest["BTC/USDT"]
    assert replayed(url).differences == []
    for told, tested in told_and_tested(url):
        assert told == tested


def test_a_market_that_has_failed_is_tried_again_and_goes_on(
    url: str,
    said: list[tuple[str, str]],
    heard: Options,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the candles of the time between, each in a step of its own; said once."""
    monkeypatch.setattr("stoptrail.live.book_markets.FIRST_PAUSE", 0.0)
    first, last = live_at() + 60 * HOUR, live_at() + 90 * HOUR
    store = PlaybackBook(short(), live_at(), failing={"ETH/USDT": (first, last)})
    play_book(book_settings(), store, url, options=heard)
    assert [kind for kind, _ in said].count("error") == 1
    assert ("connection", "ETH/USDT: back, and complete") in said
    steps = steps_of(url)
    kept = [time for symbol, time, _ in steps if symbol == "ETH/USDT"]
    wanted = [row[0] for row in short()["ETH/USDT"] if row[0] >= live_at()]
    assert kept == wanted
    own = {time: step for symbol, time, step in steps if symbol == "BTC/USDT"}
    caught = [step for symbol, at, step in steps if symbol[0] == "E" and first <= at < last]
    assert len(caught) >= 20
    assert min(caught) > max(own[at] for at in own if at < last)
    assert replayed(url).differences == []


def test_sleeves_and_the_book_are_paused_and_left_by_command(url: str) -> None:
    """1 is the book, 2 to 5 are its sleeves."""
    start = live_at()
    asks = [
        (start + 20 * HOUR, 3, "pause"),
        (start + 60 * HOUR, 1, "close"),
        (start + 70 * HOUR, 1, "pause"),
        (start + 100 * HOUR, 1, "resume"),
        (start + 150 * HOUR, 2, "close"),
    ]
    run_book_victim(url, short(), 0, asks=asks)
    paused = [row for row in told_of(url, Decisions, "ETH/USDT") if row["outcome"] == "paused"]
    assert {start + 20 * HOUR < row["time"] <= start + 101 * HOUR for row in paused} == {True}
    orders = [row for number in (2, 3, 4, 5) for row in told_of(url, PaperOrders, number)]
    assert {row["status"] for row in orders if row["kind"] == "exit"} == {"filled"}
    assert replayed(url).differences == []
    database = open_existing(url)
    results = [row["result"] for row in Commands.select().dicts().execute(database)]
    database.close()
    assert len(results) == len(asks)
    assert all(results)


def test_other_sleeves_or_settings_are_refused_in_a_line(url: str) -> None:
    markets = three_markets(300)
    play_book(book_settings(), PlaybackBook(markets, live_at()), url)
    other = book_settings(book={"max_open_risk": 0.5})
    with pytest.raises(ConfigError, match=r"book\.max_open_risk: .* a book keeps its settings"):
        play_book(other, PlaybackBook(markets, live_at()), url)
    whole = book_settings()
    with pytest.raises(ConfigError, match="has 4 sleeves"):
        play_book(whole, PlaybackBook(markets, live_at()), url, four_sleeves(whole)[:3])


def steps_of(url: str) -> list[tuple[str, int, int]]:
    """Market, time and step of every candle after the warm-ups, by market and time."""
    database = open_existing(url)
    try:
        return [
            (sleeve.symbol, row["time"], row["step"])
            for sleeve in with_sleeves(database)
            for row in rows(database, StoredCandles, sleeve.id)
            if row["step"] is not None
        ]
    finally:
        database.close()


def told_of(url: str, table: Any, whose: str | int) -> list[dict[str, Any]]:
    """Rows of the first sleeve of a market, or of the session of a number."""
    database = open_existing(url)
    try:
        found = with_sleeves(database)
        own = next(row for row in found if whose in (row.id, row.symbol))
        return rows(database, table, own.id)
    finally:
        database.close()


@pytest.mark.parametrize("ratchet", ["candle", "tick"])
def test_a_book_over_the_exchange_equals_its_backtest(ratchet: str, url: str) -> None:
    """Through ccxt and sockets that all markets share; stopped once in between. By ticks it is
    the replay that it equals."""
    first, last = live_at(), live_at() + 80 * HOUR
    every = three_markets().items()
    markets = {name: [row for row in market if row[0] <= last + 4 * HOUR] for name, market in every}
    columns = {name: columns_of(market, HOUR) for name, market in markets.items()}
    times = {row[0] for market in markets.values() for row in market}
    count = len([time for time in times if first <= time <= last])
    whole = book_settings(live={"signal_seconds": 30.0, "ratchet": ratchet})

    class Starter:
        def __init__(self, until: int) -> None:
            self.until = until

        def happened(self, message: Message) -> None:
            """Nothing to do."""

        def turned(self, session: Any) -> None:
            if not started:
                started.append(exchange.play())
            if session.engine.steps >= self.until:  # missed ones count too
                session.stop("enough")

    started: list[Any] = []
    with SeveralMarkets(columns, first, Pace(speed=3600 / 0.02)) as exchange:

        def connect() -> SharedStore:
            made = make_store(
                "native", "binance", "USDT", exchange.ccxt_options(), 3, timing=PATIENT
            )
            return SharedStore(made)

        for until in (count // 2, count):
            with Ledger(url) as ledger:
                options = Options(watchers=(Starter(until),))
                BookSession(whole, four_sleeves(whole), connect, ledger, options).run()
        sockets = 1 if ratchet == "candle" else 9  # for candles; of each market also two for ticks
        assert exchange.streams.opened <= 2 * sockets
    assert replayed(url).differences == []
    found = told_and_tested(url)
    assert sum(len(told) for told, _ in found) >= 10
    if ratchet == "candle":
        assert all(told == tested for told, tested in found)
    else:
        ticks = [row for number in (2, 3, 4, 5) for row in told_of(url, Ticks, number)]
        assert {row["session"] for row in ticks} == {2, 3, 4, 5}
        assert {row["quote_rule"] for row in ticks} & {"event", "arrival"}


def test_a_share_below_the_least_order_is_refused_in_a_line(url: str) -> None:
    whole = book_settings(account={"cash": 20.0})  # a share of 0.2 is below 5 at the fee
    sleeves = [sleeve._replace(share=0.2) for sleeve in four_sleeves(whole)]
    store = PlaybackBook(three_markets(300), live_at())
    with pytest.raises(ConfigError, match=r"the share 0\.2 of BTC/USDT is 4, less than its least"):
        play_book(whole, store, url, sleeves)
    database = open_existing(url)
    assert with_sleeves(database) == []
    database.close()


def test_a_market_whose_indicators_need_more_days_gets_them(url: str) -> None:
    """The second market begins later, and is warm later; all of this is said."""
    said: list[str] = []

    class Listener:
        def happened(self, message: Message) -> None:
            said.extend([message.text] if message.kind == "warm-up" else [])

        def turned(self, session: object) -> None:
            """Nothing to do."""

    whole = book_settings(live={"warm_up_days": 1})
    store = PlaybackBook(three_markets(300), live_at())
    play_book(whole, store, url, options=Options(watchers=(Listener(),)))
    assert [text.split(":")[0] for text in said] == ["BTC/USDT", "ETH/USDT", "SOL/USDT"]
    assert all("warm now" in text for text in said)


def test_a_tick_that_a_market_s_candles_contradict_is_said_of_that_market(
    url: str, said: list[tuple[str, str]], heard: Options
) -> None:
    markets = three_markets(300)
    markets["ETH/USDT"] = [
        (row[0], *(float(round(price)) for price in row[1:5]), row[5])
        for row in markets["ETH/USDT"]
    ]
    play_book(book_settings(), PlaybackBook(markets, live_at()), url, options=heard)
    (text,) = {text for _, text in said if "the latest prices" in text}
    assert text.startswith("ETH/USDT: all of the latest prices are multiples of 1, while the exch")


def test_a_book_goes_on_with_its_filters_where_the_exchange_tells_others(
    url: str,
    said: list[tuple[str, str]],
    heard: Options,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It was refused, its positions unattended: the user had changed no setting to put back."""
    markets = three_markets(300)
    play_book(book_settings(), PlaybackBook(markets, live_at()), url)
    finer = FILTERS._replace(tick=0.001, lot=0.000001)
    monkeypatch.setattr(PlaybackStore, "held_market", lambda *_: finer)
    play_book(book_settings(), PlaybackBook(markets, live_at()), url, options=heard)
    told = [text for _, text in said if "tells others than before" in text]
    assert told[0] == (
        "BTC/USDT: binance tells others than before: market.tick 0.001 (was 0.01), market.lot "
        "1e-06 (was 1e-05); the book keeps those with which it began"
    )
    assert len(told) == 3
    assert replayed(url).differences == []


@pytest.mark.parametrize("risk", [0.1, 0.8])
def test_a_book_says_of_each_market_what_its_sleeve_asks_for(
    risk: float, url: str, said: list[tuple[str, str]], heard: Options
) -> None:
    whole = book_settings(risk={"risk_per_trade": risk})
    store = PlaybackBook(three_markets(280), live_at())
    play_book(whole, store, url, options=heard)
    told = [text.partition(": risk.risk_per_trade")[0] for _, text in said if "asks for a" in text]
    assert set(told) == ({"BTC/USDT", "ETH/USDT", "SOL/USDT"} if risk > 0.1 else set())
