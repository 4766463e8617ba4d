"""Compile the pre-screen, or what a single run calls: what `precompile` runs in a process of its
own."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from stoptrail.rules.candles import Candles
from stoptrail.rules.costs import Costs
from stoptrail.rules.jit import cache_folder
from stoptrail.rules.margin import NO_MARGIN
from stoptrail.rules.market import Market
from stoptrail.rules.protections import Protections
from stoptrail.rules.sizing import by_risk
from stoptrail.rules.stops import StopRules
from stoptrail.rules.trade import TradeRules
from stoptrail.rules.types import RunRules, Setups, day_marks
from stoptrail.sweep.kernel.blocks import nodes_of
from stoptrail.sweep.kernel.precompile import RUN
from stoptrail.sweep.kernel.results import results_for
from stoptrail.sweep.kernel.rows import screen_rows
from stoptrail.sweep.kernel.rule_table import rule_row

_DAYS = 400
"""Of the synthetic market, after its warm-up: enough for some trades."""
_LOW = 10
"""By how much what nobody waits for gives way."""


def compile_all() -> None:
    """Screen a few candles: the types are those of every pre-screen."""
    prices, count = np.full(8, 100.0), 8
    time = 900_000 * np.arange(count, dtype=np.int64)
    candles = Candles(time, prices, prices, prices, prices, prices, 900_000)
    trade_rules = TradeRules(
        stop=StopRules(multiplier=3.0, breakeven_trigger=1.0, breakeven_margin=0.0, frozen=False),
        sizing=by_risk(0.01, 1.0, includes_costs=True),
        costs=Costs(taker_fee=0.0, slippage=0.0, borrow_daily=0.0),
        market=Market(
            price_scale=100.0,
            price_step=1.0,
            lot_scale=1e5,
            lot_step=1.0,
            min_quantity=0.0,
            min_notional=0.0,
        ),
        margin=NO_MARGIN,
    )
    none: Any = np.empty(0, np.int64)
    setups = Setups(none, none, np.zeros(count, np.int8), 0)
    table = rule_row(
        RunRules(
            trade_rules=trade_rules,
            exits=0,
            path=0,
            cooldown=0,
            delay=0,
            cash=1000.0,
            protections=Protections(daily_loss=0.0, drawdown=0.0, losses=0, cooldown=0),
        )
    )[None]
    nodes, marks = nodes_of(candles, np.ones(count)), day_marks(candles, 0)
    screen_rows(candles, nodes, setups, marks, table, results_for(1))


def compile_run() -> None:
    """One run of the default settings on the synthetic market, with everything that is worked out
    beside it: the types are those of every run."""
    from stoptrail.backtest.engine import run_backtrader
    from stoptrail.backtest.inputs import plan_of, prepare
    from stoptrail.backtest.outcome import buy_and_hold, held_table
    from stoptrail.backtest.tables import trade_rows
    from stoptrail.config.settings import Settings
    from stoptrail.core.time import DAY_MS
    from stoptrail.feeds.source import Wanted, load_market
    from stoptrail.feeds.synthetic import DEFAULT_END
    from stoptrail.sweep.breakdown import breakdown, of_one_run
    from stoptrail.sweep.plain_run import quick_run

    settings = Settings()
    market = load_market(Wanted(source="synthetic", start=DEFAULT_END - _DAYS * DAY_MS))
    inputs = prepare(market, settings)
    plan = plan_of(settings, inputs)
    run_backtrader(inputs.candles, inputs.start, plan)
    outcome = quick_run(plan, inputs)
    list(trade_rows(outcome, inputs.candles))
    breakdown(outcome, inputs, settings.sweep.seed)
    of_one_run(outcome, inputs, settings)
    held_table(buy_and_hold(inputs, plan.run_rules)[0], inputs)


@contextmanager
def alone(what: str) -> Iterator[bool]:
    """Whether no other process compiles the same."""
    base = cache_folder().parent
    base.mkdir(parents=True, exist_ok=True)
    with (base / f"{what}.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield True


if __name__ == "__main__":
    if sys.argv[1] == RUN:
        os.nice(_LOW)
        with alone(RUN) as is_alone:
            if is_alone:
                compile_run()
    else:
        compile_all()
