"""A session as a whole: one at a time, commands, settings that change, what it says."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import stoptrail.live.session
from stoptrail.config.excess import session_words
from stoptrail.core.errors import ConfigError, StoreError
from stoptrail.exchange.rows import Row
from stoptrail.live.ledger.database import Ledger, open_existing
from stoptrail.live.ledger.records import (
    all_sessions,
    find_session,
    rows,
    settings_rows,
)
from stoptrail.live.ledger.tables import PaperTrades
from stoptrail.live.market.events import ConnectionBack, ConnectionLost, Event, Notice
from stoptrail.live.session import Options, Session
from stoptrail.live.watch.control import answer_of, ask
from stoptrail.live.watch.messages import Message
from stoptrail.live.watch.presence import presence_of
from tests.live.books import books_of
from tests.live.playback import FILTERS, PlaybackStore, play
from tests.live.small_market import HOUR, WARM_UP, settings, small_rows, ticks_of

COUNT = 700


class Witness:
    """Hears everything, and acts when `at` candles have been processed."""

    def __init__(self, actions: dict[int, Callable[[Session], None]] | None = None) -> None:
        self.messages: list[Message] = []
        self._actions = actions or {}

    def happened(self, message: Message) -> None:
        self.messages.append(message)

    def turned(self, session: Session) -> None:
        assert session.engine is not None
        action = self._actions.pop(session.engine.closed, None)
        if action is not None:
            action(session)

    def kinds(self) -> set[str]:
        return {message.kind for message in self.messages}


@pytest.fixture
def busy_desk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands are looked for at every turn, and the session says that it is there: half of its
    time, where candles come as fast as they are read."""
    monkeypatch.setattr(stoptrail.live.session, "_BEAT_SECONDS", 0.0)


@pytest.fixture(scope="module")
def market() -> list[Row]:
    return small_rows(COUNT)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/ledger.db"


def asking(verb: str) -> Callable[[Session], None]:
    def act(session: Session) -> None:
        ask(session.ledger.database, session.control.session, verb)

    return act


def table(url: str, model: Any) -> list[dict[str, Any]]:
    database = open_existing(url)
    try:
        return rows(database, model, 1)
    finally:
        database.close()


def test_a_second_start_is_refused_in_one_line(market: list[Row], database_url: str) -> None:
    refusals: list[str] = []

    def start_another(session: Session) -> None:
        with (
            Ledger(database_url) as ledger,
            pytest.raises(StoreError) as error,
        ):
            Session(settings(), lambda: PlaybackStore(market, WARM_UP, HOUR), ledger).run()
        refusals.append(str(error.value))

    witness = Witness({40: start_another})
    store = PlaybackStore(market[:300], WARM_UP, HOUR)
    play(settings(), store, database_url, Options(watchers=(witness,)))
    (refusal,) = refusals
    assert "runs in this database already (process " in refusal
    assert "\n" not in refusal
    assert len(books_of(database_url)["StoredCandles"]) == 300


def test_another_market_runs_in_the_same_database(market: list[Row], url: str) -> None:
    with Ledger(url) as ledger:
        assert ledger.lock("binance ETH/USDT")
        play(settings(), PlaybackStore(market[:300], WARM_UP, HOUR), url)


def test_after_a_session_has_ended_the_next_goes_on(market: list[Row], url: str) -> None:
    for end in (400, 550, COUNT):
        play(settings(), PlaybackStore(market[:end], min(WARM_UP, end), HOUR), url)
    undisturbed = f"{url}.undisturbed"
    play(settings(), PlaybackStore(market, WARM_UP, HOUR), undisturbed)
    assert books_of(url) == books_of(undisturbed)


