"""Does a signal say the same from the candle on at which it claims to be warm?"""

from __future__ import annotations

import numpy as np

from stoptrail.backtest.inputs import signals_of
from stoptrail.backtest.plan import Plan
from stoptrail.core.time import iso
from stoptrail.rules.candles import Candles, Signals, rows_of
from stoptrail.sweep.audit.finding import Check

STARTS = 24
"""Later beginnings of the data that are tried."""
_SHOWN = 5


def warm_up(plan: Plan, candles: Candles, signals: Signals, seed: int) -> Check:
    """The signal over data that begins later, against the signal over all of it.

    From `warm` on every zone must be equal. Where it is not, the check says how many
    candles from the beginning it takes until the zones agree for good.
    """
    starts = _starts(candles, signals, seed)
    lines: list[str] = []
    longest = claimed = 0
    for start in starts:
        late = signals_of(plan, rows_of(candles, slice(start, None)))
        claimed = max(claimed, late.warm)
        bad = (late.zone != signals.zone[start:]) | (late.exit_zone != signals.exit_zone[start:])
        bad[: late.warm] = False
        if not bad.any():
            continue
        places = np.flatnonzero(bad)
        settled = int(places[-1]) + 1
        longest = max(longest, settled)
        lines.append(
            f"data from {iso(candles.time[start])}: warm after {late.warm:,} candles, it says, yet "
            f"{len(places):,} zones differ, the last {settled:,} candles after the beginning"
        )
    note = f"warm after {claimed:,} candles"
    if lines:
        note += f"; it takes {longest:,} until the zones agree"
    return Check("warm-up: data that begins later", len(starts), tuple(lines[:_SHOWN]), note)


def early_zones(signals: Signals) -> Check:
    """No zone before the signal is warm."""
    places = np.flatnonzero(signals.zone[: signals.warm])
    lines = (f"zone {signals.zone[places[0]]} at candle {places[0]:,}",) if len(places) else ()
    return Check("no zone before the warm-up ends", 1, lines)


def _starts(candles: Candles, signals: Signals, seed: int) -> list[int]:
    """Beginnings after which the data is still long enough to be warm, some at midnight."""
    last = len(candles.time) - 2 * signals.warm
    if last <= 1:
        return []
    random = np.random.default_rng(seed)
    drawn = random.integers(1, last, STARTS)
    midnights = candles.time[drawn[::2]] // 86_400_000 * 86_400_000
    drawn[::2] = np.maximum(1, np.searchsorted(candles.time, midnights))
    return sorted({int(start) for start in drawn})
