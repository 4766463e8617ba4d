"""The price at which an account cannot hold its position any more (C20).

One position has the whole account as its margin. A long with equity E(p) = balance +
units * (p - fill) - costs is liquidated at the first price with
E(p) <= rate * units * p - deduction; a short likewise on its way up. Tiers of the notional are
pieces of one convex function of it, so that the price is the first of those of all tiers. Tiers
of the units have no deduction: whichever the units are in holds at every price.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from stoptrail.rules.candles import Floats
from stoptrail.rules.jit import inner_rule, rule

AS_MAINTENANCE = math.inf
"""Stands for a liquidation fee that is the maintenance margin: all that is left."""


class Margin(NamedTuple):
    """What a position has to leave in the account."""

    rate: float
    """Maintenance margin as a fraction of the notional, of the first tier; 0 on spot and margin."""
    checked: bool
    """Whether an entry whose stop lies at the liquidation price or beyond it is refused: where
    there is a stop."""
    liquidates: bool = False
    """Whether positions are liquidated: wherever an account can fall below zero."""
    fee: float = AS_MAINTENANCE
    """What a liquidation costs beside a taker's fee, as a fraction of the notional."""


NO_MARGIN = Margin(0.0, False)


class Danger(NamedTuple):
    """Where a position is liquidated."""

    price: float
    """NaN where it is at none."""
    fee: float
    """What it costs there beside a taker's fee, as a fraction of the notional."""


NO_DANGER = Danger(math.nan, 0.0)

_NOISE = 1e-9
"""Share of an account and its position that their sums in float64 miss by far less."""

NO_TIERS: Floats = np.empty((0, 3))
"""Of a market with one rate for every notional."""

NO_MARKS: Floats = np.empty((0, 4))
"""Of a market of which no mark prices are known."""


class Mark(NamedTuple):
    """The mark prices of a candle, by which an exchange liquidates; NaN is none."""

    open: float
    high: float
    low: float
    close: float


@inner_rule
def is_marked(marks: Floats, i: int) -> bool:
    """Whether candle `i` has mark prices; marks: rows of `Mark`, NaN for a candle without,
    shape (n, 4), or NO_MARKS."""
    return bool(i < len(marks) and marks[i, 0] == marks[i, 0])


def outermost(low: Floats, high: Floats, marks: Floats) -> tuple[Floats, Floats]:
    """How far down and up each candle goes, or its mark prices do: what no more than touches
    neither ends nothing. Shape (n,) each; marks: see `is_marked`."""
    if not len(marks):
        return low, high
    return np.fmin(low, marks[:, 2]), np.fmax(high, marks[:, 1])


@inner_rule
def mark_of(marks: Floats, i: int, own: Mark) -> Mark:
    """The mark prices of candle `i`; without any its `own`, which is stricter (C20)."""
    if not is_marked(marks, i):
        return own
    return Mark(marks[i, 0], marks[i, 1], marks[i, 2], marks[i, 3])


def margin_tiers(steps: Sequence[tuple[float, float]], by_units: bool = False) -> Floats:
    """Rate, deduction, and the units that a position has more of, of each tier after the first,
    shape (k - 1, 3), from [notional from, rate] of each, ascending. Continuous: from * rate -
    deduction is the same on both sides, and all positions may be in each. by_units: steps are
    [units from, rate], and the rate is that of the whole position."""
    rows, deduction, before = [], 0.0, steps[0][1]
    for begin, rate in steps[1:]:
        deduction += 0.0 if by_units else begin * (rate - before)
        rows.append((rate, deduction, begin if by_units else 0.0))
        before = rate
    return np.array(rows, np.float64).reshape(-1, 3)


@rule
def tier_price(
    side: int,
    units: float,
    fill: float,
    costs: float,
    balance: float,
    rate: float,
    deduction: float,
) -> float:
    """The first price with equity <= rate * notional - deduction; 0 for a long without any.
    costs: fees, borrow and funding so far; balance: cash before the entry."""
    if side > 0:
        return max(0.0, (units * fill + costs - balance - deduction) / (units * (1.0 - rate)))
    return max(0.0, (balance + units * fill - costs + deduction) / (units * (1.0 + rate)))


@rule
def liquidation(
    side: int,
    units: float,
    fill: float,
    costs: float,
    balance: float,
    margin: Margin,
    tiers: Floats | None = None,
) -> Danger:
    """Where a position is liquidated, by the tier that it is first at; tiers: `margin_tiers`,
    None for none; the others: see `tier_price`."""
    rate, off = margin.rate, 0.0
    price = tier_price(side, units, fill, costs, balance, rate, 0.0)
    if tiers is not None:
        for k in range(len(tiers)):
            step, deduction = tiers[k, 0], tiers[k, 1]
            if units <= tiers[k, 2]:
                continue
            other = tier_price(side, units, fill, costs, balance, step, deduction)
            if other > price if side > 0 else other < price:
                price, rate, off = other, step, deduction
    if margin.fee != AS_MAINTENANCE:
        return Danger(price, margin.fee)
    if off > 0.0 and price > 0.0:
        rate -= off / (units * price)
    return Danger(price, rate)


@inner_rule
def bears(
    side: int, units: float, fill: float, costs: float, balance: float, level: float, rate: float
) -> bool:
    """Whether an account holds its position at the price `level`, and by more than float64 misses:
    the liquidation prices of all tiers with a rate of at most `rate` are beyond it. No price is
    worked out: see `tier_price`, whose deduction only puts it off."""
    left = balance - costs - units * (side * (fill - level))
    least = units * level * rate + _NOISE * (abs(balance) + units * (fill + level))
    return level > 0.0 and left > least


def steepest_rate(tiers: Floats) -> float:
    """The greatest rate of `margin_tiers`, 0 of none; infinite where `bears` cannot go by it."""
    if not len(tiers):
        return 0.0
    return math.inf if (tiers[:, 1] < 0.0).any() else float(tiers[:, 0].max())


@rule
def closed_out_at(danger: float, first: float, last: float) -> float:
    """Where the market is when its mark reaches `danger`, on its way from `first` to `last`: at
    that price, or at the nearest that it comes to on the way."""
    low, high = min(first, last), max(first, last)
    return min(max(danger, low), high)


@inner_rule
def overtaken(side: int, level: float, danger: float) -> bool:
    """Whether a stop at `level` does not lie before the liquidation price, strictly; never where
    that is NaN."""
    return danger >= level if side > 0 else danger <= level
