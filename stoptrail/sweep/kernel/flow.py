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
from stoptrail.rules.margin import steepest_rate
from stoptrail.sweep.kernel.blocks import Closes, Nodes, closes_of


class Runs(NamedTuple):
    """A running sum without what it repeats: far fewer values than there are candles."""

    value: Floats
    """Of each run of equal sums, shape (r,)."""
    begin: Times
    """The first candle of each, and the number of candles behind them, shape (r + 1,)."""


class Ahead(NamedTuple):
    """The sums of rows of 2^shift candles, and of those that follow each, as many as a window has;
    shape (rows, len(WINDOWS))."""

    shift: int
    """A row has about two runs."""
    run: Times
    """That of its first candle, shape (rows,)."""
    least: Floats
    greatest: Floats


class Net(NamedTuple):
    """Closes less what one unit held long has paid by them (rules.funding.less_total)."""

    close: Floats
    rows: Closes


class Flow(NamedTuple):
    """rules.funding.Funding at one scale, with what bounds it over many candles; all empty without
    any."""

    sums: Funding
    held: Runs
    windows: Ahead
    net: Net
    rate: float
    """rules.margin.steepest_rate."""


class Range(NamedTuple):
    """The least and the greatest that one unit held long has paid within some candles."""

    least: float
    greatest: float


NOTHING_PAID = Range(0.0, 0.0)

WINDOWS = (64, 16)
"""Rows of the windows: powers of two."""
LONG, SHORT = range(len(WINDOWS))


def flow_of(funding: Funding, closes: Floats, scale: float) -> Flow:
    """The kernel's view of `funding` at `scale` (rules.costs.Costs.funding), over candles with
    these `closes`."""
    held, count, rate = funding.held, len(funding.held), steepest_rate(funding.tiers)
    if scale == 0.0 or not count:
        unpaid = NO_FUNDING._replace(tiers=funding.tiers, marks=funding.marks)
        return NO_FLOW._replace(sums=unpaid, rate=rate)
    net: Floats = less_total(closes, funding.closed, scale)
    runs = runs_of(held)
    return Flow(funding, runs, ahead_of(held, runs), Net(net, closes_of(net)), rate)


def runs_of(sums: Floats) -> Runs:
    """`sums`, one for each candle, by runs."""
    begins = np.flatnonzero(np.diff(sums, prepend=np.nan) != 0.0)
    return Runs(sums[begins], np.append(begins, len(sums)).astype(np.int64))


def ahead_of(sums: Floats, runs: Runs) -> Ahead:
    """The windows over `sums`, one for each candle."""
    shift = max(1, round(math.log2(2 * len(sums) / len(runs.value))))
    begins = np.arange(0, len(sums), 1 << shift)
    least, greatest = np.minimum.reduceat(sums, begins), np.maximum.reduceat(sums, begins)
    windows = [window_of(least, greatest, size) for size in WINDOWS]
    first = np.searchsorted(runs.begin, begins, side="right").astype(np.int64) - 1
    return Ahead(shift, first, *(np.stack(sides, axis=1) for sides in zip(*windows, strict=True)))


def window_of(least: Floats, greatest: Floats, size: int) -> tuple[Floats, Floats]:
    """The least and the greatest of `size` rows from each on, a power of two: a window of twice
    the size is two of them."""
    count, step = len(least), 1
    while step < size:
        none = min(step, count)
        least = np.minimum(least, np.append(least[step:], np.full(none, np.inf)))
        greatest = np.maximum(greatest, np.append(greatest[step:], np.full(none, -np.inf)))
        step *= 2
    return least, greatest


_NONE, _NO_TIMES = np.empty(0), np.empty(0, np.int64)
_NO_WINDOWS = np.empty((0, len(WINDOWS)))
NO_FLOW = Flow(
    NO_FUNDING,
    Runs(_NONE, _NO_TIMES),
    Ahead(0, _NO_TIMES, _NO_WINDOWS, _NO_WINDOWS),
    Net(_NONE, closes_of(_NONE)),
    0.0,
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
    return len(flow.held.value) > 0


@inner_rule
def net_closes(flow: Flow, candles: Candles) -> Floats:
    """What marks a position at each close: see `Net`."""
    return flow.net.close if is_funded(flow) else candles.close


@inner_rule
def net_rows(flow: Flow, nodes: Nodes) -> Closes:
    """Rows of `net_closes`."""
    return flow.net.rows if is_funded(flow) else nodes.closes


@inner_rule
def run_of(flow: Flow, candle: int) -> int:
    """The run of a candle, from that at the begin of its row on."""
    begin, run = flow.held.begin, int(flow.windows.run[candle >> flow.windows.shift])
    while begin[run + 1] <= candle:
        run += 1
    return run


@inner_rule
def paid_range(flow: Flow, first: int, end: int, before: float, scale: float) -> Range:
    """Over the candles [first, end), since the sum stood at `before`."""
    begin, value, run = flow.held.begin, flow.held.value, run_of(flow, first)
    bottom = top = value[run]
    while begin[run + 1] < end:
        run += 1
        bottom, top = min(bottom, value[run]), max(top, value[run])
    return paid_between(Range(bottom, top), before, scale)


@inner_rule
def ahead_until(windows: Ahead, candle: int, window: int, count: int) -> int:
    """The candle that follows the window of `candle`, of `count`."""
    return min(((candle >> windows.shift) + WINDOWS[window]) << windows.shift, count)


@inner_rule
def paid_ahead(windows: Ahead, candle: int, window: int, before: float, scale: float) -> Range:
    """Over the window of `candle`, since the sum stood at `before`."""
    row = candle >> windows.shift
    sums = Range(windows.least[row, window], windows.greatest[row, window])
    return paid_between(sums, before, scale)


@inner_rule
def dearest(flow: Flow, first: int, end: int, rises: bool) -> float:
    """The greatest of the sums within the candles [first, end), or the least where the price of a
    position falls with the sum."""
    begin, value, run = flow.held.begin, flow.held.value, run_of(flow, first)
    found: float = value[run]
    while begin[run + 1] < end:
        run += 1
        found = max(found, value[run]) if rises else min(found, value[run])
    return found


@inner_rule
def paid_between(sums: Range, before: float, scale: float) -> Range:
    """The same of sums within a range."""
    one, other = paid_since(sums.least, before, scale), paid_since(sums.greatest, before, scale)
    return Range(min(one, other), max(one, other))
