"""A book as people and programs see it: figures, summaries, commands, checks; on a server too."""

from __future__ import annotations

import io
import signal
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import runner
from stoptrail.cli import replay
from stoptrail.core.time import DAY_MS
from stoptrail.exchange.rows import Row
from stoptrail.live.ledger.database import existing_ledger
from stoptrail.live.ledger.records import account_of, rows, with_sleeves
from stoptrail.live.ledger.tables import PaperTrades, StoredEquity
from stoptrail.live.session import Options
from stoptrail.live.watch.book_snapshot import snapshot_of
from stoptrail.live.watch.daily import summary
from stoptrail.live.watch.metrics import Endpoint
from stoptrail.live.watch.telegram import reply
from stoptrail.live.watch.view import panel
from tests.live.book_market import (
    SYMBOLS,
    Events,
    PlaybackBook,
    book_settings,
    in_process,
    play_book,
    replayed,
    run_book_victim,
    three_markets,
    together,
    whole_ledger,
)
from tests.live.small_market import WARM_UP, ticks_of
from tests.live.victim import Fate

KILLED = -signal.SIGKILL
BY_TICK = {"live": {"ratchet": "tick"}}


def short() -> dict[str, list[Row]]:
    return three_markets(340)


def live_at() -> int:
    return int(short()["BTC/USDT"][WARM_UP][0])


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[Any, float]]]:
    """A ledger, and Prometheus's figures when its session ended: by name and labels."""
    url = f"sqlite:///{tmp_path_factory.mktemp('watched')}/ledger.db"
    with Endpoint("127.0.0.1", 0) as endpoint:
        store = PlaybackBook(short(), live_at(), ticks=ticks_of)
        play_book(book_settings(**BY_TICK), store, url, options=Options(None, (endpoint,)))
        yield (
            url,
            {
                (sample.name.removeprefix("stoptrail_"), sample.labels.get("session")): sample.value
                for metric in endpoint.registry.collect()
                for sample in metric.samples
                if "state" not in sample.labels
            },
        )


def test_prometheus_has_the_whole_and_each_sleeve(told: tuple[str, dict[Any, float]]) -> None:
    url, figures = told
    with existing_ledger(url) as database:
        book, *sleeves = (snapshot_of(database, row) for row in with_sleeves(database))
        equity = account_of(database, 1).equity
    assert figures["equity", "1"] == pytest.approx(equity)
    assert figures["realised", "1"] == pytest.approx(book.realised)
    assert ("position_units", "1") not in figures
    assert len(sleeves) == 4
    for sleeve in sleeves:
        name = str(sleeve.session)
        assert figures["realised", name] == pytest.approx(sleeve.realised)
        assert figures["price", name] == sleeve.price
        assert ("stop_level", name) in figures or sleeve.trade is None
        units = 0.0 if sleeve.trade is None else sleeve.trade["side"] * sleeve.trade["held"]
        assert figures["position_units", name] == pytest.approx(units)


def test_the_view_has_room_for_every_sleeve(told: tuple[str, dict[Any, float]]) -> None:
    with existing_ledger(told[0]) as database:
        book = snapshot_of(database, with_sleeves(database)[0])
    paused = book._replace(sleeves=tuple(one._replace(paused=True) for one in book.sleeves))
    for width in (80, 100):
        out = io.StringIO()
        Console(file=out, width=width).print(panel(paused, (), 24))
        top = out.getvalue().partition("last events")[0].splitlines()[2:]
        assert "\u2026" not in "".join(top)
        for sleeve in book.sleeves:
            (line,) = [line for line in top if line.split()[1:2] == [str(sleeve.session)]]
            assert sleeve.symbol in line
        assert "warm-up" in "".join(top)


def test_a_replay_names_the_sleeve_of_each_trade_that_a_backtest_does_not_make(
    told: tuple[str, dict[Any, float]],
) -> None:
    out = io.StringIO()
    own = (f"database.url={told[0]!r}",)
    assert replay.run(None, own, "1", console=Console(file=out, width=80)) == 0
    found = [line.split()[1:3] for line in out.getvalue().splitlines() if " short " in line]
    markets = {str(number): name[:3] for number, name in enumerate((*SYMBOLS, SYMBOLS[0]), 2)}
    assert len({number for number, _ in found}) >= 2
    assert all(markets[number] == name for number, name in found)


def test_the_summary_of_a_day_adds_the_sleeves_up(told: tuple[str, dict[Any, float]]) -> None:
    with existing_ledger(told[0]) as database:
        exits = [
            trade
            for row in with_sleeves(database)
            for trade in rows(database, PaperTrades, row.id)
            if trade["exit_time"]
        ]
        day = exits[0]["exit_time"] // DAY_MS * DAY_MS
        text = summary(database, 1, day)
    own = [trade["pnl"] for trade in exits if day <= trade["exit_time"] < day + DAY_MS]
    assert f"{len(own)} trade" in text
    assert f"result {sum(own):+,.2f}" in text


