"""`live --paper` and the commands that speak to its session or read it."""

from __future__ import annotations

import io
import json
import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from rich.console import Console

import runner
import stoptrail.cli.live
from stoptrail.cli import replay, sessions
from stoptrail.cli.live import run, settings_for, stopped_by_signals
from stoptrail.config.load import load_settings
from stoptrail.config.settings import as_table
from stoptrail.core.errors import ConfigError, DataError, RunError, StoreError
from stoptrail.exchange.rows import Row
from stoptrail.live.ledger.database import existing_ledger, open_existing
from stoptrail.live.ledger.records import find_session, open_trade, rows
from stoptrail.live.ledger.spoken import Commands
from stoptrail.live.ledger.tables import PaperTrades, StoredCandles
from stoptrail.live.session import Session
from tests.live.playback import PlaybackStore
from tests.live.small_market import HOUR, WARM_UP, settings, small_rows, ticks_of

COUNT = 500


@pytest.fixture(scope="module")
def market() -> list[Row]:
    return small_rows(COUNT)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Settings in a file, with a ledger beside it."""
    table = as_table(settings(database={"url": f"sqlite:///{tmp_path}/ledger.db"}))
    file = tmp_path / "strategy.toml"
    file.write_text(tomli_w.dumps(table))
    return file


def url_of(config: Path) -> str:
    return f"sqlite:///{config.parent}/ledger.db"


@pytest.fixture
def exchange(monkeypatch: pytest.MonkeyPatch, market: list[Row]) -> PlaybackStore:
    """The market instead of an exchange."""
    store = PlaybackStore(market, WARM_UP, HOUR, ticks_of)
    monkeypatch.setattr(stoptrail.cli.live, "open_store", lambda settings: store)
    return store


def quiet() -> Console:
    return Console(file=io.StringIO(), width=100)


def told(console: Console) -> str:
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def test_a_session_runs_and_status_shows_it(config: Path, exchange: PlaybackStore) -> None:
    console = quiet()
    assert run(config, (), None, 100, console) == 0
    assert "kind=entry" in told(console)
    shown = quiet()
    assert sessions.status(config, (), console=shown) == 0
    assert "binance BTC/USDT" in told(shown)
    as_json = quiet()
    assert sessions.status(config, (), as_json=True, console=as_json) == 0
    (session,) = json.loads(told(as_json))["sessions"]
    assert session["state"] == "stopped"
    assert session["candle"].startswith("2021-01-")


def test_replay_shows_no_difference(config: Path, exchange: PlaybackStore) -> None:
    run(config, ("live.ratchet=tick",), None, None, quiet())
    console = quiet()
    assert replay.run(config, (), "1", console=console) == 0
    assert ", 0 differences" in told(console)
    assert "candles alone" in told(console)
    as_json = quiet()
    assert replay.run(config, (), "BTC/USDT", as_json=True, console=as_json) == 0
    table = json.loads(told(as_json))
    assert table["trades_compared"] > 3
    assert table["differences"] == []
    assert table["missing"].startswith("candles missing: 1, gaps: 1, the longest 1 from 2021-")


def test_a_replay_names_what_its_candles_miss(config: Path, exchange: PlaybackStore) -> None:
    run(config, (), None, None, quiet())
    database: Any = open_existing(url_of(config))
    database.execute_sql(
        "DELETE FROM candles WHERE time IN "
        "(SELECT time FROM candles ORDER BY time LIMIT 2 OFFSET 7)"
    )
    database.close()
    console = quiet()
    replay.run(config, (), "1", console=console)
    hole = "the longest 2 from 2021-01-01T07:00:00Z to 2021-01-01T09:00:00Z"
    assert f"candles missing: 3, gaps: 2, {hole}" in told(console)


def test_a_replay_that_differs_ends_with_exit_code_1(
    config: Path, exchange: PlaybackStore, capsys: pytest.CaptureFixture[str]
) -> None:
    run(config, (), None, None, quiet())
    arguments = ["replay", "1", "--config", str(config)]
    assert runner.main(arguments) == 0
    database: Any = open_existing(url_of(config))
    database.execute_sql("UPDATE paper_trades SET exit = exit + 1 WHERE number = 2")
    database.close()
    assert runner.main(arguments) == 1
    assert ", 1 difference" in capsys.readouterr().out


def test_without_a_ledger_there_is_nothing_to_show(config: Path) -> None:
    with pytest.raises(StoreError, match="no session has been started"):
        sessions.status(config, ())


def test_a_session_that_does_not_run_is_paused_and_resumed(
    config: Path, exchange: PlaybackStore, capsys: pytest.CaptureFixture[str]
) -> None:
    run(config, (), None, 20, quiet())
    for verb, paused, said in (("pause", True, "no new entries"), ("resume", False, "again")):
        assert runner.main([verb, "1", "--config", str(config)]) == 0
        assert f"session 1: {verb}: not running: " in (out := capsys.readouterr().out)
        assert said in out
        with existing_ledger(url_of(config)) as database:
            assert find_session(database, "1").paused == paused
    sessions.pause(config, (), "1")
    again = quiet()
    run(config, (), None, None, again)
    assert "kind=entry" not in told(again)  # it outlives the start
    with pytest.raises(StoreError, match="no session 5"):
        sessions.close(config, (), "5")


@pytest.mark.parametrize("ratchet", ["tick", "candle"])
def test_a_position_is_closed_by_the_next_start_and_at_no_price_of_before(
    ratchet: str,
    config: Path,
    market: list[Row],
    exchange: PlaybackStore,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    own = (f"live.ratchet={ratchet}", "stop.trailing_atr_multiplier=50", "live.catch_up=stops_only")
    count = 0
    while not count or not _position(config):
        count += 10
        run(config, own, None, 10, quiet())
    entered = _position(config)
    assert runner.main(["close", "1", "--config", str(config)]) == 0
    assert "is left when it starts again" in capsys.readouterr().out
    monkeypatch.setattr("stoptrail.live.session._BEAT_SECONDS", 0.0)  # the market is fast
    missed = WARM_UP + count + 12  # twelve candles have passed before it starts again
    later = PlaybackStore(market, missed, HOUR, ticks_of)
    monkeypatch.setattr(stoptrail.cli.live, "open_store", lambda settings: later)
    run(config, own, None, 5, quiet())
    with existing_ledger(url_of(config)) as database:
        trade = next(t for t in rows(database, PaperTrades, 1) if t["entry_time"] == entered)
        (asked,) = Commands.select().dicts().execute(database)
    assert trade["reason"] == "manual"
    assert trade["exit_time"] >= market[missed][0]
    assert asked["result"] is not None
    assert runner.main(["close", "1", "--config", str(config)]) == 0
    assert "there is no position" in capsys.readouterr().out or _position(config)


def _position(config: Path) -> int:
    """When the open trade was entered; 0 where there is none."""
    with existing_ledger(url_of(config)) as database:
        trade = open_trade(database, 1)
    return 0 if trade is None else int(trade["entry_time"])


def test_a_running_session_answers(
    config: Path, exchange: PlaybackStore, capsys: pytest.CaptureFixture[str]
) -> None:
    """From another thread, with a connection of its own, as from another terminal."""
    done = threading.Event()
    exchange.waits = lambda: not done.is_set()
    answers: list[int] = []

    def speak() -> None:
        try:
            _when_running(config)
            answers.append(sessions.pause(config, (), "1"))
            answers.append(sessions.resume(config, (), "1"))
        finally:
            done.set()

    thread = threading.Thread(target=speak)
    thread.start()
    assert run(config, (), None, None, quiet()) == 0
    thread.join()
    assert answers == [0, 0]
    assert "session 1: pause: no new entries" in capsys.readouterr().out


def _when_running(config: Path) -> None:
    end = time.monotonic() + 60.0
    while time.monotonic() < end:
        time.sleep(0.02)
        try:
            console = quiet()
            sessions.status(config, (), as_json=True, console=console)
        except StoreError:
            continue
        found = json.loads(told(console))["sessions"]
        if found and found[0]["state"] == "running":
            return
    raise AssertionError("the session has not begun")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_session_in_order(
    number: signal.Signals, config: Path, market: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    def ticks(row: Row) -> Any:
        if row[0] == market[300][0]:
            os.kill(os.getpid(), number)
        return ticks_of(row)

    store = PlaybackStore(market, WARM_UP, HOUR, ticks)
    monkeypatch.setattr(stoptrail.cli.live, "open_store", lambda settings: store)
    console = quiet()
    assert run(config, (), None, None, console) == 0
    assert f"{number.name} was received; the position is kept" in told(console)
    assert store.closed == 1
    database = open_existing(url_of(config))
    assert len(rows(database, StoredCandles, 1)) == 301
    database.close()


@pytest.mark.parametrize("deaf_to", [Exception, BaseException])
def test_a_stop_before_there_is_a_session_is_not_taken_for_a_failure_and_not_lost(
    deaf_to: type[BaseException], config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody's signal may pass over whatever fails, and Python what is raised within a callback
    from C, as LLVM's are while rules are compiled."""

    def load(*arguments: Any, **given: Any) -> Any:
        with suppress(deaf_to):
            os.kill(os.getpid(), signal.SIGTERM)
        return load_settings(*arguments, **given)

    monkeypatch.setattr(stoptrail.cli.live, "load_settings", load)
    monkeypatch.setattr(stoptrail.cli.live, "open_store", lambda settings: pytest.fail("it began"))
    console = quiet()
    assert run(config, (), None, None, console) == 0
    assert "SIGTERM was received" in told(console)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_a_session_that_is_to_outlive_its_terminal_does() -> None:
    """nohup starts it with SIGHUP ignored."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stopped_by_signals(lambda reason: None):
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_signal_handlers_are_given_back() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with stopped_by_signals(lambda reason: None):
        assert signal.getsignal(signal.SIGTERM) not in before
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def finished_run(folder: Path) -> Path:
    """What `--from` reads of a sweep's folder."""
    folder.mkdir()
    table = as_table(settings(stop={"trailing_atr_multiplier": 3.0, "atr_period": 5}))
    (folder / "config.toml").write_text(tomli_w.dumps(table))
    best = {"params": {"stop.trailing_atr_multiplier": 4.5, "strategy.sides": "long"}}
    (folder / "summary.json").write_text(json.dumps({"command": "sweep", "best": best}))
    return folder


