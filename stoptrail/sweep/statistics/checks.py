"""The single checks behind the verdict: each reads the evidence and finds one thing.

Thresholds are conventions, named here and explained in docs/evidence.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Any, NamedTuple

Evidence = Mapping[str, Any]

TOO_FEW_TRADES = 30
FEW_TRADES = 100
CONFIDENT = 0.95
"""Probability of a real edge that a deflated Sharpe ratio should reach."""
OVERFIT, SUSPECT = 0.5, 0.2
"""Probability of overfitting: as good as drawing lots, and no longer low."""
WORTH_KEEPING = 0.5
"""Share of a figure that should survive out of sample, next door and between ticks."""
ONE_TRADE = 0.5
"""Share of the net profit that a single trade may bring."""
FEE_MARGIN = 1.5
"""How many times the configured fee the break-even fee should be."""


class Level(IntEnum):
    """What the evidence allows to say, from best to worst."""

    HOLDS = 0
    UNTESTED = 1
    DOUBTFUL = 2
    FAILS = 3


class Finding(NamedTuple):
    """One sentence and how far it lets the result stand."""

    level: Level
    sentence: str


Check = Callable[[Evidence], Finding | None]


def number(evidence: Evidence, path: str) -> float | None:
    """The number at a dotted path; None where it is missing, null or not finite."""
    value: Any = evidence
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def synthetic(evidence: Evidence) -> Finding | None:
    """Invented candles prove nothing."""
    if not evidence.get("synthetic"):
        return None
    return Finding(
        Level.UNTESTED, "The candles are synthetic: nothing here says anything of a real market."
    )


def trade_count(evidence: Evidence) -> Finding | None:
    """Few trades leave much to luck."""
    trades = number(evidence, "metrics.trades")
    if trades is None or trades >= FEW_TRADES:
        return None
    if trades < TOO_FEW_TRADES:
        return Finding(Level.FAILS, f"{trades:.0f} trades are too few to judge anything by.")
    return Finding(
        Level.DOUBTFUL, f"{trades:.0f} trades are few: a handful of lucky ones decide the result."
    )


def envelope(evidence: Evidence) -> Finding | None:
    """The worst of the three ways in which a stop may move within a candle (C9)."""
    paths = evidence.get("envelope") or {"candle": evidence.get("metrics") or {}}
    sharpes = {name: number(paths, f"{name}.sharpe") for name in paths}
    known = {name: value for name, value in sharpes.items() if value is not None}
    if not known:
        return Finding(Level.FAILS, "There is no Sharpe ratio: nothing was traded.")
    worst, usual = min(known, key=known.__getitem__), known.get("candle")
    sharpe, factor = known[worst], number(paths, f"{worst}.profit_factor")
    factors = [number(paths, f"{name}.profit_factor") for name in known]
    losing = [value for value in factors if value is not None and value <= 1.0]
    said = f"Sharpe {sharpe:.2f}" + ("" if factor is None else f", profit factor {factor:.2f}")
    where = f"in the worst of {len(known)} price paths" if len(known) > 1 else "in the backtest"
    if sharpe <= 0.0 or losing:
        return Finding(Level.FAILS, f"It does not earn its risk {where}: {said}.")
    if usual is not None and sharpe < WORTH_KEEPING * usual:
        return Finding(
            Level.DOUBTFUL,
            f"It leans on when the stop moves: {said} {where}, Sharpe {usual:.2f} on candles.",
        )
    return Finding(Level.HOLDS, f"{said} {where}.")


def deflated(evidence: Evidence) -> Finding | None:
    """What is left of the Sharpe ratio after so many trials."""
    path = "deflated_sharpe"
    every = number(evidence, f"{path}.all.probability")
    trials = number(evidence, f"{path}.all.trials")
    if every is None or trials is None:
        return None
    few = number(evidence, f"{path}.effective.probability")
    groups = number(evidence, f"{path}.effective.trials")
    said = (
        f"after {trials:,.0f} trials the probability of a true Sharpe ratio above 0 is {every:.0%}"
    )
    if few is not None and groups is not None:
        said += f" ({few:.0%} if only {groups:,.0f} groups of alike trials are counted)"
    said = said[0].upper() + said[1:]
    if every >= CONFIDENT:
        return Finding(Level.HOLDS, f"{said}.")
    if few is not None and few >= CONFIDENT:
        return Finding(Level.DOUBTFUL, f"{said}: it depends on how trials are counted.")
    if max(every, few or 0.0) < 0.5:
        return Finding(Level.FAILS, f"{said}: luck alone would explain it.")
    return Finding(Level.DOUBTFUL, f"{said}: luck is not ruled out.")


def overfitting(evidence: Evidence) -> Finding | None:
    """Whether the choice among trials carries over to days that it has not seen."""
    pbo = number(evidence, "overfitting.pbo")
    if pbo is None:
        return None
    said = f"In {pbo:.0%} of the splits the best set ended in the worse half on unseen days"
    if pbo >= OVERFIT:
        return Finding(Level.FAILS, f"{said}: choosing by this grid is no better than lots.")
    if pbo > SUSPECT:
        return Finding(Level.DOUBTFUL, f"{said}: the choice is partly overfitted.")
    return Finding(Level.HOLDS, f"{said}.")


def walk_forward(evidence: Evidence) -> Finding | None:
    """Sets chosen on the past and run on what followed."""
    path = "walk_forward"
    outside = number(evidence, f"{path}.out_of_sample.sharpe")
    inside = number(evidence, f"{path}.in_sample.sharpe")
    if outside is None:
        return None
    trades = number(evidence, f"{path}.out_of_sample.trades")
    factor = number(evidence, f"{path}.out_of_sample.profit_factor")
    said = f"Walk-forward out of sample: Sharpe {outside:.2f}"
    said += "" if inside is None else f" against {inside:.2f} in sample"
    if outside <= 0.0 or (factor is not None and factor <= 1.0):
        return Finding(Level.FAILS, f"{said}: it does not earn its risk on unseen data.")
    if inside is not None and outside < WORTH_KEEPING * inside:
        return Finding(Level.DOUBTFUL, f"{said}: less than half of it is left.")
    if trades is not None and trades < TOO_FEW_TRADES:
        return Finding(Level.DOUBTFUL, f"{said}, from {trades:.0f} trades only.")
    return Finding(Level.HOLDS, f"{said}.")


def interval(evidence: Evidence) -> Finding | None:
    """Whether the bootstrap interval of the Sharpe ratio reaches down to 0."""
    path = "bootstrap.sharpe"
    low, high = number(evidence, f"{path}.low"), number(evidence, f"{path}.high")
    level = number(evidence, f"{path}.level")
    if low is None or high is None or level is None:
        return None
    said = f"Sharpe ratio between {low:.2f} and {high:.2f} with {level:.0%} confidence"
    if low <= 0.0:
        return Finding(Level.DOUBTFUL, f"{said}: no edge at all lies within reach.")
    return Finding(Level.HOLDS, f"{said}, selection not counted.")


def edge(evidence: Evidence) -> Finding | None:
    """A best on the rim of the grid: it may lie outside, or be an accident."""
    names = evidence.get("on_edge")
    if not names:
        return None
    listed = ", ".join(names)
    return Finding(
        Level.DOUBTFUL, f"The best set lies on the edge of the grid in {listed}: widen it and look."
    )


def plateau(evidence: Evidence) -> Finding | None:
    """A peak among poor neighbours."""
    best = number(evidence, "plateau.objective")
    count, thin = number(evidence, "plateau.count"), number(evidence, "plateau.thin")
    median = number(evidence, "plateau.median")
    if best is None or best <= 0.0:
        return None
    if count == 0.0:
        return Finding(
            Level.HOLDS, "It has no neighbours in the grid: whether it is a peak is open."
        )
    if median is None:
        return None
    rest = f"; {thin:.0f} of its {count:.0f} neighbours have too few trades" if thin else ""
    if median >= WORTH_KEEPING * best:
        return Finding(
            Level.HOLDS,
            f"Its neighbours in the grid do alike (median {median:.2f}, best {best:.2f}){rest}.",
        )
    return Finding(
        Level.DOUBTFUL,
        f"It is a peak, not a plateau: its neighbours' median is {median:.2f} against "
        f"{best:.2f}{rest}.",
    )


def concentration(evidence: Evidence) -> Finding | None:
    """A result that one lucky trade made."""
    one = number(evidence, "concentration.best_trade")
    if one is None or one < ONE_TRADE:
        return None
    without = number(evidence, "concentration.profit_factor_without_best")
    left = "" if without is None else f"; without it the profit factor is {without:.2f}"
    return Finding(Level.DOUBTFUL, f"One trade brings {one:.0%} of the net profit{left}.")


def fees(evidence: Evidence) -> Finding | None:
    """The margin between the fee paid and the fee that eats all profit."""
    paid, even = number(evidence, "fees.taker_fee"), number(evidence, "fees.break_even")
    if paid is None or even is None:
        return None
    said = f"Profit is gone at a fee of {even:.3%} a fill; {paid:.3%} was assumed"
    if even <= paid:
        return Finding(Level.FAILS, f"{said}.")
    if even < FEE_MARGIN * paid:
        return Finding(Level.DOUBTFUL, f"{said}: the margin is thin.")
    return Finding(Level.HOLDS, f"{said}.")


def shorts(evidence: Evidence) -> Finding | None:
    """Shorts that the configured market cannot do."""
    count = number(evidence, "sides.short.trades")
    if evidence.get("market_type") != "spot" or not count:
        return None
    sharpe = number(evidence, "sides.long.sharpe")
    left = "" if sharpe is None else f"; the longs alone have a Sharpe ratio of {sharpe:.2f}"
    return Finding(
        Level.DOUBTFUL, f"{count:.0f} trades are shorts, which a spot market cannot do{left}."
    )


CHECKS: tuple[Check, ...] = (
    synthetic,
    envelope,
    walk_forward,
    deflated,
    overfitting,
    interval,
    trade_count,
    concentration,
    plateau,
    edge,
    fees,
    shorts,
)
"""In the order in which a reader should meet them."""
