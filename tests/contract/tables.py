"""Candle tables written by hand, and the few numbers that a run over them needs."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from stoptrail.backtest.plan import Plan
from stoptrail.config.own_code import OwnSize
from stoptrail.rules.candles import Candles, Signals
from stoptrail.rules.costs import AS_TAKER, DAY, Costs
from stoptrail.rules.exits import MOST_SCALE_OUTS, NO_PART, ExitRules, ScaleOut
from stoptrail.rules.margin import NO_MARGIN
from stoptrail.rules.market import Market
from stoptrail.rules.own_exit import ExitRule
from stoptrail.rules.paths import CANDLE
from stoptrail.rules.protections import Protections
from stoptrail.rules.sizing import RISK, Sizing
from stoptrail.rules.stops import ATR_TRAIL, StopRules
from stoptrail.rules.trade import TradeRules
from stoptrail.rules.types import BOTH, STOP_TRAIL, RunRules

QUARTER_HOUR = 900_000
MIDNIGHT = 18_000 * DAY
CENTS = Market(100.0, 1.0, 1000.0, 1.0, 0.0, 0.0)
"""Tick 0.01, lot 0.001, no minimums."""

Zones = dict[int, int]


class Table(NamedTuple):
    """Candles of a table and what its marks say."""

    candles: Candles
    zones: Zones
    """Open time of a candle to the side whose zone it is."""
    turns: Zones
    """Open time of a candle to the direction in which the cycle turns."""

    def row(self, time: int) -> int:
        """The row of the candle that opens at `time`; missing candles count."""
        return int(time - self.candles.time[0]) // self.candles.interval

    def row_of(self, candle: int) -> int:
        """The row of a candle's index; the index after the last is the row after it."""
        last = len(self.candles.time) - 1
        return self.row(int(self.candles.time[min(candle, last)])) + max(0, candle - last)


def table(text: str, *, start: int = MIDNIGHT, interval: int = QUARTER_HOUR) -> Table:
    """Read a table: one candle a line, oldest first.

    Columns: marks (`L` a long zone, `S` a short zone, `U` and `D` the cycle turns up or
    down, `.` nothing), open, high, low, close, volume; the rest of a line is a comment. A line
    that begins with `-` is a candle that is missing.
    """
    rows, zones, turns = [], {}, {}
    for number, line in enumerate(line for line in text.splitlines() if line.strip()):
        marks, *rest = line.split()
        if marks == "-":
            continue
        time = start + number * interval
        rows.append((time, *(float(word) for word in rest[:5])))
        for mark in marks:
            if mark in "LS":
                zones[time] = 1 if mark == "L" else -1
            elif mark in "UD":
                turns[time] = 1 if mark == "U" else -1
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    candles = Candles(columns[0].astype(np.int64), *columns[1:], interval)
    return Table(candles, zones, turns)


def mirrored(one: Table, about: float = 100.0) -> Table:
    """The same market upside down: every price p becomes 2 * about - p, longs are shorts."""
    candles = one.candles
    upside = candles._replace(
        open=2 * about - candles.open,
        high=2 * about - candles.low,
        low=2 * about - candles.high,
        close=2 * about - candles.close,
    )
    zones = {time: -side for time, side in one.zones.items()}
    return Table(upside, zones, {time: -side for time, side in one.turns.items()})


def scripted(candles: Candles, *, zones: Zones, turns: Zones) -> Signals:
    """An entry signal that was written down: zones and turns by open time."""
    return Signals(
        np.array([zones.get(int(time), 0) for time in candles.time], np.int8),
        np.array([turns.get(int(time), 0) for time in candles.time], np.int8),
        0,
    )


class ScriptedStep:
    """`scripted` one candle at a time."""

    def __init__(self, interval: int, *, zones: Zones, turns: Zones) -> None:
        self._zones, self._turns = zones, turns

    def step(self, time: int, *prices: float) -> tuple[int, int]:
        """Zone and exit zone of one candle."""
        return self._zones.get(time, 0), self._turns.get(time, 0)


scripted.stepper = ScriptedStep  # type: ignore[attr-defined]


def run_rules(**numbers: Any) -> RunRules:
    """No costs, an ATR trail of two ATRs, no breakeven, 1 % of 10,000 at risk, any leverage;
    `numbers` replaces fields by their names."""
    chosen = {
        "multiplier": 2.0,
        "breakeven_trigger": 0.0,
        "breakeven_margin": 0.0,
        "frozen": False,
        "trail": ATR_TRAIL,
        "trail_candles": 0,
        "trail_percent": 0.0,
        "trail_from": 0.0,
        "ruled": False,
        "risk_per_trade": 0.01,
        "max_leverage": 1000.0,
        "includes_costs": False,
        "kind": RISK,
        "notional": 1.0,
        "volatility": 0.0,
        "window": 1,
        "kelly_fraction": 1.0,
        "kelly_trades": 1,
        "taker_fee": 0.0,
        "slippage": 0.0,
        "borrow_daily": 0.0,
        "funding": 0.0,
        "margin": NO_MARGIN,
        "maker_fee": AS_TAKER,
        "target": 0.0,
        "in_atrs": False,
        "scale_out": (),
        "time_hours": 0.0,
        "time_below": math.inf,
        "market": CENTS,
        "exits": STOP_TRAIL,
        "path": CANDLE,
        "wait": 0,
        "delay": 0,
        "cash": 10_000.0,
        "daily_loss": 0.0,
        "drawdown": 0.0,
        "losses": 0,
        "cooldown": 0,
    }
    assert set(numbers) <= set(chosen)
    chosen |= numbers
    parts = [ScaleOut(*part) for part in chosen["scale_out"]]
    chosen |= zip(
        ("first", "second", "third", "fourth"),
        parts + [NO_PART] * (MOST_SCALE_OUTS - len(parts)),
        strict=True,
    )

    def part(kind: Any) -> Any:
        return kind(*(chosen[name] for name in kind._fields))

    return RunRules(
        TradeRules(
            part(StopRules),
            part(Sizing),
            part(Costs),
            chosen["market"],
            chosen["margin"],
            part(ExitRules),
        ),
        chosen["exits"],
        chosen["path"],
        chosen["wait"],
        chosen["delay"],
        chosen["cash"],
        part(Protections),
    )


def plan(
    one: Table,
    *,
    sides: int = BOTH,
    atr_period: int = 1,
    atr_interval: int | None = None,
    own_size: OwnSize | None = None,
    exit_rule: ExitRule | None = None,
    **numbers: Any,
) -> Plan:
    """The table's own signals under `rules(**numbers)`; the ATR is on the base timeframe.

    With a period of 1 the ATR at a close is the true range of that very candle.
    """
    return Plan(
        scripted,
        {"zones": one.zones, "turns": one.turns},
        sides,
        atr_interval or one.candles.interval,
        atr_period,
        run_rules(**numbers, ruled=exit_rule is not None),
        own_size,
        exit_rule,
    )
