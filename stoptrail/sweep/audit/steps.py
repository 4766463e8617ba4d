"""A signal that brings its own step must say the same, candle by candle."""

from __future__ import annotations

from typing import Any

import numpy as np

from stoptrail.backtest.plan import Plan
from stoptrail.core.time import iso
from stoptrail.rules.candles import Candles, Signals
from stoptrail.sweep.audit.finding import Check

_SHOWN = 5


def step_check(plan: Plan, candles: Candles, signals: Signals) -> Check | None:
    """The signal's stepper over all candles; None where it has none.

    A stepper is given one candle at a time and so cannot look ahead: where the vector
    equals it, nor does the vector, at any candle.
    """
    factory: Any = getattr(plan.signal, "stepper", None)
    if factory is None:
        return None
    stepper = factory(candles.interval, **plan.parameters)
    columns = (column.tolist() for column in candles[:6])
    said = [stepper.step(*candle) for candle in zip(*columns, strict=True)]
    found = np.array(said, np.int8).reshape(-1, 2)
    bad = (found[:, 0] != signals.zone) | (found[:, 1] != signals.exit_zone)
    lines = tuple(
        f"at {iso(candles.time[t])} the step says {tuple(found[t].tolist())}, the vector "
        f"{(int(signals.zone[t]), int(signals.exit_zone[t]))}"
        for t in np.flatnonzero(bad)[:_SHOWN]
    )
    return Check("candle by candle, as a live session", len(found), lines)
