"""Probability of backtest overfitting by combinatorially symmetric cross-validation.

Source: D. H. Bailey, J. Borwein, M. Lopez de Prado and Q. J. Zhu, The Probability of
Backtest Overfitting, Journal of Computational Finance 20(4), 2017. The days are cut
into S blocks; each half of the blocks in turn is in-sample, the rest out-of-sample.
Only each trial's sum of r and of r * r in each block is needed, and trials are read in
chunks, so a million of them fit in memory (or in a memory-mapped file).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stoptrail.core.room import give_memory_back
from stoptrail.rules.candles import Floats
from stoptrail.rules.jit import compiled, inner_rule, rule
from stoptrail.rules.metrics import block_of, daily_sharpe

Masks = NDArray[np.int64]
Flags = NDArray[np.bool_]

BLOCKS = 16
_CHUNK = 1024
"""Trials at a time: the tables of a chunk take 8 MB."""
_WORK = 500_000_000
"""Splits times trials that all splits may cost; beyond it splits are drawn."""
_FEWEST_SPLITS = 1000


@dataclass(frozen=True)
class Overfitting:
    """What became of the in-sample winners out of sample."""

    pbo: float
    """Share of splits whose in-sample winner ends at or below the out-of-sample median."""
    logits: Floats
    """Of each split: log(w / (1 - w)), w the winner's relative out-of-sample rank."""
    mean_rank: float
    """Mean of w: near 1 where the choice carries over, 0.5 where it is worth nothing."""
    slope: float
    """Of the winners' out-of-sample Sharpe ratio on the in-sample one; below 0, the
    better a set looked the worse it went on (performance degradation)."""
    loss_probability: float
    """Share of splits whose winner loses money out of sample."""
    trials: int
    splits: int
    all_splits: int
    """Possible splits; `standard_error` is 0 where all were taken."""
    standard_error: float
    """Of pbo, at most, from drawing only some splits (it says nothing about the market)."""


def block_days(days: int, blocks: int) -> NDArray[np.int64]:
    """Number of days in each block, shape (blocks,), as `rules.metrics.block_of` cuts."""
    return np.bincount([block_of(day, days, blocks) for day in range(days)], minlength=blocks)


