"""A number that tells trade lists apart.

Each trade gives three words: signal and entry index; exit index, side and reason; the
bits of the units. Every word is xored into the state, which then goes through the
finaliser of SplitMix64 (Steele, Lea and Flood, Fast splittable pseudorandom number
generators, 2014). Two different lists meet with probability 2^-64.
"""

from __future__ import annotations

import numpy as np

from stoptrail.rules.jit import rule
from stoptrail.rules.types import TradeLog

EMPTY = np.uint64(0x9E3779B97F4A7C15)
"""The fingerprint of no trades."""
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_SHIFTS = (np.uint64(30), np.uint64(27), np.uint64(31))


@rule
def mixed(state: np.uint64, word: np.uint64) -> np.uint64:
    """The state after one more word; compiled only, as it counts modulo 2^64."""
    z = state ^ word
    z = (z ^ (z >> _SHIFTS[0])) * _FIRST
    z = (z ^ (z >> _SHIFTS[1])) * _SECOND
    return z ^ (z >> _SHIFTS[2])


@rule
def with_trade(
    state: np.uint64, signal: int, entry: int, leave: int, side: int, reason: int, units: float
) -> np.uint64:
    """The fingerprint with one more trade; `leave` is the exit index or OPEN."""
    state = mixed(state, np.uint64((signal << 32) + entry))
    state = mixed(state, np.uint64(((leave + 1) << 8) + ((side + 1) << 4) + reason))
    return mixed(state, np.float64(units).view(np.uint64))


@rule
def fingerprint_of(trades: TradeLog) -> np.uint64:
    """The fingerprint of a whole list of trades; to be called through rules.jit.compiled."""
    state = EMPTY
    for k in range(len(trades.entry)):
        state = with_trade(
            state,
            trades.signal[k],
            trades.entry[k],
            trades.exit[k],
            int(trades.side[k]),
            int(trades.reason[k]),
            trades.units[k],
        )
    return state
