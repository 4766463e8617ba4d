"""One five-year run of MtfStrategy against the same strategy written the usual way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.market import SPOT, Span
from benchmarks.plans import plan
from benchmarks.sections import Section, require, table
from benchmarks.timing import in_turns, timed
from benchmarks.usual_backtrader import PACKAGE, run_usual
from stoptrail.backtest.engine import run_backtrader
from stoptrail.backtest.inputs import atr_of, setups_of, signals_of
from stoptrail.backtest.plan import Record
from stoptrail.rules.types import OPEN

ROUNDS = 3
SIGNALS = 0.98
TRADES = 0.9
"""Shares that both sides must have in common: one other signal changes what follows it."""


def full_run(span: Span) -> Section:
    """The section; raises DisagreementError where more differs than is explained."""
    chosen = plan(SPOT)
    run_backtrader(span.candles, span.start, chosen)
    (ours,) = in_turns(ROUNDS, lambda: run_backtrader(span.candles, span.start, chosen))
    seconds, usual = timed(lambda: run_usual(span.candles, start=span.start))
    inputs = span.inputs(SPOT)
    events = setups_of(
        chosen, inputs, signals_of(chosen, span.candles), atr_of(chosen, span.candles)
    )
    signals = set(events.candle.tolist())
    both = signals & set(usual.signals)
    require(len(both) >= SIGNALS * max(len(signals), len(usual.signals)), "signals differ")
    found = _compared(ours.result, usual)
    require(found["same"] >= TRADES * found["ours"] and found["ours"] > 0, "trades differ")
    rows = [
        ("MtfStrategy, CandleBroker, ColumnarFeed", f"{ours.seconds:.2f}", f"{ours.runs}"),
        ("usual way", f"{seconds:.1f}", "1"),
    ]
    following, said = _backtrader_next(span, usual)
    rows += following
    return Section(
        "Full Backtrader run against the usual way",
        (
            f"{span.length:,} candles and {span.start:,} to warm up, `next` called on every one.",
            "",
            *table(("one run", "processor seconds", "runs"), rows),
            f"Ratio: **{seconds / ours.seconds:.0f} times** as fast.",
            "",
            *said,
            f"Checked: {len(both)} signals on the same candle, of {len(signals)} and "
            f"{len(usual.signals)}; {found['same']} trades with the same entry and exit candle, of "
            f"{found['ours']} and {found['usual']}. Of these trades the entry prices differ by at "
            f"most {found['entry']:.1e} and the exit prices by at most {found['exit']:.1e} of the "
            f"price in {found['close']} of {found['same']} cases (a tick is "
            f"{found['tick']:.1e}).",
            "",
            "What differs, and why: the stock resampler shows a 4h or daily candle to `next` one "
            "base candle later than C1 (trend and ATR change at its boundary); a stop placed "
            "after the fill is not tested on the entry candle (C5); the stock broker does not "
            "round prices to the tick (C13). Triggers and gaps fill alike (C6).",
            "",
        ),
    )


def _backtrader_next(span: Span, usual: Any) -> tuple[list[tuple[str, str, str]], tuple[str, ...]]:
    """The usual way in a fork of Backtrader, in a process of its own: a row and what it did."""
    if find_spec("backtrader_next") is None:
        return [], ("backtrader-next is not installed, and was not run.", "")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "candles.npz"
        np.savez(file, **span.candles._asdict())
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.usual_backtrader", str(file), str(span.start)],
            cwd=Path(__file__).parents[1],
            env={**os.environ, PACKAGE: "backtrader_next"},
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
    found = json.loads(done.stdout.splitlines()[-1])
    same = [set(map(tuple, found[name])) for name in ("entries", "exits")]
    both = len(same[0] & set(usual.entries)), len(same[1] & set(usual.exits))
    row = ("usual way in backtrader-next", f"{found['seconds']:.1f}", "1")
    return [row], (
        f"backtrader-next {version('backtrader-next')} fills {both[0]} of {len(usual.entries)} "
        f"entries and {both[1]} of {len(usual.exits)} exits on the same candle and at the same "
        "price as Backtrader.",
        "",
    )


def _compared(record: Record, usual: Any) -> dict[str, Any]:
    """How many trades are the same, and how far their prices lie apart."""
    trades = record.trades
    closed = trades.exit != OPEN
    ours = {
        (int(e), int(x)): (fill, price)
        for e, x, fill, price in zip(
            trades.entry[closed],
            trades.exit[closed],
            trades.fill[closed],
            trades.price[closed],
            strict=True,
        )
    }
    theirs = {
        (entry[0], leave[0]): (entry[1], leave[1])
        for entry, leave in zip(usual.entries, usual.exits, strict=False)
    }
    common = sorted(ours.keys() & theirs.keys())
    apart = np.abs([np.subtract(ours[k], theirs[k]) / ours[k] for k in common] or [(0.0, 0.0)])
    tick = 0.01 / float(np.min(trades.fill)) if len(trades.fill) else 0.0
    near = apart[:, 1] <= 3.0 * tick
    return {
        "ours": len(ours),
        "usual": len(theirs),
        "same": len(common),
        "entry": float(apart[:, 0].max()),
        "exit": float(apart[near, 1].max()) if near.any() else float("nan"),
        "close": int(near.sum()),
        "tick": tick,
    }
