"""Candles and settings made ready for a run: spans, signals, ATR, steps of the market."""

from __future__ import annotations

import math
from bisect import bisect_left
from typing import NamedTuple

from stoptrail.backtest.plan import Plan
from stoptrail.config.own_code import exit_rule_of, own_size_of
from stoptrail.config.run_rules import (
    constant_funding,
    fitting,
    market_rules,
    run_rules_of,
    tiers_of,
)
from stoptrail.config.settings import Settings
from stoptrail.config.signals import resolve_signal
from stoptrail.core.errors import ConfigError
from stoptrail.feeds.funding.rates import constant_rows
from stoptrail.feeds.market import MarketData
from stoptrail.rules.atr import stop_atr
from stoptrail.rules.candles import Candles, Floats, Signals
from stoptrail.rules.detail import NO_DETAIL, Detail
from stoptrail.rules.funding import NO_FUNDING, NO_ROWS, Funding, FundingRows, funding_of
from stoptrail.rules.market import Market as MarketRules
from stoptrail.rules.types import (
    SIDES,
    DayMarks,
    Setups,
    day_marks,
    setups,
)
from stoptrail.strategies.signals.checked import checked_signals


class Inputs(NamedTuple):
    """What every parameter set of a run shares."""

    candles: Candles
    """Warm-up first, then the span."""
    start: int
    """Index of the first candle of the span."""
    marks: DayMarks
    market: MarketRules
    detail: Detail = NO_DETAIL
    """Finer candles of all of `candles` (C21)."""
    rows: FundingRows = NO_ROWS
    """Funding as published, or rows of 1 for a constant rate; none on spot (C19)."""
    funding: Funding = NO_FUNDING
    """Their running sums over `candles`, and what a swap is liquidated by."""
    mark: Candles | None = None
    """Mark candles, as long as `candles` or shorter ones (C20)."""


def prepare(market: MarketData, settings: Settings) -> Inputs:
    """The shared inputs of every run over `market`.

    Raises ConfigError for a tick that no price is a multiple of but zero.
    """
    filters = fitting(settings, market.symbol, market.price_digits, market.filters)
    steps = market_rules(filters, market.price_digits, market.volume_digits)
    lowest = float(market.candles.low.min())
    if steps.price_step / steps.price_scale > lowest:
        raise ConfigError(
            f"market.tick = {filters.tick:g} is larger than the lowest price, {lowest:g}; "
            "set it to the market's price step, or leave it out"
        )
    candles, start = market.candles, market.start
    rows = NO_ROWS
    if settings.market_type == "swap":
        rows = constant_rows(candles) if constant_funding(settings) else market.funding.rows
    mark = market.marks.candles if settings.market_type == "swap" else None
    funding = funding_of(rows, candles, tiers_of(settings), mark)
    marks = day_marks(candles, start)
    detail = market.finer.detail if market.finer else NO_DETAIL
    return Inputs(candles, start, marks, steps, detail, rows, funding, mark)


def plan_of(settings: Settings, inputs: Inputs) -> Plan:
    """The settings as one run."""
    return plan_for(settings, inputs.market)


def plan_for(settings: Settings, market: MarketRules) -> Plan:
    """The settings as one run on a market with these steps and minimums."""
    strategy = settings.strategy
    return Plan(
        resolve_signal(strategy.signal),
        dict(strategy.parameters),
        SIDES[strategy.sides],
        settings.stop.atr_interval,
        settings.stop.atr_period,
        run_rules_of(settings, market),
        own_size_of(settings.risk.sizing),
        exit_rule_of(settings.strategy.exits),
        tiers_of(settings),
    )


def signals_of(plan: Plan, candles: Candles) -> Signals:
    """The signal's zones over all candles.

    Raises ConfigError where the signal fails or returns something else.
    """
    return checked_signals(plan.signal, candles, plan.parameters)


def atr_of(plan: Plan, candles: Candles) -> Floats:
    """The stop's ATR as known at each close."""
    return stop_atr(candles, plan.atr_interval, plan.atr_period)


def first_decision(inputs: Inputs, warm: int, atr: Floats) -> int:
    """Index of the first candle that may decide: in the span, everything warm (C17); warm: the
    signal's.

    The number of candles where they end before that.
    """
    n, first = len(inputs.candles.time), max(inputs.start, warm)
    if first < n and math.isnan(atr[first]):
        first = first_known(atr[:n])
    return min(n, first)


def first_known(atr: Floats) -> int:
    """Index of the first number, before which alone there is NaN; n where there is none."""
    return bisect_left(range(len(atr)), True, key=lambda i: not math.isnan(atr[i]))


def setups_of(plan: Plan, inputs: Inputs, signals: Signals, atr: Floats) -> Setups:
    """The signal's events for the plan's sides."""
    return setups(signals, plan.sides, first_decision(inputs, signals.warm, atr))