def test_a_chat_and_a_terminal_speak_to_one_sleeve(
    told: tuple[str, dict[Any, float]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "ledger.db"
    source, target = sqlite3.connect(told[0].removeprefix("sqlite:///")), sqlite3.connect(copy)
    with closing(source), closing(target):
        source.backup(target)
    url, database = f"sqlite:///{copy}", ["--set", f"database.url=sqlite:///{copy}"]
    assert "no new entries" in reply(url, "pause", ["3"])
    assert reply(url, "status", []).count("\n") == 0  # the book, in a line
    assert "ETH/USDT: well · stopped, paused" in reply(url, "status", ["3"])
    assert "send: /close 1 yes" in reply(url, "close", ["1"])
    assert runner.main(["resume", "3", *database]) == 0
    assert "session 3: resume: not running: entries again" in capsys.readouterr().out
    assert runner.main(["close", "1", "--at", "100", *database]) == 2
    assert "name the sleeve" in capsys.readouterr().err
    with existing_ledger(url) as found:
        held = [row.id for row in with_sleeves(found) if snapshot_of(found, row).trade]
    for number in held[:1]:
        assert runner.main(["close", str(number), "--at", "20000", *database]) == 0
        assert "left at" in capsys.readouterr().out
    assert runner.main(["status", "--brief", *database]) == 0
    assert "4 sleeves hold" in (line := capsys.readouterr().out) or "flat" in line
    assert runner.main(["ledger", "check", *database]) == 0
    assert runner.main(["ledger", "backup", str(tmp_path / "copy.db"), *database]) == 0
    assert replayed(f"sqlite:///{tmp_path}/copy.db").differences == []
    assert replayed(url).differences == []


def test_a_session_of_a_book_ends_after_so_many_candles(tmp_path: Path) -> None:
    """Steps count, and those that were missed do not."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    for live, steps in ((live_at(), 5), (live_at() + 20 * 3_600_000, 20 + 3)):
        store = PlaybackBook(short(), live)
        count = steps if steps == 5 else 3
        session = play_book(book_settings(), store, url, options=Options(max_candles=count))
        assert session.engine.steps == steps
    with existing_ledger(url) as database:
        assert len(rows(database, StoredEquity, 1)) == 23


def test_a_candle_that_comes_late_counts_with_those_of_its_time(tmp_path: Path) -> None:
    def order(coming: Mapping[str, list[Row]]) -> Events:
        held: list[Any] = []
        for entry in together(coming):
            if entry is None:
                time.sleep(0.03)
                yield None
                yield from held
                held.clear()
                yield None
            elif entry[0] == "ETH/USDT":
                held.append(entry)
            else:
                yield entry

    url = f"sqlite:///{tmp_path}/ledger.db"
    store = PlaybackBook(short(), live_at(), order)
    whole = book_settings(live={"signal_seconds": 0.01})
    session = play_book(whole, store, url, options=Options(max_candles=6))
    with existing_ledger(url) as database:
        assert len(rows(database, StoredEquity, 1)) == 6
    assert session.engine.steps > 6


def test_a_book_on_a_server_outlives_its_kills(postgres_url: str, tmp_path: Path) -> None:
    calm = f"sqlite:///{tmp_path}/calm.db"
    coming = {"ticks": ticks_of}
    run_book_victim(calm, short(), 0, coming=coming, **BY_TICK)
    for fate in (Fate(9, "before"), Fate(6, "within", "tick"), Fate(5, "after", "candle")):
        assert in_process(postgres_url, short(), 0, fate, coming=coming, **BY_TICK) == KILLED
    assert in_process(postgres_url, short(), 0, coming=coming, **BY_TICK) == 0
    assert whole_ledger(postgres_url) == whole_ledger(calm)
    assert replayed(postgres_url).differences == []


def test_a_book_of_an_older_ledger_goes_on(tmp_path: Path) -> None:
    """Before books moved stops by tick their moments were their steps."""
    calm, old = f"sqlite:///{tmp_path}/calm.db", f"sqlite:///{tmp_path}/old.db"
    run_book_victim(calm, short(), 0)
    assert in_process(old, short(), 0, Fate(40, "after", "candle")) == KILLED
    with closing(sqlite3.connect(tmp_path / "old.db")) as database, database:
        for column in ("steps", "free"):
            database.execute(f"ALTER TABLE sessions DROP COLUMN {column}")
        database.execute("DELETE FROM ledger_schema WHERE version >= 9")
    assert in_process(old, short(), 0) == 0
    assert whole_ledger(old) == whole_ledger(calm)
    assert replayed(old).differences == []
