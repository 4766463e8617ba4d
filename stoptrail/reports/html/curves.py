"""Curves over time: equity, its peers, and returns by month."""

from __future__ import annotations

from typing import Any

import numpy as np

from stoptrail.reports.html.encode import minutes, packed
from stoptrail.reports.run_files import EquityCurve, RunFiles, milliseconds
from stoptrail.rules.candles import Candles, Floats, Times


def curves(run: RunFiles, candles: Candles) -> dict[str, Any]:
    """Equity of the strategy, the legacy exits, buy-and-hold and the walk-forward test
    windows; each {time, equity}, absent where the run has none."""
    drawn = {"strategy": run.equity, "baseline": run.baseline_equity}
    if len(run.equity.time) and len(candles.time):
        drawn["hold"] = _hold(run, candles)
    evidence = run.summary.get("evidence") or {}
    drawn["out_of_sample"] = curve_of((evidence.get("walk_forward") or {}).get("equity"))
    return {name: _packed(curve) for name, curve in drawn.items() if len(curve.time)}


def _hold(run: RunFiles, candles: Candles) -> EquityCurve:
    """Buy-and-hold as the run reckoned it, else from the candles."""
    stored = (run.summary.get("buy_and_hold") or {}).get("equity")
    if isinstance(stored, list) and len(stored) == len(run.equity.time):
        return EquityCurve(run.equity.time, np.array(stored, np.float64))
    return buy_and_hold(candles, run.equity.time, float(run.equity.equity[0]))


def buy_and_hold(candles: Candles, times: Times, cash: float) -> EquityCurve:
    """`cash` put into the market at the first of `times` and kept, without costs; shape of
    `times`. The price at a moment is the last close known then."""
    price = price_at(candles, times)
    return EquityCurve(times, cash * price / price[0])


def price_at(candles: Candles, times: Times) -> Floats:
    """The last close at or before each of `times`; before the first, the first open."""
    known = np.searchsorted(candles.time + candles.interval, times, side="right") - 1
    return np.where(known < 0, candles.open[0], candles.close[np.maximum(known, 0)])


def curve_of(stored: Any) -> EquityCurve:
    """An equity curve from JSON: rows of [day, equity], objects, or two columns."""
    if isinstance(stored, dict):
        days = stored.get("day") or stored.get("time") or []
        rows = list(zip(days, stored.get("equity", []), strict=True))
    else:
        rows = [
            (r["day"], r["equity"]) if isinstance(r, dict) else (r[0], r[1]) for r in stored or []
        ]
    return EquityCurve(
        np.array([_moment(day) for day, _ in rows], np.int64),
        np.array([equity for _, equity in rows], np.float64),
    )


def monthly_returns(curve: EquityCurve) -> list[tuple[int, int, float]]:
    """(year, month, return) of every month that the curve touches, oldest first.

    A day's return belongs to the month in which the day begins.
    """
    if len(curve.time) < 2:
        return []
    month = curve.time[:-1].astype("datetime64[ms]").astype("datetime64[M]").astype(np.int64)
    first = np.concatenate(([0], np.flatnonzero(np.diff(month)) + 1))
    edge = np.append(curve.equity[first], curve.equity[-1])
    return [
        (1970 + int(m) // 12, int(m) % 12 + 1, float(after / before - 1))
        for m, before, after in zip(month[first], edge[:-1], edge[1:], strict=True)
    ]


def _moment(day: Any) -> int:
    return milliseconds(day) if isinstance(day, str) else int(day)


def _packed(curve: EquityCurve) -> dict[str, Any]:
    return {"time": minutes(curve.time), "equity": packed(curve.equity, "float64")}
