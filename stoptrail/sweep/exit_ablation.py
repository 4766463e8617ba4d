"""What each part of asymmetric management contributes, on the same signals."""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from stoptrail.backtest.inputs import Inputs
from stoptrail.backtest.outcome import (
    account_table,
    mark_of_closes,
    metrics_table,
    trade_table,
)
from stoptrail.backtest.plan import Plan, Record
from stoptrail.config.run_rules import legacy
from stoptrail.rules.candles import Floats
from stoptrail.rules.exits import NO_EXITS, ScaleOut
from stoptrail.rules.jit import compiled
from stoptrail.rules.measure import AccountCurve, equity_of, tally_of
from stoptrail.rules.sizing import ALL_IN, RISK, SIZINGS
from stoptrail.rules.stops import ATR_TRAIL, CHANDELIER, NO_TRAIL, PERCENT
from stoptrail.rules.trade import TradeRules
from stoptrail.rules.types import (
    OPEN,
    DayMarks,
    RunRules,
    Setups,
    TradeLog,
    close_marks,
)
from stoptrail.sweep.plain_run import Ready, quick_record, quick_run

USUAL_TRIGGER = 1.0
"""ATRs in favour that arm breakeven where the chosen set has it switched off."""
_KINDS = (*SIZINGS, "own sizes")
USUAL_TARGET = 2.0
"""R, where it has no target."""
USUAL_HOURS = 240.0
"""Where it has no time stop."""


class Variant(NamedTuple):
    """One way to manage the trades of a signal."""

    name: str
    run_rules: RunRules


def variants(run_rules: RunRules, turns: bool = True) -> Iterator[Variant]:
    """Legacy exits, where the signal has `turns` at which they leave; fixed and dynamic ATR
    trail, each without and with the breakeven ratchet; each with the set's own sizes (by the
    risk, if all-in is its own) and all-in. Then what C18 has besides, kind by kind, on the
    dynamic trail of the set."""
    trade_rules = bare = _bare(run_rules.trade_rules)
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
    for name, rules in _kinds(run_rules.trade_rules, bare):
        yield Variant(name, run_rules._replace(trade_rules=rules))


def _bare(trade_rules: TradeRules) -> TradeRules:
    """The rules with their ATR trail and breakeven alone."""
    stop = trade_rules.stop._replace(trail=ATR_TRAIL, trail_from=0.0, ruled=False)
    return trade_rules._replace(stop=stop, exits=NO_EXITS)


def _kinds(chosen: TradeRules, bare: TradeRules) -> Iterator[tuple[str, TradeRules]]:
    """Each kind of exit on the bare rules, with the value of the chosen set or a usual one."""
    stop, exits = chosen.stop, chosen.exits
    unit = "ATR" if exits.in_atrs else "R"

    def left(**fields: Any) -> TradeRules:
        return bare._replace(exits=NO_EXITS._replace(**fields))

    def trailed(**fields: Any) -> TradeRules:
        return bare._replace(stop=bare.stop._replace(**fields))

    target = exits.target or USUAL_TARGET
    yield f"+ target {target:g} {unit}", left(target=target, in_atrs=exits.in_atrs)
    first = exits.first if exits.first.fraction else ScaleOut(1.0, 0.5)
    parts = [exits.first, exits.second, exits.third, exits.fourth]
    parts = parts if exits.first.fraction else [first, *parts[1:]]
    places = dict(zip(("first", "second", "third", "fourth"), parts, strict=True))
    count = sum(part.fraction > 0.0 for part in parts)
    shown = f"{first.fraction:.0%} out at {first.at:g} {unit}" + " and more" * (count > 1)
    yield f"+ {shown}", left(**places, in_atrs=exits.in_atrs)
    hours, below = exits.time_hours or USUAL_HOURS, exits.time_below
    limit = f" below {below:g} R" if below < math.inf else ""
    yield f"+ out after {hours:g} h{limit}", left(time_hours=hours, time_below=below)
    begins = stop.trail_from or 1.0
    yield f"trail from {begins:g} R on", trailed(trail_from=begins)
    yield "no trail", trailed(trail=NO_TRAIL)
    yield f"chandelier of {stop.trail_candles}", trailed(trail=CHANDELIER)
    yield f"trail of {100.0 * stop.trail_percent:.3g}% of the price", trailed(trail=PERCENT)
    if stop.ruled:
        yield "own rule", trailed(ruled=True)
    if chosen != bare:
        yield "as chosen", chosen


