"""Do trades up to a candle depend on later candles? In the fast engine and in Backtrader."""

from __future__ import annotations

from typing import Any

import numpy as np

from stoptrail.backtest.engine import run_backtrader
from stoptrail.backtest.inputs import Inputs, signals_of
from stoptrail.backtest.plan import Plan, Record
from stoptrail.core.errors import ConfigError
from stoptrail.core.time import iso
from stoptrail.rules.candles import Candles, Signals, Times, rows_of
from stoptrail.rules.funding import funding_of
from stoptrail.rules.types import OPEN, day_marks
from stoptrail.sweep.audit.futures import futures
from stoptrail.sweep.audit.signal import Check, window_around
from stoptrail.sweep.plain_run import make_ready, quick_record

QUICK = 40
FULL = 2
"""Candles that are tried in each engine; Backtrader takes seconds for each."""
_AT_ENTRY = ("signal", "entry", "side", "units", "fill", "initial", "atr")
_AT_EXIT = ("exit", "reason", "price", "fees", "borrow", "pnl", "funding")
_WINDOW = 3000


def engine_checks(plan: Plan, inputs: Inputs, signals: Signals, seed: int) -> list[Check]:
    """Trades and stop levels up to a candle, whatever comes after it."""
    random = np.random.default_rng(seed)
    n, warm = len(inputs.candles.time), max(signals.warm, inputs.start)
    if warm + 2 >= n:
        return [Check("trades up to a candle", 0, ())]
    places = np.sort(random.integers(warm + 1, n - 1, QUICK))
    quick = [line for t in places for line in _compared(plan, inputs, int(t), random, full=False)]
    some = random.permutation(places)[:FULL]
    full = [line for t in some for line in _compared(plan, inputs, int(t), random, full=True)]
    return [
        Check("trades up to a candle, pre-screen", len(places), tuple(quick[:5])),
        Check("trades up to a candle, Backtrader", len(some), tuple(full[:5])),
    ]


def _compared(
    plan: Plan, inputs: Inputs, t: int, random: np.random.Generator, *, full: bool
) -> list[str]:
    when = iso(inputs.candles.time[t])
    try:
        warm = signals_of(plan, rows_of(inputs.candles, slice(0, t + 1))).warm
        window, at = window_around(inputs.candles, t, warm + _WINDOW)
        expected = _record(plan, window, inputs, full)
        others = futures(window, at, random)
        names = ("cut off", "raised") if full else tuple(others)
        return [
            f"with the candles after {when} {name}, trades before it differ"
            for name in names
            if name in others
            and not same_until(expected, _record(plan, others[name], inputs, full), at)
        ]
    except ConfigError as error:
        return [f"with other candles after {when}: {error}"]


def _record(plan: Plan, candles: Candles, inputs: Inputs, full: bool) -> Record:
    funding = funding_of(inputs.rows, candles, inputs.funding.tiers, inputs.mark)
    if full:
        return run_backtrader(candles, 0, plan, funding)
    own = Inputs(
        candles, 0, day_marks(candles, 0), inputs.market, rows=inputs.rows, funding=funding
    )
    return quick_record(plan, own, make_ready(plan, own))


def same_until(one: Record, other: Record, t: int) -> bool:
    """Whether two runs did the same up to and with candle t."""
    for fields, column in ((_AT_ENTRY, "entry"), (_AT_EXIT, "exit")):
        rows = [_until(getattr(record.trades, column), t) for record in (one, other)]
        if not np.array_equal(rows[0], rows[1]):
            return False
        for field in fields:
            a, b = (getattr(record.trades, field)[rows[0]] for record in (one, other))
            if not np.array_equal(a, b):
                return False
    return all(
        _same_rows(one_log, other_log, t)
        for one_log, other_log in ((one.stops, other.stops), (one.fills, other.fills))
    )


def _same_rows(one: Any, other: Any, t: int) -> bool:
    """Whether two logs of levels, or of fills, have the same rows up to candle t."""
    mine, theirs = one.candle <= t, other.candle <= t
    return all(
        np.array_equal(getattr(one, name)[mine], getattr(other, name)[theirs])
        for name in one._fields
    )


def _until(index: Times, t: int) -> Times:
    """Rows of trades whose candle `index` is known and not after t."""
    return np.flatnonzero((index != OPEN) & (index <= t))
