"""Ctrl-C and SIGTERM end `live --paper` in order, whatever it waits for at that moment."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

import runner
from stoptrail.live import session
from stoptrail.live.ledger.database import open_existing
from stoptrail.live.ledger.records import open_trade
from stoptrail.live.ledger.spoken import Presence
from stoptrail.live.recovery import begin
from tests.cli.process import Running, exchange, live, write_config
from tests.exchange.script import SilentSocket
from tests.exchange.simulator import Simulator
from tests.exchange.trouble import hanging, rate_limit, server_error
from tests.forked import context
from tests.live.books import candles_in
from tests.web_server import receiver

BOUND_SECONDS = 8.0
"""Far more than a stop takes, far less than what it would have to wait for."""
SIGNALS = (signal.SIGINT, signal.SIGTERM)
EVERYTHING = "/"
FOR_EVER = 1_000_000


def stops(running: Running, number: signal.Signals = signal.SIGTERM) -> None:
    """It ends soon, with exit code 0 and one line that says why."""
    began = time.monotonic()
    assert running.stop(number) == 0
    assert time.monotonic() - began < BOUND_SECONDS
    assert running.said.count(f"{number.name} was received") == 1
    assert "Traceback" not in running.said


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize(
    "trouble",
    [hanging(60.0, FOR_EVER, EVERYTHING), server_error(FOR_EVER), rate_limit(600)],
    ids=["silent", "5xx", "banned"],
)
def test_while_the_exchange_does_not_answer_the_start(
    trouble: Any, number: signal.Signals, tmp_path: Path
) -> None:
    with exchange() as simulator:
        simulator.trouble(trouble)
        config = write_config(tmp_path, simulator, live={"retries": 50, "timeout_seconds": 60.0})
        with live(config) as running:
            running.until(lambda: len(simulator.warning_log.requests) > 0)
            stops(running, number)
            assert "before it began; the ledger is as it was" in running.said


def test_while_the_first_signals_are_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing can end that early: a line at once says that the signal was heard."""
    compiled = tmp_path / "compiled"

    def slow(*given: Any) -> Any:
        while not compiled.exists():
            time.sleep(0.01)
        return begin(*given)

    monkeypatch.setattr(session, "begin", slow)
    with exchange() as simulator:
        config = write_config(tmp_path, simulator)
        with live(config) as running:
            running.until("kind=notice")
            os.kill(running.pid, signal.SIGINT)
            running.until("stopping: what is under way is waited for")
            compiled.touch()
            assert running.end() == 0
            assert running.said.count("SIGINT was received before it began") == 1


def silent(simulator: Simulator, running: Running) -> None:
    """Sockets say nothing more and no request is answered."""
    simulator.script(SilentSocket(simulator.player.position + 2, away=0))
    asked = len(simulator.warning_log.requests)
    simulator.trouble(hanging(60.0, FOR_EVER, EVERYTHING))
    running.until(lambda: len(simulator.warning_log.requests) > asked)


def gone(simulator: Simulator, running: Running) -> None:
    """Sockets break and are refused, and every request is answered with an error."""
    simulator.streams.refusals = FOR_EVER
    simulator.trouble(server_error(FOR_EVER))
    simulator._loop.call_soon_threadsafe(simulator.streams.cut)
    running.until('kind=connection text="lost')


@pytest.mark.parametrize("trouble", [silent, gone])
@pytest.mark.parametrize("ratchet", ["candle", "tick"])
def test_while_the_market_data_is_lost_and_the_position_is_kept(
    ratchet: str, trouble: Callable[[Simulator, Running], None], tmp_path: Path
) -> None:
    with exchange() as simulator:
        config = write_config(tmp_path, simulator, live={"ratchet": ratchet})
        with live(config) as running:
            running.until("kind=state")
            simulator.play()
            running.until("kind=entry")
            trouble(simulator, running)
            stops(running)
            assert "the position is kept" in running.said
            held = running.said.count("kind=entry") - running.said.count("kind=exit")
    database = open_existing(f"sqlite:///{tmp_path}/ledger.db")
    assert (open_trade(database, 1) is not None) == (held == 1)
    database.close()


