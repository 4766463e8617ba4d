"""Kill -9 at random moments, start again: the ledger ends as if nothing had happened."""

from __future__ import annotations

import random
import signal
from pathlib import Path
from typing import Any

import pytest

from stoptrail.exchange.rows import Row
from stoptrail.live.ledger.database import open_existing
from stoptrail.live.ledger.records import all_sessions
from tests.live.books import Books, books_of
from tests.live.small_market import small_rows, ticks_of
from tests.live.victim import Fate, in_process, run_victim

KILLED = -signal.SIGKILL
COUNT = 700
"""Candles of the market; 240 of them warm up."""


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return small_rows(COUNT)


@pytest.fixture(scope="module")
def undisturbed(rows: list[Row], tmp_path_factory: pytest.TempPathFactory) -> Books:
    """The ledger of a session that nothing happened to."""
    url = f"sqlite:///{tmp_path_factory.mktemp('undisturbed')}/ledger.db"
    run_victim(url, rows, 0, None)
    books = books_of(url)
    assert len([t for t in books["PaperTrades"] if t["exit_time"] is not None]) >= 12
    assert {move["reason"] for move in books["StopMoves"]} == {"initial", "trail", "breakeven"}
    return books


def never_looser(books: Books) -> None:
    """No stop ever loosens."""
    sides = {trade["number"]: trade["side"] for trade in books["PaperTrades"]}
    moves = [move for move in books["StopMoves"] if move["old"] is not None]
    assert moves
    for move in moves:
        assert sides[move["trade"]] * (move["new"] - move["old"]) > 0


def whole(books: Books) -> None:
    """What belongs together is there together, and nothing twice."""
    filled = [d["time"] for d in books["Decisions"] if d["outcome"] == "filled"]
    assert filled == [trade["signal"] for trade in books["PaperTrades"]]
    entries = [o for o in books["PaperOrders"] if o["kind"] == "entry" and o["status"] == "filled"]
    assert [order["signal"] for order in entries] == filled
    stops = [order for order in books["PaperOrders"] if order["kind"] == "stop"]
    assert [order["signal"] for order in stops] == filled
    for trade in books["PaperTrades"]:
        moves = [m for m in books["StopMoves"] if m["trade"] == trade["number"]]
        assert [m["number"] for m in moves] == list(range(len(moves)))
        assert moves[-1]["new"] == trade["sl"]
    never_looser(books)


@pytest.mark.parametrize("seed", range(4))
def test_kills_at_random_moments_change_nothing(
    seed: int, rows: list[Row], undisturbed: Books, tmp_path: Path
) -> None:
    """25 kills each: 100 in all, with up to five candles missed at each."""
    chance = random.Random(seed)
    url = f"sqlite:///{tmp_path}/ledger.db"
    for _ in range(25):
        code = in_process(url, rows, chance.randrange(6), Fate(chance.randrange(1, 60)))
        assert code == KILLED
        if Path(url.removeprefix("sqlite:///")).exists():
            _whole_so_far(url)
    assert in_process(url, rows, 2, None) == 0
    assert books_of(url) == undisturbed


def _whole_so_far(url: str) -> None:
    database = open_existing(url)
    try:
        begun = bool(all_sessions(database))
    finally:
        database.close()
    if begun:
        books = books_of(url)
        if len(books["StopMoves"]) > len(books["PaperTrades"]):
            whole(books)


def test_kills_change_nothing_on_postgresql(
    rows: list[Row], undisturbed: Books, postgres_url: str
) -> None:
    chance = random.Random(9)
    for _ in range(5):
        fate = Fate(chance.randrange(20, 250))
        assert in_process(postgres_url, rows, chance.randrange(6), fate) == KILLED
    assert in_process(postgres_url, rows, 2, None) == 0
    assert books_of(postgres_url) == undisturbed


