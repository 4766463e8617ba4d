"""Running sums of funding as the kernel looks at them: where they change, how far they reach."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stoptrail.rules.candles import Floats, Times
from stoptrail.rules.funding import NO_FUNDING, Funding, paid_since
from stoptrail.rules.jit import inner_rule
from stoptrail.sweep.kernel.blocks import Closes, closes_of


class Runs(NamedTuple):
    """A running sum without what it repeats: far fewer values than there are candles."""

    value: Floats
    """Of each run of equal sums, shape (r,)."""
    place: Times
    """The run of each candle, shape (n,)."""


class Flow(NamedTuple):
    """rules.funding.Funding with what bounds it over many candles; all empty without any."""

    sums: Funding
    change: Times
    """The first candle after each whose `held` differs from its own; n where none does."""
    held: Runs
    closed: Runs
    rows: Closes
    """Of sums.closed."""


class Range(NamedTuple):
    """The least and the greatest that one unit held long has paid within some candles."""

    least: float
    greatest: float


NOTHING_PAID = Range(0.0, 0.0)


def flow_of(funding: Funding) -> Flow:
    """The kernel's view of `funding`."""
    held = funding.held
    count = len(held)
    places = np.flatnonzero(np.diff(held)) + 1
    following = np.searchsorted(places, np.arange(count), side="right")
    change = np.append(places, count)[following].astype(np.int64)
    closed = funding.closed
    return Flow(funding, change, runs_of(held), runs_of(closed), closes_of(closed))


def runs_of(sums: Floats) -> Runs:
    """`sums`, one for each candle, by runs."""
    begins = np.diff(sums, prepend=np.nan) != 0.0
    return Runs(sums[begins], np.cumsum(begins).astype(np.int64) - 1)


NO_FLOW = flow_of(NO_FUNDING)


@inner_rule
def is_funded(flow: Flow, scale: float) -> bool:
    """Whether anything is paid; scale: rules.costs.Costs.funding."""
    return len(flow.change) > 0 and scale != 0.0


@inner_rule
def paid_range(runs: Runs, first: int, end: int, before: float, scale: float) -> Range:
    """Over the candles [first, end), since the sum stood at `before`."""
    bottom = top = runs.value[runs.place[first]]
    for at in range(runs.place[first] + 1, runs.place[end - 1] + 1):
        bottom, top = min(bottom, runs.value[at]), max(top, runs.value[at])
    one, other = paid_since(bottom, before, scale), paid_since(top, before, scale)
    return Range(min(one, other), max(one, other))
