"""A year of paper trading against the exchange simulator: faults, kills, and what is left.

    python -m benchmarks.soak [--days N] [--kills N] [--faults N] [--ratchet tick|candle]
                              [--transport auto|rest] [--database URL] [--seed N]
                              [--sample N] [--exchange binance|bybit|okx|kraken|coinbase]

The real ccxt client talks to the simulator over 127.0.0.1; the session is a process of its
own that is killed with SIGKILL at random moments of the first half of the span. Prints the
figures of docs/live.md. Exit code 1 where the ledger is not what it has to be: in candle
mode that of an undisturbed session and of a backtest of the same candles; in both modes no
stop loosens, no order or trade is doubled, every candle is there once, and a replay finds
no difference.
"""

from __future__ import annotations

import os
import random
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.arguments import Arguments, answered, count, whole
from benchmarks.soak_clock import Clock, latencies
from benchmarks.soak_faults import random_faults
from benchmarks.soak_judge import INTERVAL, judge, slopes
from benchmarks.soak_session import NOTE, settings_file
from stoptrail.config.load import load_settings
from stoptrail.feeds.synthetic import synthetic_candles
from stoptrail.rules.candles import Candles
from tests.exchange.player import Pace
from tests.exchange.simulator import Simulator
from tests.exchange.wire_simulator import WireSimulator

DAY = 86_400_000
WARM_UP_DAYS = 60
SHORT_WARM_UP = {"kraken": 7}
"""Days of candles that an exchange has (kraken's answers hold 720): the session is not warm yet as
it begins, and the judge's session and backtest begin with the same candles."""
START = 1_609_459_200_000
UNDISTURBED = 100
"""Candles before the first kill."""
_STILL_SECONDS = 300.0
"""Longest time for which the market may stand still: a busy machine starts a session slowly."""


class Plan(NamedTuple):
    """What a soak does."""

    days: int
    kills: int
    faults: int
    ratchet: str
    transport: str
    seed: int
    exchange: str

    @property
    def warm_up(self) -> int:
        """Days of candles before the session begins."""
        return SHORT_WARM_UP.get(self.exchange, WARM_UP_DAYS)


class Life(NamedTuple):
    """One process of the session, from its start to its end."""

    to_live: float
    """Seconds from the start of the process to its first decision."""
    known: int
    """Candles that the ledger held when it started."""
    memory: list[tuple[int, float]]
    """(position of the candle under way, resident megabytes)."""


def market(plan: Plan, days: int) -> tuple[Candles, int]:
    """The synthetic market: warm-up, then `days`, then one candle that stays unfinished; and the
    position of the first candle after the warm-up."""
    end = START + (plan.warm_up + days) * DAY + INTERVAL
    candles = synthetic_candles(plan.seed, INTERVAL, START, end)
    return candles, int(np.searchsorted(candles.time, START + plan.warm_up * DAY))


