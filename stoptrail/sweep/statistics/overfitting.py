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

from stoptrail.rules.candles import Floats
from stoptrail.rules.metrics import block_of, daily_sharpe

Masks = NDArray[np.int64]
Flags = NDArray[np.bool_]

BLOCKS = 16
_CHUNK = 4096
"""Trials at a time: a chunk's tables stay near 35 MB and its rows in the cache."""
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


def splits_for(trials: int, blocks: int = BLOCKS, seed: int = 0) -> Masks:
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
    outside = _winner_scores(sums, winners, ~inside)
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
    """The in-sample best trial of each split."""
    best, winner = np.full(len(splits), -np.inf), np.zeros(len(splits), dtype=np.int64)
    for start, tables in _chunks(sums):
        for i, mask in enumerate(splits):
            score = tables.scores(int(mask))
            top = int(score.argmax())
            if score[top] > best[i]:
                best[i], winner[i] = score[top], start + top
    return winner


def _ranks(sums: Floats, splits: Masks, winner: Floats) -> tuple[Floats, Floats]:
    """Trials below and equal to each split's winner out of sample (itself among them)."""
    whole = (1 << sums.shape[1]) - 1
    below, equal = np.zeros(len(splits)), np.zeros(len(splits))
    for _, tables in _chunks(sums):
        for i, mask in enumerate(splits):
            score = tables.scores(whole ^ int(mask))
            below[i] += np.count_nonzero(score < winner[i])
            equal[i] += np.count_nonzero(score == winner[i])
    return below, equal


def _winner_scores(sums: Floats, winners: NDArray[np.int64], chosen: Flags) -> Floats:
    """Score of each split's winner over the chosen blocks, to the same bits as in `_ranks`."""
    out = np.empty(len(winners))
    for trial in np.unique(winners):
        tables = _Tables(sums[trial : trial + 1])
        for i in np.flatnonzero(winners == trial):
            out[i] = tables.scores(sum(1 << int(b) for b in np.flatnonzero(chosen[i])))[0]
    return out


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


def _chunks(sums: Floats) -> Iterator[tuple[int, _Tables]]:
    for start in range(0, len(sums), _CHUNK):
        yield start, _Tables(sums[start : start + _CHUNK])


class _Tables:
    """Sums of a chunk's trials over every subset of the lower and of the upper blocks.

    Any half of the blocks is then one addition away, and adding in one fixed order
    gives identical trials identical bits: twins tie, as they must.
    """

    def __init__(self, sums: Floats) -> None:
        blocks = sums.shape[1]
        self._bits = blocks // 2
        columns = np.ascontiguousarray(np.moveaxis(sums, 0, 2), dtype=np.float64)
        self._low = [_subset_sums(columns[: self._bits, k]) for k in (0, 1)]
        self._high = [_subset_sums(columns[self._bits :, k]) for k in (0, 1)]
        self._total: Floats = np.empty(len(sums))
        self._squares: Floats = np.empty(len(sums))

    def scores(self, mask: int) -> Floats:
        """s |s| / q of each trial over the blocks in `mask`, s the sum of r and q the sum
        of r * r: it rises with the Sharpe ratio wherever the number of days is the same,
        and needs no root. 0 without a trade. The array is reused by the next call."""
        low, high = mask & ((1 << self._bits) - 1), mask >> self._bits
        total, squares = self._total, self._squares
        np.add(self._low[0][low], self._high[0][high], out=total)
        np.add(self._low[1][low], self._high[1][high], out=squares)
        np.maximum(squares, 1e-300, out=squares)
        np.divide(total, squares, out=squares)
        np.multiply(squares, np.abs(total, out=total), out=squares)
        return squares


def _subset_sums(rows: Floats) -> Floats:
    """Sum of the rows in every subset, shape (2^rows, columns), by bit mask."""
    out = np.zeros((1 << len(rows), rows.shape[1]))
    for mask in range(1, len(out)):
        last = mask.bit_length() - 1
        np.add(out[mask ^ (1 << last)], rows[last], out=out[mask])
    return out
