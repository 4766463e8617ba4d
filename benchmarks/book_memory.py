"""Resident memory of a paper session of a book, by its number of markets: each with as many
15-minute candles as a session reads to begin with, on the simulated exchange.

    python benchmarks/book_memory.py [DAYS]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import tomli_w

from benchmarks.arguments import Arguments, whole

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.exchange.player import Pace  # noqa: E402  # needs the path
from tests.live.book_exchange import SeveralMarkets  # noqa: E402
from tests.live.scenario import market  # noqa: E402

NAMES = ("BTC/USDT", "ETH/USDT", "SOL/USDT", "XRP/USDT")
LIVE = 200
"""Candles that close while the session runs."""
A_DAY = 96


def measured(count: int, days: int) -> float:
    """MB after `LIVE` candles of each of `count` markets."""
    history = days * A_DAY
    candles = {name: market(history + LIVE, seed) for seed, name in enumerate(NAMES[:count], 1)}
    start = int(candles[NAMES[0]].time[history])
    with (
        tempfile.TemporaryDirectory() as folder,
        SeveralMarkets(candles, start, Pace(speed=900 / 0.05)) as exchange,
    ):
        table = {
            "exchange": {"id": "binance", "ccxt": exchange.ccxt_options()},
            "database": {"url": f"sqlite:///{folder}/ledger.db"},
            "live": {"ratchet": "candle", "warm_up_days": days, "signal_seconds": 20.0},
        }
        config = Path(folder) / "strategy.toml"
        config.write_text(tomli_w.dumps(table))
        names = ["--symbols", ",".join(NAMES[:count]), "--config", str(config)]
        command = [sys.executable, str(ROOT / "runner.py"), "live", "--paper", *names]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as session:
            assert session.stdout is not None
            while "kind=state" not in (line := session.stdout.readline()):
                assert line, "the session has ended"
            exchange.play().result(300)
            time.sleep(3)
            found = resident(session.pid)
            session.terminate()
            session.stdout.read()
    return found


def resident(process: int) -> float:
    """MB of the process's memory."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    (size,) = [line.split()[1] for line in lines if line.startswith("VmRSS")]
    return int(size) / 1024


def main() -> None:
    """Print a line for each number of markets."""
    parser = Arguments(description=__doc__.splitlines()[0])
    parser.add_argument("days", nargs="?", type=whole, default=250, help="of the session")
    days = parser.parse_args().days
    before = None
    for count in range(1, len(NAMES) + 1):
        size = measured(count, days)
        more = "" if before is None else f", {size - before:+.0f} MB"
        print(f"{count} markets: {size:.0f} MB{more}", flush=True)
        before = size


if __name__ == "__main__":
    main()
