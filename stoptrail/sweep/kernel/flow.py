"""Running sums of funding as the kernel looks at them: where they change, how far they reach, and
the closes less what was paid by then, of which the best one marks the most."""

from __future__ import annotations

import math
from threading import Lock
from typing import NamedTuple

import numpy as np

from stoptrail.rules.candles import Candles, Floats, Times
from stoptrail.rules.funding import NO_FUNDING, Funding, less_total, paid_since
from stoptrail.rules.jit import inner_rule
from stoptrail.sweep.kernel.blocks import Closes, Nodes, closes_of


class Runs(NamedTuple):
    """A running sum without what it repeats: far fewer values than there are candles."""

    value: Floats
    """Of each run of equal sums, shape (r,)."""
    place: Times
    """The run of each candle, shape (n,)."""


class Ahead(NamedTuple):
    """Of each run of equal sums and those that follow it, as many as a window has; shape (r,)."""

    least: Floats
    greatest: Floats
    until: Times
    """The candle that follows the last of them; n where none does."""


class Net(NamedTuple):
    """Closes less what one unit held long has paid by them (rules.funding.less_total)."""

    close: Floats
    rows: Closes


class Flow(NamedTuple):
    """rules.funding.Funding at one scale, with what bounds it over many candles; all empty without
    any."""

    sums: Funding
    change: Times
    """The first candle after each whose `held` differs from its own; n where none does."""
    held: Runs
    near: Ahead
    far: Ahead
    reach: Range
    """The least and the greatest of `held`."""
    net: Net


class Range(NamedTuple):
    """The least and the greatest that one unit held long has paid within some candles."""

    least: float
    greatest: float


NOTHING_PAID = Range(0.0, 0.0)

_NEAR, _FAR = 16, 256
"""Runs of the windows: powers of two; no block has as many candles as the longer one."""


def flow_of(funding: Funding, closes: Floats, scale: float) -> Flow:
    """The kernel's view of `funding` at `scale` (rules.costs.Costs.funding), over candles with
    these `closes`."""
    held, count = funding.held, len(funding.held)
    if scale == 0.0 or not count:
        unpaid = NO_FUNDING._replace(tiers=funding.tiers, marks=funding.marks)
        return NO_FLOW._replace(sums=unpaid)
    places = np.flatnonzero(np.diff(held)) + 1
    following = np.searchsorted(places, np.arange(count), side="right")
    change = np.append(places, count)[following].astype(np.int64)
    net: Floats = less_total(closes, funding.closed, scale)
    reach, runs = Range(float(held.min()), float(held.max())), runs_of(held)
    near, far = ahead_of(runs, _NEAR), ahead_of(runs, _FAR)
    return Flow(funding, change, runs, near, far, reach, Net(net, closes_of(net)))


def runs_of(sums: Floats) -> Runs:
    """`sums`, one for each candle, by runs."""
    begins = np.diff(sums, prepend=np.nan) != 0.0
    return Runs(sums[begins], np.cumsum(begins).astype(np.int64) - 1)


def ahead_of(runs: Runs, size: int) -> Ahead:
    """The windows of `size` runs, a power of two: each one of twice the size is two of them."""
    least = greatest = runs.value
    count, step = len(least), 1
    while step < size:
        least = np.minimum(least, np.append(least[step:], np.full(min(step, count), np.inf)))
        more = np.append(greatest[step:], np.full(min(step, count), -np.inf))
        greatest, step = np.maximum(greatest, more), 2 * step
    after = np.minimum(np.arange(count) + size, count)
    return Ahead(least, greatest, np.searchsorted(runs.place, after).astype(np.int64))


_NONE, _NO_TIMES = np.empty(0), np.empty(0, np.int64)
_NO_RUNS, _NO_WINDOWS = Runs(_NONE, _NO_TIMES), Ahead(_NONE, _NONE, _NO_TIMES)
NO_FLOW = Flow(
    NO_FUNDING,
    _NO_TIMES,
    _NO_RUNS,
    _NO_WINDOWS,
    _NO_WINDOWS,
    NOTHING_PAID,
    Net(_NONE, closes_of(_NONE)),
)


class Flows:
    """`flow_of` for any scale; the last one is kept, as most grids have one."""

    def __init__(self, funding: Funding, closes: Floats) -> None:
        self.sums = funding
        self._closes = closes
        self._last = (math.nan, NO_FLOW)
        self._lock = Lock()

    def at(self, scale: float) -> Flow:
        """The funding at `scale`; threads that miss at once wait for the first of them."""
        with self._lock:
            if self._last[0] != scale:
                self._last = (scale, flow_of(self.sums, self._closes, scale))
            return self._last[1]


@inner_rule
def is_funded(flow: Flow) -> bool:
    """Whether anything is paid."""
    return len(flow.change) > 0


@inner_rule
def net_closes(flow: Flow, candles: Candles) -> Floats:
    """What marks a position at each close: see `Net`."""
    return flow.net.close if len(flow.change) > 0 else candles.close


@inner_rule
def net_rows(flow: Flow, nodes: Nodes) -> Closes:
    """Rows of `net_closes`."""
    return flow.net.rows if len(flow.change) > 0 else nodes.closes


@inner_rule
def paid_range(runs: Runs, first: int, end: int, before: float, scale: float) -> Range:
    """Over the candles [first, end), since the sum stood at `before`."""
    bottom = top = runs.value[runs.place[first]]
    for at in range(runs.place[first] + 1, runs.place[end - 1] + 1):
        bottom, top = min(bottom, runs.value[at]), max(top, runs.value[at])
    return paid_between(Range(bottom, top), before, scale)


@inner_rule
def paid_ahead(windows: Ahead, run: int, before: float, scale: float) -> Range:
    """Over the window of `run`, since the sum stood at `before`."""
    return paid_between(Range(windows.least[run], windows.greatest[run]), before, scale)


@inner_rule
def dearest(runs: Runs, first: int, end: int, rises: bool) -> float:
    """The greatest of the sums within the candles [first, end), or the least where the price of a
    position falls with the sum."""
    found: float = runs.value[runs.place[first]]
    for at in range(runs.place[first] + 1, runs.place[end - 1] + 1):
        value = runs.value[at]
        found = max(found, value) if rises else min(found, value)
    return found


@inner_rule
def paid_between(sums: Range, before: float, scale: float) -> Range:
    """The same of sums within a range."""
    one, other = paid_since(sums.least, before, scale), paid_since(sums.greatest, before, scale)
    return Range(min(one, other), max(one, other))