def management(plan: Plan, inputs: Inputs, ready: Ready, threads: int = 1) -> dict[str, Any]:
    """Two tables: each variant on the signal (`rows`), and each managing the very same
    entries, one by one and alone (`paired`)."""
    entries = quick_record(plan, inputs, ready).trades.signal

    def tables(variant: Variant) -> tuple[dict[str, Any], dict[str, Any]]:
        own = plan._replace(run_rules=variant.run_rules)
        whole = metrics_table(quick_run(own, inputs, ready))
        alone = _alone(own, inputs, ready, entries)
        return {"name": variant.name, **whole}, {"name": variant.name, **alone}

    with ThreadPoolExecutor(threads) as working:
        found = list(working.map(tables, variants(plan.run_rules, bool(ready.setups.turn.any()))))
    rows, paired = [list(column) for column in zip(*found, strict=True)]
    return {"rows": rows, "paired": paired, "entries": len(entries)}


def _alone(plan: Plan, inputs: Inputs, ready: Ready, entries: Any) -> dict[str, Any]:
    """Each entry as the only trade of an account of its own with the starting cash.

    Equity, Sharpe ratio and drawdown are those of all these accounts' profits put on one
    starting cash; None where they take all of it and more, as no account does.
    """
    logs, cash, span = [], plan.run_rules.cash, len(inputs.candles.time) - inputs.start
    marks = np.full(len(inputs.marks.time), cash)
    every = close_marks(inputs.candles, inputs.start)
    moving, booked = np.zeros(span), np.zeros(span + 1)
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
        given = inputs.candles, inputs.marks, plan.run_rules, inputs.funding
        equity = compiled(equity_of)(record.trades, record.fills, *given)
        marks += equity.marks - cash
        if len(record.trades.entry):
            held, earned = _while_held(record, plan, inputs, every)
            moving[held] += earned[: held.stop - held.start]
            booked[held.stop] += earned[-1]
    if not logs:
        return {"trades": 0}
    trades = TradeLog._make(map(np.concatenate, zip(*logs, strict=True)))
    tally = compiled(tally_of)(trades)
    closes = cash + moving + booked[:-1].cumsum()
    curve = AccountCurve(marks, closes, mark_of_closes(inputs))
    found = trade_table(tally) | account_table(curve, inputs.marks.time)
    gone = min(closes.min(), marks.min()) <= 0.0
    return found | dict.fromkeys(_OF_AN_ACCOUNT) if gone else found


_OF_AN_ACCOUNT = ("cagr", "sharpe", "sortino", "max_drawdown")
"""Figures that equity at 0 and below does not have."""


def _while_held(
    record: Record, plan: Plan, inputs: Inputs, every: DayMarks
) -> tuple[slice, Floats]:
    """The closes of the span at which the one trade was open, and what it had earned at each of
    them and at that of its exit; `every`: all closes."""
    trades, start, last = record.trades, inputs.start, len(inputs.candles.time)
    leave = last if trades.exit[0] == OPEN else int(trades.exit[0])
    held = slice(int(trades.entry[0]) - start, leave - start)
    marks = DayMarks(*(column[1 + held.start : 2 + held.stop] for column in every))
    given = inputs.candles, marks, plan.run_rules, inputs.funding
    equity = compiled(equity_of)(trades, record.fills, *given)
    return held, equity.marks - plan.run_rules.cash
