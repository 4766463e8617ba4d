"""What each part of asymmetric management contributes, on the same signals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from stoptrail.backtest.inputs import Inputs
from stoptrail.backtest.outcome import mark_table, metrics_table, trade_table
from stoptrail.backtest.plan import Plan, Record
from stoptrail.config.run_rules import legacy
from stoptrail.rules.jit import compiled
from stoptrail.rules.measure import equity_of, tally_of
from stoptrail.rules.sizing import ALL_IN, RISK, SIZINGS
from stoptrail.rules.types import RunRules, Setups, TradeLog
from stoptrail.sweep.plain_run import Ready, quick_record, quick_run

USUAL_TRIGGER = 1.0
"""ATRs in favour that arm breakeven where the chosen set has it switched off."""
_KINDS = (*SIZINGS, "own sizes")


class Variant(NamedTuple):
    """One way to manage the trades of a signal."""

    name: str
    run_rules: RunRules


def variants(run_rules: RunRules, turns: bool = True) -> Iterator[Variant]:
    """Legacy exits, where the signal has `turns` at which they leave; fixed and dynamic ATR
    trail, each without and with the breakeven ratchet; each with the set's own sizes (by the
    risk, if all-in is its own) and all-in."""
    trade_rules = run_rules.trade_rules
    kind = RISK if trade_rules.sizing.kind == ALL_IN else trade_rules.sizing.kind
    for sizing, chosen in ((_KINDS[kind], kind), ("all-in", ALL_IN)):
        sized = trade_rules._replace(sizing=trade_rules.sizing._replace(kind=chosen))
        base = run_rules._replace(trade_rules=sized)
        out = legacy(base)
        kept = out.trade_rules._replace(sizing=sized.sizing)
        if turns:
            yield Variant(f"legacy exits, {sizing}", out._replace(trade_rules=kept))
        for trail, frozen in (("fixed ATR trail", True), ("dynamic ATR trail", False)):
            for ratchet, on in (("", False), (" + breakeven", True)):
                trigger = (sized.stop.breakeven_trigger or USUAL_TRIGGER) if on else 0.0
                stop = sized.stop._replace(frozen=frozen, breakeven_trigger=trigger)
                managed = base._replace(trade_rules=sized._replace(stop=stop))
                yield Variant(f"{trail}{ratchet}, {sizing}", managed)


def management(plan: Plan, inputs: Inputs, ready: Ready) -> dict[str, Any]:
    """Two tables: each variant on the signal (`rows`), and each managing the very same
    entries, one by one and alone (`paired`)."""
    entries = quick_record(plan, inputs, ready).trades.signal
    rows, paired = [], []
    for variant in variants(plan.run_rules, bool(ready.setups.turn.any())):
        own = plan._replace(run_rules=variant.run_rules)
        outcome = quick_run(own, inputs, ready)
        rows.append({"name": variant.name, **metrics_table(outcome)})
        paired.append({"name": variant.name, **_alone(own, inputs, ready, entries)})
    return {"rows": rows, "paired": paired, "entries": len(entries)}


def _alone(plan: Plan, inputs: Inputs, ready: Ready, entries: Any) -> dict[str, Any]:
    """Each entry as the only trade of an account of its own with the starting cash.

    Equity, Sharpe ratio and drawdown (of daily marks) are those of all these accounts'
    profits put on one starting cash.
    """
    logs = []
    marks = np.full(len(inputs.marks.time), plan.run_rules.cash)
    for signal in entries:
        at = np.searchsorted(ready.setups.candle, signal)
        one = Setups(
            ready.setups.candle[at : at + 1],
            ready.setups.side[at : at + 1],
            ready.setups.turn,
            int(signal),
        )
        record: Record = quick_record(plan, inputs, Ready(one, ready.atr))
        logs.append(record.trades)
        equity = compiled(equity_of)(
            record.trades, inputs.candles, inputs.marks, plan.run_rules, inputs.funding
        )
        marks += equity.marks - plan.run_rules.cash
    if not logs:
        return {"trades": 0}
    trades = TradeLog._make(map(np.concatenate, zip(*logs, strict=True)))
    tally = compiled(tally_of)(trades)
    return trade_table(tally) | mark_table(marks)
