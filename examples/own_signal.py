"""An entry signal of one's own: buy above the highest close of the last days, sell below."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from example_market import DAY, candles
from pydantic import Field

import stoptrail


def breakout(
    candles: stoptrail.Candles, *, days: Annotated[int, Field(ge=1, le=200)] = 20
) -> stoptrail.Signals:
    """Long above, short below the closes of the last `days`.

    Keyword parameters are keys of [strategy], checked against their annotations.
    """
    n, window = len(candles.close), days * DAY // candles.interval
    zone = np.zeros(n, np.int8)
    if n > window:
        past = np.lib.stride_tricks.sliding_window_view(candles.close[:-1], window)
        zone[window:] += candles.close[window:] > past.max(axis=1)
        zone[window:] -= candles.close[window:] < past.min(axis=1)
    return stoptrail.Signals(zone, np.zeros(n, np.int8), min(window, n))


def main() -> None:
    """One run, then a small grid; workers find the signal by its import path."""
    data = candles()
    mine = {"strategy.signal": "own_signal:breakout"}
    run = stoptrail.backtest(data=data, overrides=mine)
    print(run.trades[["side", "entry_time", "exit_time", "r_multiple"]].tail())
    grid = {"strategy.days": [10, 20, 40], "stop.trailing_atr_multiplier": [3.0, 5.0]}
    search = {**mine, "sweep.grid": grid, "sweep.min_trades": 5}
    found = stoptrail.sweep(data=data, overrides=search, walk_forward=False)
    print(f"best of {len(found.trials)}: {found.best}, Sharpe ratio {found.metrics['sharpe']}")
    print(found.summary["evidence"]["verdict"]["level"])


if __name__ == "__main__":
    main()
