"""A session under a supervisor: what it says to systemd, and how it is started again."""

from __future__ import annotations

import json
import multiprocessing
import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeAlias

import pytest

import runner
from stoptrail.exchange.errors import BannedError, RegionError, UnreachableError
from stoptrail.exchange.rows import Row
from stoptrail.live.ledger.database import existing_ledger
from stoptrail.live.ledger.records import all_sessions
from stoptrail.live.ledger.spoken import Presence
from stoptrail.live.market.store import CCXTStore
from stoptrail.live.recovery import StartPatience
from stoptrail.live.session import Options
from stoptrail.live.watch import heartbeat
from stoptrail.live.watch.heartbeat import Supervisor
from stoptrail.live.watch.messages import Message
from stoptrail.live.watch.presence import Attendance
from tests.exchange.trouble import RestTrouble
from tests.live.playback import PlaybackStore, play
from tests.live.scenario import exchange, market, store
from tests.live.small_market import HOUR, WARM_UP, settings, small_rows

DEPLOY = Path(__file__).parents[2] / "deploy"
COUNT = WARM_UP + 40
Heard: TypeAlias = "queue.SimpleQueue[str]"
SESSION: Any = None
"""A supervisor does not look at what turns."""


@pytest.fixture
def notify(tmp_path: Path) -> Any:
    """systemd's end of the socket; its path."""
    path = tmp_path / "notify"
    said: Heard = queue.SimpleQueue()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as own:
        own.bind(str(path))

        def listen() -> None:
            while (text := own.recv(4096).decode()) != "over":
                said.put(text)

        thread = threading.Thread(target=listen)
        thread.start()
        yield said, str(path)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.sendto(b"over", str(path))
        thread.join()