def splits_for(trials: int, blocks: int, seed: int = 0) -> Masks:
    """In-sample halves as bit masks of blocks, in ascending order of blocks.

    All of them where that is affordable, else at least a thousand, drawn by `seed`
    without repetition and each with its complement.
    """
    if blocks < 2 or blocks % 2:
        raise ValueError(f"blocks must be even and at least 2, not {blocks}")
    halves = itertools.combinations(range(blocks), blocks // 2)
    every = np.array([sum(1 << block for block in half) for half in halves], dtype=np.int64)
    wanted = max(_FEWEST_SPLITS, _WORK // max(trials, 1))
    if wanted >= len(every):
        return every
    pairs = np.random.default_rng(seed).permutation(len(every) // 2)[: wanted // 2]
    # The complement of the i-th half in this order is the i-th from the end.
    drawn = np.sort(np.concatenate([pairs, len(every) - 1 - pairs]))
    return np.asarray(every[drawn], dtype=np.int64)


def backtest_overfitting(sums: Floats, days: NDArray[np.int64], splits: Masks) -> Overfitting:
    """CSCV over all trials.

    sums: shape (trials, blocks, 2), each trial's sum of r and of r * r by block (see
    `rules.metrics.block_sums`); days: shape (blocks,); splits: from `splits_for`. A
    trial without a trade in a half has the Sharpe ratio 0 there. Ties: the first trial
    wins in-sample; out of sample a tie takes its mean rank. Raises ValueError for
    fewer than two trials or two days a half.
    """
    trials, blocks = sums.shape[:2]
    if trials < 2 or np.sort(days)[: blocks // 2].sum() < 2:
        raise ValueError(f"{trials} trials over {days.sum()} days are too few to cross-validate")
    winners = _winners(sums, splits)
    inside = _members(splits, blocks)
    outside = _winner_scores(sums, winners, ((1 << blocks) - 1) ^ splits)
    below, equal = _ranks(sums, splits, outside)
    omega = (below + (equal + 1) / 2) / (trials + 1)
    logits = np.log(omega / (1 - omega))
    trained = _winner_sharpes(sums, days, winners, inside)
    tested = _winner_sharpes(sums, days, winners, ~inside)
    pbo = float((logits <= 0).mean())
    total = math.comb(blocks, blocks // 2)
    drawn = 0.0 if len(splits) == total else math.sqrt(0.25 / len(splits))
    return Overfitting(
        pbo=pbo,
        logits=logits,
        mean_rank=float(omega.mean()),
        slope=_slope(trained, tested),
        loss_probability=float((tested < 0).mean()),
        trials=trials,
        splits=len(splits),
        all_splits=total,
        standard_error=drawn,
    )


def _winners(sums: Floats, splits: Masks) -> NDArray[np.int64]:
    """The in-sample best trial of each split; the first of equals."""
    best, winner = np.full(len(splits), -np.inf), np.zeros(len(splits), dtype=np.int64)
    for start, tables in _chunks(sums):
        compiled(_best_of)(tables, sums.shape[1] // 2, splits, start, best, winner)
    return winner


def _ranks(sums: Floats, splits: Masks, winner: Floats) -> tuple[Floats, Floats]:
    """Trials below and equal to each split's winner out of sample (itself among them)."""
    outside = ((1 << sums.shape[1]) - 1) ^ splits
    below, equal = np.zeros(len(splits)), np.zeros(len(splits))
    for _, tables in _chunks(sums):
        compiled(_ranked_in)(tables, sums.shape[1] // 2, outside, winner, below, equal)
    return below, equal


def _winner_scores(sums: Floats, winners: NDArray[np.int64], masks: Masks) -> Floats:
    """Score of each split's winner over the blocks of its mask, to the same bits as in
    `_ranks`."""
    trials, place = np.unique(winners, return_inverse=True)
    tables = _tables(sums[trials])
    bits = sums.shape[1] // 2
    low, high = masks & ((1 << bits) - 1), masks >> bits
    total, squares = (tables[k, 0, low, place] + tables[k, 1, high, place] for k in (0, 1))
    return np.array([score(*each) for each in zip(total.tolist(), squares.tolist(), strict=True)])


def _winner_sharpes(
    sums: Floats, days: NDArray[np.int64], winners: NDArray[np.int64], chosen: Flags
) -> Floats:
    """Daily Sharpe ratio of each split's winner over the chosen blocks; 0 without trades."""
    totals = np.einsum("sb,sbk->sk", chosen.astype(np.float64), sums[winners].astype(np.float64))
    counts = chosen.astype(np.int64) @ days
    ratios = [
        daily_sharpe(int(count), float(total), float(squares))
        for count, (total, squares) in zip(counts, totals, strict=True)
    ]
    return np.asarray(np.nan_to_num(np.array(ratios), nan=0.0), dtype=np.float64)


def _members(splits: Masks, blocks: int) -> Flags:
    """Which blocks a split holds in-sample, shape (splits, blocks)."""
    return np.asarray((splits[:, None] >> np.arange(blocks)) & 1, dtype=np.bool_)


def _slope(trained: Floats, tested: Floats) -> float:
    """Least-squares slope; NaN where the in-sample values do not differ."""
    apart = trained - trained.mean()
    # Not by BLAS, whose sums depend on where in memory the numbers lie.
    spread = float((apart * apart).sum())
    return float((apart * tested).sum()) / spread if spread > 1e-18 else math.nan


def _chunks(sums: Floats) -> Iterator[tuple[int, Floats]]:
    for start in range(0, len(sums), _CHUNK):
        yield start, _tables(sums[start : start + _CHUNK])
        give_memory_back(sums)


def _tables(sums: Floats) -> Floats:
    """Sums of r and of r * r of trials over every subset of the lower and of the upper blocks,
    shape (2, 2, subsets, trials).

    Any half of the blocks is then one addition away, and adding in one fixed order gives
    identical trials identical bits: twins tie, as they must.
    """
    bits = sums.shape[1] // 2
    columns = np.ascontiguousarray(np.moveaxis(sums, 0, 2), dtype=np.float64)
    out = np.zeros((2, 2, 1 << bits, len(sums)))
    for k, upper in itertools.product((0, 1), (0, 1)):
        rows = columns[bits:, k] if upper else columns[:bits, k]
        for mask in range(1, 1 << bits):
            last = mask.bit_length() - 1
            np.add(out[k, upper, mask ^ (1 << last)], rows[last], out=out[k, upper, mask])
    return out


@inner_rule
def score(total: float, squares: float) -> float:
    """s |s| / q, s the sum of r and q that of r * r: it rises with the Sharpe ratio wherever
    the number of days is the same, and needs no root. 0 without a trade."""
    return total / max(squares, 1e-300) * abs(total)


@inner_rule
def score_over(tables: Floats, bits: int, mask: int, scores: Floats) -> None:
    """Write the `score` of each trial of `tables` over the blocks in `mask`."""
    low, high = mask & ((1 << bits) - 1), mask >> bits
    total, more = tables[0, 0, low], tables[0, 1, high]
    squares, more_squares = tables[1, 0, low], tables[1, 1, high]
    for trial in range(len(scores)):
        scores[trial] = score(total[trial] + more[trial], squares[trial] + more_squares[trial])


@rule
def _best_of(
    tables: Floats, bits: int, masks: Masks, first: int, best: Floats, winner: NDArray[np.int64]
) -> None:
    """Have `best` and `winner` know the trials of `tables`, the first of which is `first`."""
    scores = np.empty(tables.shape[3])
    for i in range(len(masks)):
        score_over(tables, bits, masks[i], scores)
        if scores.max() > best[i]:
            top = int(np.argmax(scores))
            best[i], winner[i] = scores[top], first + top


@rule
def _ranked_in(
    tables: Floats, bits: int, masks: Masks, winner: Floats, below: Floats, equal: Floats
) -> None:
    """Count the trials of `tables` that score less than, and the same as, the winners."""
    scores = np.empty(tables.shape[3])
    for i in range(len(masks)):
        score_over(tables, bits, masks[i], scores)
        less = same = 0
        for trial in range(len(scores)):
            less += scores[trial] < winner[i]
            same += scores[trial] == winner[i]
        below[i] += less
        equal[i] += same
