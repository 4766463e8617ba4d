"""`live --paper` in a process of its own, against the exchange simulator."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tomli_w

import runner
from stoptrail.live.ledger import postgres
from stoptrail.rules.candles import Candles
from tests.exchange.player import Pace
from tests.exchange.simulator import Simulator
from tests.forked import context
from tests.live.small_market import WARM_UP, small_market, tables

_PATIENCE_SECONDS = 60.0
"""For a busy machine; what is waited for takes a moment."""
STEADY = Pace(speed=20 * 3600.0, wanted=())
"""Twenty candles a second, whoever listens."""


class Running:
    """The command, under way."""

    def __init__(
        self, arguments: Sequence[str], out: Path, answer: float = postgres._ANSWER_SECONDS
    ) -> None:
        self._out = out
        out.touch()
        self._process = context().Process(target=_main, args=(list(arguments), out, answer))
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def said(self) -> str:
        """Everything that it has printed."""
        return self._out.read_text()

    def until(self, found: str | Callable[[], bool]) -> None:
        """Wait for a text, or for something to be so."""
        end = time.monotonic() + _PATIENCE_SECONDS
        while not (found() if callable(found) else found in self.said):
            assert self._process.is_alive(), f"it has ended: {self.said}"
            assert time.monotonic() < end, f"still no {found!r}: {self.said}"
            time.sleep(0.02)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send the signal; the exit code."""
        os.kill(self.pid, number)
        return self.end()

    def end(self, seconds: float = _PATIENCE_SECONDS) -> int:
        """Wait for its end; the exit code."""
        self._process.join(seconds)
        assert self._process.exitcode is not None, f"it does not end: {self.said}"
        return self._process.exitcode

    def close(self) -> None:
        """Leave nothing running."""
        if self._process.is_alive():
            self._process.kill()
        self._process.join()
        self._process.close()


def _main(arguments: list[str], out: Path, answer: float) -> None:
    postgres._ANSWER_SECONDS = answer
    file: Any = out.open("a", buffering=1)
    with contextlib.redirect_stdout(file), contextlib.redirect_stderr(file):
        code = runner.main(arguments)
    sys.exit(code)


@contextmanager
def live(
    config: Path,
    *overrides: str,
    name: str = "said",
    answer: float = postgres._ANSWER_SECONDS,
) -> Iterator[Running]:
    """A running session of these settings; what it prints is in a file beside them. A database
    server has `answer` seconds to answer in."""
    arguments = ["live", "--paper", "--config", str(config)]
    arguments += [part for override in overrides for part in ("--set", override)]
    running = Running(arguments, config.with_name(f"{name}.txt"), answer)
    try:
        yield running
    finally:
        running.close()


@contextmanager
def exchange(pace: Pace = STEADY, candles: Candles | None = None) -> Iterator[Simulator]:
    """The simulator, before the first candle that a new session would decide on."""
    with Simulator(candles or small_market(1500), start=WARM_UP, pace=pace) as simulator:
        yield simulator


def write_config(folder: Path, simulator: Simulator, url: str = "", **changes: Any) -> Path:
    """strategy.toml for sessions at the simulator."""
    changes.setdefault("live", {})
    url = url or f"sqlite:///{folder}/ledger.db"
    table = tables(database={"url": url}, exchange={"ccxt": simulator.ccxt_options()}, **changes)
    file = folder / "strategy.toml"
    file.write_text(tomli_w.dumps(table))
    return file
