"""Rules of runs as rows of a table: what differs between the combinations that share a signal.

A combination is one row of float64, a column for each number in RunRules. Whole numbers
and switches are exact in float64, so a row gives back equal rules.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import pairwise
from typing import Any, get_type_hints

import numpy as np
from numpy.typing import ArrayLike

from stoptrail.rules.candles import Floats
from stoptrail.rules.costs import Costs
from stoptrail.rules.exits import ExitRules, ScaleOut
from stoptrail.rules.jit import rule
from stoptrail.rules.margin import Margin
from stoptrail.rules.market import Market
from stoptrail.rules.paths import CANDLE
from stoptrail.rules.protections import Protections
from stoptrail.rules.sizing import Sizing
from stoptrail.rules.stops import ATR_TRAIL, StopRules
from stoptrail.rules.trade import TradeRules
from stoptrail.rules.types import STOP_TRAIL, RunRules


def _numbered(kind: Any, numbers: Iterator[int]) -> Any:
    """A record of `kind`, and of the records within it, with a number in each field."""
    return kind._make(
        _numbered(inner, numbers) if hasattr(inner, "_fields") else next(numbers)
        for inner in get_type_hints(kind).values()
    )


def _leaves(record: Any, path: str = "") -> Iterator[tuple[str, float]]:
    """Dotted field and value of each number in a record."""
    for name, value in record._asdict().items():
        if hasattr(value, "_fields"):
            yield from _leaves(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value


PLACE: Any = _numbered(RunRules, itertools.count())
"""RunRules with the number of its column in each field."""
COLUMNS = tuple(name for name, _ in _leaves(PLACE))
"""Dotted field of RunRules for each column, in order."""


def rule_row(run_rules: RunRules) -> Floats:
    """`run_rules` as one row, shape (len(COLUMNS),)."""
    return np.array([value for _, value in _leaves(run_rules)], np.float64)


def rule_rows(base: RunRules, count: int, values: Mapping[str, ArrayLike]) -> Floats:
    """`count` rows equal to `base` but for the named columns, shape (count, len(COLUMNS)).

    values: a column of COLUMNS to its `count` numbers. Raises KeyError for another name.
    """
    table = np.tile(rule_row(base), (count, 1))
    places = {name: index for index, name in enumerate(COLUMNS)}
    for name, numbers in values.items():
        table[:, places[name]] = numbers
    return table


@rule
def _stop_of(row: Floats) -> StopRules:
    stop = PLACE.trade_rules.stop
    return StopRules(
        multiplier=row[stop.multiplier],
        breakeven_trigger=row[stop.breakeven_trigger],
        breakeven_margin=row[stop.breakeven_margin],
        frozen=row[stop.frozen] != 0.0,
        trail=int(row[stop.trail]),
        trail_candles=int(row[stop.trail_candles]),
        trail_percent=row[stop.trail_percent],
        trail_from=row[stop.trail_from],
        ruled=row[stop.ruled] != 0.0,
    )


@rule
def _sizing_of(row: Floats) -> Sizing:
    sizing = PLACE.trade_rules.sizing
    return Sizing(
        risk_per_trade=row[sizing.risk_per_trade],
        max_leverage=row[sizing.max_leverage],
        includes_costs=row[sizing.includes_costs] != 0.0,
        kind=int(row[sizing.kind]),
        notional=row[sizing.notional],
        volatility=row[sizing.volatility],
        window=int(row[sizing.window]),
        kelly_fraction=row[sizing.kelly_fraction],
        kelly_trades=int(row[sizing.kelly_trades]),
    )


@rule
def run_rules_of(row: Floats) -> RunRules:
    """The rules of one row: the inverse of rule_row."""
    costs, market = PLACE.trade_rules.costs, PLACE.trade_rules.market
    margin = PLACE.trade_rules.margin
    limits = PLACE.protections
    return RunRules(
        trade_rules=TradeRules(
            stop=_stop_of(row),
            sizing=_sizing_of(row),
            costs=Costs(
                taker_fee=row[costs.taker_fee],
                slippage=row[costs.slippage],
                borrow_daily=row[costs.borrow_daily],
                maker_fee=row[costs.maker_fee],
                funding=row[costs.funding],
            ),
            market=Market(
                price_scale=row[market.price_scale],
                price_step=row[market.price_step],
                lot_scale=row[market.lot_scale],
                lot_step=row[market.lot_step],
                min_quantity=row[market.min_quantity],
                min_notional=row[market.min_notional],
            ),
            margin=Margin(
                rate=row[margin.rate],
                checked=row[margin.checked] != 0.0,
                liquidates=row[margin.liquidates] != 0.0,
                fee=row[margin.fee],
            ),
            exits=exit_rules_of(row),
        ),
        exits=int(row[PLACE.exits]),
        path=int(row[PLACE.path]),
        cooldown=int(row[PLACE.cooldown]),
        delay=int(row[PLACE.delay]),
        cash=row[PLACE.cash],
        protections=Protections(
            daily_loss=row[limits.daily_loss],
            drawdown=row[limits.drawdown],
            losses=int(row[limits.losses]),
            cooldown=int(row[limits.cooldown]),
        ),
    )


@rule
def exit_rules_of(row: Floats) -> ExitRules:
    """The exits beside the stop of one row."""
    exits = PLACE.trade_rules.exits
    return ExitRules(
        target=row[exits.target],
        in_atrs=row[exits.in_atrs] != 0.0,
        first=ScaleOut(at=row[exits.first.at], fraction=row[exits.first.fraction]),
        second=ScaleOut(at=row[exits.second.at], fraction=row[exits.second.fraction]),
        third=ScaleOut(at=row[exits.third.at], fraction=row[exits.third.fraction]),
        fourth=ScaleOut(at=row[exits.fourth.at], fraction=row[exits.fourth.fraction]),
        time_hours=row[exits.time_hours],
        time_below=row[exits.time_below],
    )


@rule
def trails(run_rules: RunRules) -> bool:
    """Whether trades end at the stop that an ATR trails, tested against whole candles, and in
    no other way: such endings are found by blocks of candles, and remembered."""
    rules, exits = run_rules.trade_rules.stop, run_rules.trade_rules.exits
    return (
        run_rules.exits == STOP_TRAIL
        and run_rules.path == CANDLE
        and rules.trail == ATR_TRAIL
        and not rules.trail_from > 0.0
        and not rules.ruled
        and not exits.target > 0.0
        and not exits.first.fraction > 0.0
        and not exits.time_hours > 0.0
    )


_STOP, _EXITS = PLACE.trade_rules.stop, PLACE.trade_rules.exits
_MORE = [
    PLACE.exits,
    PLACE.path,
    _STOP.trail,
    _STOP.trail_from,
    _STOP.ruled,
    _EXITS.target,
    _EXITS.first.fraction,
    _EXITS.time_hours,
]
"""Columns that are all 0 where a row `trails`, and only there."""


def need_turn(table: Floats) -> bool:
    """Whether some row of `table` does more than trail an ATR on whole candles."""
    return bool(table[:, _MORE].any())


_FREE = ("trade_rules.sizing.", "trade_rules.margin.", "protections.", "cooldown", "delay", "cash")
"""Columns of rules that no ending depends on: they decide whether there is a trade, and its
size."""
_ENDING = [k for k, name in enumerate(COLUMNS) if not name.startswith(_FREE)]


class RuleTable:
    """Rows of rules, and what follows from them alone: worked out once for all signals that run
    them. `rows` must not be written into."""

    def __init__(self, rows: Floats) -> None:
        self.rows = rows

    @cached_property
    def needs_turn(self) -> bool:
        """See `need_turn`."""
        return need_turn(self.rows)

    @cached_property
    def stretches(self) -> tuple[tuple[int, int], ...]:
        """First and end of each stretch of rows that scale funding alike."""
        scales = self.rows[:, PLACE.trade_rules.costs.funding]
        changes = np.flatnonzero(scales[1:] != scales[:-1]) + 1
        return tuple(pairwise([0, *changes.tolist(), len(scales)]))

    @cached_property
    def endings(self) -> bytes:
        """What the endings of trades depend on, row by row."""
        return self.rows[:, _ENDING].tobytes()