def test_what_was_caught_up_is_marked(rows: list[Row], tmp_path: Path) -> None:
    from stoptrail.live.ledger.database import open_existing
    from stoptrail.live.ledger.records import rows as ledger_rows
    from stoptrail.live.ledger.tables import StoredCandles

    url = f"sqlite:///{tmp_path}/ledger.db"
    assert in_process(url, rows, 0, Fate(100, "after", "candle")) == KILLED
    run_victim(url, rows, 7, None)
    database = open_existing(url)
    marks = [row["caught_up"] for row in ledger_rows(database, StoredCandles, 1)]
    database.close()
    assert marks == [True] * 240 + [False] * 100 + [True] * 7 + [False] * (len(rows) - 347)


def test_without_full_catch_up_missed_candles_make_no_entry(
    rows: list[Row], undisturbed: Books, tmp_path: Path
) -> None:
    """An entry in the missed stretch is refused as missed; a stop in it is filled."""
    trades = undisturbed["PaperTrades"]
    signal_at = [row[0] for row in rows].index(trades[3]["signal"])
    url = f"sqlite:///{tmp_path}/ledger.db"
    stops_only: Any = {"live": {"catch_up": "stops_only"}}
    stored = signal_at - 240
    assert in_process(url, rows, 0, Fate(stored, "after", "candle"), **stops_only) == KILLED
    run_victim(url, rows, 4, None, **stops_only)
    books = books_of(url)
    outcomes = {row["time"]: row["outcome"] for row in books["Decisions"]}
    assert outcomes[trades[3]["signal"]] == "missed"
    assert trades[3]["signal"] not in {trade["signal"] for trade in books["PaperTrades"]}
    whole(books)


def test_an_entry_order_that_met_its_open_while_down_is_missed(
    rows: list[Row], undisturbed: Books, tmp_path: Path
) -> None:
    trades = undisturbed["PaperTrades"]
    signal_at = [row[0] for row in rows].index(trades[3]["signal"])
    url = f"sqlite:///{tmp_path}/ledger.db"
    stops_only: Any = {"live": {"catch_up": "stops_only"}}
    stored = signal_at - 240 + 1
    assert in_process(url, rows, 0, Fate(stored, "after", "candle"), **stops_only) == KILLED
    assert books_of(url)["Decisions"][-1]["outcome"] == "ordered"
    run_victim(url, rows, 1, None, **stops_only)
    books = books_of(url)
    assert {d["time"]: d["outcome"] for d in books["Decisions"]}[trades[3]["signal"]] == "missed"


def test_a_stop_hit_while_down_is_filled_and_marked(
    rows: list[Row], undisturbed: Books, tmp_path: Path
) -> None:
    from stoptrail.live.ledger.records import rows as ledger_rows
    from stoptrail.live.ledger.tables import PaperTrades

    trade = undisturbed["PaperTrades"][3]
    times = [row[0] for row in rows]
    left_at = times.index(trade["exit_time"])
    url = f"sqlite:///{tmp_path}/ledger.db"
    stops_only: Any = {"live": {"catch_up": "stops_only"}}
    stored = left_at - 240
    assert in_process(url, rows, 0, Fate(stored, "after", "candle"), **stops_only) == KILLED
    run_victim(url, rows, 1, None, **stops_only)
    database = open_existing(url)
    found = ledger_rows(database, PaperTrades, 1, number=4)[0]
    database.close()
    assert (found["exit"], found["exit_time"]) == (trade["exit"], trade["exit_time"])
    assert found["exit_caught_up"]
    assert not found["entry_caught_up"]


def test_in_tick_mode_nothing_is_lost_or_doubled(rows: list[Row], tmp_path: Path) -> None:
    """Ticks that came while it was down are gone; what was stored holds."""
    chance = random.Random(4)
    url = f"sqlite:///{tmp_path}/ledger.db"
    tick_mode: Any = {"live": {"ratchet": "tick"}}
    for _ in range(15):
        fate = Fate(chance.randrange(1, 120))
        code = in_process(url, rows, chance.randrange(2), fate, ticks_of, **tick_mode)
        assert code == KILLED
    assert in_process(url, rows, 0, None, ticks_of, **tick_mode) == 0
    books = books_of(url)
    assert len(books["PaperTrades"]) >= 12
    assert books["Ticks"]
    whole(books)
