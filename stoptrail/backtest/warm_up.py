"""What a plan needs of its candles: enough of them before its indicators tell anything (C17), and
a range that its targets are worth (C18)."""

from __future__ import annotations

import math
from itertools import product

import numpy as np

from stoptrail.backtest.inputs import (
    Inputs,
    atr_of,
    first_decision,
    first_known,
    plan_of,
    signals_of,
)
from stoptrail.backtest.plan import Plan
from stoptrail.config.grid import Grid
from stoptrail.config.settings import Settings, with_values
from stoptrail.core.errors import ConfigError, DataError, StopTrailError
from stoptrail.core.text import number_of
from stoptrail.core.time import DAY_MS, iso_time
from stoptrail.feeds.synthetic import DEFAULT_END, synthetic_candles
from stoptrail.rules.candles import Candles
from stoptrail.rules.costs import maker_rate
from stoptrail.rules.volatility import needs_volatility

_FIRST_DAYS = 30
_MOST_SETS = 200
"""Of a grid that are looked at; each takes milliseconds."""
_IDLE_SHARE = 0.01
"""Of a span, in which no signal can come without a word of it."""
_DECIDING = ("exits", "stop", "costs")
"""Sections that say where a target lies and what it costs to reach."""
_MOST_CANDLES = 400_000
"""Candles on which a need is measured for an error: those of eleven years of 15 minutes."""


def warm_index(plan: Plan, candles: Candles) -> int | None:
    """Index of the first candle at which signal, ATR, and volatility where sizes follow from
    it, tell; None where none does."""
    n = len(candles.time)
    try:
        signals = signals_of(plan, candles)
    except StopTrailError:
        return None
    sizing = plan.run_rules.trade_rules.sizing
    known = sizing.window if needs_volatility(sizing) else 0
    index = max(signals.warm, first_known(atr_of(plan, candles)[:n]), known)
    return index if index < n else None


def needed_candles(plan: Plan, interval: int, most_days: int) -> int | None:
    """Candles of `interval` milliseconds up to the first decision, measured on the synthetic
    market; None where `most_days` of it do not suffice."""
    days = min(_FIRST_DAYS, most_days)
    while True:
        start = DEFAULT_END - days * DAY_MS
        warm = warm_index(plan, synthetic_candles(1, interval, start, DEFAULT_END))
        if warm is not None:
            return warm + 1
        if days == most_days:
            return None
        days = min(2 * days, most_days)


def require_worthwhile(plan: Plan, inputs: Inputs) -> None:
    """Raise ConfigError where the nearest target of the plan costs more to reach than it takes,
    at the median ATR of the candles."""
    exits, costs = plan.run_rules.trade_rules.exits, plan.run_rules.trade_rules.costs
    key, nearest = ("exits.scale_out", exits.first.at) if exits.first.fraction else ("", math.inf)
    if 0.0 < exits.target < nearest:
        key, nearest = "exits.target", exits.target
    atr, close = atr_of(plan, inputs.candles), inputs.candles.close
    if not key or np.isnan(atr).all():
        return
    unit = 1.0 if exits.in_atrs else plan.run_rules.trade_rules.stop.multiplier
    reach = nearest * unit * float(np.nanmedian(atr / close))
    paid = costs.taker_fee + costs.slippage + maker_rate(costs)
    if reach <= paid:
        raise ConfigError(
            f"{key} at {nearest:g} {'ATR' if exits.in_atrs else 'R'} lies {reach:.3%} from the "
            f"entry at the median ATR, and costs take {paid:.3%}: it would close at a loss; "
            f"put it at {_rounded_up(nearest * paid / reach):g} or beyond"
        )


def idle_words(plan: Plan, inputs: Inputs) -> str:
    """What to say where the candles before the span do not suffice, so that no signal can come in
    a part of it that shows in the figures; "" elsewhere."""
    time = inputs.candles.time
    begin, end = int(time[inputs.start]), int(time[-1]) + inputs.candles.interval
    warm = signals_of(plan, inputs.candles).warm
    first = first_decision(inputs, warm, atr_of(plan, inputs.candles))
    if first == len(time) or time[first] - begin <= _IDLE_SHARE * (end - begin):
        return ""
    since, days = int(time[first]), (time[first] - time[0]) / DAY_MS
    midnight = -(-since // DAY_MS) * DAY_MS
    remedy = f'; set data.start = "{iso_time(midnight)}"' if midnight < end else ""
    return (
        f"no signal can come before {iso_time(since)}: the settings need "
        f"{number_of(math.ceil(days), 'day')} of candles, which begin on {iso_time(int(time[0]))}; "
        f"{(since - begin) / (end - begin):.0%} of the span stands idle and counts in every figure"
        f"{remedy}"
    )


def _rounded_up(value: float) -> float:
    """The next number of two digits above `value`."""
    step = float(f"1e{math.floor(math.log10(value)) - 1}")
    return (math.floor(value / step) + 1) * step


def require_any_worthwhile(settings: Settings, grid: Grid, inputs: Inputs) -> None:
    """Raise the ConfigError of `require_worthwhile` where no set of a grid passes it; as far as the
    first sets tell, of those that differ in what decides it."""
    axes = dict(zip(grid.keys, grid.values, strict=True))
    deciding = {key: axes[key] for key in axes if key.partition(".")[0] in _DECIDING}
    failed = None
    for count, values in enumerate(product(*deciding.values())):
        plan = plan_of(with_values(settings, dict(zip(deciding, values, strict=True))), inputs)
        try:
            return require_worthwhile(plan, inputs)
        except ConfigError as error:
            failed = error
        if count == _MOST_SETS:
            return None
    if failed is not None:
        raise failed
    return None


def require_warm(plan: Plan, inputs: Inputs) -> None:
    """Raise DataError where the candles end before the plan's first decision."""
    signals, atr = signals_of(plan, inputs.candles), atr_of(plan, inputs.candles)
    n, interval = len(inputs.candles.time), inputs.candles.interval
    if first_decision(inputs, signals.warm, atr) < n:
        return
    most = max(1, _MOST_CANDLES * interval // DAY_MS)
    needed = needed_candles(plan, interval, most)
    need = f"more than {number_of(most, 'day')}" if needed is None else f"about {needed:,}"
    raise DataError(
        f"{number_of(n, 'candle is', 'candles are')} too few for the warm-up, signal and ATR "
        f"need {need}: "
        "give candles from an earlier time on, or shorten the periods"
    )