def test_while_missed_candles_are_run_through(tmp_path: Path) -> None:
    """Started again after a thousand candles: what was done of them is kept, the rest is
    done at the next start."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    with exchange() as simulator:
        config = write_config(tmp_path, simulator)
        with live(config) as running:
            running.until("kind=state")
            stops(running)
        simulator.player.now = simulator.market.times[-2]
        with live(config, name="again") as running:
            running.until("while the session was down")
            stops(running)
            assert "the position is kept" in running.said
        stopped_at = candles_in(url)
        with live(config, name="third") as running:
            running.until(lambda: candles_in(url) >= len(simulator.market) - 3)
            stops(running)
    assert stopped_at <= candles_in(url)


@contextmanager
def locked(file: Path, alone: bool = False) -> Iterator[None]:
    """Another process that writes for ever; `alone`, it lets nobody read either."""
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("PRAGMA busy_timeout = 10000")
        if alone:
            other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        yield


def test_while_a_locked_database_is_tried_again(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    with exchange() as simulator:
        config = write_config(tmp_path, simulator, live={"database_retry_seconds": 600.0})
        with live(config) as running:
            running.until("kind=state")
            with locked(file):
                running.until("cannot be written (database is locked)")
                began = time.monotonic()
                code = running.stop()
                assert time.monotonic() - began < BOUND_SECONDS
            assert code == 1  # something was not stored
            assert "the position is kept as last stored" in running.said
            assert "Traceback" not in running.said


def test_while_a_locked_database_is_opened(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    with exchange() as simulator:
        config = write_config(tmp_path, simulator)
        with live(config) as running:
            running.until("kind=state")
            stops(running)
        with locked(file, alone=True), live(config, name="again") as running:
            time.sleep(0.5)
            stops(running)
            assert "before the session began: nothing was changed" in running.said


@contextmanager
def silent_service(kind: str = "json") -> Iterator[str]:
    """An address that takes connections and never answers."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield f"{kind}://127.0.0.1:{server.getsockname()[1]}"


def test_while_a_database_server_does_not_answer(tmp_path: Path) -> None:
    pytest.importorskip("psycopg2", reason="needs psycopg2")
    with exchange() as simulator, silent_service("postgresql") as address:
        config = write_config(tmp_path, simulator, f"{address}/ledger")
        with live(config) as running:
            time.sleep(0.5)
            stops(running)
            assert "before the session began: nothing was changed" in running.said
        with live(config, name="again", answer=2.0) as again:
            assert again.end() == 2
            assert "cannot be opened (the server has not answered for 2 s)" in again.said


def test_while_services_for_messages_hang(tmp_path: Path) -> None:
    """One line says what was not delivered."""
    with exchange() as simulator, silent_service() as one, silent_service() as other:
        config = write_config(tmp_path, simulator, notify={"urls": [one, other]})
        with live(config) as running:
            running.until("kind=state")
            stops(running)
            lines = [line for line in running.said.splitlines() if "could not deliver" in line]
            assert len(lines) == 1
            assert "[notify] could not deliver 2 messages (1 started, 1 stopped)" in lines[0]


def test_a_service_that_answers_is_told_of_the_end(tmp_path: Path) -> None:
    with receiver() as (address, got), exchange() as simulator:
        config = write_config(tmp_path, simulator, notify={"urls": [address]})
        with live(config) as running:
            running.until("kind=state")
            running.until(lambda: bool(got))  # Apprise loads in a thread of its own, slowly
            stops(running)
            assert "could not deliver" not in running.said
    assert any("SIGTERM was received" in text for text in got)


def test_a_second_start_is_refused_before_it_listens_anywhere(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    with exchange() as simulator:
        config = write_config(tmp_path, simulator, live={"prometheus_port": port})
        with live(config) as running:
            running.until("kind=state")
            with live(config, name="second") as second:
                assert second.end() == 2
                assert "runs in this database already (process" in second.said
                assert "prometheus" not in second.said
            stops(running)


def _on_terminal(terminal: str, arguments: list[str]) -> None:
    """The command on a terminal of its own, as ssh gives one."""
    os.setsid()
    own = os.open(terminal, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(own, number)
    os.close(own)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    file = os.fdopen(1, "w", buffering=1, closefd=False)
    with contextlib.redirect_stdout(file), contextlib.redirect_stderr(file):
        code = runner.main(arguments)
    os._exit(code)  # nothing more can be printed


def test_when_its_terminal_goes_away(tmp_path: Path) -> None:
    """A connection that broke had left a session that nobody knew to be gone."""
    ours, theirs = os.openpty()
    with exchange() as simulator:
        config = write_config(tmp_path, simulator)
        process = context().Process(
            target=_on_terminal,
            args=(os.ttyname(theirs), ["live", "--paper", "--config", str(config)]),
        )
        process.start()
        shown, until = b"", time.monotonic() + 60.0
        while b"next close" not in shown:
            assert time.monotonic() < until, shown
            if select.select([ours], [], [], 0.2)[0]:
                shown += os.read(ours, 65_536)
        os.close(theirs)
        os.close(ours)
        process.join(60)
        assert process.exitcode == 0
    with closing(open_existing(f"sqlite:///{tmp_path}/ledger.db")) as database:
        (presence,) = Presence.select().dicts().execute(database)
    assert (presence["state"], presence["connection"]) == (
        "stopped",
        "closed: SIGHUP was received",
    )
