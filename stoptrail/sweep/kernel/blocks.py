"""The highest and lowest close of candles in rows, for what depends on closes alone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stoptrail.rules.candles import Candles, Floats, Times
from stoptrail.rules.jit import inner_rule

SHIFTS = (4, 6, 8, 10)
"""Binary logarithms of how many candles a row has, by level."""


class Closes(NamedTuple):
    """Rows of 2^shift candles, all rows of a level after those of the one before; the last
    row of a level may be shorter."""

    top: Floats
    bottom: Floats
    first: Times
    """The place of each level's first row, shape (levels,)."""


def closes_of(closes: Floats) -> Closes:
    """Rows of closes of shape (n,)."""
    if not len(closes):
        return Closes(closes, closes, np.zeros(len(SHIFTS), np.int64))
    begins = [np.arange(0, len(closes), 1 << shift) for shift in SHIFTS]
    top = [np.maximum.reduceat(closes, begin) for begin in begins]
    bottom = [np.minimum.reduceat(closes, begin) for begin in begins]
    first = np.cumsum([0, *(len(begin) for begin in begins[:-1])])
    return Closes(np.concatenate(top), np.concatenate(bottom), first.astype(np.int64))


def cache_lines(count: int) -> Floats:
    """Room for 8 numbers a row, shape (count, 8), all zero: from the begin of a line of the
    processor's cache on, else each row would lie in two."""
    room = np.zeros((count + 1) * 8)
    begin = -room.ctypes.data % 64 // 8
    return room[begin : begin + count * 8].reshape(count, 8)


@inner_rule
def extremes(values: Floats, rows: Closes, first: int, end: int) -> tuple[float, float]:
    """The highest and the lowest of values[first:end], by their `rows` where these are whole."""
    top, bottom, level, i = -np.inf, np.inf, 0, first
    while i < end:
        shift = SHIFTS[level]
        until = ((i >> shift) + 1) << shift
        if until - i == 1 << shift and until <= end:
            row = rows.first[level] + (i >> shift)
            top, bottom = max(top, rows.top[row]), min(bottom, rows.bottom[row])
            i = until
            if level < len(SHIFTS) - 1 and i & ((4 << shift) - 1) == 0:
                level += 1
        elif level > 0:
            level -= 1
        else:
            for at in range(i, min(until, end)):
                top, bottom = max(top, values[at]), min(bottom, values[at])
            i = min(until, end)
    return top, bottom


SIZES = (4, 16, 48, 96)
"""Candles of a block, at most: each size is made of blocks of the one before."""


class Nodes(NamedTuple):
    """All candles as nodes, for one ATR. The first n nodes are the n candles; the number of
    all nodes, m, stands for the end of the data."""

    high: Floats
    """Highest and lowest price, of candles without volume too: how far an extreme can get,
    and a bound of what can hit a stop; shape (m,), as all columns up to `after`."""
    low: Floats
    close: Floats
    """The last close."""
    atr: Floats
    """Of the stop, as known at each close."""
    after: Times
    """The largest node that begins where this one ends."""
    inside: Times
    """The first node within a block, shape (m - n,)."""
    begin: Times
    """The first candle of a block, shape (m - n,)."""
    end: Times
    """The candle that follows a block, shape (m - n,)."""
    closes: Closes
    highest: float
    """The highest price of all."""


def nodes_of(candles: Candles, atr: Floats) -> Nodes:
    """Put candles into blocks. A NaN in `atr` may only stand before the first signal."""
    count = len(atr)
    slot = candles.time // candles.interval + 1
    changes = np.cumsum(np.diff(atr, prepend=atr[:1]) != 0.0)  # NaN differs from NaN
    largest, reached = np.arange(count), np.arange(1, count + 1)
    ends, begins, inside, total = [reached.copy()], [], [], count
    highs, lows, begin = [candles.high], [candles.low], largest.copy()
    high, low = candles.high, candles.low
    for size in SIZES:
        block_of = slot[begin] // size  # made of blocks of the size before
        first = np.append(0, np.flatnonzero(block_of[1:] != block_of[:-1]) + 1)
        high, low = np.maximum.reduceat(high, first), np.minimum.reduceat(low, first)
        begin = begin[first]
        end = np.append(begin[1:], count)
        # Else the ATR varies, or the block is no more than the smaller node.
        useful = (changes[begin] == changes[end - 1]) & (reached[begin] < end)
        kept, until = begin[useful], end[useful]
        highs.append(high[useful])
        lows.append(low[useful])
        inside.append(largest[kept])
        begins.append(kept)
        ends.append(until)
        reached[kept] = until
        largest[kept] = total + np.arange(len(kept))
        total += len(kept)
    begin, end = np.concatenate(begins), np.concatenate(ends[1:])
    # One piece of memory: large enough for the system to give it in few pages.
    room = np.empty((5, total))
    np.concatenate(highs, out=room[0])
    np.concatenate(lows, out=room[1])
    np.concatenate((candles.close, candles.close[end - 1]), out=room[2])
    np.concatenate((atr, atr[begin]), out=room[3])
    after = room[4].view(np.int64)
    after[:] = np.append(largest, total)[np.concatenate(ends)]
    return Nodes(
        room[0],
        room[1],
        room[2],
        room[3],
        after,
        np.concatenate(inside),
        begin,
        end,
        closes_of(candles.close),
        float(candles.high.max()),
    )


@inner_rule
def first_node(nodes: Nodes, candle: int) -> int:
    """The largest node that begins with `candle`, which is not the first of all."""
    return int(nodes.after[candle - 1])


@inner_rule
def begin_of(nodes: Nodes, node: int, count: int) -> int:
    """The first candle of a node; count: of candles."""
    return node if node < count else int(nodes.begin[node - count])


@inner_rule
def end_of(nodes: Nodes, node: int, count: int) -> int:
    """The candle that follows a node; count: of candles."""
    return node + 1 if node < count else int(nodes.end[node - count])
