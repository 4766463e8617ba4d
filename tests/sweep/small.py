"""A small market and grid, so that a whole sweep takes seconds."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import runner
from stoptrail.config.load import load_settings
from stoptrail.config.settings import Settings
from stoptrail.feeds.synthetic import synthetic_candles
from stoptrail.rules.candles import Candles

HOUR = 3_600_000
DAY = 24 * HOUR
ROOT = Path(__file__).parents[2]
FIRST = 18_262 * DAY
"""2020-01-01."""
DAYS = 300
RESULTS = ("trials.parquet", "trades.csv", "equity.csv", "stops.csv", "config.toml")

TOML = """
[data]
source = "file"
timeframe = "1h"
symbol = "SMALL/USDT"
start = "2020-02-15"

[strategy]
trend = "price_ema"
trend_period = 8
structure = "none"
cycle_period = 16.0
cycle_threshold = 0.2

[sweep]
selection = "best"
finalists = 3
pruned_checks = 1
min_trades = 5
permutations = 2
jobs = 1

[sweep.grid]
"stop.trailing_atr_multiplier" = [2.0, 3.0, 4.0]
"stop.breakeven_atr_trigger" = [0.0, 1.0]
"strategy.cycle_period" = [12.0, 16.0]
"strategy.sides" = ["both", "long"]

[walk_forward]
train_days = 90
test_days = 45
phases = 2
min_trades_per_year = 5.0
"""


def small_market(seed: int = 3, days: int = DAYS) -> Candles:
    """Hourly candles with trends, ranges and gaps."""
    return synthetic_candles(seed, HOUR, FIRST, FIRST + days * DAY)


def write_candles(file: Path, candles: Candles) -> Path:
    """A Parquet file that loads without options."""
    table = {name: getattr(candles, name) for name in ("open", "high", "low", "close", "volume")}
    time_column = pd.to_datetime(candles.time, unit="ms", utc=True)
    pd.DataFrame({"timestamp": time_column, **table}).to_parquet(file)
    return file


def write_inputs(folder: Path, candles: Candles | None = None) -> Path:
    """candles.parquet and strategy.toml in `folder`; the settings' file."""
    write_candles(folder / "candles.parquet", candles if candles is not None else small_market())
    text = TOML.replace("[data]", f'[data]\npath = "{folder / "candles.parquet"}"')
    file = folder / "strategy.toml"
    file.write_text(f'{text}\n[database]\nurl = "sqlite:///{folder / "trials.db"}"\n')
    return file


def small_settings(folder: Path, *overrides: str) -> Settings:
    """The settings of `write_inputs`."""
    return load_settings(write_inputs(folder), overrides)


def sweep(config: Path, out: Path, *more: str) -> int:
    """`backtest --sweep --quiet` in this process; the exit code."""
    command = ["backtest", "--sweep", "--quiet", "--config", str(config)]
    return runner.main([*command, "--out", str(out), *more])


def start_sweep(config: Path, *more: str, quiet: bool = True) -> subprocess.Popen[str]:
    """The same as another process."""
    command = [sys.executable, str(ROOT / "runner.py"), "backtest", "--sweep"]
    return subprocess.Popen(
        [*command, *(["--quiet"] if quiet else []), "--config", str(config), *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def stop(process: subprocess.Popen[str], after: float, how: signal.Signals) -> tuple[int, str]:
    """Send a signal after some seconds; exit code and standard error. The processes that
    it started go with it where it is killed."""
    deadline = time.monotonic() + after
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    if process.poll() is None:
        if how == signal.SIGKILL:
            os.killpg(process.pid, how)
        else:
            process.send_signal(how)
    try:
        _, said = process.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        process.send_signal(how)  # an interrupt can fall into a callback, which drops it
        _, said = process.communicate(timeout=90)
    return process.returncode, said


def contents(folder: Path) -> dict[str, bytes]:
    """The result files that have to be equal to the byte."""
    return {name: (folder / name).read_bytes() for name in RESULTS}


def summary(folder: Path) -> dict[str, Any]:
    """summary.json without its seconds."""
    table: dict[str, Any] = json.loads((folder / "summary.json").read_text())
    del table["seconds"]
    return table


def altered_from(candles: Candles, time_ms: int) -> Candles:
    """Other prices for the candles that open at `time_ms` or later."""
    factor = np.where(candles.time >= time_ms, 1.7, 1.0)
    columns = [column * factor for column in candles[1:5]]
    return Candles._make([candles.time, *columns, candles.volume, candles.interval])
