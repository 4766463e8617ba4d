"""Sets and shares of a book chosen over several markets, and the walk-forward of that choice.

Every market is one sub-account of a fixed share, and in it the chosen sets stand side by side
with equal parts, rebalanced daily: what the kernel's equity by day can tell.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stoptrail.backtest.inputs import Inputs
from stoptrail.backtest.plan import pack, unpack
from stoptrail.config.settings import Settings
from stoptrail.core.errors import ConfigError
from stoptrail.core.program import Progress, part_of
from stoptrail.core.time import DAY_MS
from stoptrail.rules.candles import Floats, Times
from stoptrail.sweep.finalists import choose
from stoptrail.sweep.objective import BEST, Rule, rule_of, scored
from stoptrail.sweep.screen import Share, screen_all, until, within
from stoptrail.sweep.search import Tools
from stoptrail.sweep.side_by_side import mean_returns
from stoptrail.sweep.space import Indices
from stoptrail.sweep.statistics.windows import Phase, Window, phases
from stoptrail.sweep.walk_forward import enough_trades, test_inputs

EACH, TOGETHER = "each", "together"
SPREAD, TENTH = "spread", 0.1
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


class BookWindow(NamedTuple):
    """One test window by every way of choosing."""

    shares: Floats
    """Of each market, shape (ways, markets); 0 where nothing could be chosen."""
    returns: Floats
    """By day, each market's chosen sets side by side, shape (ways, markets, days)."""


class BookWalk(NamedTuple):
    """One phase."""

    phase: Phase
    windows: list[BookWindow]

    def of(self, way: int) -> Floats:
        """Daily returns of the book over all test windows, shape (days,)."""
        return np.concatenate([found.shares[way] @ found.returns[way] for found in self.windows])

    def alone(self, way: int, market: int) -> Floats:
        """The same of one market, with the whole account in it."""
        return np.concatenate([found.returns[way, market] for found in self.windows])


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
    order = np.lexsort((np.arange(len(objective)), -objective)).astype(np.int64)
    tenth: Indices = order[: tenth_of(int(np.sum(~np.isnan(objective))))]
    if kind != SPREAD:
        return tenth
    _, first = np.unique(fingerprint[tenth], return_index=True)
    different = tenth[np.sort(first)]
    return np.asarray(different[equal_steps(len(different), int(wanted))])


def tenth_of(allowed: int) -> int:
    """How many combinations are the best tenth of `allowed`: at least one where there is any."""
    return max(round(allowed * TENTH), 1) if allowed else 0


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


# Walking


def common_span(markets: Sequence[BookMarket]) -> tuple[int, int]:
    """The time that all markets have, ms. Raises ConfigError where there is none."""
    marks = [market.share.inputs.marks.time for market in markets]
    first, last = max(int(own[0]) for own in marks), min(int(own[-1]) for own in marks)
    if first >= last:
        raise ConfigError("the spans of the markets do not overlap: a book needs a common time")
    return first, last


def walk_book(
    settings: Settings, markets: Sequence[BookMarket], tools: Tools, on_progress: Progress
) -> list[BookWalk]:
    """Choose sets and shares anew in every train window of every phase, and trade the next.

    Raises ConfigError where the common span is too short for one window.
    """
    own = settings.walk_forward
    todo = phases(*common_span(markets), own.train_days, own.test_days, own.phases)
    windows = [window for phase in todo for window in phase.windows]
    stage = _stage(settings, markets)
    kept = dict(tools.store.load(stage)) if tools.store else {}
    size = sum(market.share.space.size for market in markets)
    found = []
    for number, window in enumerate(windows):
        if number in kept:
            found.append(BookWindow(**unpack(kept[number])))
        else:
            report = part_of(on_progress, number * size, len(windows) * size)
            found.append(walk_window(settings, markets, window, tools, report))
            if tools.store:
                tools.store.save(stage, [(number, pack(found[-1]._asdict()))])
        on_progress((number + 1) * size, len(windows) * size)
    for market in markets:
        market.share.memos.forget()
    results = iter(found)
    return [BookWalk(phase, [next(results) for _ in phase.windows]) for phase in todo]


