"""All that can be said about one set chosen from a grid, shaped for summary.json."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from stoptrail.rules.candles import Floats
from stoptrail.rules.metrics import (
    ANNUAL_ROOT,
)
from stoptrail.sweep.statistics.bootstrap import profit_factor_interval, sharpe_interval
from stoptrail.sweep.statistics.clusters import effective_trials
from stoptrail.sweep.statistics.deflated import deflated_sharpe, moments, trial_spread
from stoptrail.sweep.statistics.overfitting import backtest_overfitting, block_days, splits_for
from stoptrail.sweep.statistics.plateau import Axis, Plateau

_BINS = 40
"""Bars of the logits' histogram: the 12,870 values themselves would bloat the file."""


@dataclass(frozen=True)
class Trials:
    """Every combination of the grid as the pre-screen saw it, in grid order."""

    axes: Sequence[Axis]
    figures: Floats
    """Each one's own objective, shape (trials,), however few its trades; NaN without one."""
    objective: Floats
    """The same; NaN where a combination may not be chosen (too few trades)."""
    sharpe: Floats
    """Annualised, shape (trials,); NaN without a trade."""
    sums: Floats
    """Shape (trials, blocks, 2), see `rules.metrics.block_sums`."""
    days: int

    @property
    def plateau(self) -> Plateau:
        """The figures with their neighbourhoods."""
        return Plateau(self.axes, self.figures, np.isnan(self.objective))


@dataclass(frozen=True)
class Chosen:
    """The set that the sweep chose."""

    index: int
    """Its combination."""
    returns: Floats
    """Daily returns, shape (days,)."""
    pnl: Floats
    """Profits of its closed trades in order, shape (trades,)."""


class Picks(NamedTuple):
    """What each way of choosing would take, by combination."""

    raw: int
    plateau: int
    neighbours: int


def picks(trials: Trials) -> Picks:
    """The best objective, plateau score and neighbourhood mean among combinations that may be
    chosen.

    Raises ValueError where none may.
    """
    allowed = ~np.isnan(trials.objective)
    if not allowed.any():
        raise ValueError("no combination has enough trades to be chosen")
    around = trials.plateau
    values = (trials.objective, around.scores(), around.means())
    return Picks(*(int(np.where(allowed, each, -np.inf).argmax()) for each in values))


def selection_evidence(trials: Trials, chosen: Chosen, sample: Floats, seed: int) -> dict[str, Any]:
    """The parts `deflated_sharpe`, `overfitting`, `bootstrap`, `plateau` and `on_edge` of
    the evidence, as docs/evidence.md describes them.

    sample: daily returns of the trials that `clusters.sample_trials` names, shape
    (sampled trials, days). Figures without a value are NaN. `overfitting` is None for
    fewer than two trials.
    """
    plateau = trials.plateau
    around = asdict(plateau.around(chosen.index))
    allowed = ~np.isnan(trials.objective)
    return {
        "deflated_sharpe": _deflated(trials, chosen, sample),
        "overfitting": _overfitting(trials, seed),
        "bootstrap": {
            "sharpe": asdict(sharpe_interval(chosen.returns, seed)),
            "profit_factor": asdict(profit_factor_interval(chosen.pnl, seed)),
        },
        "plateau": {
            "objective": float(trials.figures[chosen.index]),
            "highest": float(np.max(trials.objective, where=allowed, initial=-np.inf)),
            **around,
            "near": plateau.near(chosen.index),
        },
        "on_edge": plateau.on_edge(chosen.index),
    }


def _deflated(trials: Trials, chosen: Chosen, sample: Floats) -> dict[str, Any]:
    best = moments(chosen.returns)
    spread = trial_spread(trials.sharpe / ANNUAL_ROOT)
    clusters = effective_trials(sample)
    counts = {
        "all": len(trials.sharpe),
        "distinct": clusters.distinct,
        "effective": clusters.count,
    }
    judged = {name: asdict(deflated_sharpe(best, n, spread)) for name, n in counts.items()}
    return {**judged, "sampled": clusters.sampled, "best": asdict(best)}


def _overfitting(trials: Trials, seed: int) -> dict[str, Any] | None:
    count, blocks = trials.sums.shape[:2]
    if count < 2 or trials.days < 2 * blocks:
        return None
    splits = splits_for(count, blocks, seed)
    found = asdict(backtest_overfitting(trials.sums, block_days(trials.days, blocks), splits))
    bars, edges = np.histogram(found.pop("logits"), bins=_BINS)
    return {**found, "logits": {"edges": edges.tolist(), "counts": bars.tolist()}}
