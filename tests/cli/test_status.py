"""`status`: what it shows and its exit codes."""

from __future__ import annotations

import io
import json
import re
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from rich.console import Console

import runner
from stoptrail.cli import sessions
from stoptrail.config.settings import as_table
from stoptrail.core.errors import RunError
from stoptrail.live.ledger.database import existing_ledger, open_ledger
from stoptrail.live.ledger.records import all_sessions
from stoptrail.live.ledger.spoken import Presence
from stoptrail.live.session import Session
from stoptrail.live.watch.beats import Beats
from stoptrail.live.watch.snapshot import snapshot
from tests.live.playback import PlaybackStore, play
from tests.live.small_market import HOUR, WARM_UP, settings, small_rows

FAR = 10**13


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Settings in a file, and a session that was stopped in order."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    own = settings(database={"url": url})
    file = tmp_path / "strategy.toml"
    file.write_text(tomli_w.dumps(as_table(own)))
    play(own, PlaybackStore(small_rows(300), WARM_UP, HOUR), url)
    return file


def say(config: Path, session: int = 1, **values: Any) -> None:
    """Let the session have said this of itself a moment ago, beside what it did say."""
    with existing_ledger(f"sqlite:///{config.parent}/ledger.db") as database:
        (row,) = Presence.select().where(Presence.session == 1).dicts().execute(database)
        row |= {"session": session, "beat": int(time.time() * 1000), "state": "running"}
        row |= {"connection": "live"} | values
        Presence.insert(**row).on_conflict_replace().execute(database)


def quiet() -> Console:
    return Console(file=io.StringIO(), width=100)


