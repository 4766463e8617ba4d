"""The log of a session: file, rotation, terminal."""

from __future__ import annotations

import io
import logging
import re
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from rich.console import Console

import stoptrail.cli.live
from stoptrail.cli.live import run
from stoptrail.config.settings import as_table
from stoptrail.core.errors import OutputError
from stoptrail.live.watch.log_file import LogSettings, logged
from tests.live.playback import PlaybackStore
from tests.live.small_market import HOUR, WARM_UP, settings, small_rows

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00 (INFO|WARNING|ERROR) \S+ \S.*")


def wanted(path: Path, **changes: Any) -> LogSettings:
    return LogSettings(str(path), 1.0, 2, None, lambda text: text)._replace(**changes)


def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verbose: bool) -> tuple[str, str]:
    """A session through the command; what it printed and what it logged."""
    file = tmp_path / "logs" / "session.log"
    own = settings(
        database={"url": f"sqlite:///{tmp_path}/ledger.db"},
        live={"log_file": str(file)},
        exchange={"ccxt": {"apiKey": "hunter2hunter2"}},
        notify={"heartbeat": "http://127.0.0.1:1/ping/correcthorse"},
    )
    config = tmp_path / "strategy.toml"
    table = as_table(own)
    config.write_text(tomli_w.dumps(table))

    def ticks(row: Any) -> list[Any]:
        logging.getLogger("ccxt.base.exchange").warning("ccxt says hunter2hunter2")
        logging.getLogger("stoptrail.live").warning("fetched http://127.0.0.1:1/ping/correcthorse")
        return []

    store = PlaybackStore(small_rows(WARM_UP + 5), WARM_UP, HOUR, ticks)
    monkeypatch.setattr(stoptrail.cli.live, "open_store", lambda settings: store)
    console = Console(file=io.StringIO(), width=100)
    assert run(config, (), None, None, console, verbose=verbose) == 0
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue(), file.read_text()


@pytest.mark.parametrize("verbose", [False, True])
def test_a_session_is_logged_without_secrets(
    verbose: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    printed, log = session(tmp_path, monkeypatch, verbose)
    assert all(LINE.fullmatch(line) for line in log.splitlines())
    assert "started: session 1 of binance BTC/USDT" in log
    assert "ccxt says ***" in log
    assert "hunter2" not in log + printed
    assert "correcthorse" not in log + printed
    assert "ccxt says" not in printed + "".join(capfd.readouterr())
    assert ("candles known since" in printed) == verbose
    assert printed.count("session 1 of binance BTC/USDT") == 1  # not the view's and the log's
    times = [line.split()[0] for line in printed.splitlines() if line.startswith("time=")]
    assert all(re.fullmatch(r"time=\S+T\d\d:\d\d:\d\d\.\d{3}Z", time) for time in times)


def test_files_rotate_and_the_oldest_goes(tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    with logged(wanted(file, megabytes=0.01)):
        for number in range(1000):
            logging.getLogger("stoptrail.live").info("line %d", number)
    found = sorted(path.name for path in tmp_path.iterdir())
    assert found == ["a.log", "a.log.1", "a.log.2"]
    assert all(path.stat().st_size <= 10_000 for path in tmp_path.iterdir())
    assert "line 999" in file.read_text()


@pytest.mark.parametrize("moved", [True, False])
def test_a_file_that_was_moved_or_deleted_is_made_anew(moved: bool, tmp_path: Path) -> None:
    """logrotate does the one, people do the other; lines would go where nobody sees them."""
    file, old = tmp_path / "a.log", tmp_path / "a.log.old"
    log = logging.getLogger("stoptrail.live")
    with logged(wanted(file)):
        log.info("one")
        file.rename(old) if moved else file.unlink()
        log.info("two")
        log.info("three")
    assert [line.split()[-1] for line in file.read_text().splitlines()] == ["two", "three"]
    assert not moved or old.read_text().endswith("one\n")


def test_loggers_are_as_before_afterwards(tmp_path: Path) -> None:
    names = ("stoptrail", "ccxt", "asyncio")

    def state() -> list[Any]:
        loggers = [logging.getLogger(name) for name in names]
        return [(logger.level, logger.propagate, list(logger.handlers)) for logger in loggers]

    before = state()
    with logged(wanted(tmp_path / "a.log")):
        assert state() != before
    assert state() == before


def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "file" / "a.log"):
        with (
            pytest.raises(OutputError, match=r"live\.log_file .* cannot be written"),
            logged(wanted(path)),
        ):
            pass


def test_a_full_disk_costs_lines_and_nothing_else(capfd: pytest.CaptureFixture[str]) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    with logged(wanted(Path("/dev/full"))):
        logging.getLogger("stoptrail.live").info("lost")
    assert capfd.readouterr().err == ""