@pytest.mark.usefixtures("busy_desk")
def test_a_paused_session_makes_no_entries_until_it_resumes(market: list[Row], url: str) -> None:
    witness = Witness({50: asking("pause"), 300: asking("resume")})
    store = PlaybackStore(market, WARM_UP, HOUR)
    play(settings(), store, url, Options(watchers=(witness,)))
    books = books_of(url)
    paused_from, resumed = market[WARM_UP + 50][0], market[WARM_UP + 300][0]
    entries = [trade["entry_time"] for trade in books["PaperTrades"]]
    assert [t for t in entries if t < paused_from]
    assert not [t for t in entries if paused_from + HOUR < t <= resumed]
    assert [t for t in entries if t > resumed]
    outcomes = {d["outcome"] for d in books["Decisions"] if paused_from < d["time"] < resumed}
    assert outcomes == {"paused"} or outcomes == {"paused", "position"}


@pytest.mark.usefixtures("busy_desk")
def test_a_pause_outlives_a_restart(market: list[Row], url: str) -> None:
    witness = Witness({5: asking("pause")})
    play(settings(), PlaybackStore(market[:300], WARM_UP, HOUR), url, Options(None, (witness,)))
    play(settings(), PlaybackStore(market, 300, HOUR), url)
    later = [t for t in books_of(url)["PaperTrades"] if t["entry_time"] > market[300][0]]
    assert later == []


@pytest.mark.usefixtures("busy_desk")
@pytest.mark.parametrize("ratchet", ["candle", "tick"])
def test_close_leaves_the_position_at_market(market: list[Row], url: str, ratchet: str) -> None:
    before = f"{url}.before"
    chosen = settings(live={"ratchet": ratchet})
    play(chosen, PlaybackStore(market, WARM_UP, HOUR, ticks_of), before)
    trades = [t for t in books_of(before)["PaperTrades"] if t["exit_time"] is not None]
    longest = max(trades, key=lambda trade: trade["exit_time"] - trade["entry_time"])
    at = next(k for k, row in enumerate(market) if row[0] > longest["entry_time"]) - WARM_UP + 1
    witness = Witness({at: asking("close")})
    store = PlaybackStore(market, WARM_UP, HOUR, ticks_of)
    play(chosen, store, url, Options(watchers=(witness,)))
    (left,) = [t for t in books_of(url)["PaperTrades"] if t["reason"] == "manual"]
    assert left["signal"] == longest["signal"]
    assert left["exit_time"] < longest["exit_time"]
    (order,) = [order for order in books_of(url)["PaperOrders"] if order["kind"] == "exit"]
    assert (order["status"], order["fill"]) == ("filled", left["exit"])


@pytest.mark.usefixtures("busy_desk")
def test_close_without_a_position_says_so(market: list[Row], url: str) -> None:
    numbers: list[int] = []

    def act(session: Session) -> None:
        numbers.append(ask(session.ledger.database, 1, "close"))

    # The first candle after the warm-up: nothing can be open yet.
    play(
        settings(),
        PlaybackStore(market[:260], WARM_UP, HOUR),
        url,
        Options(None, (Witness({1: act}),)),
    )
    database = open_existing(url)
    assert answer_of(database, numbers[0]) == "there is no position"
    database.close()


def cut_in_a_trade(market: list[Row], url: str) -> int:
    """How many candles have closed when a long trade is one candle old."""
    play(settings(), PlaybackStore(market, WARM_UP, HOUR), url)
    trades = [t for t in books_of(url)["PaperTrades"] if t["exit_time"] is not None]
    longest = max(trades[1:], key=lambda trade: trade["exit_time"] - trade["entry_time"])
    return next(k for k, row in enumerate(market) if row[0] > longest["entry_time"]) + 1


