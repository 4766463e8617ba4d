"""Conducts as rows of a table: what differs between the combinations that share a signal.

A combination is one row of float64, a column for each number in a Conduct. Whole numbers
and switches are exact in float64, so a row gives back an equal Conduct.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from stoptrail.rules.candles import Floats
from stoptrail.rules.costs import Costs
from stoptrail.rules.jit import rule
from stoptrail.rules.market import Market
from stoptrail.rules.protections import Protections
from stoptrail.rules.sizing import Sizing
from stoptrail.rules.stops import StopRules
from stoptrail.rules.trade import TradeRules
from stoptrail.rules.types import RunRules

COLUMNS = (
    *(f"trade_rules.stop.{name}" for name in StopRules._fields),
    *(f"trade_rules.sizing.{name}" for name in Sizing._fields),
    *(f"trade_rules.costs.{name}" for name in Costs._fields),
    *(f"trade_rules.market.{name}" for name in Market._fields),
    "exits",
    "path",
    "cooldown",
    "delay",
    "cash",
    *(f"protections.{name}" for name in Protections._fields),
)
"""Dotted field of Conduct for each column, in order."""


def rule_row(run_rules: RunRules) -> Floats:
    """`conduct` as one row, shape (len(COLUMNS),)."""
    trade_rules = run_rules.trade_rules
    numbers = (*trade_rules.stop, *trade_rules.sizing, *trade_rules.costs, *trade_rules.market)
    rest = (run_rules.exits, run_rules.path, run_rules.cooldown, run_rules.delay, run_rules.cash)
    return np.array((*numbers, *rest, *run_rules.protections), np.float64)


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
def run_rules_of(row: Floats) -> RunRules:
    """The Conduct of one row: the inverse of conduct_row."""
    return RunRules(
        TradeRules(
            StopRules(row[0], row[1], row[2], row[3] != 0.0),
            Sizing(row[4], row[5], row[6] != 0.0, row[7] != 0.0),
            Costs(row[8], row[9], row[10]),
            Market(row[11], row[12], row[13], row[14], row[15], row[16]),
        ),
        int(row[17]),
        int(row[18]),
        int(row[19]),
        int(row[20]),
        row[21],
        Protections(row[22], row[23], int(row[24]), int(row[25])),
    )
