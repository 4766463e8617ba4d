"""What candles say of each other: open and close in each other's place, stretches that are written
twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stoptrail.core.time import iso
from stoptrail.feeds.tables.columns import Columns, rows_of


class Told(NamedTuple):
    """Something odd about candles."""

    kind: str
    row: int
    """The first of them."""
    candles: int
    text: str


def among_neighbours(columns: Columns, step: int) -> Iterator[Told]:
    """Everything odd about candles, oldest first, of `step` milliseconds, that others show."""
    begin = rows_of(columns, slice(_MANY))  # what holds for all is seen there
    yield from _averaged(columns)
    yield from _standing(begin)
    yield from _lone_volume(columns)
    yield from _in_turns(begin)
    for first in range(0, len(columns.time), _MANY):
        yield from _straight(rows_of(columns, slice(first, first + _MANY + _COPIES)), first)
    yield from _turned(columns, step)
    yield from _moved_on(columns, step)
    yield from _unfinished_ends(columns, step)
    yield from _copied(columns)


def written_again(columns: Columns) -> NDArray[np.bool_]:
    """Which candles have the prices of the one before, several in a row, where no market comes to
    them again: of some steps with its volume, and of any, or of a single price, where hardly
    another does."""
    volume, high = columns.volume, columns.high - columns.low
    apart = np.diff(np.unique(columns.close[:_MANY]))
    some = high > _SEVERAL * np.min(apart, initial=np.inf)  # a program's same few trades are lower
    again = np.zeros(len(high), np.bool_)
    again[1:] = np.all([prices[1:] == prices[:-1] for prices in columns[1:5]], axis=0)
    same = np.concatenate([[False], volume[1:] == volume[:-1]]) & (volume > 0)
    few = _RARELY * len(high)
    flat = same & (high == 0) & bool(np.sum((high == 0) & ~same) < few)
    other = some & bool(np.sum(again & ~same) < few)
    again &= (same & some) | flat | other
    edges = np.flatnonzero(np.diff(np.concatenate([[0], again, [0]])))
    for begin, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        again[begin:end] = end - begin >= _COPIES
    return again


_SEVERAL, _RARELY = 3, 0.05


def _averaged(columns: Columns) -> Iterator[Told]:
    """Heikin-Ashi candles: each opens in the middle of the body before it, at a price at which
    nothing was traded."""
    open_, close = columns.open, columns.close
    body = float(np.median(np.abs(close - open_))) if len(open_) > _FEW else 0.0
    if not body > 0.0:
        return
    off = np.abs(open_[1:] - (open_[:-1] + close[:-1]) / 2)
    if np.quantile(off, _MOSTLY) < body / _CLEARLY:
        text = (
            "candles open in the middle of the one before: Heikin-Ashi, whose prices are averages "
            "that nobody traded at; export plain candles"
        )
        yield Told("averages", 0, len(open_), text)


_MOSTLY, _CLEARLY = 0.9, 10.0


def _standing(columns: Columns) -> Iterator[Told]:
    """Candles that close where they open, whatever lies between: one of the two columns is that of
    the candle before or after."""
    high = columns.high - columns.low
    moved = np.abs(np.diff(columns.close))
    wide = high[1:] > 0
    if len(moved) < _FEW or not np.median(moved) > 0:
        return
    if np.mean(~wide) > _MOSTLY:
        text = (
            f"{int(np.sum(high == 0))} of {len(high)} candles are of one price, though it moves "
            "from one to the next: single prices, no candles; no stop is touched between them"
        )
        yield Told("single prices", 0, len(columns.time), text)
        return
    body = np.abs(columns.close - columns.open)[1:]
    if np.sum(wide) >= _FEW and np.mean(body[wide] < high[1:][wide] * _NO_BODY) > _MOSTLY:
        text = (
            "candles close where they open, though the price moves from one to the next: open or "
            "close is that of the candle beside it; export the columns again"
        )
        yield Told("open and close", 0, len(columns.time), text)


_NO_BODY = 0.05


def summed(columns: Columns, _step: int) -> str:
    """What to say of volumes that hardly change from candle to candle: those of a market do, by a
    third; "" of others."""
    volume = columns.volume
    if len(volume) < _ENOUGH or not np.all(np.isfinite(volume)):
        return ""
    both = (volume[1:] > 0) & (volume[:-1] > 0) & (volume[1:] != volume[:-1])
    if np.sum(both) < len(volume) / 2:
        return ""
    with np.errstate(all="ignore"):
        change = np.abs(np.log(volume[1:] / volume[:-1]))[both]
    if not np.median(change) < _HARDLY:
        return ""
    return (
        "volumes hardly change from candle to candle: they seem to be sums of a longer time "
        "(of 24 hours, of the day so far), not of one candle; give those of each candle, or "
        'set data.volume = "unknown"'
    )


_ENOUGH, _HARDLY = 60, 0.04


def _lone_volume(columns: Columns) -> Iterator[Told]:
    """A volume that is a hundred times every other: a wrong one, perhaps."""
    volume = columns.volume
    if len(volume) < _ENOUGH or not np.all(np.isfinite(volume)):
        return
    row = int(np.argmax(volume))
    parts = (volume[:row], volume[row + 1 :])
    others = max(float(np.max(part, initial=0.0)) for part in parts)
    if 0.0 < others * _TIMES < volume[row]:
        text = f"the volume {volume[row]:.10g} is {volume[row] / others:,.0f} times any other"
        yield Told("volume", row, 1, text)


_TIMES = 100.0


def _in_turns(columns: Columns) -> Iterator[Told]:
    """Candles of two markets in turns: each opens beside the close before, up and down by turns."""
    if len(columns.time) < _ENOUGH:
        return
    with np.errstate(all="ignore"):
        jump = np.log(columns.open[1:] / columns.close[:-1])
    turns = jump[1:] * jump[:-1] < 0
    if np.mean(turns) > _MOSTLY and np.median(np.abs(jump)) > _BESIDE:
        text = (
            f"candles open {np.median(np.abs(jump)):.2%} beside the close before, above and below "
            "by turns: those of two markets or exchanges, one after the other"
        )
        yield Told("level", 0, len(columns.time), text)


_BESIDE = 2e-4
_MANY = 1 << 16


def _straight(columns: Columns, first: int) -> Iterator[Told]:
    """Stretches whose four prices go on by the same steps: filled in between two candles. `first`
    is the row at which `columns` begin."""
    even = np.ones(max(len(columns.time) - 2, 0), np.bool_)
    for prices in columns[1:5]:
        step = np.diff(prices)
        even &= (np.abs(np.diff(step)) < _EVENLY * np.abs(step[1:])) & (step[1:] != 0)
    for run in _runs(even[1:] & even[:-1]):
        count = run.stop - run.start
        if count >= _COPIES and even[run].all():
            text = (
                f"{count} candles go on in a straight line: filled in between two others, perhaps; "
                "leave out what was not traded"
            )
            yield Told("stretch", first + run.start + 2, count, text)


_EVENLY = 0.02


def _turned(columns: Columns, step: int) -> Iterator[Told]:
    """Candles that go on from the one before and to the one after only with open and close
    exchanged, where others leave no gap; alone or several in a row."""
    near = np.diff(columns.time) == step
    if np.sum(near) < _FEW:
        return
    open_, close = columns.open, columns.close
    apart = np.where(near, np.abs(open_[1:] - close[:-1]), 0.0)
    usual = max(float(np.quantile(apart[near], _USUAL)), float(np.spacing(close.max())))
    wide = (apart > _FAR * usual) & ~written_again(columns)[1:]
    near_by = np.maximum(usual, apart / _MENDED)
    into = np.abs(close[1:] - close[:-1]) <= near_by
    out = np.abs(open_[1:] - open_[:-1]) <= near_by
    within = np.abs(close[1:] - open_[:-1]) <= near_by
    mended = wide & (into | out | within)
    pairs = np.flatnonzero(mended)
    others = apart[near & ~mended]
    own = _BEYOND * float(np.quantile(others, _HARDLY_ANY)) if len(others) else 0.0
    bodies = np.abs(close - open_)
    tick = float(np.min(bodies, where=bodies > 0, initial=np.inf))
    body = max(_BODY * float(np.median(columns.high - columns.low)), _STEPS * tick, own)
    runs = [run for run in _runs(np.diff(pairs) == 1) if run.stop - run.start > 1]
    runs = [run for run in runs if apart[pairs[run]].max() > body]
    count = sum(run.stop - run.start - 1 for run in runs)
    if count:
        text = (
            f"{count} candle{'s' * (count > 1)} would go on from the one before and to the next "
            "with open and close exchanged: they may be in each other's column there"
        )
        yield Told("open and close", int(pairs[runs[0].start]) + 1, count, text)


_FEW = 20
_USUAL = 0.6
_FAR = 20.0
"""Times the gap that six in ten candles keep below: such a gap is none of the market."""
_BODY = 0.1
"""Of the usual range: smaller bodies go on either way round by chance; so do those of few steps."""
_STEPS = 3
_MENDED = 30.0
"""By how much exchanging the two has to narrow it, at least."""
_HARDLY_ANY, _BEYOND = 0.99, 4.0
"""Where bid and ask are apart, many candles go on either way round: a gap has to be so many times
the widest ones that exchanging the two does not mend."""


def _moved_on(columns: Columns, step: int) -> Iterator[Told]:
    """A single candle that is missing in all of a file while the price goes on from one side of it
    to the other, as it does between neighbours: what follows is a candle late, perhaps. It goes on
    over an outage too, which is told by a candle before it that stands still, or by the rush after
    it."""
    apart = np.diff(columns.time)
    holes = np.flatnonzero(apart == 2 * step)
    if len(holes) != 1 or np.sum(apart == step) < _MANY_MORE:
        return
    row = int(holes[0]) + 1
    if goes_on(columns, step, row) and not _reopened(columns, row):
        text = (
            "the candle before is missing, the only one, yet the price goes on over it as between "
            "neighbours: the times from there on may be a candle late (closes, of another program)"
        )
        yield Told("shift", row, len(columns.time) - row, text)


_MANY_MORE = 100


def _unfinished_ends(columns: Columns, step: int) -> Iterator[Told]:
    """Ends of months, or of days, from which the next candle seldom goes on as others do: of files
    that were written while their last candle was under way, and joined."""
    near = np.diff(columns.time) == step
    if np.sum(near) < _MANY_MORE:
        return
    gaps = np.where(near, np.abs(columns.open[1:] / columns.close[:-1] - 1), 0.0)
    limit = float(np.quantile(gaps[near], _HARDLY_ANY))
    for unit in ("D", "M"):
        names = columns.time.astype("datetime64[ms]").astype(f"datetime64[{unit}]")
        ends = np.flatnonzero((names[1:] != names[:-1]) & near)
        odd = ends[gaps[ends] > limit]
        if len(odd) > max(_BY_CHANCE, len(ends) / 3):
            text = (
                f"{len(odd)} of {len(ends)} candles at the ends of "
                f"{'months' if unit == 'M' else 'days'}, this the first, are not where the next "
                "goes on: unfinished when their files were written, perhaps; fetch those again"
            )
            yield Told("unfinished", int(odd[0]), len(odd), text)
            return


_BY_CHANCE = 2


def goes_on(columns: Columns, step: int, row: int) -> bool:
    """Whether the price goes on from the row before to `row` as between neighbours `step`
    milliseconds apart, in a file with the oldest or the newest first."""
    apart = np.diff(columns.time)
    before, after = slice(None, -1), slice(1, None)
    if np.sum(apart < 0) > len(apart) / 2:
        before, after = after, before
    near = np.abs(apart) == step
    if not np.any(near):
        return False
    gaps = np.abs(columns.open[after] - columns.close[before])
    usual = np.quantile(gaps[near], _NEARLY_ALL)
    wide = np.median(columns.high - columns.low) > _FAR * usual
    return bool(wide and gaps[row - 1] <= usual)


def _reopened(columns: Columns, row: int) -> bool:
    """Whether the candle before stands still, or the one at `row` has far more volume than those
    around it: as about an outage of the exchange, Binance's of 2023-03-24 for one."""
    around = columns.volume[max(0, row - _DAY) : row + _DAY]
    rush = columns.volume[row] > _RUSH * np.median(around)
    return bool(columns.high[row - 1] == columns.low[row - 1] or rush)


