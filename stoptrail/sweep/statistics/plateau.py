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
    names: bool = False
    """Whether the values only name things, also where they are numbers."""

    @property
    def ordered(self) -> bool:
        """Whether the values are quantities, so that one step means something."""
        numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in self.values)
        return numbers and not self.names

    def order(self) -> list[int]:
        """Positions of the values from the smallest to the largest, `off` last."""
        keys = [math.inf if v == self.off else float(str(v)) for v in self.values]
        return sorted(range(len(keys)), key=keys.__getitem__)


@dataclass(frozen=True)
class Neighbourhood:
    """The neighbours of one combination, without itself, each with its own figure."""

    count: int
    """Neighbours; 0 where the grid has none."""
    thin: int
    """Of these, the ones that may not be chosen themselves: too few trades, or no figure."""
    score: float
    """The plateau score, which counts the combination itself as well."""
    worst: float
    lower_quartile: float
    median: float
    """These three of the neighbours that have a figure; NaN where none has."""


class Plateau:
    """Neighbourhood scores over a whole grid."""

    def __init__(
        self, axes: Sequence[Axis], figures: Floats, thin: NDArray[np.bool_] | None = None
    ) -> None:
        """Axes in grid order; the figure of every combination, shape (combinations,).

        Each counts with its own figure, however few its trades. One without a figure (NaN:
        no trade at all) is left out, an infinite one counts as the largest finite value.
        thin: which have too few trades to be chosen, shape (combinations,); those without a
        figure are thin as well. Raises ValueError where the number of combinations is not
        the product of the axes.
        """
        shape = tuple(len(axis.values) for axis in axes)
        if math.prod(shape) != len(figures):
            raise ValueError(f"{len(figures)} values do not fill a grid of {shape}")
        self._axes = tuple(axes)
        self._shape = shape
        self._figures = _bounded(figures)
        none = np.isnan(figures)
        self._thin = none if thin is None else none | thin

    def scores(self) -> Floats:
        """Mean less one standard deviation of every neighbourhood, itself included, shape
        (combinations,); NaN where nothing in it has a figure.

        A lone peak has a high mean at best and a large deviation; a plateau keeps its
        mean. All sums go axis by axis, so memory is a few arrays of the grid's size.
        """
        mean, deviation = self._moments()
        return mean - deviation

    def means(self) -> Floats:
        """Mean of every neighbourhood, itself included, shape (combinations,)."""
        return self._moments()[0]

    def _moments(self) -> tuple[Floats, Floats]:
        """Mean and standard deviation of every neighbourhood, NaN where it has no figure."""
        known = ~np.isnan(self._figures)
        centre = float(self._figures[known].mean()) if known.any() else 0.0
        grid = np.where(known, self._figures - centre, 0.0).reshape(self._shape)
        sums = [known.astype(np.float64).reshape(self._shape), grid, grid * grid]
        for place, axis in enumerate(self._axes):
            if axis.ordered and len(axis.values) > 1:
                order = axis.order()
                sums = [_sum_of_three(values, place, order) for values in sums]
        count, total, squares = (values.reshape(-1) for values in sums)
        count = np.where(count > 0.0, count, np.nan)
        mean = total / count
        variance = np.maximum(squares / count - mean * mean, 0.0)
        return np.asarray(centre + mean, np.float64), np.asarray(np.sqrt(variance), np.float64)

    def neighbours(self, index: int) -> NDArray[np.int64]:
        """Indices of the combination's neighbourhood, ascending, itself included."""
        combos = np.array(list(itertools.product(*self._places(index))), dtype=np.int64)
        return np.sort(np.ravel_multi_index(tuple(combos.T), self._shape)).astype(np.int64)

    def near(self, index: int) -> dict[str, list[object]]:
        """The values of each key within the neighbourhood, by the key's name."""
        places = zip(self._axes, self._places(index), strict=True)
        return {axis.name: [axis.values[at] for at in sorted(near)] for axis, near in places}

    def _places(self, index: int) -> list[list[int]]:
        """Positions of the neighbourhood's values on each axis."""
        place = np.unravel_index(index, self._shape)
        return [_near(axis, int(at)) for axis, at in zip(self._axes, place, strict=True)]

    def around(self, index: int) -> Neighbourhood:
        """What the neighbours of one combination say."""
        whole = self.neighbours(index)
        near = whole[whole != index]
        inside, own = self._known(whole), self._known(near)
        score = float(inside.mean() - inside.std()) if len(inside) else math.nan
        worst, lower, median = (
            map(float, np.quantile(own, [0.0, 0.25, 0.5])) if len(own) else [math.nan] * 3
        )
        return Neighbourhood(len(near), int(self._thin[near].sum()), score, worst, lower, median)

    def _known(self, indices: NDArray[np.int64]) -> Floats:
        figures = self._figures[indices]
        return np.asarray(figures[~np.isnan(figures)], np.float64)

    def on_edge(self, index: int) -> list[str]:
        """Names of the numeric axes, of three values or more, on whose smallest or
        largest value the combination lies; `off` counts as no edge."""
        place = np.unravel_index(index, self._shape)
        return [
            axis.name for axis, at in zip(self._axes, place, strict=True) if _at_edge(axis, int(at))
        ]


def _bounded(figures: Floats) -> Floats:
    """Infinite figures as the largest finite one; NaN stays."""
    finite = figures[np.isfinite(figures)]
    largest = float(finite.max()) if len(finite) else 0.0
    return np.asarray(np.where(np.isinf(figures), largest, figures), np.float64)


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
