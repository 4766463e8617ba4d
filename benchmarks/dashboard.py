"""Ten sessions with a year of 15-minute candles each: memory and time of the dashboard.

    python -m benchmarks.dashboard

Prints what docs/dashboard.md quotes; exit code 1 above 100 MB or one second.
"""

from __future__ import annotations

import http.client
import json
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from benchmarks.arguments import Arguments
from tests.live.playback import PlaybackStore, play
from tests.live.small_market import HOUR, WARM_UP, settings, small_rows

ROOT = Path(__file__).parents[1]
SESSIONS, CANDLES, STEP = 10, 365 * 96, 900_000
MOST_MB, MOST_SECONDS = 100.0, 1.0


def make_ledger(file: Path) -> None:
    """A short real session, copied ten times, with a year of equity and candles behind it."""
    play(settings(), PlaybackStore(small_rows(420), WARM_UP, HOUR), f"sqlite:///{file}")
    with closing(sqlite3.connect(file)) as own, own:
        ((last,),) = own.execute("SELECT MAX(time) FROM candles").fetchall()
        own.execute("DELETE FROM equity")
        for table in ("sessions", *_OF_A_SESSION):
            _copy(own, table)
        for session in range(1, SESSIONS + 1):
            times = range(last - STEP * (CANDLES - 1), last + STEP, STEP)
            own.executemany(
                "INSERT OR REPLACE INTO candles (session, time, open, high, low, close, volume, "
                "caught_up) VALUES (?, ?, 100, 101, 99, 100, 1, 0)",
                ((session, time_) for time_ in times),
            )
            own.executemany(
                "INSERT INTO equity VALUES (?, ?, ?, ?)",
                ((session, t + STEP, 1e5 + (k * 37 % 1000), 1e5) for k, t in enumerate(times)),
            )


_OF_A_SESSION = (
    "settings_history",
    "decisions",
    "paper_orders",
    "paper_trades",
    "stop_moves",
    "presence",
)


def _copy(own: sqlite3.Connection, table: str) -> None:
    names = [row[1] for row in own.execute(f"PRAGMA table_info({table})")]
    key = "id" if table == "sessions" else "session"
    for session in range(2, SESSIONS + 1):
        values = [f"'M{session}/USDT'" if n == "symbol" else n for n in names]
        values[names.index(key)] = str(session)
        own.execute(f"INSERT INTO {table} SELECT {', '.join(values)} FROM {table} WHERE {key} = 1")


def main() -> int:
    """Measure and print; the exit code."""
    Arguments(description=__doc__.splitlines()[0]).parse_args()
    found = measured()
    print(json.dumps(found._asdict()))
    return int(found.megabytes > MOST_MB or max(found.seconds.values()) > MOST_SECONDS)


class Measured(NamedTuple):
    """What opening took, by page, and the most that the server has held."""

    seconds: dict[str, float]
    megabytes: float


def measured() -> Measured:
    """Both pages opened once, by a server of its own process."""
    with tempfile.TemporaryDirectory() as folder:
        ledger = Path(folder) / "ledger.db"
        make_ledger(ledger)
        command = [sys.executable, str(ROOT / "runner.py"), "dashboard", "--port", "0"]
        command += ["--ledger", str(ledger)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder) as process:
            assert process.stdout is not None
            match = re.search(r":(\d+)/", process.stdout.readline())
            assert match is not None
            try:
                seconds = {name: _seconds(int(match[1]), paths) for name, paths in _PAGES.items()}
                return Measured(seconds, _megabytes(process.pid))
            finally:
                process.terminate()


_PAGES = {
    "sessions": ("/", "/api/sessions", "/api/marks"),
    "session": tuple(f"/api/session/0/3/{part}" for part in ("candles", "curve", "story")),
}


def _seconds(port: int, paths: tuple[str, ...]) -> float:
    """Until the last answer that the page needs is there, the first time."""
    began = time.perf_counter()
    for path in paths:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", path)
        answer = connection.getresponse()
        assert (answer.status, bool(answer.read())) == (200, True), path
        connection.close()
    return round(time.perf_counter() - began, 3)


def _megabytes(pid: int) -> float:
    """The most that the process has held."""
    match = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert match is not None
    return round(int(match[1]) / 1024, 1)


if __name__ == "__main__":
    sys.exit(main())
