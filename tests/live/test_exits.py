"""C18 in a session: as in a backtest of its candles, through kills and restarts, and by ticks."""

from __future__ import annotations

import random
import signal
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from stoptrail.live.ledger.database import open_existing
from stoptrail.live.ledger.records import all_sessions, checkpoint_of
from stoptrail.live.session import Options
from stoptrail.live.watch.differences import compare
from stoptrail.live.watch.messages import SIDES, Message, number
from stoptrail.live.watch.replay import recording_of, replay
from stoptrail.live.watch.story import recent
from stoptrail.rules.stops import REASONS
from tests.live.books import Books, backtest_of, books_of, told_trades, trades_of
from tests.live.playback import PlaybackStore, play
from tests.live.small_market import HOUR, WARM_UP, settings, small_rows, ticks_of
from tests.live.victim import Fate, in_process, run_victim

PARTS = {"scale_out": [{"at": 0.6, "fraction": 0.4}, {"at": 1.2, "fraction": 0.3}], "target": 2.0}
KINDS: dict[str, dict[str, Any]] = {
    "parts": {"exits": PARTS, "stop": {"trail": "none"}},
    "time": {"exits": {"time_hours": 5.0, "time_below": 0.5, "trail_from": 0.5}},
    "chandelier": {"exits": PARTS | {"time_hours": 9.0}, "stop": {"trail": "chandelier"}},
    "rule": {
        "exits": PARTS | {"time_hours": 30.0},
        "strategy": {"exits": "tests.contract.own_exits:sar"},
    },
}
WANTED = {"parts": "target", "time": "time", "chandelier": "trail", "rule": "rule"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_session_on_candles_equals_a_backtest(kind: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    play(settings(**KINDS[kind]), PlaybackStore(small_rows(900, 8), WARM_UP, HOUR), url)
    books = books_of(url)
    candles, _, record = backtest_of(url)
    told = told_trades(books)
    assert told == trades_of(candles, record)
    assert WANTED[kind] in {trade[9] for trade in told}
    assert len(told) >= 10
    fills = [
        (row["trade"] - 1, row["time"], row["units"], row["price"], row["fee"], row["reason"])
        for row in books["PaperFills"]
        if row["number"] > 0
    ]
    log = record.fills
    reasons = [REASONS[code] for code in log.reason]
    assert fills == list(
        zip(log.trade, log.time, log.units, log.price, log.fee, reasons, strict=True)
    )
    if "scale_out" in KINDS[kind]["exits"]:
        assert len(fills) > len(told) + 5
    adds_up(books)


class Heard:
    """Keeps what a person is told of exits."""

    def __init__(self) -> None:
        self.exits: list[str] = []

    def happened(self, message: Message) -> None:
        if message.kind == "exit":
            self.exits.append(message.text)

    def turned(self, session: Any) -> None:
        """Nothing is shown."""


@pytest.mark.parametrize("mode", ["candle", "tick"])
def test_every_part_is_told_with_its_own_price(mode: str, tmp_path: Path) -> None:
    url, heard = f"sqlite:///{tmp_path}/ledger.db", Heard()
    ticks = ticks_of if mode == "tick" else None
    chosen = settings(**{**KINDS["parts"], "live": {"ratchet": mode}})
    store = PlaybackStore(small_rows(600, 8), WARM_UP, HOUR, ticks)
    play(chosen, store, url, Options(watchers=(heard,)))
    books = books_of(url)
    messages, story, several = [], [], 0
    trades = {row["number"]: row for row in books["PaperTrades"]}
    for row in (row for row in books["PaperFills"] if row["number"] > 0):
        side, price = SIDES[-row["side"]], f"at {number(row['price'])} ({row['reason']})"
        parted = row["left"] > 0.0 or row["number"] > 1
        units, several = f" {number(row['units'])}" if parted else "", several + parted
        pnl = f"{trades[row['trade']]['pnl']:+,.2f}"
        stay = f"{number(row['left'])} stay"
        rest, told = (stay, stay) if row["left"] > 0.0 else (f"result {pnl}", pnl)
        end = " in all" * (parted and not row["left"] > 0.0)
        messages.append(f"{side}{units} left {price}, {rest}{end}")
        story.append(f"left {side}{units} {price}, {told}{end}")
    assert several >= 10
    assert heard.exits == messages
    with closing(open_existing(url)) as database:
        lines = [one.text for one in recent(database, 1, 10_000)]
    assert [line for line in reversed(lines) if line.startswith("left ")] == story


def adds_up(books: Books) -> None:
    """Units and fees of a trade are those of its fills."""
    for trade in books["PaperTrades"]:
        fills = [row for row in books["PaperFills"] if row["trade"] == trade["number"]]
        assert [row["number"] for row in fills] == list(range(len(fills)))
        left = trade["units"] - sum(row["units"] for row in fills[1:])
        assert fills[-1]["left"] == pytest.approx(left, abs=1e-9)
        if trade["exit_time"] is not None:
            assert fills[-1]["left"] == 0.0
            assert sum(row["fee"] for row in fills) == pytest.approx(trade["fees"])


@pytest.mark.parametrize("mode", ["candle", "tick"])
@pytest.mark.parametrize("kind", ["parts", "rule"])
def test_kills_leave_no_trace(kind: str, mode: str, tmp_path: Path) -> None:
    rows = small_rows(420, 8)
    told: dict[str, Any] = {"ticks": ticks_of} if mode == "tick" else {}
    changes = {**KINDS[kind], "live": {"ratchet": mode}}
    calm, url = f"sqlite:///{tmp_path}/calm.db", f"sqlite:///{tmp_path}/killed.db"
    run_victim(calm, rows, 0, None, **told, **changes)
    drawn = random.Random(11)
    for moment in ("before", "within", "after"):
        for word in ("reduced", ""):
            fate = Fate(drawn.randint(1, 3), moment, word)
            code = in_process(url, rows, 0, fate, **told, **changes)
            assert code in (-signal.SIGKILL, 0)
    assert in_process(url, rows, 0, None, **told, **changes) == 0
    assert books_of(url) == books_of(calm)
    adds_up(books_of(url))


def test_a_replay_of_ticks_with_parts_is_the_same(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    changes = {**KINDS["chandelier"], "live": {"ratchet": "tick"}}
    run_victim(url, small_rows(600, 8), 0, None, ticks=ticks_of, **changes)
    with closing(open_existing(url)) as database:
        (session,) = all_sessions(database)
        with closing(replay(recording_of(database, session))) as again:
            found = compare(database, again, session.id)
    assert found.differences == []
    assert found.trades >= 5
    books = books_of(url)
    assert len(books["PaperFills"]) > 2 * len(books["PaperTrades"])
    assert "leave" in {order["kind"] for order in books["PaperOrders"]}
    adds_up(books)


def test_a_restart_knows_what_is_left_of_a_trade(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    rows = small_rows(900, 8)
    store = PlaybackStore(rows, WARM_UP, HOUR)
    chosen = settings(**KINDS["parts"])
    for count in range(260, 900, 40):
        store.rows = rows[:count]
        play(chosen, store, url)
        store.live = count
        with closing(open_existing(url)) as database:
            position = checkpoint_of(database, 1).position
        trade = (books_of(url)["PaperTrades"] or [None])[-1]
        if position is not None and position.parts.number:
            assert trade is not None
            assert 0.0 < position.units < trade["units"] == position.parts.first
            return
    pytest.fail("no restart found a part gone")
