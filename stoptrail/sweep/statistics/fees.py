"""Fee sensitivity: the fee at which the profit factor falls to 1.

Every fee is a run of its own, for a fee changes sizes, breakeven levels and with them
the trades; so the profit factor need not fall smoothly, nor at every step.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

FEES = (0.0, 0.0005, 0.001, 0.0015, 0.002, 0.003, 0.005)
"""Fees that are always run, as shares of the notional of a fill."""
TOLERANCE = 1e-5
"""A thousandth of a percent: finer is finer than any exchange's table."""


@dataclass(frozen=True)
class FeePoint:
    """One run at one fee."""

    fee: float
    profit_factor: float
    """NaN without a loss."""
    sharpe: float
    net_return: float
    trades: int

    @property
    def profitable(self) -> bool:
        """Profit factor above 1; without a loss any trade was a profit."""
        return self.profit_factor > 1.0 or (math.isnan(self.profit_factor) and self.trades > 0)


@dataclass(frozen=True)
class FeeSensitivity:
    """What fees do to one combination."""

    points: tuple[FeePoint, ...]
    """Every run made, by ascending fee."""
    break_even: float | None
    """Lowest fee found at which the profit factor has fallen to 1; None where the
    lowest fee already loses or the highest still wins."""
    crossings: int
    """Changes between winning and losing along the fees; above 1 the profit factor
    rises and falls, and `break_even` is the first."""


def fee_sensitivity(
    run: Callable[[float], FeePoint], fees: Sequence[float] = FEES, extra: int = 8
) -> FeeSensitivity:
    """Run every fee, then halve the first interval that goes from profit to loss.

    run: the figures at one taker fee; extra: runs for the halving at most. It stops
    early once the interval is no wider than `TOLERANCE`.
    """
    points = [run(fee) for fee in sorted(set(fees))]
    for _ in range(extra):
        step = _first_fall(points)
        if step is None or points[step + 1].fee - points[step].fee <= TOLERANCE:
            break
        points.insert(step + 1, run((points[step].fee + points[step + 1].fee) / 2))
    signs = [point.profitable for point in points]
    crossings = sum(a != b for a, b in itertools.pairwise(signs))
    return FeeSensitivity(tuple(points), _break_even(points), crossings)


def _first_fall(points: Sequence[FeePoint]) -> int | None:
    """Position before the first step from profit to loss."""
    for i in range(len(points) - 1):
        if points[i].profitable and not points[i + 1].profitable:
            return i
    return None


def _break_even(points: Sequence[FeePoint]) -> float | None:
    """The fee where a straight line between the two runs beside the fall reaches 1."""
    step = _first_fall(points)
    if step is None:
        return None
    above, below = points[step], points[step + 1]
    fall = above.profit_factor - below.profit_factor
    if not fall > 0.0:
        return below.fee
    return above.fee + (above.profit_factor - 1.0) / fall * (below.fee - above.fee)