def test_a_position_keeps_its_settings_and_new_ones_apply_when_flat(
    market: list[Row], url: str
) -> None:
    before = f"{url}.before"
    cut = cut_in_a_trade(market, before)
    kept = next(
        t for t in books_of(before)["PaperTrades"] if (t["exit_time"] or 0) > market[cut][0]
    )
    changed = settings(stop={"trailing_atr_multiplier": 2.5})
    play(settings(), PlaybackStore(market[:cut], WARM_UP, HOUR), url)
    witness = Witness()
    play(changed, PlaybackStore(market, cut, HOUR), url, Options(watchers=(witness,)))
    trades = books_of(url)["PaperTrades"]
    same = next(t for t in trades if t["signal"] == kept["signal"])
    assert same == kept
    assert same["settings"] == 1
    later = [t for t in trades if t["signal"] > kept["exit_time"]]
    assert later
    assert {t["settings"] for t in later} == {2}
    for trade in later:
        distance = abs(trade["entry"] - trade["initial_stop"])
        assert distance == pytest.approx(2.5 * trade["atr"], abs=0.02)
    database = open_existing(url)
    first, second = settings_rows(database, 1)
    database.close()
    assert first.content["stop"]["trailing_atr_multiplier"] == 0.8
    assert second.content["stop"]["trailing_atr_multiplier"] == 2.5
    assert second.applied is not None
    assert second.applied >= kept["exit_time"]
    cautions = session_words(changed)
    told = [m.text for m in witness.messages if m.kind == "settings" and m.text not in cautions]
    assert "stop.trailing_atr_multiplier" in told[0]
    assert told[1:] == ["the changed settings apply from now on"]


def test_settings_taken_back_while_they_wait_never_apply(market: list[Row], url: str) -> None:
    cut = cut_in_a_trade(market, f"{url}.before")
    play(settings(), PlaybackStore(market[:cut], WARM_UP, HOUR), url)
    changed = settings(stop={"trailing_atr_multiplier": 2.5})
    play(changed, PlaybackStore(market[:cut], cut, HOUR), url)
    play(settings(), PlaybackStore(market, cut, HOUR), url)
    assert {t["settings"] for t in books_of(url)["PaperTrades"]} == {1}


def test_another_timeframe_in_the_same_ledger_is_refused(market: list[Row], url: str) -> None:
    play(settings(), PlaybackStore(market[:300], WARM_UP, HOUR), url)
    with pytest.raises(ConfigError, match=r"data\.timeframe 15m"):
        play(settings(data={"timeframe": "15m"}), PlaybackStore(market, 300, HOUR), url)


def test_the_cycle_exit_is_refused(market: list[Row], url: str) -> None:
    with pytest.raises(ConfigError, match=r"strategy\.exits"):
        play(settings(strategy={"exits": "cycle"}), PlaybackStore(market, WARM_UP, HOUR), url)


def test_stale_data_makes_no_entry_but_stops_go_on(market: list[Row], url: str) -> None:
    store = PlaybackStore(
        market,
        WARM_UP,
        HOUR,
        between={
            market[320][0]: [ConnectionLost("the socket is silent")],
            market[600][0]: [Notice("gap", "a gap was filled"), ConnectionBack()],
        },
    )
    witness = Witness()
    stops_only: Any = {"live": {"catch_up": "stops_only"}}
    play(settings(**stops_only), store, url, Options(watchers=(witness,)))
    books = books_of(url)
    lost, back = market[320][0], market[600][0]
    while_stale = [t for t in books["PaperTrades"] if lost <= t["signal"] < back - HOUR]
    assert while_stale == []
    assert "stale" in {d["outcome"] for d in books["Decisions"] if lost <= d["time"] < back}
    assert [t for t in books["PaperTrades"] if lost <= (t["exit_time"] or 0) < back]
    texts = [message.text for message in witness.messages if message.kind == "connection"]
    assert texts == [
        "lost: the socket is silent; no new entries, stops work by the prices that still come",
        "back, and complete",
    ]


def test_on_candles_a_tick_at_the_stop_raises_an_alarm_once(market: list[Row], url: str) -> None:
    witness = Witness()
    store = PlaybackStore(market, WARM_UP, HOUR, ticks_of)
    play(settings(), store, url, Options(watchers=(witness,)))
    alarms = [message for message in witness.messages if message.kind == "alarm"]
    closed = [t for t in books_of(url)["PaperTrades"] if t["exit_time"] is not None]
    assert 0 < len(alarms) <= len(closed)


