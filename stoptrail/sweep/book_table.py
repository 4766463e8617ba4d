"""The walk-forward of a book as `book.walk_forward` in summary.json."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from stoptrail.backtest.outcome import buy_and_hold, mark_table
from stoptrail.core.json import json_value
from stoptrail.core.time import iso
from stoptrail.rules.candles import Floats
from stoptrail.rules.metrics import compounded, daily_returns, drawdowns
from stoptrail.rules.types import day_edges
from stoptrail.sweep.book import EACH, BookChoice, BookMarket, has_candles, on_days
from stoptrail.sweep.book_walk import BookWalk
from stoptrail.sweep.statistics.bootstrap import sharpe_interval
from stoptrail.sweep.walk_forward import test_inputs
from stoptrail.sweep.walk_forward_table import spread_of


def book_table(
    walked: Sequence[BookWalk], markets: Sequence[BookMarket], ways: Sequence[BookChoice], seed: int
) -> dict[str, Any]:
    """All that is told of the phases; the first one, not shifted, has its windows and equity.
    All trade the same days.

    `singles` are the same markets each by itself, with as many sets by its own objective.
    """
    first = walked[0]
    returns = first.of(0)
    equity = compounded(returns)
    own = ways.index(BookChoice(EACH, ways[0].sets))
    singles = np.array([[_sharpe(walk.alone(own, m)) for walk in walked] for m in _all(markets)])
    sharpes = [_sharpe(walk.of(0)) for walk in walked]
    edges = first.edges
    begin, end = int(edges[0]), int(edges[-1])
    rows = [
        _phase_row(walk, markets, values) for walk, values in zip(walked, singles.T, strict=True)
    ]
    table: dict[str, Any] = json_value(
        {
            "choose": ways[0].choose,
            "sets": ways[0].sets,
            "tranches": len(first.tranches),
            "out_of_sample": {**day_table(equity), "days": len(returns), "start": iso(begin)},
            "interval": asdict(sharpe_interval(returns, seed)),
            "phases": rows,
            **_over_phases(sharpes),
            **_beside(singles, markets),
            "buy_and_hold": day_table(held(markets, begin, end)),
            "selections": {
                way.name: _over_phases([_sharpe(walk.of(k)) for walk in walked])
                for k, way in enumerate(ways)
            },
            "windows": _windows(first, markets),
            "equity": [
                [iso(int(time)), float(value)] for time, value in zip(edges, equity, strict=True)
            ],
            "end": iso(end),
        }
    )
    return table


def day_table(equity: Floats) -> dict[str, Any]:
    """Figures of an account that is known at day marks only, which are milder than closes."""
    return {**mark_table(equity), "max_daily_drawdown": float(drawdowns(equity).max())}


def held(markets: Sequence[BookMarket], first: int, last: int) -> Floats:
    """Every market bought with an equal part of an account of 1 at its first open from `first`
    on, costs included, and held to `last`: equity at the edges of the days."""
    edges = day_edges(first, last)
    found = []
    for market in markets:
        if not has_candles(market.share.inputs, first, last):
            found.append(np.ones(len(edges)))
            continue
        inputs = test_inputs(market.share.inputs, first, last)
        rules = market.share.space.plan(0).run_rules
        marks = buy_and_hold(inputs, rules)[0].equity  # from the cash before the buy on
        moves = daily_returns(marks)
        found.append(compounded(on_days(moves[None], inputs.marks.time, edges)[0]))
    return np.asarray(np.mean(found, axis=0))


def _all(markets: Sequence[BookMarket]) -> range:
    return range(len(markets))


def _phase_row(walk: BookWalk, markets: Sequence[BookMarket], singles: Floats) -> dict[str, Any]:
    windows = walk.tranches[0].windows
    return {
        "shift_days": walk.shift_days,
        "start": iso(windows[0].test_start),
        "windows": len(windows),
        "partial": windows[-1].partial,
        **day_table(compounded(walk.of(0))),
        "singles": dict(zip((market.symbol for market in markets), singles, strict=True)),
        "mean_of_singles": _mean(singles),
    }


def _beside(singles: Floats, markets: Sequence[BookMarket]) -> dict[str, Any]:
    """The single markets over the phases, shape (markets, phases), and the best of them, which
    nobody knows beforehand."""
    rows = [
        {"symbol": market.symbol, **_over_phases(list(sharpes))}
        for market, sharpes in zip(markets, singles, strict=True)
    ]
    known = [row for row in rows if row["mean"] is not None]
    best = max(known, key=lambda row: float(row["mean"]), default=None)
    means = [float(row["mean"]) for row in known]
    return {
        "singles": rows,
        "mean_of_singles": _mean(np.array(means)),
        "best_single": {"symbol": best["symbol"], "mean": best["mean"]} if best else None,
    }


def _windows(walk: BookWalk, markets: Sequence[BookMarket]) -> list[dict[str, Any]]:
    names = [market.symbol for market in markets]
    return [
        {
            "tranche": number,
            "test_start": iso(window.test_start),
            "test_end": iso(window.test_end),
            "partial": window.partial,
            "shares": dict(zip(names, found.shares[0].tolist(), strict=True)),
            "net_return": float(np.prod(1.0 + found.shares[0] @ found.returns[0]) - 1.0),
        }
        for number, tranche in enumerate(walk.tranches, 1)
        for window, found in zip(tranche.windows, tranche.found, strict=True)
    ]


def _over_phases(sharpes: list[float]) -> dict[str, Any]:
    """Sharpe ratios of all phases, what they spread over, and the distance of high and low."""
    spread = spread_of(sharpes)
    known = spread["low"] is not None
    return {
        "sharpes": sharpes,
        **spread,
        "range": spread["high"] - spread["low"] if known else None,
    }


def _mean(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def _sharpe(returns: Floats) -> float:
    return _number(mark_table(compounded(returns))["sharpe"])


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)
