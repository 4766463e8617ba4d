"""The sweep's grid seen two dimensions at a time, and a sample of its combinations."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stoptrail.core.text import setting_text
from stoptrail.feeds.tables.convert import known_floats
from stoptrail.reports.figures import METRICS, flatten, label_of
from stoptrail.reports.html.markup import packed
from stoptrail.reports.run_files import TrialColumns
from stoptrail.reports.summary import evidence_of
from stoptrail.rules.candles import Floats

if TYPE_CHECKING:
    import pyarrow as pa

MOST_COUNTED = 100_000
"""Combinations that a median is taken over; a larger grid is sampled."""
MOST_LINES = 2_000
"""Combinations drawn as parallel coordinates."""
_SHOWN = ("sharpe", "profit_factor", "net_return", "max_drawdown", "trades", "win_rate")
_SEED = 20_250_622
_AT_ONCE = 65_536

Indices = NDArray[np.int64]


class Dimension(NamedTuple):
    """One key of the grid."""

    name: str
    values: list[Any]
    """Distinct values: numbers ascending, words in the grid's order."""
    place: NDArray[np.int32]
    """Index into `values` of every combination; shape (combinations,)."""
    best: int | None
    """Index into `values` of the chosen set, None where it is not known."""
    near: list[int]
    """Indices into `values` of the chosen set's neighbourhood (see docs/evidence.md)."""


class TrialGrid(NamedTuple):
    """Trials as arrays; shape (combinations,) for each metric."""

    dimensions: list[Dimension]
    metrics: dict[str, Floats]
    eligible: NDArray[np.bool_]
    """Combinations that may be chosen."""
    objective: str
    min_trades: int


def read_grid(trials: TrialColumns, summary: dict[str, Any]) -> TrialGrid:
    """The grid of `trials`; keys with a single value are left out."""
    settings = flatten(summary.get("params") or {})
    chosen = flatten((summary.get("best") or {}).get("params") or {})
    keys = [name for name in trials.column_names if "." in name]
    near = (evidence_of(summary).get("plateau") or {}).get("near") or {}
    found = [_dimension(name, trials.column(name), chosen, near.get(name) or []) for name in keys]
    metrics = {n: known_floats(trials.column(n)) for n in _SHOWN if n in trials.column_names}
    min_trades = int(settings.get("sweep.min_trades") or 0)
    wanted = str(settings.get("sweep.objective", ""))
    if ":" in wanted and "objective" in trials.column_names:  # of the user's own
        own = known_floats(trials.column("objective"))
        wanted, metrics = "objective", {"objective": own, **metrics}
    objective = wanted if wanted in metrics else next(iter(metrics), "")
    varied = [dimension for dimension in found if len(dimension.values) > 1]
    return TrialGrid(varied, metrics, _eligible(trials, metrics, min_trades), objective, min_trades)


def _eligible(trials: TrialColumns, metrics: dict[str, Floats], least: int) -> NDArray[np.bool_]:
    """Where the sweep left an objective; of a run that has no such column, by its trades."""
    if "objective" in trials.column_names:
        return np.asarray(np.isfinite(known_floats(trials.column("objective"))))
    return np.asarray(metrics.get("trades", np.full(len(trials), np.inf)) >= least)


def grid_data(grid: TrialGrid) -> dict[str, Any] | None:
    """Heat maps of every pair of dimensions and the sample; None where nothing varies."""
    if not grid.dimensions or not grid.metrics:
        return None
    return {
        "dimensions": [
            {"name": d.name, "values": d.values, "best": d.best, "near": d.near}
            for d in grid.dimensions
        ],
        "metrics": [{"name": n, "label": label_of(n), "better": _better(n)} for n in grid.metrics],
        "objective": grid.objective,
        "min_trades": grid.min_trades,
        "combinations": len(grid.eligible),
        "eligible": int(grid.eligible.sum()),
        "counted": len(_counted(grid)),
        "maps": heat_maps(grid),
        "sample": sample(grid),
    }


def heat_maps(grid: TrialGrid) -> dict[str, Any]:
    """{"i-j": {metric: {"top", "median", "slice"}, "barred": {...}}} for every pair i < j of
    dimensions.

    Each is a packed matrix of shape (values of j, values of i). `top` is the best over all
    other dimensions, `median` their median, both of combinations that may be chosen and NaN
    where there is none; `slice` are the cells whose other settings are those of the chosen
    set, with their own figures. `barred` is 1 where nothing in the cell may be chosen.
    """
    counted = _counted(grid)
    ascending = {name: _ascending(values, counted) for name, values in grid.metrics.items()}
    maps: dict[str, Any] = {}
    for i, j in itertools.combinations(range(len(grid.dimensions)), 2):
        across, up = grid.dimensions[i], grid.dimensions[j]
        cell = up.place * len(across.values) + across.place
        size = len(across.values) * len(up.values)
        at_best = _sliced(grid, {i, j})
        maps[f"{i}-{j}"] = {
            name: {
                "top": packed(_top(cell, values, grid.eligible, size, _better(name)), "float32"),
                "median": packed(_median(cell, ascending[name], size), "float32"),
                "slice": packed(_top(cell, values, at_best, size, 1), "float32"),
            }
            for name, values in grid.metrics.items()
        }
        others = _barred(cell, np.ones(len(cell), np.bool_), grid.eligible, size)
        maps[f"{i}-{j}"]["barred"] = {
            "top": others,
            "median": others,
            "slice": _barred(cell, at_best, grid.eligible, size),
        }
    return maps