def test_it_stops_after_so_many_candles_and_keeps_the_position(market: list[Row], url: str) -> None:
    cut = cut_in_a_trade(market, f"{url}.before")
    witness = Witness()
    count = cut - WARM_UP
    play(settings(), PlaybackStore(market, WARM_UP, HOUR), url, Options(count, (witness,)))
    books = books_of(url)
    assert len(books["StoredCandles"]) == cut
    assert books["PaperTrades"][-1]["exit_time"] is None
    assert witness.messages[-1].text == f"candles closed: {count}; the position is kept"
    database = open_existing(url)
    assert (presence_of(database, 1) or {})["state"] == "stopped"
    database.close()


def test_entries_exits_and_ratchets_are_told(market: list[Row], url: str) -> None:
    witness = Witness()
    play(settings(), PlaybackStore(market, WARM_UP, HOUR), url, Options(watchers=(witness,)))
    assert {"entry", "exit", "breakeven", "trail", "stopped"} <= witness.kinds()
    entries = [message for message in witness.messages if message.kind == "entry"]
    assert len(entries) == len(books_of(url)["PaperTrades"])


@pytest.mark.usefixtures("busy_desk")
def test_no_secret_is_in_the_ledger_or_in_what_is_said(
    market: list[Row], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    secret = "hunter2-is-not-a-password"
    chosen = settings(
        exchange={"ccxt": {"apiKey": secret, "secret": secret}},
        notify={"urls": [f"json://user:{secret}@localhost"]},
    )
    witness = Witness()
    with caplog.at_level("DEBUG"):
        play(chosen, PlaybackStore(market, WARM_UP, HOUR), url, Options(watchers=(witness,)))
    for file in tmp_path.iterdir():
        assert secret.encode() not in file.read_bytes()
    assert secret not in caplog.text
    assert not [m for m in witness.messages if secret in m.text]


def test_sessions_are_found_by_number_and_market(market: list[Row], url: str) -> None:
    play(settings(), PlaybackStore(market[:300], WARM_UP, HOUR), url)
    database = open_existing(url)
    (session,) = all_sessions(database)
    for name in ("1", "BTC/USDT", "btc/usdt", "binance BTC/USDT"):
        assert find_session(database, name) == session
    with pytest.raises(StoreError, match=r"no session 2; .* 1 \(binance BTC/USDT\)"):
        find_session(database, "2")
    database.close()


def test_the_trade_row_carries_the_stop_as_it_is(market: list[Row], url: str) -> None:
    cut = cut_in_a_trade(market, f"{url}.before")
    play(settings(), PlaybackStore(market[: cut + 2], WARM_UP, HOUR), url)
    trade = table(url, PaperTrades)[-1]
    moves = [m for m in books_of(url)["StopMoves"] if m["trade"] == trade["number"]]
    assert trade["sl"] == moves[-1]["new"]
    assert trade["initial_stop"] == moves[0]["new"]


@pytest.mark.parametrize("ratchet", ["candle", "tick"])
def test_a_short_break_across_the_close_of_a_signal_changes_nothing(
    ratchet: str, market: list[Row], tmp_path: Path
) -> None:
    live: Any = {"live": {"ratchet": ratchet, "catch_up": "stops_only"}}
    undisturbed, disturbed = (f"sqlite:///{tmp_path}/{name}.db" for name in ("one", "other"))
    play(settings(**live), PlaybackStore(market, WARM_UP, HOUR, ticks_of), undisturbed)
    trades = books_of(undisturbed)["PaperTrades"]
    signals = [trade["signal"] for trade in trades]
    between: dict[int, list[Event]] = {}
    for signal in signals:
        between.setdefault(signal, []).append(ConnectionLost("half a second"))
        between.setdefault(signal + HOUR, []).insert(0, ConnectionBack())
    store = PlaybackStore(market, WARM_UP, HOUR, ticks_of, between)
    play(settings(**live), store, disturbed)
    assert len(signals) > 10
    assert books_of(disturbed)["PaperTrades"] == trades


@pytest.mark.parametrize("ratchet", ["candle", "tick"])
def test_a_signal_heard_too_late_is_simulated_at_the_open_with_full_catch_up(
    ratchet: str, market: list[Row], tmp_path: Path
) -> None:
    live: Any = {"live": {"ratchet": ratchet, "catch_up": "full"}}
    first, url = (f"sqlite:///{tmp_path}/{name}.db" for name in ("first", "second"))
    play(settings(**live), PlaybackStore(market, WARM_UP, HOUR, ticks_of), first)
    signal = books_of(first)["PaperTrades"][3]["signal"]
    closed = [row[0] for row in market].index(signal) + 1
    play(settings(**live), PlaybackStore(market[: closed - 1], WARM_UP, HOUR, ticks_of), url)
    store = PlaybackStore(market, closed, HOUR, ticks_of)
    store.lag = 61_000
    play(settings(**live), store, url)
    with closing(open_existing(url)) as database:
        found = list(rows(database, PaperTrades, 1, signal=signal))
    assert [trade["entry_time"] for trade in found] == [signal + HOUR]
    assert found[0]["entry_caught_up"]
    worse = 1 + found[0]["side"] * settings().costs.slippage
    assert found[0]["entry"] == pytest.approx(market[closed][1] * worse, abs=0.02)


def whole_dollars(rows: list[Row]) -> list[Row]:
    return [(row[0], *(float(round(price)) for price in row[1:5]), row[5]) for row in rows]


@pytest.mark.parametrize("own", [None, 1.0])
def test_a_tick_that_the_candles_contradict_is_said_unless_it_is_one_s_own(
    own: float | None, market: list[Row], url: str
) -> None:
    """The exchange tells 0.01 of a market that moves by dollars; said again at each start."""
    witness, rows = Witness(), whole_dollars(market)
    for live in (WARM_UP, 280):
        store = PlaybackStore(rows[:280] if live == WARM_UP else rows[:300], live, HOUR)
        play(settings(market={"tick": own}), store, url, Options(watchers=(witness,)))
    told = [m.text for m in witness.messages if "all of the latest prices are multiples" in m.text]
    assert len(told) == (2 if own is None else 0)
    assert all(text.endswith("set market.tick to 1 if that is it") for text in told)


def test_a_tick_that_the_candles_keep_is_not_said(market: list[Row], url: str) -> None:
    witness = Witness()
    store = PlaybackStore(market[:280], WARM_UP, HOUR)
    play(settings(), store, url, Options(watchers=(witness,)))
    assert not [message for message in witness.messages if "tick" in message.text]


def test_filters_that_the_exchange_has_changed_are_said_once(
    market: list[Row], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    witness = Witness()
    play(settings(), PlaybackStore(market[:260], WARM_UP, HOUR), url)
    finer = FILTERS._replace(tick=0.001)
    monkeypatch.setattr(PlaybackStore, "held_market", lambda *_: finer)
    for end in (280, 300):
        store = PlaybackStore(market[:end], end - 20, HOUR)
        play(settings(), store, url, Options(watchers=(witness,)))
    told = [m.text for m in witness.messages if "tells others than before" in m.text]
    assert told == ["binance tells others than before: market.tick 0.001 (was 0.01)"]


@pytest.mark.parametrize("risk", [0.1, 0.5])
def test_a_session_says_what_its_settings_ask_for_as_a_backtest_does(
    risk: float, market: list[Row], url: str
) -> None:
    witness = Witness()
    whole = settings(risk={"risk_per_trade": risk})
    play(whole, PlaybackStore(market[:280], WARM_UP, HOUR), url, Options(watchers=(witness,)))
    told = [m.text for m in witness.messages if m.kind == "settings"]
    assert told == session_words(whole)
    assert len(told) == 1 + (risk > 0.1)  # shorts on a spot market are told too
