"""One run by the compiled oracle, a few milliseconds each: for evidence around a set."""

from __future__ import annotations

from typing import NamedTuple

from stoptrail.backtest.inputs import (
    Inputs,
    atr_of,
    setups_of,
    signals_of,
)
from stoptrail.backtest.outcome import Outcome, judge
from stoptrail.backtest.plan import Plan, Record
from stoptrail.config.own_code import own_errors
from stoptrail.rules.candles import Floats
from stoptrail.rules.jit import compiled
from stoptrail.rules.own_exit import compiled_exit
from stoptrail.rules.types import Setups
from stoptrail.sweep.kernel.reference import simulate


class Ready(NamedTuple):
    """A plan's signal and ATR, worked out."""

    setups: Setups
    atr: Floats


def make_ready(plan: Plan, inputs: Inputs) -> Ready:
    """What `quick_run` needs besides the rules; the same for all that share a signal."""
    signals, atr = signals_of(plan, inputs.candles), atr_of(plan, inputs.candles)
    return Ready(setups_of(plan, inputs, signals, atr), atr)


def quick_record(plan: Plan, inputs: Inputs, ready: Ready) -> Record:
    """The trades of one run; with the detail of `inputs`, where there is any."""
    ask = plan.rule and compiled_exit(plan.rule)
    with own_errors(*plan.own_code):
        run = compiled(simulate)(
            inputs.candles,
            ready.setups,
            ready.atr,
            inputs.marks,
            plan.run_rules,
            inputs.detail,
            plan.size_call,
            ask,
            inputs.funding,
        )
    return Record(*run)


def quick_run(plan: Plan, inputs: Inputs, ready: Ready | None = None) -> Outcome:
    """One run with its figures."""
    record = quick_record(plan, inputs, ready or make_ready(plan, inputs))
    return judge(plan, record, inputs)