class Keeper:
    """Starts the session's process, watches it, kills it."""

    def __init__(self, folder: Path, simulator: Simulator, plan: Plan, url: str) -> None:
        self.notes = folder / "notes.bin"
        self._config = settings_file(
            folder,
            (plan.exchange, getattr(simulator, "symbol", "BTC/USDT")),
            simulator.urls(),
            url,
            plan.ratchet,
            plan.transport,
            plan.warm_up,
        )
        self._simulator = simulator
        self._folder = folder
        self.process: subprocess.Popen[bytes] | None = None
        self._begun = 0.0
        self._known = 0
        self._memory: list[tuple[int, float]] = []
        self._moved = (-1, time.monotonic())
        """The candle under way when the market last went on, and when that was."""

    def start(self) -> None:
        """A new life."""
        self._known = len(self.read())
        self._begun, self._memory = time.monotonic(), []
        command = [sys.executable, "-m", "benchmarks.soak_session"]
        command += [str(self._config), str(self.notes)]
        with (self._folder / "session.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def read(self) -> list[tuple[int, int, int]]:
        """(open time, moment, kind) of everything that the session has noted."""
        if not self.notes.exists():
            return []
        raw = self.notes.read_bytes()
        size = struct.calcsize(NOTE)
        return [struct.unpack_from(NOTE, raw, at) for at in range(0, len(raw) - size + 1, size)]

    def look(self) -> None:
        """Note the memory; RuntimeError where the session has ended by itself, or the market
        has stood still for minutes."""
        assert self.process is not None
        if self.process.poll() is not None:
            raise RuntimeError(
                f"the session ended with code {self.process.returncode}: "
                + (self._folder / "session.log").read_text()[-2000:]
            )
        position, now = self._simulator.player.position, time.monotonic()
        if position != self._moved[0]:
            self._moved = position, now
        elif now - self._moved[1] > _STILL_SECONDS:
            log = (self._folder / "session.log").read_text()[-2000:]
            raise RuntimeError(f"the market stands still at candle {position}: {log}")
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        megabytes = pages * os.sysconf("SC_PAGESIZE") / 1e6
        self._memory.append((position, megabytes))

    def until_live(self) -> None:
        """Wait until the session decides."""
        while not any(kind == 0 for _, _, kind in self.read()):
            self.look()
            time.sleep(0.05)

    def end(self, signal_: int) -> Life:
        """Send `signal_` and wait for the end."""
        assert self.process is not None
        self.process.send_signal(signal_)
        self.process.wait(30)
        live = [at for _, at, kind in self.read()[self._known :] if kind == 0]
        to_live = live[0] / 1e9 - self._begun if live else float("nan")
        return Life(to_live, self._known, self._memory)


def live_through(
    keeper: Keeper, simulator: Simulator, plan: Plan, first: int, last: int
) -> list[Life]:
    """Play the market to its end, with kills; the lives that it took."""
    chance = random.Random(plan.seed + 1)
    half = first + (last - first) // 2  # one life long enough to see whether memory grows
    deaths = sorted(chance.sample(range(first + UNDISTURBED, half), plan.kills))
    lives: list[Life] = []
    keeper.start()
    if plan.transport == "rest":  # else it is the first subscription that starts the market
        keeper.until_live()
    playing = simulator.play()
    while simulator.player.position < last or not playing.done():
        keeper.look()
        if deaths and simulator.player.position >= deaths[0]:
            deaths.pop(0)
            lives.append(keeper.end(9))
            _away(simulator, chance.choice((0, 0, 1, 5, 40)))
            keeper.start()
        time.sleep(0.05)
    _settled(keeper, simulator, last)
    lives.append(keeper.end(15))
    return lives


def _away(simulator: Simulator, candles: int) -> None:
    """Let candles pass while nobody listens."""
    simulator.streams._changed.clear()
    simulator.player.pass_by(candles)


def _settled(keeper: Keeper, simulator: Simulator, last: int) -> None:
    """Wait until the last closed candle is stored: a market may be far ahead of its session,
    which stands still only where nothing is stored for a minute."""
    wanted, until, stored = simulator.market.times[last - 1], time.monotonic() + 60, 0
    while True:
        notes = keeper.read()
        if any(at == wanted for at, _, kind in notes[-5:] if kind == 1):
            return
        keeper.look()
        if len(notes) > stored:
            stored, until = len(notes), time.monotonic() + 60
        if time.monotonic() > until:
            raise RuntimeError(f"{stored} notes, and none for a minute; {wanted} is to come")
        time.sleep(0.1)


def calm_latency(plan: Plan, count: int) -> list[float]:
    """Latency of `count` candles at ten a second, with nothing in the way."""
    candles, first = market(plan, max(1, count // 96 + 1))
    pace = Pace(speed=INTERVAL / 1000 * 10)
    with (
        tempfile.TemporaryDirectory() as name,
        simulated(plan.exchange, candles, first, pace) as simulator,
    ):
        clock = Clock(simulator)
        keeper = Keeper(Path(name), simulator, plan, f"sqlite:///{name}/ledger.db")
        keeper.start()
        keeper.until_live()
        simulator.play(first + count).result(count)
        _settled(keeper, simulator, first + count)
        keeper.end(15)
        return latencies(keeper.read(), clock.over)


@contextmanager
def simulated(name: str, candles: Candles, first: int, pace: Pace) -> Iterator[Simulator]:
    """The exchange `name`, with `first` candles in the past."""
    if name == "binance":
        made = Simulator(candles, start=first, pace=pace)
    else:
        made = WireSimulator(name, candles, first, pace)
    with made as simulator:
        yield simulator


def soak(plan: Plan, url: str | None, sample: int) -> int:
    """Run it, print the figures; the exit code."""
    if url:
        load_settings(None, [f"database.url={url}"])  # refused here, not by a session's process
    candles, first = market(plan, plan.days)
    last = len(candles.time) - 1
    faults = random_faults(candles, first, plan.faults, plan.seed)
    wanted = ("kline",) if plan.ratchet == "candle" else ("kline", "trade")
    pace = Pace(polls=True) if plan.transport == "rest" else Pace(window=8, ahead=32, wanted=wanted)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database = url or f"sqlite:///{folder}/ledger.db"
        with simulated(plan.exchange, candles, first, pace) as simulator:
            simulator.script(*faults)
            keeper = Keeper(folder, simulator, plan, database)
            began = time.monotonic()
            lives = live_through(keeper, simulator, plan, first, last)
            seconds = time.monotonic() - began
        _show(plan, last - first, seconds, lives)
        wrong = judge(database, f"sqlite:///{folder}/calm.db", candles, first, plan.ratchet, folder)
    _show_latency(plan, sample)
    for line in wrong:
        print("WRONG:", line)
    print("failed" if wrong else "passed")
    return 1 if wrong else 0


def _show(plan: Plan, count: int, seconds: float, lives: list[Life]) -> None:
    starts = [life.to_live for life in lives[1:] if life.to_live == life.to_live]
    busy = seconds - sum(starts)
    print(
        f"{plan.exchange}, {plan.ratchet} mode: {count} candles, {plan.faults} faults, "
        f"{len(lives) - 1} kills in {seconds:.0f} s: {count / seconds:.0f} candles a second, "
        f"{count / busy:.0f} without the restarts"
    )
    if starts:
        print(
            f"from start to live after a crash: median {np.median(starts):.1f} s, "
            f"longest {max(starts):.1f} s"
        )
    longest = max(lives, key=lambda life: len(life.memory)).memory
    quarter = max(1, len(longest) // 4)
    parts = [longest[k : k + quarter] for k in range(0, 4 * quarter, quarter)]
    text = ", ".join(f"{np.median([mb for _, mb in part]):.0f}" for part in parts if part)
    print(f"memory by quarters of the longest life: {text} MB")
    print(*slopes(longest), sep="\n")


def _show_latency(plan: Plan, sample: int) -> None:
    if not sample:
        return
    found = calm_latency(plan, sample)
    p50, p99 = np.percentile(found, (50, 99))
    print(f"candle close to stop written: p50 {p50:.1f} ms, p99 {p99:.1f} ms of {len(found)}")


def main() -> int:
    """Read the command line and run."""
    parser = Arguments(description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=whole, default=365)
    parser.add_argument("--kills", type=count, default=12)
    parser.add_argument("--faults", type=count, default=120)
    parser.add_argument("--ratchet", choices=("tick", "candle"), default="candle")
    parser.add_argument("--transport", choices=("auto", "rest"), default="auto")
    parser.add_argument("--database", default=None, help="an empty database; SQLite by default")
    names = ("binance", "bybit", "okx", "kraken", "coinbase")
    parser.add_argument("--exchange", choices=names, default="binance", help="whose forms")
    parser.add_argument("--seed", type=count, default=1)
    parser.add_argument("--sample", type=count, default=300, help="candles timed one by one")
    chosen = parser.parse_args()
    if chosen.kills > max(0, chosen.days * DAY // (2 * INTERVAL) - 2 * UNDISTURBED):
        parser.error(f"{chosen.days} days are too short for {chosen.kills} kills: give --days more")
    plan = Plan(
        chosen.days,
        chosen.kills,
        chosen.faults,
        chosen.ratchet,
        chosen.transport,
        chosen.seed,
        chosen.exchange,
    )
    return answered(lambda: soak(plan, chosen.database, chosen.sample))


if __name__ == "__main__":
    sys.exit(main())