def _stage(settings: Settings, markets: Sequence[BookMarket]) -> str:
    """The place of these markets' windows in the trial store of the first one."""
    spans = [
        [market.symbol, *map(int, market.share.inputs.marks.time[[0, -1]])] for market in markets
    ]
    told = json.dumps([spans, [way.name for way in ways_of(settings)]])
    return "book-" + hashlib.sha256(told.encode()).hexdigest()[:8]


def walk_window(
    settings: Settings,
    markets: Sequence[BookMarket],
    window: Window,
    tools: Tools,
    on_progress: Progress,
) -> BookWindow:
    """Sets and shares from the train window alone, and what they earn in the test window."""
    ways = ways_of(settings)
    needed = enough_trades(settings.walk_forward.min_trades_per_year, window)
    trained = [_cut(market.share, window) for market in markets]
    screened, before = [], 0
    for market, part in zip(markets, trained, strict=True):
        size = market.share.space.size
        report = part_of(on_progress, before, size)
        screened.append(_screened(settings, market.share, part, needed, tools, report))
        before += size
    picked = [pick(way, screened) for way in ways]
    sets = [[own[place] for own in picked] for place in range(len(markets))]
    past = [_past(part, own, tools.jobs) for part, own in zip(trained, sets, strict=True)]
    shares = [equal_risk([own[way] for own in past]) for way in range(len(ways))]
    returns = [
        tested(market.share, window, own, tools.jobs)
        for market, own in zip(markets, sets, strict=True)
    ]
    return BookWindow(np.array(shares), np.stack(returns, axis=1))


def _cut(share: Share, window: Window) -> Share | None:
    """The train part; None where the market has no candle in it."""
    inside = has_candles(share.inputs, window.train_start, window.train_end)
    return until(share, window) if inside else None


def has_candles(inputs: Inputs, first: int, last: int) -> bool:
    """Whether any candle opens in [first, last), ms."""
    begin, end = np.searchsorted(inputs.candles.time, (first, last))
    return bool(end > begin)


def _past(part: Share | None, sets: list[Indices], jobs: int) -> Floats:
    """Daily returns of each of `sets` in the train window, shape (sets, days)."""
    return np.zeros((len(sets), 0)) if part is None else mean_returns(part, sets, jobs)


def _screened(
    settings: Settings,
    whole: Share,
    part: Share | None,
    needed: float,
    tools: Tools,
    on_progress: Progress,
) -> Screened:
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


def whole_span(markets: Sequence[BookMarket], sets: Sequence[Indices], jobs: int) -> Floats:
    """Daily returns of each market's sets side by side over the common span, shape (markets,
    days)."""
    first, last = common_span(markets)
    window = Window(first, first, first, last, partial=False)
    pairs = zip(markets, sets, strict=True)
    return np.array([tested(market.share, window, [own], jobs)[0] for market, own in pairs])


# Days


def day_edges(first: int, last: int) -> Times:
    """The span's begin, every midnight within it, and its end (ms)."""
    inside = np.arange((first // DAY_MS + 1) * DAY_MS, last, DAY_MS, dtype=np.int64)
    return np.concatenate(([first], inside, [last])).astype(np.int64)


def on_days(returns: Floats, marks: Times, edges: Times) -> Floats:
    """Returns between `marks` (ms) as returns between `edges`, shape (sets, edges - 1): a market
    whose candles begin later or end earlier stands still there."""
    if np.array_equal(marks, edges):
        return returns
    grown = np.concatenate((np.ones((len(returns), 1)), np.cumprod(1.0 + returns, axis=1)), axis=1)
    at = np.clip(np.searchsorted(marks, edges, side="right") - 1, 0, None)
    equity = grown[:, at]
    return np.asarray(equity[:, 1:] / equity[:, :-1] - 1.0)
