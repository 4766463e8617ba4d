"""A session replayed from its ledger: nothing differs, in both modes."""

from __future__ import annotations

import random
from bisect import bisect_left
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from stoptrail.exchange.rows import Row
from stoptrail.live.ledger.database import open_existing
from stoptrail.live.ledger.records import all_sessions, rows
from stoptrail.live.ledger.tables import PaperTrades, StopMoves
from stoptrail.live.market.events import ConnectionBack, ConnectionLost
from stoptrail.live.watch.control import ask
from stoptrail.live.watch.differences import attribute, compare
from stoptrail.live.watch.replay import memory_ledger, recording_of, replay
from tests.live.books import books_of, with_replay
from tests.live.playback import PlaybackStore, play
from tests.live.small_market import HOUR, WARM_UP, settings, small_rows, ticks_of
from tests.live.victim import Fate, in_process, run_victim

TICK: Any = {"live": {"ratchet": "tick"}}
COUNT = 900


def replayed(url: str, least: int) -> None:
    compared = with_replay(url)
    assert compared.trades >= least
    assert compared.levels > compared.trades
    assert compared.differences == []


@pytest.mark.parametrize("ratchet", ["candle", "tick"])
def test_a_replay_equals_its_session(ratchet: str, database_url: str) -> None:
    store = PlaybackStore(small_rows(COUNT), WARM_UP, HOUR, ticks_of)
    play(settings(live={"ratchet": ratchet}), store, database_url)
    replayed(database_url, 15)


@pytest.mark.parametrize("catch_up", ["stops_only", "full"])
@pytest.mark.parametrize("ratchet", ["candle", "tick"])
def test_a_replay_equals_a_session_that_was_killed(
    ratchet: str, catch_up: str, tmp_path: Path
) -> None:
    chance = random.Random(11)
    url = f"sqlite:///{tmp_path}/ledger.db"
    live: Any = {"live": {"ratchet": ratchet, "catch_up": catch_up}}
    market = small_rows(COUNT)
    for _ in range(6):
        fate = Fate(chance.randrange(40, 200))
        in_process(url, market, chance.randrange(40), fate, ticks_of, **live)
    run_victim(url, market, 10, None, ticks_of, **live)
    if catch_up == "stops_only":
        assert "missed" in {row["outcome"] for row in books_of(url)["Decisions"]}
    replayed(url, 10)


@pytest.mark.parametrize("ratchet", ["candle", "tick"])
def test_a_replay_follows_commands_stale_data_and_new_settings(
    ratchet: str, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    market = small_rows(COUNT)
    live: Any = {"live": {"ratchet": ratchet, "catch_up": "stops_only"}}
    between: Any = {
        market[300][0]: [ConnectionLost("test")],
        market[380][0]: [ConnectionBack()],
    }
    cut = in_a_long_trade(market, live, f"sqlite:///{tmp_path}/before.db")
    play(settings(**live), PlaybackStore(market[:cut], WARM_UP, HOUR, ticks_of, between), url)
    database = open_existing(url)
    assert rows(database, PaperTrades, 1, exit_time=None)
    ask(database, 1, "close")
    database.close()
    changed: Any = {**live, "stop": {"trailing_atr_multiplier": 1.2}}
    play(settings(**changed), PlaybackStore(market, cut, HOUR, ticks_of), url)
    books = books_of(url)
    assert "stale" in {row["outcome"] for row in books["Decisions"]}
    assert "manual" in {row["reason"] for row in books["PaperTrades"]}
    assert {row["settings"] for row in books["PaperTrades"]} == {1, 2}
    replayed(url, 10)


def in_a_long_trade(market: list[Row], live: Any, url: str) -> int:
    """How many candles have closed soon after a trade began that will go on for long."""
    play(settings(**live), PlaybackStore(market, WARM_UP, HOUR, ticks_of), url)
    late = [t for t in books_of(url)["PaperTrades"] if t["exit_time"] and t["number"] > 5]
    longest = max(late, key=lambda trade: trade["exit_time"] - trade["entry_time"])
    return bisect_left([row[0] for row in market], longest["entry_time"]) + 2


def test_a_changed_ledger_is_noticed(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    play(settings(**TICK), PlaybackStore(small_rows(500), WARM_UP, HOUR, ticks_of), url)
    database = open_existing(url)
    (session,) = all_sessions(database)
    move = rows(database, StopMoves, 1)[5]
    StopMoves.update(new=move["new"] + 0.01).where(
        StopMoves.trade == move["trade"], StopMoves.number == move["number"]
    ).execute(database)
    with closing(replay(recording_of(database, session))) as repeated:
        compared = compare(database, repeated, session.id)
    database.close()
    (found,) = compared.differences
    assert (found.table, found.column) == ("StopMoves", "new")
    assert found.stored == move["new"] + 0.01
    assert found.replayed == move["new"]


def test_what_differs_from_candles_alone_adds_up(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    play(settings(**TICK), PlaybackStore(small_rows(COUNT), WARM_UP, HOUR, ticks_of), url)
    database = open_existing(url)
    (session,) = all_sessions(database)
    alone = replay(recording_of(database, session), candles_alone=True)
    found = attribute(database, alone, session.id)
    assert len(found) >= 10
    totals = [
        sum(row["pnl"] for row in rows(books, PaperTrades, 1) if row["pnl"] is not None)
        for books in (database, alone)
    ]
    closed = [entry for entry in found if None not in (entry.session, entry.backtest)]
    assert closed
    for entry in closed:
        parts = entry.entry + entry.exit + entry.size
        assert parts == pytest.approx((entry.session or 0.0) - (entry.backtest or 0.0))
        assert entry.cause
    difference = sum((entry.session or 0.0) - (entry.backtest or 0.0) for entry in found)
    assert difference == pytest.approx(totals[0] - totals[1])
    alone.close()
    database.close()


def test_candles_alone_of_a_candle_session_is_the_session(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    play(settings(), PlaybackStore(small_rows(COUNT), WARM_UP, HOUR), url)
    database = open_existing(url)
    (session,) = all_sessions(database)
    alone = replay(recording_of(database, session), candles_alone=True)
    assert attribute(database, alone, session.id) == []
    alone.close()
    database.close()


def test_a_ledger_that_cannot_be_filled_is_not_left_open() -> None:
    with pytest.raises(RuntimeError), memory_ledger() as database:
        raise RuntimeError
    assert database.is_closed()
