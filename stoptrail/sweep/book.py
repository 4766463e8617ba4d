"""Sets and shares of a book chosen over several markets, and the walk-forward of that choice.

Every market is one sub-account of a fixed share, and in it the chosen sets stand side by side
with equal parts, rebalanced daily: what the kernel's equity by day can tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stoptrail.backtest.inputs import Inputs
from stoptrail.config.settings import Settings
from stoptrail.core.errors import ConfigError
from stoptrail.core.program import Progress, give_back, part_of
from stoptrail.core.time import DAY_MS
from stoptrail.rules.candles import Floats, Times
from stoptrail.rules.metrics import compounded, daily_returns
from stoptrail.rules.types import day_edges
from stoptrail.sweep.finalists import best_tenth, choose
from stoptrail.sweep.objective import BEST, Rule, rule_of, scored
from stoptrail.sweep.screen import Share, screen_all, until, within
from stoptrail.sweep.search import Tools
from stoptrail.sweep.side_by_side import mean_returns
from stoptrail.sweep.space import Indices
from stoptrail.sweep.statistics.windows import Window
from stoptrail.sweep.walk_forward import test_inputs

EACH, TOGETHER = "each", "together"
SPREAD = "spread"
SPREADS = ("best:1", "best:25", "spread:25", "best:10%")
"""What is told beside the way that the settings choose."""
_MIX = np.uint64(0x9E3779B97F4A7C15)
"""An odd number: the fingerprints of several markets make one that depends on their order."""


class BookMarket(NamedTuple):
    """One market of the book, searched."""

    symbol: str
    share: Share


class BookChoice(NamedTuple):
    """A way of choosing the sets of a book."""

    choose: str
    """EACH: every market by its own objective. TOGETHER: one choice for all, by the mean."""
    sets: str
    """"best:25"; "spread:25", at equal steps of rank through the best tenth of the combinations
    with enough trades; or "best:10%", all of that tenth, which is only told."""

    @property
    def name(self) -> str:
        """As summary.json has it."""
        return f"{self.choose} {self.sets}"


class Screened(NamedTuple):
    """A market's combinations over one span."""

    objective: Floats
    """NaN where a combination may not be chosen."""
    fingerprint: NDArray[np.uint64]
    """Equal where two have the same trades."""


def ways_of(settings: Settings) -> list[BookChoice]:
    """The way that the settings choose, then the same sets by each market alone, then others."""
    own, sets = settings.book.choose, settings.book.sets
    others = [BookChoice(choice, spread) for choice in (EACH, TOGETHER) for spread in SPREADS]
    return list(dict.fromkeys([BookChoice(own, sets), BookChoice(EACH, sets), *others]))


# Choosing


def pick(way: BookChoice, screened: Sequence[Screened]) -> list[Indices]:
    """The combinations that each market trades, the best first."""
    if way.choose == EACH:
        return [_taken(way.sets, *market) for market in screened]
    objective = np.mean([market.objective for market in screened], axis=0)
    mixed = screened[0].fingerprint
    for market in screened[1:]:
        mixed = mixed * _MIX ^ market.fingerprint
    return [_taken(way.sets, objective, mixed)] * len(screened)


def _taken(sets: str, objective: Floats, fingerprint: NDArray[np.uint64]) -> Indices:
    kind, _, wanted = sets.partition(":")
    if kind != SPREAD and not wanted.endswith("%"):
        return np.array(choose(objective, fingerprint, int(wanted)), np.int64)
    tenth = best_tenth(objective)
    if kind != SPREAD:
        return tenth
    _, first = np.unique(fingerprint[tenth], return_index=True)
    different = tenth[np.sort(first)]
    return np.asarray(different[equal_steps(len(different), int(wanted))])


def equal_steps(ranked: int, wanted: int) -> Indices:
    """Places among `ranked` at equal steps from the first to the last, `wanted` of them or as many
    as there are, shape (places,)."""
    places = np.linspace(0, max(ranked - 1, 0), min(wanted, ranked)).round()
    return np.unique(places).astype(np.int64)


def equal_risk(returns: Sequence[Floats]) -> Floats:
    """Shares that give every market the same risk: in proportion to 1 / deviation of its daily
    returns (ddof 1), shape (markets,), together 1. A market that never moves has none."""
    spread = np.array([found.std(ddof=1) if len(found) > 1 else 0.0 for found in returns])
    weights = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > 0.0)
    total = weights.sum()
    shares: Floats = weights / total if total > 0.0 else weights
    return shares


# Spans


def common_span(markets: Sequence[BookMarket]) -> tuple[int, int]:
    """The time that all markets have, ms. Raises ConfigError where there is none."""
    marks = [market.share.inputs.marks.time for market in markets]
    first, last = max(int(own[0]) for own in marks), min(int(own[-1]) for own in marks)
    if first >= last:
        raise ConfigError("the spans of the markets do not overlap: a book needs a common time")
    return first, last


def cut_to(share: Share, window: Window) -> Share | None:
    """The train part; None where the market has no candle in it."""
    inside = has_candles(share.inputs, window.train_start, window.train_end)
    return until(share, window) if inside else None