def lines(heard: Heard, path: str) -> list[str]:
    """What was said before now."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as own:
        own.sendto(b"now", path)
    return list(iter(heard.get, "now"))


def test_ready_watchdog_and_stopping_in_their_order(notify: Any, tmp_path: Path) -> None:
    heard, path = notify
    environment = {"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "2", "WATCHDOG_PID": str(os.getpid())}
    store = PlaybackStore(small_rows(WARM_UP + 5), WARM_UP, HOUR)
    with Supervisor(environment) as supervisor:
        options = Options(None, (supervisor,))
        play(settings(), store, f"sqlite:///{tmp_path}/ledger.db", options)
    said = lines(heard, path)
    states = [line for line in said if not line.startswith("STATUS=")]
    assert states[0] == "READY=1"
    assert states[-1] == "STOPPING=1"
    assert states.count("READY=1") == states.count("STOPPING=1") == 1
    assert set(states[1:-1]) == {"WATCHDOG=1"}
    assert "STATUS=started: session 1 of binance BTC/USDT" in said
    assert any(line.startswith("STATUS=warm-up") for line in said[: said.index("READY=1")])


def test_the_watchdog_hears_of_turns_alone_and_at_half_its_time(
    notify: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard, path = notify
    moments = iter((100.0, 100.05, 100.125, 100.15, 100.25, 101.0))
    monkeypatch.setattr(heartbeat, "time", SimpleNamespace(monotonic=lambda: next(moments)))
    with Supervisor({"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "200000"}) as supervisor:
        assert lines(heard, path) == []  # nothing turns: a session that hangs says nothing
        supervisor.turned(SESSION)
        assert lines(heard, path) == ["READY=1", "WATCHDOG=1"]
        found = []
        for _ in range(5):
            supervisor.turned(SESSION)
            found.append(lines(heard, path))
    assert found == [[], ["WATCHDOG=1"], [], ["WATCHDOG=1"], ["WATCHDOG=1"]]


def test_a_beat_that_was_not_taken_is_sent_again_at_the_next_turn(
    notify: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the watchdog's time later it would come too late."""
    heard, path = notify
    taken = iter((True, False, True, True))
    with Supervisor({"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "200000000"}) as supervisor:
        send = supervisor._send
        monkeypatch.setattr(supervisor, "_send", lambda text: next(taken) and send(text))
        for _ in range(3):
            supervisor.turned(SESSION)
        assert lines(heard, path) == ["READY=1", "WATCHDOG=1"]


@pytest.mark.parametrize(
    "more", [{}, {"WATCHDOG_USEC": "x"}, {"WATCHDOG_USEC": "9", "WATCHDOG_PID": "1"}]
)
def test_without_a_watchdog_of_its_own_there_is_no_beat(more: dict[str, str], notify: Any) -> None:
    heard, path = notify
    with Supervisor({"NOTIFY_SOCKET": path} | more) as supervisor:
        supervisor.turned(SESSION)
        assert lines(heard, path) == ["READY=1"]


@pytest.mark.parametrize("address", ["", "/nowhere/at/all", "@nobody", "x" * 200])
def test_a_socket_that_is_not_there_harms_nothing(address: str) -> None:
    with Supervisor({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "2"}) as supervisor:
        supervisor.turned(SESSION)
        supervisor.happened(Message("notice", 0, "x"))


_PULSE_SECONDS = 0.05
_SILENT, _SLOW_START = 80, 6000
"""Pulses without a word after which a life counts as hanging, once it was ready and before."""


def _live(url: str, path: str, fault: str, pulses: Any) -> None:
    """A life that hangs or fails at its tenth candle, or goes on to the end. A thread beside it
    counts `pulses`: time as this process gets it, however little that is on a busy machine."""

    def pulse() -> None:
        while True:
            time.sleep(_PULSE_SECONDS)
            pulses.value += 1

    threading.Thread(target=pulse, daemon=True).start()
    rows = small_rows(COUNT)

    def ticks(row: Row) -> list[Any]:
        if fault and row[0] == rows[WARM_UP + 10][0]:
            if fault == "hang":
                time.sleep(3600)
            raise SystemExit(1)
        return []

    environment = {"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "4000000"}
    with Supervisor(environment) as supervisor:
        store = PlaybackStore(rows, WARM_UP, HOUR, ticks)
        play(settings(), store, url, Options(None, (supervisor,)))


def supervised(url: str, heard: Heard, path: str, faults: list[str]) -> list[int]:
    """As systemd would: what says nothing for the watchdog's time after READY is ended by
    SIGABRT, and what ends otherwise than with 0 is started again; all exit codes."""
    codes: list[int] = []
    context = multiprocessing.get_context("spawn")
    while not codes or codes[-1] != 0:
        pulses = context.Value("q", 0, lock=False)
        process = context.Process(target=_live, args=(url, path, faults[len(codes)], pulses))
        process.start()
        ready, stopping, silent = False, False, 0
        while process.is_alive():
            time.sleep(_PULSE_SECONDS)
            said = lines(heard, path)
            ready, stopping = ready or "READY=1" in said, stopping or "STOPPING=1" in said
            if said:
                silent = pulses.value
            if not stopping and pulses.value - silent > (_SILENT if ready else _SLOW_START):
                assert process.pid is not None
                os.kill(process.pid, signal.SIGABRT)
                process.join()
        codes.append(process.exitcode or 0)
        process.close()
    return codes


def test_a_session_that_hangs_or_fails_is_started_again(notify: Any, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    codes = supervised(url, *notify, ["hang", "fail", ""])
    assert codes == [-signal.SIGABRT, 1, 0]
    with existing_ledger(url) as database:
        (session,) = all_sessions(database)
        (presence,) = Presence.select().dicts().execute(database)
    assert session.candle == small_rows(COUNT)[-1][0]
    assert presence["restarts"] == 2


UNITS = ("stoptrail", "stoptrail-dashboard", "stoptrail-telegram")


def unit_of(name: str) -> tuple[str, dict[str, str]]:
    """A unit's text, and its values."""
    text = (DEPLOY / f"{name}.service").read_text()
    lines_ = (line for line in text.splitlines() if re.match(r"[A-Z]\w+=", line))
    return text, dict(line.split("=", 1) for line in lines_)


@pytest.mark.parametrize("name", UNITS)
def test_the_units_are_such_that_systemd_takes(name: str, tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    text, values = unit_of(name)
    assert values["Restart"] == "on-failure"
    assert values["User"] == "stoptrail"  # one for all: SQLite's readers need it
    command = values["ExecStart"].split()
    unit = tmp_path / f"{name}.service"
    unit.write_text(text.replace(command[0], sys.executable))  # which exists here
    found = subprocess.run(
        [program, "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )
    about = [line for line in found.stderr.splitlines() if "stoptrail" in line]
    assert about == []


def test_a_session_that_is_silent_is_started_again_by_its_unit() -> None:
    _, values = unit_of("stoptrail")
    assert values["Type"] == "notify"
    assert int(values["WatchdogSec"]) > settings().live.database_retry_seconds


@pytest.mark.parametrize("name", UNITS)
def test_the_units_agree_on_a_ledger_that_they_may_write(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is in the state folder, wherever the settings are."""
    _, values = unit_of(name)
    (tmp_path / "strategy.toml").write_text("")
    assert values["WorkingDirectory"] == f"/var/lib/{values['StateDirectory']}"
    here = values["ExecStart"].replace(values["WorkingDirectory"], str(tmp_path / "state"))
    _, command, *options = re.sub(
        r"(/etc/stoptrail|\${\w+})/\w+", str(tmp_path / "strategy"), here
    ).split()
    known = [*options[: options.index("--set") + 2]]
    assert runner.main([command, "--help"]) == 0
    capsys.readouterr()
    assert runner.main(["status", *(word for word in known if word != "--paper")]) == 6
    assert f"{tmp_path}/state/state/stoptrail.db: there is no such file" in capsys.readouterr().err


def test_the_commands_of_the_image_run_in_a_fresh_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (DEPLOY / "Containerfile").read_text()
    (health,) = re.findall(r"^HEALTHCHECK .*CMD (\[.*\])$", text, re.M)
    (entry,) = re.findall(r"^ENTRYPOINT (\[.*\])$", text, re.M)
    (command,) = re.findall(r"^CMD (\[.*\])$", text, re.M)
    assert json.loads(entry) == ["stoptrail"]
    assert runner.main([*json.loads(command), "--help"]) == 0
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    words = json.loads(health)
    assert words[0] == "stoptrail"
    assert runner.main(words[1:]) == 6  # no session yet: not healthy
    (tmp_path / "state").mkdir()
    store = PlaybackStore(small_rows(WARM_UP + 5), WARM_UP, HOUR)
    play(settings(), store, "sqlite:///state/stoptrail.db")
    capsys.readouterr()
    assert runner.main(words[1:]) == 0
    assert "binance BTC/USDT: well" in capsys.readouterr().out


def test_an_image_is_built_from_what_the_package_needs_and_nothing_else() -> None:
    """No ledger, run, cache or environment that lies in the folder goes into it."""
    root = DEPLOY.parent
    lines = (root / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    kept = {rule[1:] for rule in rules if rule.startswith("!")}
    assert rules[0] == "*"
    assert {rule for rule in rules if not rule.startswith("!")} == {"*", "**/__pycache__"}
    linked = {path.resolve().name for path in (root / "stoptrail").iterdir() if path.is_symlink()}
    read = set(re.findall(r"(?:file:|license_files =) *(\S+)", (root / "setup.cfg").read_text()))
    assert kept == {"stoptrail", "setup.cfg", "pyproject.toml"} | linked | read


class Unreachable(PlaybackStore):
    """A store whose exchange cannot be reached the first times that it is asked."""

    failures: list[Exception]

    def market(self, symbol: str) -> Any:
        self._answer()
        return super().market(symbol)

    def held_market(self, symbol: str) -> Any:
        self._answer()
        return super().held_market(symbol)

    def _answer(self) -> None:
        if self.failures:
            raise self.failures.pop(0)


class Witness:
    """Keeps what was said of the connection."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def happened(self, message: Message) -> None:
        if message.kind == "connection":
            self.said.append(message.text)

    def turned(self, session: Any) -> None:
        """Nothing."""


def test_a_start_before_the_network_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stoptrail.live.recovery._FIRST_PAUSE", 0.01)
    store, witness = Unreachable(small_rows(COUNT), WARM_UP, HOUR), Witness()
    store.failures = [UnreachableError("binance cannot be reached (gaierror)")] * 3
    url = f"sqlite:///{tmp_path}/ledger.db"
    session = play(settings(), store, url, Options(None, (witness,)))
    assert session.engine is not None
    assert session.engine.closed == COUNT - WARM_UP
    assert len(witness.said) == 2
    assert witness.said[0].startswith("binance cannot be reached (gaierror): the start is tried")
    assert witness.said[1] == "the exchange is reached"
    assert store.closed == 4  # nothing is left open by a try that failed


def test_a_start_asks_nothing_while_the_exchange_wants_no_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A supervisor would start it again and again, and every request prolongs a ban; who looks on
    hears all the while that the session is there."""
    monkeypatch.setattr("stoptrail.live.recovery._FIRST_PAUSE", 0.001)
    monkeypatch.setattr("stoptrail.live.recovery._LONGEST_PAUSE", 0.2)
    url = f"sqlite:///{tmp_path}/ledger.db"
    play(settings(), PlaybackStore(small_rows(WARM_UP + 1), WARM_UP, HOUR), url)
    store, witness = Unreachable(small_rows(COUNT), WARM_UP + 1, HOUR), Witness()
    store.failures = [BannedError("binance wants no request until 12:00", 1.0)]
    written: list[str] = []
    monkeypatch.setattr(Attendance, "starting", lambda self, text: written.append(text))
    begun = time.monotonic()
    play(settings(), store, url, Options(None, (witness,)))
    assert time.monotonic() - begun > 1.0
    assert store.closed == 2  # asked once before, and once after
    assert written[0] == "reading from the exchange"
    assert written[1:] == ["binance wants no request until 12:00"] * (len(written) - 1)
    assert len(written) >= 5
    assert witness.said[0].startswith("binance wants no request until 12:00: the start is tried")


def test_a_ban_that_outlasts_the_patience_of_a_start_is_waited_for_as_long_as_that(
    tmp_path: Path,
) -> None:
    store = Unreachable(small_rows(COUNT), WARM_UP, HOUR)
    store.failures = [BannedError("no request", 3600.0)] * 2
    begun = time.monotonic()
    with pytest.raises(BannedError, match="no request"):
        play(settings(live={"start_wait_seconds": 0.5}), store, f"sqlite:///{tmp_path}/ledger.db")
    assert 0.5 <= time.monotonic() - begun < 60.0
    assert store.closed == 2


@pytest.mark.parametrize(
    ("error", "seconds"), [(UnreachableError("no"), 0.0), (RegionError("not here"), 60.0)]
)
def test_where_waiting_cannot_help_the_start_ends(
    error: UnreachableError, seconds: float, tmp_path: Path
) -> None:
    store = Unreachable(small_rows(COUNT), WARM_UP, HOUR)
    store.failures = [error]
    own = settings(live={"start_wait_seconds": seconds})
    with pytest.raises(UnreachableError, match=str(error)):
        play(own, store, f"sqlite:///{tmp_path}/ledger.db")


def test_a_machine_without_a_network_is_told_as_unreachable() -> None:
    """Without a word of starting again, which the session does itself where it waits."""
    with (
        CCXTStore("binance", "USDT", {"httpsProxy": "http://127.0.0.1:1"}, 0) as store,
        pytest.raises(UnreachableError, match=r"gave no market list.*and \[exchange\]$"),
    ):
        store.market("BTC/USDT")


def test_a_portal_s_page_at_a_start_is_an_exchange_out_of_reach() -> None:
    """As where a machine boots behind one: it is waited for, and called what it is."""
    with exchange(market(25)) as simulator, store(simulator, retries=1) as opened:
        simulator.trouble(RestTrouble(200, "<html>Log in to go on</html>", "/", 1000))
        with pytest.raises(UnreachableError, match=r"\(a page came instead of an answer\)"):
            opened.market("BTC/USDT")


def test_a_stop_ends_the_wait_at_once() -> None:
    stopped: list[bool] = []
    patience = StartPatience(lambda kind, text: stopped.append(True), lambda: bool(stopped))
    begun = time.monotonic()
    patience.wait(UnreachableError("no"), 3600.0, lambda: None)
    assert time.monotonic() - begun < 1.0