def told(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def asked(config: Path, *options: str) -> int:
    return runner.main(["status", "--config", str(config), *options])


@pytest.mark.parametrize(
    ("values", "code", "word"),
    [
        ({"state": "stopped"}, 0, "well"),
        ({"connection": "live"}, 0, "well"),
        ({"connection": "polling: no sockets"}, 0, "well"),
        ({"beat": 0}, 3, "gone"),
        ({"state": "starting", "connection": "starting: x"}, 4, "stale"),
        ({"state": "starting", "beat": 0}, 3, "gone"),
        ({"state": "failed"}, 3, "gone"),
        ({"connection": "stale: no trade for 120 s"}, 4, "stale"),
        ({"connection": "connecting"}, 4, "stale"),
        ({"reading": json.dumps({"warm_from": FAR})}, 5, "not warm"),
        ({"connection": "stale: x", "reading": json.dumps({"warm_from": FAR})}, 4, "stale"),
    ],
)
def test_the_exit_code_says_how_a_session_is(
    values: dict[str, Any],
    code: int,
    word: str,
    config: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    say(config, **values)
    assert asked(config, "--brief") == code
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"1 binance BTC/USDT: {word} ")


def test_of_several_sessions_the_worst_counts(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///{config.parent}/ledger.db"
    other = settings(data={"symbol": "ETH/USDT", "timeframe": "1h"})
    play(other, PlaybackStore(small_rows(300), WARM_UP, HOUR), url)
    say(config, 1, connection="stale: x")
    say(config, 2, beat=0)
    assert asked(config, "--brief") == 4
    words = [line.split(" · ")[0].split(": ")[1] for line in capsys.readouterr().out.splitlines()]
    assert words == ["stale", "gone"]


def test_a_database_that_cannot_be_read_is_6_and_wrong_usage_2(config: Path) -> None:
    assert asked(config, "--breif") == 2
    assert asked(config, "--set", "live.retries=-1") == 2
    assert asked(config, "--set", f"database.url=sqlite:///{config.parent}/none.db") == 6
    (config.parent / "ledger.db").write_bytes(b"this is no database" * 100)
    assert asked(config) == 6


def test_the_path_of_the_ledger_is_named(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked(config)
    place = str(config.parent / "ledger.db")
    assert f"ledger: {place}\n" in capsys.readouterr().out
    asked(config, "--json")
    assert json.loads(capsys.readouterr().out)["ledger"] == place


def test_it_is_watched_until_ctrl_c_and_ends_as_last_seen(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = [{"connection": "live"}, {"beat": 0}]

    def pause(seconds: float) -> None:
        if not looks:
            raise KeyboardInterrupt
        say(config, **looks.pop(0))

    monkeypatch.setattr("stoptrail.cli.sessions.time.sleep", pause)
    console = quiet()
    assert sessions.status(config, (), brief=True, watch=True, console=console) == 3
    lines = told(console).splitlines()
    assert [line.split(" · ")[1] for line in lines] == ["stopped", "running", "gone"]


def test_a_watched_database_that_is_not_there_is_told_as_json_where_that_is_asked_for(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (config.parent / "ledger.db").unlink()

    def end(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("stoptrail.cli.sessions.time.sleep", end)
    for as_json in (True, False):
        console = quiet()
        assert sessions.status(config, (), as_json, watch=True, console=console) == 6
        line = told(console)
        said = json.loads(line)["error"] if as_json else line
        assert "there is no such file, so no session has been started" in said


def test_a_session_that_failed_is_told_from_one_that_was_stopped(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert asked(config) == 0

    def fail(self: Session, step: Any) -> None:
        raise RunError("something broke")

    monkeypatch.setattr(Session, "_keep", fail)
    url = f"sqlite:///{config.parent}/ledger.db"
    with pytest.raises(RunError, match="something broke"):
        play(settings(), PlaybackStore(small_rows(310), WARM_UP, HOUR), url)
    assert asked(config) == 3


@pytest.mark.parametrize("options", [[], ["--json"], ["--brief"]], ids=["panel", "json", "line"])
@pytest.mark.parametrize("cell", ["price_time", "price", "reading"])
def test_whatever_a_cell_holds_status_says_that_the_ledger_is_damaged(
    cell: str, options: list[str], config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    say(config)
    with closing(sqlite3.connect(config.parent / "ledger.db")) as database, database:
        database.execute("UPDATE presence SET price = 1.0, price_time = 1")
        database.execute(f"UPDATE presence SET {cell} = 'not this'")
    assert asked(config, *options) == 6
    said = capsys.readouterr().err
    assert "the ledger is damaged" in said
    assert "STOPTRAIL_DEBUG" not in said


def test_before_the_first_session_has_begun_nothing_is_well(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It waits for its exchange, or could not start: a supervisor must not take it for well."""
    (config.parent / "ledger.db").unlink()
    open_ledger(f"sqlite:///{config.parent}/ledger.db").close()
    assert asked(config, "--brief") == 4
    assert "no session has begun in this database yet" in capsys.readouterr().out


@pytest.fixture
def briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session is watched for a moment only."""
    monkeypatch.setattr("stoptrail.live.watch.beats._LOOK_SECONDS", 0.6)
    monkeypatch.setattr("stoptrail.live.watch.beats._PAUSE_SECONDS", 0.02)


@contextmanager
def beating(config: Path, off: float) -> Iterator[None]:
    """A session on a machine whose clock is `off` seconds ahead of this one's."""
    over = threading.Event()

    def beat() -> None:
        say(config, host="elsewhere", beat=int((time.time() + off) * 1000))

    def beats() -> None:
        while not over.wait(0.1):
            beat()

    beat()
    thread = threading.Thread(target=beats)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize("off", [-90, 90, -7200, 86_400])
@pytest.mark.parametrize("form", ["--brief", "--json", "panel"])
def test_a_session_that_beats_on_a_machine_with_another_clock_is_well_and_the_clock_is_told(
    off: int, form: str, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with beating(config, off):
        assert asked(config, *([] if form == "panel" else [form])) == 0
    shown = capsys.readouterr().out
    if form == "--json":
        (session,) = json.loads(shown)["sessions"]
        assert session["state"] == "running"
        assert abs(session["clock_lead"] / 1000 - off) < 5
        return
    found = re.search(r"its clock ([\d,]+) s (ahead|behind)", shown)
    assert found is not None
    assert abs(int(found[1].replace(",", "")) - abs(off)) < 5
    assert found[2] == ("ahead" if off > 0 else "behind")
    assert "· live" in shown


@pytest.mark.usefixtures("briefly")
@pytest.mark.parametrize("off", [-60, -7200, 90, 86_400])
def test_one_that_does_not_beat_is_gone_whatever_its_clock(
    off: int, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    say(config, host="elsewhere", beat=int((time.time() + off) * 1000))
    assert asked(config, "--brief") == 3
    assert "by the clock of elsewhere" in capsys.readouterr().out


def test_on_the_same_machine_nothing_is_waited_for(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stoptrail.live.watch.beats._LOOK_SECONDS", 60.0)
    say(config, host=socket.gethostname(), beat=int((time.time() - 60) * 1000))
    began = time.monotonic()
    assert asked(config, "--brief") == 3
    assert time.monotonic() - began < 20


@pytest.mark.usefixtures("briefly")
def test_sessions_are_watched_together_and_each_beat_once(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (2, 3, 1):
        say(config, session=number, host="elsewhere", beat=0)
    beats = Beats()
    began = time.monotonic()
    with existing_ledger(f"sqlite:///{config.parent}/ledger.db") as database:
        (row,) = all_sessions(database)
        assert snapshot(database, row, 1, beats).state == "gone"
        assert time.monotonic() - began > 0.6
        monkeypatch.setattr("time.sleep", lambda seconds: pytest.fail("it is watched again"))
        assert snapshot(database, row, 1, beats).state == "gone"
        for number in (2, 3):  # watched together with the first
            where = Presence.session == number
            (presence,) = Presence.select().where(where).dicts().execute(database)
            assert beats.clock_lead(database, number, presence) is None


@pytest.mark.parametrize("command", [["status", "--brief"], ["pause", "1"]])
def test_a_server_that_says_nothing_is_not_waited_for_for_ever(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As PostgreSQL does that is halted: a health check would hang."""
    pytest.importorskip("psycopg2")
    monkeypatch.setattr("stoptrail.live.ledger.postgres._ANSWER_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"postgresql://user@127.0.0.1:{server.getsockname()[1]}/ledger"
        code = runner.main([*command, "--set", f"database.url={url!r}"])
    assert "the server has not answered for 0 s" in capsys.readouterr().err
    assert code == (6 if command[0] == "status" else 2)
