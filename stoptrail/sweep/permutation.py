"""The permutation test of a whole search: what it finds in markets of the same days in another
order, in which nothing that lasts can be found.

The search is repeated on markets of the same days in random order; the share of them on
which it finds at least as much is the p value of the choice, selection included.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stoptrail.backtest.inputs import Inputs
from stoptrail.backtest.plan import pack, unpack
from stoptrail.config.settings import Settings
from stoptrail.core.program import Progress, part_of
from stoptrail.rules.candles import Candles, Floats, Times, rows_of
from stoptrail.rules.costs import DAY
from stoptrail.rules.funding import funding_of
from stoptrail.rules.market import Market
from stoptrail.rules.types import day_marks
from stoptrail.sweep.objective import Scored, rule_of, scored
from stoptrail.sweep.screen import Share, screen_all, shared
from stoptrail.sweep.search import Tools
from stoptrail.sweep.statistics.checks import ENOUGH_PERMUTED


def permuted_days(
    candles: Candles, start: int, market: Market, random: np.random.Generator
) -> Candles:
    """`candles` with the whole UTC days from candle `start` on in random order.

    The candles of a day keep their log returns, the first one's against the close before
    it, their times within the day and their volumes; prices are chained from the first open
    of the span and put on the tick. So what happens within a day, and how days are
    distributed, stays as it is, and what one day says of the next is gone. Candles before
    `start`, the warm-up, stay as they are, and so do days that the span holds in part.
    """
    span = rows_of(candles, slice(start, None))
    rows, time = _order(span, random)
    earlier = candles.close[start - 1] if start else span.open[0]
    before = np.concatenate(([earlier], span.close[:-1]))
    prices = _chained(span, before, rows, market)
    later = (time, *prices, span.volume[rows])
    columns = [
        np.concatenate((column[:start], new))
        for column, new in zip(candles[:6], later, strict=True)
    ]
    return Candles._make([*columns, candles.interval])


def _order(span: Candles, random: np.random.Generator) -> tuple[NDArray[np.int64], Times]:
    """The row of `span` that comes at each place, and the time at which it opens there."""
    days, first, counts = np.unique(span.time // DAY, return_index=True, return_counts=True)
    end = span.time[-1] + span.interval
    whole = np.flatnonzero((days * DAY >= span.time[0]) & ((days + 1) * DAY <= end))
    order = np.arange(len(days))
    order[whole] = random.permutation(whole)
    rows = np.concatenate([np.arange(first[k], first[k] + counts[k]) for k in order])
    time = np.repeat(days, counts[order]) * DAY + span.time[rows] % DAY
    return rows.astype(np.int64), time.astype(np.int64)


def _chained(
    span: Candles, before: Floats, rows: NDArray[np.int64], market: Market
) -> tuple[Floats, Floats, Floats, Floats]:
    """Open, high, low and close of these rows, one after the other. before: the close that
    each row followed."""
    gap = np.log(span.open / before)[rows]
    gap[0] = 0.0
    body = np.log(span.close / span.open)[rows]
    opens = np.log(span.open[0]) + np.cumsum(gap) + np.concatenate(([0.0], np.cumsum(body)[:-1]))
    highs, lows = opens + np.log(span.high / span.open)[rows], np.log(span.low / span.open)[rows]
    opened, high, low, close = (
        _on_tick(np.exp(logs), market) for logs in (opens, highs, opens + lows, opens + body)
    )
    return (
        opened,
        np.maximum.reduce([high, opened, close]),
        np.minimum.reduce([low, opened, close]),
        close,
    )


def _on_tick(price: Floats, market: Market) -> Floats:
    """The nearest ticks, one at least."""
    ticks = np.maximum(np.rint(price * market.price_scale / market.price_step), 1.0)
    return np.asarray(ticks * market.price_step / market.price_scale, np.float64)


STAGE = "permutation"


class Found(NamedTuple):
    """What a search found on one market."""

    best: float
    """Best objective of what may be chosen; minus infinity where nothing may."""
    median: float
    """Of every combination's own objective; minus infinity where none has one."""


def found_by(search: Scored) -> Found:
    """The two figures of a screened grid."""
    allowed = search.objective[~np.isnan(search.objective)]
    known = search.figures[~np.isnan(search.figures)]
    return Found(
        float(allowed.max()) if len(allowed) else -np.inf,
        float(np.median(known)) if len(known) else -np.inf,
    )


def p_value(own: float, others: list[float]) -> float:
    """(1 + number of the others at or above) / (their number + 1)."""
    return (1 + sum(other >= own for other in others)) / (len(others) + 1)


def deviations(own: float, others: list[float]) -> float:
    """How many of their standard deviations `own` lies above the mean of the others that are
    finite; NaN below two of these or where they do not differ."""
    known = np.array([other for other in others if np.isfinite(other)])
    spread = float(known.std(ddof=1)) if len(known) > 1 else 0.0
    return (own - float(known.mean())) / spread if spread > 0.0 else np.nan


def permutation_test(
    settings: Settings, share: Share, own: Scored, tools: Tools, on_progress: Progress
) -> dict[str, Any]:
    """`evidence.permutation`: the p values over sweep.permutations markets. Each market
    follows from the seed and its own number."""
    count, size = settings.sweep.permutations, share.space.size
    kept = dict(tools.store.load(STAGE)) if tools.store else {}
    found = []
    for number in range(count):
        if number in kept:
            found.append(Found(*unpack(kept[number])["found"].tolist()))
        else:
            report = part_of(on_progress, number * size, count * size)
            found.append(_searched(settings, share, number, tools, report))
            if tools.store:
                tools.store.save(STAGE, [(number, pack({"found": np.array(found[-1])}))])
        on_progress((number + 1) * size, count * size)
    here = found_by(own)
    bests, medians = [f.best for f in found], [f.median for f in found]
    return {
        "count": count,
        "enough": count >= ENOUGH_PERMUTED,
        "p_best": p_value(here.best, bests),
        "p_median": p_value(here.median, medians),
        "deviations": deviations(here.best, bests),
        "best": here.best,
        "median": here.median,
        "bests": bests,
        "medians": medians,
    }


def permuted(inputs: Inputs, seed: int, number: int) -> Inputs:
    """Market `number` of permuted days. Rates of funding stay at their times; mark prices of days
    that are elsewhere now are left out, so that its own prices liquidate."""
    random = np.random.default_rng([seed, number])
    candles = permuted_days(inputs.candles, inputs.start, inputs.market, random)
    return inputs._replace(
        candles=candles,
        marks=day_marks(candles, inputs.start),
        funding=funding_of(inputs.rows, candles, inputs.funding.tiers),
        mark=None,
    )


def _searched(
    settings: Settings, share: Share, number: int, tools: Tools, on_progress: Progress
) -> Found:
    """The search on one permuted market."""
    inputs = permuted(share.inputs, settings.sweep.seed, number)
    results = screen_all(
        shared(share.space, inputs), tools.jobs, None, tools.screen_pool, on_progress
    )
    sweep = settings.sweep
    return found_by(scored(rule_of(sweep), share.space.grid, results.metrics, sweep.min_trades))