def _barred(
    cell: Indices, shown: NDArray[np.bool_], eligible: NDArray[np.bool_], size: int
) -> dict[str, str]:
    """1 for each cell none of whose `shown` combinations may be chosen, packed."""
    free = np.zeros(size, np.bool_)
    free[cell[shown & eligible]] = True
    return packed(~free, "uint8")


def sample(grid: TrialGrid) -> dict[str, Any]:
    """At most MOST_LINES combinations with enough trades: the best quarter of that number,
    the others drawn evenly from the rest."""
    score = np.nan_to_num(grid.metrics[grid.objective], nan=-np.inf)
    order = np.flatnonzero(grid.eligible)
    order = order[np.argsort(-score[order] * _direction(grid.objective), kind="stable")]
    if len(order) > MOST_LINES:
        top = MOST_LINES // 4
        drawn = np.random.default_rng(_SEED).choice(
            order[top:], MOST_LINES - top, replace=False, shuffle=False
        )
        order = np.concatenate((order[:top], drawn))
    return {
        "count": len(order),
        "places": [packed(d.place[order], "int32") for d in grid.dimensions],
        "metrics": {n: packed(v[order], "float32") for n, v in grid.metrics.items()},
    }


def _dimension(
    name: str, column: pa.ChunkedArray, chosen: dict[str, Any], near: list[Any]
) -> Dimension:
    places: dict[Any, int] = {}
    found = [np.empty(0, np.int32)]
    for first in range(0, len(column), _AT_ONCE):  # as objects they take ten times the room
        listed = map(_named, column.slice(first, _AT_ONCE).to_pylist())
        found.append(np.array([places.setdefault(each, len(places)) for each in listed], np.int32))
    values = list(places)
    if not any(isinstance(value, str) for value in values):
        values.sort()
    order = {value: place for place, value in enumerate(values)}
    place = np.array([order[value] for value in places], np.int32)[np.concatenate(found)]
    around = [order[value] for value in map(_named, near) if value in order]
    return Dimension(name, values, place, order.get(_named(chosen.get(name))), around)


def _named(value: Any) -> Any:
    """A value that can be shown on an axis: a list, such as that of exits.scale_out, as text."""
    return setting_text(value) if isinstance(value, list) else value


def _counted(grid: TrialGrid) -> Indices:
    """Combinations that medians are taken over."""
    eligible = np.flatnonzero(grid.eligible)
    if len(eligible) <= MOST_COUNTED:
        return eligible
    drawn = np.random.default_rng(_SEED).choice(eligible, MOST_COUNTED, replace=False)
    return np.sort(drawn)


def _sliced(grid: TrialGrid, free: set[int]) -> NDArray[np.bool_]:
    """Combinations that equal the chosen set in every dimension but those in `free`."""
    kept = np.ones(len(grid.eligible), np.bool_)
    for place, dimension in enumerate(grid.dimensions):
        if place not in free:
            kept &= dimension.place == (-1 if dimension.best is None else dimension.best)
    return kept


def _top(cell: Indices, values: Floats, kept: NDArray[np.bool_], size: int, better: int) -> Floats:
    """The best of `values` in every cell; NaN in an empty one."""
    sign = -1.0 if better < 0 else 1.0
    usable = kept & np.isfinite(values)
    out = np.full(size, -np.inf)
    np.maximum.at(out, cell[usable], sign * values[usable])
    return np.where(np.isfinite(out), sign * out, np.nan)


class Ascending(NamedTuple):
    """One metric of some combinations."""

    places: Indices
    """Of the combinations."""
    values: Floats


def _ascending(values: Floats, counted: Indices) -> Ascending:
    """Those of the `counted` combinations that have a value."""
    usable = counted[np.isfinite(values[counted])]
    places = usable[np.argsort(values[usable], kind="stable")]
    return Ascending(places, values[places])


def _median(cell: Indices, ascending: Ascending, size: int) -> Floats:
    """The median of the values in every cell; NaN in an empty one."""
    kind = np.uint16 if size <= 2**16 else np.int64  # the former is sorted by its digits
    cells = cell[ascending.places].astype(kind)
    ordered = ascending.values[np.argsort(cells, kind="stable")]
    ends = np.concatenate(([0], np.cumsum(np.bincount(cells, minlength=size))))
    filled = np.flatnonzero(np.diff(ends))
    first, last = ends[filled], ends[filled + 1] - 1
    out = np.full(size, np.nan)
    out[filled] = (ordered[(first + last) // 2] + ordered[(first + last + 1) // 2]) / 2
    return out


def _better(metric: str) -> int:
    """As reports.figures.Metric has it; of an objective of the user's own more is better."""
    return METRICS[metric].better if metric in METRICS else 1


def _direction(metric: str) -> int:
    return -1 if _better(metric) < 0 else 1