_DAY, _RUSH = 24, 2.5
"""Candles beside which a single one is seldom missing."""
_NEARLY_ALL = 0.95
"""Of the gaps between neighbours: 97 of 100 parts of BTC/USDT that are a candle late are found so,
and one lone missing candle in 100 is taken for such."""


def _copied(columns: Columns) -> Iterator[Told]:
    """Stretches that are those of an earlier time again, to the last digit of the volume."""
    order = np.argsort(columns.volume, kind="stable")
    first, again = order[:-1], order[1:]
    alike = (columns.volume[first] > 0) & (again - first > 1)
    for values in columns[1:]:
        alike &= values[first] == values[again]
    first, again = first[alike], again[alike]
    order = np.argsort(again)
    first, again = first[order], again[order]
    for run in _runs((np.diff(again) == 1) & (np.diff(first) == 1)):
        if run.stop - run.start >= _COPIES:
            count, at = run.stop - run.start, int(first[run.start])
            when = iso(int(columns.time[at]))
            text = f"{count} candles are those from {when} again, volumes included: copied, perhaps"
            yield Told("stretch", int(again[run.start]), count, text)


_COPIES = 4


def _runs(joined: NDArray[np.bool_]) -> Iterator[slice]:
    """Stretches of which each is joined to the one before."""
    starts = np.flatnonzero(~np.concatenate([[False], joined]))
    ends = np.append(starts[1:], len(joined) + 1)
    yield from map(slice, starts.tolist(), ends.tolist())