def has_candles(inputs: Inputs, first: int, last: int) -> bool:
    """Whether any candle opens in [first, last), ms."""
    begin, end = np.searchsorted(inputs.candles.time, (first, last))
    return bool(end > begin)


def past_returns(part: Share | None, sets: list[Indices], jobs: int) -> Floats:
    """Daily returns of each of `sets` in the train window, shape (sets, days)."""
    return np.zeros((len(sets), 0)) if part is None else mean_returns(part, sets, jobs)


def screened_in(
    settings: Settings,
    whole: Share,
    part: Share | None,
    needed: float,
    tools: Tools,
    on_progress: Progress,
) -> Screened:
    """The combinations of a market over a part of its span, judged by the sweep's objective alone
    where they have the `needed` trades; all of them out where it has no candle there."""
    size = whole.space.size
    if part is None:
        return Screened(np.full(size, np.nan), np.zeros(size, np.uint64))
    results = screen_all(part, tools.jobs, None, tools.screen_pool, on_progress)
    rule = Rule(rule_of(settings.sweep).objective, BEST)
    objective = scored(rule, whole.space.grid, results.metrics, needed).objective
    return Screened(objective, results.fingerprint)


def tested(share: Share, window: Window, sets: list[Indices], jobs: int) -> Floats:
    """Daily returns of each of `sets` side by side in the test window, shape (sets, days)."""
    edges = day_edges(window.test_start, window.test_end)
    if not has_candles(share.inputs, window.test_start, window.test_end):
        return np.zeros((len(sets), len(edges) - 1))
    inputs = test_inputs(share.inputs, window.test_start, window.test_end)
    return on_days(mean_returns(within(share, inputs), sets, jobs), inputs.marks.time, edges)


# The choice over the whole span


class Design(NamedTuple):
    """A tranche of a book that was chosen over the whole span, or up to some days before its
    end."""

    sets: list[Indices]
    """Of each market, the best first."""
    shares: Floats
    """Of each market, together 1; 0 where nothing could be chosen."""
    returns: Floats
    """Daily, of each market's sets side by side over the common span, shape (markets, days)."""


def designs(
    settings: Settings,
    markets: Sequence[BookMarket],
    now: Sequence[Screened],
    tools: Tools,
    on_progress: Progress,
) -> list[Design]:
    """Every tranche as it would be held at the end of the span: the first chosen there, of what
    was screened `now`, each other one as much earlier as their choices lie apart."""
    tranches, apart = settings.book.tranches, settings.walk_forward.test_days
    found = [_design(settings, markets, now)]
    sizes = [market.share.space.size for market in markets]
    total = max(tranches - 1, 1) * sum(sizes)
    for number in range(1, tranches):
        before, screened = (number - 1) * sum(sizes), []
        for market, size in zip(markets, sizes, strict=True):
            report, before = part_of(on_progress, before, total), before + size
            days = number * apart // tranches
            screened.append(_screened_until(settings, market.share, days, tools, report))
        found.append(_design(settings, markets, screened))
    for market in markets:
        market.share.memos.forget()
    give_back()
    on_progress(total, total)
    return found


def _design(
    settings: Settings, markets: Sequence[BookMarket], screened: Sequence[Screened]
) -> Design:
    sets = pick(BookChoice(settings.book.choose, settings.book.sets), screened)
    returns = whole_span(markets, sets, settings.sweep.jobs)
    return Design(sets, equal_risk(list(returns)), returns)


def shares_of(tranches: Sequence[Design]) -> Floats:
    """Of each market, all tranches together, shape (markets,)."""
    return np.asarray(np.mean([design.shares for design in tranches], axis=0))


def _screened_until(
    settings: Settings, share: Share, days: int, tools: Tools, on_progress: Progress
) -> Screened:
    """A market's combinations as they stood so many days before its end, by the sweep's own
    objective and least number of trades."""
    first, last = map(int, share.inputs.marks.time[[0, -1]])
    end = last - days * DAY_MS
    window = Window(first, end, end, last, partial=False)
    part = until(share, window) if has_candles(share.inputs, first, end) else None
    return screened_in(settings, share, part, settings.sweep.min_trades, tools, on_progress)


def whole_span(markets: Sequence[BookMarket], sets: Sequence[Indices], jobs: int) -> Floats:
    """Daily returns of each market's sets side by side over the common span, shape (markets,
    days)."""
    first, last = common_span(markets)
    window = Window(first, first, first, last, partial=False)
    pairs = zip(markets, sets, strict=True)
    return np.array([tested(market.share, window, [own], jobs)[0] for market, own in pairs])


# Days


def on_days(returns: Floats, marks: Times, edges: Times) -> Floats:
    """Returns between `marks` (ms) as returns between `edges`, shape (sets, edges - 1): a market
    whose candles begin later or end earlier stands still there."""
    if np.array_equal(marks, edges):
        return returns
    at = np.clip(np.searchsorted(marks, edges, side="right") - 1, 0, None)
    return daily_returns(compounded(returns)[:, at])
