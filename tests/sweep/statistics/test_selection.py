"""The evidence about a choice has every part that the verdict and the report read."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest

from stoptrail.rules.candles import Floats
from stoptrail.rules.metrics import (
    ANNUAL_ROOT,
    block_sums,
    return_sums,
    sharpe,
)
from stoptrail.sweep.statistics.checks import Level
from stoptrail.sweep.statistics.plateau import Axis
from stoptrail.sweep.statistics.selection import (
    Chosen,
    Trials,
    picks,
    selection_evidence,
)
from stoptrail.sweep.statistics.verdict import verdict

AXES = (Axis("stop.trailing_atr_multiplier", (2, 3, 4, 5, 6)), Axis("strategy.kind", ("a", "b")))
DAYS = 480


def marks_of(returns: Floats) -> Floats:
    return np.concatenate([[1000.0], 1000.0 * np.cumprod(1 + returns)])


def grid_of(seed: int, drift: float) -> tuple[Trials, Floats]:
    """Ten alike trials, the last of which never trades."""
    generator = np.random.default_rng(seed)
    common = generator.normal(drift, 0.01, DAYS)
    returns = common + generator.normal(0.0, 0.004, (10, DAYS))
    returns[9] = 0.0
    marks = [marks_of(row) for row in returns]
    sharpes = np.array([sharpe(return_sums(row)) for row in marks])
    sums = np.array([block_sums(row, 16) for row in marks])
    return Trials(AXES, sharpes, sharpes, sharpes, sums, DAYS), returns


def test_evidence_of_a_choice_is_complete_and_can_be_written() -> None:
    trials, returns = grid_of(1, 0.002)
    best = picks(trials).raw
    found = selection_evidence(trials, Chosen(best, returns[best], returns[best]), returns, 3)
    assert found["deflated_sharpe"]["all"]["trials"] == 10
    assert found["deflated_sharpe"]["sampled"] == 9
    spread = found["deflated_sharpe"]["all"]["spread"]
    counted = np.nan_to_num(trials.sharpe, nan=0.0) / ANNUAL_ROOT
    assert spread == pytest.approx(counted.std(ddof=1))
    assert sum(found["overfitting"]["logits"]["counts"]) == math.comb(16, 8)
    assert found["plateau"]["objective"] == trials.objective[best]
    json.dumps(found)
    judged = verdict({**found, "metrics": {"sharpe": 2.0, "profit_factor": 2.0, "trades": 200}})
    assert judged.level >= Level.UNTESTED
    assert "Not examined: walk-forward." in judged.sentences


def test_the_same_seed_gives_the_same_evidence() -> None:
    trials, returns = grid_of(2, 0.001)
    chosen = Chosen(0, returns[0], returns[0])
    first = selection_evidence(trials, chosen, returns, 5)
    assert first == selection_evidence(trials, chosen, returns, 5)


def test_combinations_without_enough_trades_are_never_picked() -> None:
    trials, _ = grid_of(3, 0.001)
    objective = np.full(10, np.nan)
    objective[4] = -2.0
    only = Trials(AXES, trials.figures, objective, trials.sharpe, trials.sums, DAYS)
    assert picks(only) == (4, 4, 4)
    none = Trials(AXES, trials.figures, np.full(10, np.nan), trials.sharpe, trials.sums, DAYS)
    with pytest.raises(ValueError, match="enough trades"):
        picks(none)


def test_a_single_combination_has_no_probability_of_overfitting() -> None:
    trials, returns = grid_of(4, 0.001)
    alone = Trials(
        (Axis("a", (1,)),),
        trials.figures[:1],
        trials.objective[:1],
        trials.sharpe[:1],
        trials.sums[:1],
        DAYS,
    )
    found = selection_evidence(alone, Chosen(0, returns[0], returns[0]), returns[:1], 1)
    assert found["overfitting"] is None
    assert found["deflated_sharpe"]["all"]["expected_maximum"] == 0.0


@pytest.mark.parametrize(("days", "known"), [(31, False), (32, True)])
def test_two_days_a_block_are_the_least_to_cross_validate(days: int, known: bool) -> None:
    trials, returns = grid_of(2, 0.001)
    short = dataclasses.replace(
        trials,
        sums=np.array([block_sums(marks_of(row[:days]), 16) for row in returns]),
        days=days,
    )
    chosen = Chosen(0, returns[0][:days], returns[0][:days])
    found = selection_evidence(short, chosen, returns[:, :days], 3)
    assert (found["overfitting"] is not None) == known


def test_two_combinations_are_enough_to_cross_validate() -> None:
    trials, returns = grid_of(4, 0.001)
    two = Trials(
        (Axis("a", (1, 2)),),
        trials.figures[:2],
        trials.objective[:2],
        trials.sharpe[:2],
        trials.sums[:2],
        DAYS,
    )
    found = selection_evidence(two, Chosen(0, returns[0], returns[0]), returns[:2], 1)
    assert found["overfitting"]["trials"] == 2
