"""The single checks behind the verdict: each reads the evidence and finds one thing.

The thresholds were chosen on markets of which is known whether there is anything to find in
them (benchmarks/verdict.py); docs/evidence.md explains them and shows how often they err.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Any, NamedTuple

from stoptrail.core.text import chance_text, number_of

Evidence = Mapping[str, Any]

TOO_FEW_TRADES, FEW_TRADES = 20, 50
"""Closed trades that are no scratches."""
FEW_OUTSIDE = 20
"""Closed trades out of sample."""
CONFIDENT = 0.95
"""Probability of a real edge that a deflated Sharpe ratio should reach."""
EVEN = 0.5
"""Probability below which luck is the better explanation, whatever else is said."""
ENOUGH_PERMUTED = 19
"""Permuted markets from which on their p can be 0.05."""
SIGNIFICANT = 0.05
CLEAR = 3.5
"""Standard deviations by which a search should beat those on permuted markets."""
OVERFIT, SUSPECT = 0.5, 0.2
"""Probability of overfitting: as good as drawing lots, and no longer low."""
WORTH_KEEPING = 0.5
"""Share of a figure that should survive next door and between ticks."""
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
    note: bool = False
    """Whether a reader should know it although it lowers nothing."""


Check = Callable[[Evidence], Finding | None]


def number(evidence: Evidence, path: str) -> float | None:
    """The number at a dotted path; None where it is missing, null or not finite."""
    value: Any = evidence
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def trade_count(evidence: Evidence) -> Finding | None:
    """Few trades leave much to luck; scratches decide nothing and do not count."""
    closed, scratches = number(evidence, "metrics.trades"), number(evidence, "metrics.scratches")
    trades = None if closed is None else closed - (scratches or 0.0)
    if trades is None or trades >= FEW_TRADES:
        return None
    many = "scratches" if scratches != 1.0 else "scratch"
    aside = f" (besides {scratches:.0f} {many})" if scratches else ""
    if trades < TOO_FEW_TRADES:
        words = f"{number_of(trades, 'trade')}{aside}: too few to judge anything by."
        return Finding(Level.FAILS, words)
    return Finding(
        Level.DOUBTFUL,
        f"{trades:.0f} trades{aside} are few: a handful of lucky ones decide the result.",
    )


def stop_paths(evidence: Evidence) -> dict[str, Any]:
    """Figures by the ways in which a stop may move within a candle: the three of C9, or the two
    ratchets where finer candles say what happened (C21)."""
    paths = evidence.get("envelope") or {"candle": evidence.get("metrics") or {}}
    known = ("candle", "tick") if "tick" in paths else tuple(paths)
    return {name: paths[name] for name in known if name in paths}


def envelope(evidence: Evidence) -> Finding | None:
    """The worst of the ways in which a stop may move within a candle."""
    paths = stop_paths(evidence)
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
    where = "with the worse of candle and tick ratchet" if "tick" in known else where
    if sharpe <= 0.0 or losing:
        return Finding(Level.FAILS, f"It does not earn its risk {where}: {said}.")
    if usual is not None and sharpe < WORTH_KEEPING * usual:
        return Finding(
            Level.DOUBTFUL,
            f"It leans on when the stop moves: {said} {where}, Sharpe {usual:.2f} on candles.",
        )
    return Finding(Level.HOLDS, f"{said} {where}.")


def skill(evidence: Evidence) -> Finding | None:
    """Whether luck explains the best of so many: the deflated Sharpe ratio over the sets that
    trade differently, and what the same search finds on permuted markets."""
    distinct = number(evidence, "deflated_sharpe.distinct.probability")
    every = number(evidence, "deflated_sharpe.all.probability")
    if distinct is None:
        return None
    trials = number(evidence, "deflated_sharpe.distinct.trials") or 0.0
    sets = "set" if trials == 1.0 else "sets"
    said = (
        f"With {trials:,.0f} different {sets} among those tried, a true Sharpe ratio above 0 has a "
        f"probability of {chance_text(distinct)}"
    )
    confident, sure = distinct >= CONFIDENT, every is not None and every >= CONFIDENT
    count, p = number(evidence, "permutation.count"), number(evidence, "permutation.p_best")
    if count is None or p is None or count < ENOUGH_PERMUTED:
        told = "" if every is None else f" ({chance_text(every)} if all trials count)"
        matched = count is not None and p is not None and p * (count + 1.0) > 1.5
        return _of_luck(f"{said}{told}", sure and not matched, confident)
    above = number(evidence, "permutation.deviations")
    found = f"the search found as much on {p * (count + 1) - 1:.0f} of {count:.0f} permuted markets"
    beaten = p <= SIGNIFICANT
    clear = beaten and confident and above is not None and above >= CLEAR
    # A signal that lives within a day is in the permuted markets too: then all trials count.
    return _of_luck(f"{said}, and {found}", clear, (beaten and distinct >= EVEN) or sure)


def _of_luck(said: str, ruled_out: bool, unlikely: bool) -> Finding:
    if ruled_out:
        return Finding(Level.HOLDS, f"{said}: luck does not explain it.")
    if unlikely:
        return Finding(Level.DOUBTFUL, f"{said}: luck is not ruled out.")
    return Finding(Level.FAILS, f"{said}: luck alone would explain it.")


def overfitting(evidence: Evidence) -> Finding | None:
    """Whether the choice among trials carries over to days that it has not seen. Where skill
    is beyond doubt it does not matter which of many good sets is taken."""
    pbo = number(evidence, "overfitting.pbo")
    if pbo is None:
        return None
    said = f"In {pbo:.0%} of the splits the best set ended in the worse half on unseen days"
    if (number(evidence, "deflated_sharpe.distinct.probability") or 0.0) >= CONFIDENT:
        alike = ": it matters little which of these sets is taken" if pbo >= OVERFIT else ""
        return Finding(Level.HOLDS, f"{said}{alike}.", note=pbo >= OVERFIT)
    if pbo >= OVERFIT:
        return Finding(Level.FAILS, f"{said}: choosing by this grid is no better than lots.")
    if pbo > SUSPECT:
        return Finding(Level.DOUBTFUL, f"{said}: the choice is partly overfitted.")
    return Finding(Level.HOLDS, f"{said}.")


def walk_forward(evidence: Evidence) -> Finding | None:
    """Sets chosen on the past and run on what followed, in every phase of the windows."""
    path = "walk_forward"
    first = number(evidence, f"{path}.out_of_sample.sharpe")
    if first is None:
        return None
    middle, low = (number(evidence, f"{path}.range.{name}") for name in ("median", "low"))
    middle, low = first if middle is None else middle, first if low is None else low
    high = number(evidence, f"{path}.range.high")
    inside = number(evidence, f"{path}.in_sample.sharpe")
    said = f"Walk-forward out of sample: Sharpe {middle:.2f}"
    said += "" if high is None or high == low else f" (median of phases, {low:.2f} to {high:.2f})"
    said += "" if inside is None else f" against {inside:.2f} in sample"
    if middle <= 0.0:
        return Finding(Level.FAILS, f"{said}: it does not earn its risk on unseen data.")
    if low <= 0.0:
        return Finding(Level.DOUBTFUL, f"{said}: it depends on where the windows begin.")
    trades = number(evidence, f"{path}.out_of_sample.trades")
    if trades is not None and trades < FEW_OUTSIDE:
        return Finding(Level.DOUBTFUL, f"{said}, from {number_of(trades, 'trade')} only.")
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
    said = f"The best set lies on the edge of the grid in {', '.join(names)}"
    return Finding(Level.HOLDS, f"{said}: better ones may lie outside.", note=True)


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
    rest = f"; too few trades in {thin:.0f} of its {count:.0f} neighbours" if thin else ""
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
    """A result that one lucky trade, or three, made; a loss was made by none."""
    if (number(evidence, "metrics.net_return") or 0.0) < 0.0:
        return None
    one = number(evidence, "concentration.best_trade")
    three = number(evidence, "concentration.profit_factor_without_best_three")
    if three is not None and three <= 1.0:
        said = f"Three trades carry it: without them the profit factor is {three:.2f}."
        return Finding(Level.DOUBTFUL, said)
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
    """Shorts that the configured market cannot do, and what is left without them."""
    count = number(evidence, "sides.short.trades")
    if evidence.get("market_type") != "spot" or not count:
        return None
    sharpe = number(evidence, "sides.long.sharpe")
    left = "" if sharpe is None else f"; the longs alone have a Sharpe ratio of {sharpe:.2f}"
    said = f"{number_of(count, 'short')} among its trades, which a spot market cannot do{left}."
    if sharpe is None or sharpe <= 0.0:
        return Finding(Level.DOUBTFUL, said)
    return Finding(Level.HOLDS, said, note=True)


def funding(evidence: Evidence) -> Finding | None:
    """A swap whose funding is not known, or not for all of its time."""
    if evidence.get("market_type") != "swap":
        return None
    known = evidence.get("funding") or {}
    if not known.get("source"):
        said = "The market is a swap and its funding is not known: no position paid any."
        return Finding(Level.DOUBTFUL, said)
    hours = known.get("zero_hours")
    if hours:
        said = f"Funding is missing for {number_of(hours, 'hour')}, in which no position paid any."
        return Finding(Level.HOLDS, said, note=True)
    return None


def maintenance(evidence: Evidence) -> Finding | None:
    """Leverage on a swap whose maintenance margin is a guess."""
    leverage = number(evidence, "maintenance.leverage")
    guessed = (evidence.get("maintenance") or {}).get("source") == "default"
    if not guessed or leverage is None or leverage <= 1.0:
        return None
    said = (
        f"The exchange's maintenance margin is not known: liquidations at up to {leverage:g} times "
        "the account rest on an assumed one."
    )
    return Finding(Level.HOLDS, said, note=True)


def marks(evidence: Evidence) -> Finding | None:
    """A swap that borrows or shorts, liquidated by other prices than its exchange goes by."""
    leverage = number(evidence, "maintenance.leverage")
    risky = (leverage or 0.0) > 1.0 or number(evidence, "sides.short.trades")
    if evidence.get("market_type") != "swap" or not risky:
        return None
    known = evidence.get("mark") or {}
    missing = known.get("missing")
    if known.get("source") and not missing:
        return None
    said = "No mark prices are known: liquidations go by the market's own, which is stricter."
    if missing:
        said = (
            f"{number_of(missing, 'candle has', 'candles have')} no mark price: what the market "
            "trades at liquidates there, which is stricter."
        )
    return Finding(Level.HOLDS, said, note=True)


CHECKS: tuple[Check, ...] = (
    skill,
    walk_forward,
    envelope,
    overfitting,
    interval,
    trade_count,
    concentration,
    plateau,
    edge,
    fees,
    shorts,
    funding,
    maintenance,
    marks,
)
"""In the order in which a reader should meet them."""
