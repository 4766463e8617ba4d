"""Running sums of funding as the kernel looks at them: where they change, how far they reach, and
the closes less what was paid by then, of which the best one marks the most."""

from __future__ import annotations

import math
from threading import Lock
from typing import NamedTuple

import numpy as np

from stoptrail.rules.candles import Candles, Floats, Times
from stoptrail.rules.funding import NO_FUNDING, Funding, less_total, paid_since
from stoptrail.rules.jit import inner_rule, prefetched
from stoptrail.rules.margin import steepest_rate
from stoptrail.sweep.kernel.blocks import Closes, Nodes, cache_lines, closes_of


class Runs(NamedTuple):
    """A running sum without what it repeats: far fewer values than there are candles."""

    value: Floats
    """Of each run of equal sums, shape (r,)."""
    begin: Times
    """The first candle of each, and the number of candles behind them, shape (r + 1,)."""


class Ahead(NamedTuple):
    """The sums of rows of 2^shift candles, a line of the processor's cache for each: that of a
    position is rarely one that was looked at of late, and nothing takes longer than to fetch it."""

    shift: int
    """A row has about one run."""
    rows: Floats
    """Shape (rows, 8): what stands at LEAST and behind it."""


LEAST, GREATEST, RUN, VALUE, END, NEXT_VALUE, NEXT_END = range(7)
"""The least and the greatest sum within WINDOW rows from this one on; the run of its first candle,
its sum, and the candle that follows it; the sum of the next run, and the candle that follows."""


class MostPaid(NamedTuple):
    """How far the sums go from the open of any candle within the candles that follow it."""

    candles: int
    fall: float
    rise: float


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
    most: MostPaid
    net: Net
    rate: float
    """rules.margin.steepest_rate."""


class Range(NamedTuple):
    """The least and the greatest that one unit held long has paid within some candles."""

    least: float
    greatest: float


NOTHING_PAID = Range(0.0, 0.0)

WINDOW = 16
"""Rows, a power of two."""
_REACH = 128
"""The same of a `MostPaid`."""


def flow_of(funding: Funding, closes: Floats, scale: float) -> Flow:
    """The kernel's view of `funding` at `scale` (rules.costs.Costs.funding), over candles with
    these `closes`."""
    held, count, rate = funding.held, len(funding.held), steepest_rate(funding.tiers)
    if scale == 0.0 or not count:
        unpaid = NO_FUNDING._replace(tiers=funding.tiers, marks=funding.marks)
        return NO_FLOW._replace(sums=unpaid, rate=rate)
    net: Floats = less_total(closes, funding.closed, scale)
    runs = runs_of(held)
    windows = ahead_of(held, runs)
    most = most_paid(funding, windows.shift)
    return Flow(funding, runs, windows, most, Net(net, closes_of(net)), rate)


def runs_of(sums: Floats) -> Runs:
    """`sums`, one for each candle, by runs."""
    begins = np.flatnonzero(np.diff(sums, prepend=np.nan) != 0.0)
    return Runs(sums[begins], np.append(begins, len(sums)).astype(np.int64))


def ahead_of(sums: Floats, runs: Runs) -> Ahead:
    """The rows over `sums`, one for each candle."""
    shift, last = max(1, round(math.log2(len(sums) / len(runs.value)))), len(runs.value) - 1
    begins = np.arange(0, len(sums), 1 << shift)
    first = np.searchsorted(runs.begin, begins, side="right") - 1
    follows, after = np.minimum(first + 1, last), np.minimum(first + 2, last + 1)
    rows = cache_lines(len(begins))
    rows[:, LEAST], rows[:, GREATEST] = window_of(sums, begins, WINDOW)
    rows[:, RUN], rows[:, VALUE], rows[:, END] = first, runs.value[first], runs.begin[first + 1]
    rows[:, NEXT_VALUE], rows[:, NEXT_END] = runs.value[follows], runs.begin[after]
    return Ahead(shift, rows)


def most_paid(funding: Funding, shift: int) -> MostPaid:
    """Over _REACH - 1 rows of 2^shift candles, wherever in a row they begin."""
    begins = np.arange(0, len(funding.held), 1 << shift)
    least, greatest = window_of(funding.held, begins, _REACH)
    bottom, top = (by.reduceat(funding.opened, begins) for by in (np.minimum, np.maximum))
    fall, rise = float((top - least).max()), float((greatest - bottom).max())
    return MostPaid((_REACH - 1) << shift, fall, rise)


