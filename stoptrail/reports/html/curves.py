"""Curves over time: equity, its peers, and returns by month."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from stoptrail.core.time import time_ms
from stoptrail.reports.html.markup import minutes, packed
from stoptrail.reports.run_files import EquityCurve, RunFiles
from stoptrail.reports.summary import part
from stoptrail.rules.metrics import daily_return


def curves(run: RunFiles) -> dict[str, Any]:
    """Equity of the strategy, the legacy exits, buy-and-hold (as it was, and at the
    strategy's volatility) and the walk-forward test windows; each {time, equity, falls},
    absent where the run has none."""
    hold = part(run.summary, "buy_and_hold")
    drawn = {"strategy": run.equity, "baseline": run.baseline_equity, "hold": _held(run, hold)}
    same = part(hold, "scaled")
    if same.get("share"):  # with one of the two gone, or without a trade, there is none
        drawn["scaled"] = _held(run, same)
    evidence = run.summary.get("evidence") or {}
    drawn["out_of_sample"] = curve_of((evidence.get("walk_forward") or {}).get("equity"))
    return {name: packed_curve(curve) for name, curve in drawn.items() if len(curve.time)}


def _held(run: RunFiles, held: Mapping[str, Any]) -> EquityCurve:
    """An account that held the market, as the run reckoned it; empty where it did not."""
    stored, falls = held.get("equity") or [], held.get("falls") or []
    times = run.equity.time if len(stored) == len(run.equity.time) else run.equity.time[:0]
    whole = len(falls) == len(times) > 0
    return EquityCurve(
        times,
        np.array(stored[: len(times)], np.float64),
        np.array(falls, np.float64) if whole else None,
    )


def curve_of(stored: Any) -> EquityCurve:
    """An equity curve from JSON: rows of [day, equity] or [day, equity, fall], objects, or two
    columns."""
    rows: list[Any]
    if isinstance(stored, dict):
        days = stored.get("day") or stored.get("time") or []
        rows = list(zip(days, stored.get("equity", []), strict=True))
    else:
        rows = [(r["day"], r["equity"]) if isinstance(r, dict) else tuple(r) for r in stored or []]
    whole = bool(rows) and all(len(row) > 2 for row in rows)
    return EquityCurve(
        np.array([_moment(row[0]) for row in rows], np.int64),
        np.array([row[1] for row in rows], np.float64),
        np.array([row[2] for row in rows], np.float64) if whole else None,
    )


def monthly_returns(curve: EquityCurve) -> list[tuple[int, int, float]]:
    """(year, month, return) of every month that the curve touches, oldest first.

    A day's return belongs to the month in which the day begins. An empty account earns nothing.
    """
    if len(curve.time) < 2:
        return []
    month = curve.time[:-1].astype("datetime64[ms]").astype("datetime64[M]").astype(np.int64)
    first = np.concatenate(([0], np.flatnonzero(np.diff(month)) + 1))
    edge = np.append(curve.equity[first], curve.equity[-1])
    return [
        (1970 + int(m) // 12, int(m) % 12 + 1, daily_return(float(before), float(after)))
        for m, before, after in zip(month[first], edge[:-1], edge[1:], strict=True)
    ]


def _moment(day: Any) -> int:
    return time_ms(day) if isinstance(day, str) else int(day)


def packed_curve(curve: EquityCurve) -> dict[str, Any]:
    """Times in minutes, equity, and the falls at candle closes where they are known."""
    made = {"time": minutes(curve.time), "equity": packed(curve.equity, "float64")}
    if curve.falls is not None:
        made["falls"] = packed(curve.falls, "float32")
    return made