def test_from_takes_the_best_set_of_a_run(config: Path, tmp_path: Path) -> None:
    folder = finished_run(tmp_path / "run")
    found = settings_for(folder, config, (), trust=False)
    assert found.stop.trailing_atr_multiplier == 4.5
    assert found.strategy.sides == "long"
    assert found.stop.atr_period == 5
    assert settings_for(folder, config, ["stop.atr_period=9"], trust=False).stop.atr_period == 9


def test_from_leaves_everything_else_as_the_user_has_it(config: Path, tmp_path: Path) -> None:
    folder = finished_run(tmp_path / "run")
    own = load_settings(config)
    found = settings_for(folder, config, (), trust=True)
    for section in ("data", "live", "exchange", "database", "notify", "sweep"):
        assert getattr(found, section) == getattr(own, section)


def test_from_a_folder_without_a_run_is_one_line(config: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no summary\.json"):
        settings_for(tmp_path, config, (), trust=False)
    folder = finished_run(tmp_path / "run")
    (folder / "summary.json").write_text("{")
    with pytest.raises(DataError, match="not a readable summary"):
        settings_for(folder, config, (), trust=False)


def test_from_a_run_on_another_market_asks_which_is_meant(config: Path, tmp_path: Path) -> None:
    folder = finished_run(tmp_path / "run")
    text = (folder / "config.toml").read_text().replace("BTC/USDT", "ETH/USDT")
    (folder / "config.toml").write_text(text)
    with pytest.raises(ConfigError, match="ETH/USDT, that of your settings BTC/USDT"):
        settings_for(folder, config, (), trust=True)
    found = settings_for(folder, config, ["data.symbol=ETH/USDT"], trust=False)
    assert found.data.symbol == "ETH/USDT"


def test_live_without_paper_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert runner.main(["live"]) == 2
    assert "--paper" in capsys.readouterr().err


def test_an_error_leaves_the_store_closed(
    config: Path, exchange: PlaybackStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Session, step: Any) -> None:
        raise RunError("something broke")

    monkeypatch.setattr(Session, "_keep", fail)
    with pytest.raises(RunError, match="something broke"):
        run(config, (), None, None, quiet())
    assert exchange.closed == 1