def window_of(sums: Floats, begins: Times, size: int) -> tuple[Floats, Floats]:
    """The least and the greatest of `size` rows, a power of two, from each that begins at one of
    the candles `begins` on: a window of twice the size is two of them."""
    least, greatest = np.minimum.reduceat(sums, begins), np.maximum.reduceat(sums, begins)
    count, step = len(least), 1
    while step < size:
        none = min(step, count)
        least = np.minimum(least, np.append(least[step:], np.full(none, np.inf)))
        greatest = np.maximum(greatest, np.append(greatest[step:], np.full(none, -np.inf)))
        step *= 2
    return least, greatest


_NONE, _NO_TIMES = np.empty(0), np.empty(0, np.int64)
NO_FLOW = Flow(
    NO_FUNDING,
    Runs(_NONE, _NO_TIMES),
    Ahead(0, cache_lines(0)),
    MostPaid(0, 0.0, 0.0),
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
    begin, run = flow.held.begin, int(flow.windows.rows[candle >> flow.windows.shift, RUN])
    while begin[run + 1] <= candle:
        run += 1
    return run


@inner_rule
def run_until(flow: Flow, candle: int) -> int:
    """The candle that follows the run of `candle`."""
    rows, row = flow.windows.rows, candle >> flow.windows.shift
    if candle < rows[row, END]:
        return int(rows[row, END])
    if candle < rows[row, NEXT_END]:
        return int(rows[row, NEXT_END])
    return int(flow.held.begin[run_of(flow, candle) + 1])


@inner_rule
def sums_within(flow: Flow, first: int, end: int) -> Range:
    """The least and the greatest of the sums within the candles [first, end)."""
    rows, row = flow.windows.rows, first >> flow.windows.shift
    if end <= rows[row, END]:
        return Range(rows[row, VALUE], rows[row, VALUE])
    if end <= rows[row, NEXT_END]:
        other = rows[row, NEXT_VALUE]
        one = rows[row, VALUE] if first < rows[row, END] else other
        return Range(min(one, other), max(one, other))
    begin, value, run = flow.held.begin, flow.held.value, run_of(flow, first)
    bottom = top = value[run]
    while begin[run + 1] < end:
        run += 1
        bottom, top = min(bottom, value[run]), max(top, value[run])
    return Range(bottom, top)


@inner_rule
def paid_range(flow: Flow, first: int, end: int, before: float, scale: float) -> Range:
    """Over the candles [first, end), since the sum stood at `before`."""
    return paid_between(sums_within(flow, first, end), before, scale)


@inner_rule
def ahead_until(flow: Flow, candle: int, count: int) -> int:
    """The candle that follows the window of `candle`, of `count`."""
    return min(((candle >> flow.windows.shift) + WINDOW) << flow.windows.shift, count)


@inner_rule
def paid_ahead(flow: Flow, candle: int, before: float, scale: float) -> Range:
    """Over the window of `candle`, since the sum stood at `before`."""
    rows, row = flow.windows.rows, candle >> flow.windows.shift
    return paid_between(Range(rows[row, LEAST], rows[row, GREATEST]), before, scale)


@inner_rule
def fetch_ahead(flow: Flow, candle: int) -> None:
    """Have the rows of `candle` and of what follows at hand soon."""
    prefetched(flow.windows.rows[candle >> flow.windows.shift :])
    prefetched(flow.windows.rows[(candle >> flow.windows.shift) + 1 :])


@inner_rule
def paid_at_most(most: MostPaid, scale: float) -> Range:
    """Within so many candles, whichever they are."""
    return paid_between(Range(-most.fall, most.rise), 0.0, scale)


@inner_rule
def dearest_of(sums: Range, rises: bool) -> float:
    """The sum that costs the most, or the least where the price of a position falls with it."""
    return sums.greatest if rises else sums.least


@inner_rule
def paid_between(sums: Range, before: float, scale: float) -> Range:
    """The same of sums within a range."""
    one, other = paid_since(sums.least, before, scale), paid_since(sums.greatest, before, scale)
    return Range(min(one, other), max(one, other))
