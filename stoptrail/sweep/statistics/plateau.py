"""A combination judged together with its neighbours in the grid: plateaus before peaks.

The grid is the full Cartesian product of its axes, in the order of itertools.product:
the last axis runs fastest. Two combinations are neighbours where every numeric axis
differs by at most one step and every other axis is equal (Chebyshev distance 1).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stoptrail.rules.candles import Floats

_FEWEST_FOR_AN_EDGE = 3
"""An axis of two values is all edge; it says nothing."""


@dataclass(frozen=True)
class Axis:
    """One grid key and its values in the order of the grid."""

    name: str
    values: tuple[object, ...]
    off: float | None = None
    """A number that switches the setting off, such as a trigger of 0: it lies beyond
    the largest value, not below the smallest."""

    @property
    def ordered(self) -> bool:
        """Whether the values are numbers, so that one step means something."""
        return all(isinstance(v, int | float) and not isinstance(v, bool) for v in self.values)

    def order(self) -> list[int]:
        """Positions of the values from the smallest to the largest, `off` last."""
        keys = [math.inf if v == self.off else float(str(v)) for v in self.values]
        return sorted(range(len(keys)), key=keys.__getitem__)


@dataclass(frozen=True)
class Neighbourhood:
    """The objective around one combination, itself included."""

    count: int
    score: float
    """The plateau score."""
    worst: float
    lower_quartile: float
    median: float


class Plateau:
    """Neighbourhood scores over a whole grid."""

    def __init__(self, axes: Sequence[Axis], objective: Floats, missing: float = 0.0) -> None:
        """Axes in grid order; the objective of every combination, shape (combinations,).

        A combination without a value (NaN: no trades, or too few) counts as `missing`,
        an infinite one as the largest finite value. Raises ValueError where the number
        of combinations is not the product of the axes.
        """
        shape = tuple(len(axis.values) for axis in axes)
        if math.prod(shape) != len(objective):
            raise ValueError(f"{len(objective)} values do not fill a grid of {shape}")
        self._axes = tuple(axes)
        self._shape = shape
        self._filled = _finite(objective, missing)

    def scores(self) -> Floats:
        """Mean less one standard deviation of every neighbourhood, shape (combinations,).

        A lone peak has a high mean at best and a large deviation; a plateau keeps its
        mean. Both sums go axis by axis, so memory is a few arrays of the grid's size.
        """
        centre = float(self._filled.mean())
        grid = (self._filled - centre).reshape(self._shape)
        count, total, squares = np.ones(self._shape), grid, grid * grid
        for place, axis in enumerate(self._axes):
            if axis.ordered and len(axis.values) > 1:
                order = axis.order()
                count, total, squares = (
                    _sum_of_three(values, place, order) for values in (count, total, squares)
                )
        mean = total / count
        variance = np.maximum(squares / count - mean * mean, 0.0)
        return np.asarray(centre + mean - np.sqrt(variance), dtype=np.float64).reshape(-1)

    def neighbours(self, index: int) -> NDArray[np.int64]:
        """Indices of the combination's neighbourhood, ascending, itself included."""
        place = np.unravel_index(index, self._shape)
        near = [_near(axis, int(at)) for axis, at in zip(self._axes, place, strict=True)]
        combos = np.array(list(itertools.product(*near)), dtype=np.int64)
        return np.sort(np.ravel_multi_index(tuple(combos.T), self._shape)).astype(np.int64)

    def around(self, index: int) -> Neighbourhood:
        """The objective in the neighbourhood of one combination."""
        values = self._filled[self.neighbours(index)]
        score = float(values.mean() - values.std())
        lower, median = np.quantile(values, [0.25, 0.5])
        return Neighbourhood(len(values), score, float(values.min()), float(lower), float(median))

    def on_edge(self, index: int) -> list[str]:
        """Names of the numeric axes, of three values or more, on whose smallest or
        largest value the combination lies; `off` counts as no edge."""
        place = np.unravel_index(index, self._shape)
        return [
            axis.name for axis, at in zip(self._axes, place, strict=True) if _at_edge(axis, int(at))
        ]


def _finite(objective: Floats, missing: float) -> Floats:
    finite = objective[np.isfinite(objective)]
    largest = float(finite.max()) if len(finite) else missing
    return np.nan_to_num(objective, nan=missing, posinf=largest, neginf=missing)


def _sum_of_three(values: Floats, place: int, order: list[int]) -> Floats:
    """Each value plus the ones a step before and after it along one axis."""
    lined = np.moveaxis(values, place, 0)[order]
    out = lined.copy()
    out[1:] += lined[:-1]
    out[:-1] += lined[1:]
    back = np.empty_like(out)
    back[order] = out
    return np.ascontiguousarray(np.moveaxis(back, 0, place))


def _near(axis: Axis, at: int) -> list[int]:
    if not axis.ordered:
        return [at]
    order = axis.order()
    rank = order.index(at)
    return order[max(rank - 1, 0) : rank + 2]


def _at_edge(axis: Axis, at: int) -> bool:
    if not axis.ordered or axis.values[at] == axis.off:
        return False
    steps = [i for i in axis.order() if axis.values[i] != axis.off]
    return len(steps) >= _FEWEST_FOR_AN_EDGE and at in (steps[0], steps[-1])
