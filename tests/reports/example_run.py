"""A made-up finished run, in the files of a real one: what the report's tests read."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stoptrail.rules.candles import Candles

MINUTE = 60_000
DAY = 86_400_000
START = int(datetime(2021, 6, 22, tzinfo=UTC).timestamp() * 1000)
FEE = 0.001
DISTANCE = 0.03
MIN_TRADES = 200
"""Of the grid's combinations, which have 60 to 500."""
LAST_ENTRY = 12
"""Candles before the end at which the last trade is opened: it stays open."""

GRID: dict[str, list[Any]] = {
    "stop.trailing_atr_multiplier": [2.0, 2.5, 3.0, 4.0, 5.0, 6.0],
    "stop.breakeven_atr_trigger": [0.0, 1.0, 1.5, 2.0],
    "stop.atr_timeframe": ["1h", "4h", "1d"],
    "strategy.trend": ["ema_cross", "price_ema", "rate_of_change"],
    "strategy.trend_period": [10, 20, 30, 50],
    "strategy.cycle_period": [96, 144, 192, 288],
    "strategy.sides": ["both", "long"],
}
BEST: dict[str, Any] = {
    "stop.trailing_atr_multiplier": 4.0,
    "stop.breakeven_atr_trigger": 1.5,
    "stop.atr_timeframe": "4h",
    "strategy.trend": "rate_of_change",
    "strategy.trend_period": 30,
    "strategy.cycle_period": 192,
    "strategy.sides": "both",
}


class ExampleRun(NamedTuple):
    """The folder and the candles that its trades were made on."""

    folder: Path
    candles: Candles


def write_example_run(
    folder: Path,
    *,
    days: int = 200,
    every: int = 500,
    synthetic: bool = False,
    symbol: str = "BTC/USDT",
    evidence: bool = True,
    sweep: bool = True,
    seed: int = 7,
) -> ExampleRun:
    """Write every file of a run of `days`, with an entry each `every` candles."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    candles = random_candles(rng, days)
    trades, stops = trades_on(candles, every, rng)
    baseline, _ = trades_on(candles, max(every // 4, 30), rng, legacy=True)
    _write_rows(folder / "trades.csv", trades)
    _write_rows(folder / "stops.csv", stops)
    _write_rows(folder / "equity.csv", _equity(candles, trades))
    _write_rows(folder / "baseline_trades.csv", baseline)
    _write_rows(folder / "baseline_equity.csv", _equity(candles, baseline))
    (folder / "config.toml").write_text("[stop]\ntrailing_atr_multiplier = 4.0\n# </script>\n")
    if sweep:
        write_trials(folder / "trials.parquet", rng)
    summary = _summary(candles, trades, baseline, synthetic, symbol, sweep)
    if evidence:
        summary["evidence"] = _evidence(candles, trades)
    (folder / "summary.json").write_text(json.dumps(summary, allow_nan=False))
    return ExampleRun(folder, candles)


def random_candles(rng: np.random.Generator, days: int) -> Candles:
    """A random walk with slow trends, in 15m candles."""
    n = days * 96
    drift = np.repeat(rng.normal(0.00001, 0.00008, n // 960 + 1), 960)[:n]
    steps = drift + rng.standard_t(4, n) * 0.0018
    close = np.round(36_000 * np.exp(np.cumsum(steps)), 2)
    opened = np.concatenate(([36_000.0], close[:-1]))
    spread = np.abs(rng.normal(0, 0.0015, (2, n)))
    high = np.round(np.maximum(opened, close) * (1 + spread[0]), 2)
    low = np.round(np.minimum(opened, close) * (1 - spread[1]), 2)
    time = START + np.arange(n, dtype=np.int64) * 15 * MINUTE
    return Candles(time, opened, high, low, close, rng.gamma(2.0, 20.0, n), 15 * MINUTE)


def trades_on(
    candles: Candles, every: int, rng: np.random.Generator, *, legacy: bool = False
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Trades with a trailing stop (or, for the baseline, a fixed time), and their stops."""
    trades: list[dict[str, Any]] = []
    stops: list[dict[str, Any]] = []
    last = len(candles.time) - LAST_ENTRY
    i = min(every // 2, last)
    while i <= last:
        number = len(trades) + 1
        momentum = candles.close[i] - candles.close[max(i - 300, 0)]
        side = 1 if momentum > 0 or legacy else -1
        path, end = _stop_path(candles, i, side, every // 2 if legacy else None)
        trades.append(_trade(candles, number, side, i, end, path, legacy))
        if not legacy:
            stops += [
                {"trade": number, "time": iso(t), "level": v, "reason": r} for t, v, r in path
            ]
        following = (end or last) + int(rng.integers(every // 2, every))
        i = following if following <= last or i == last or end is None else last
    return trades, stops


def _stop_path(
    candles: Candles, entry: int, side: int, hold: int | None
) -> tuple[list[tuple[int, float, str]], int | None]:
    fill = candles.open[entry]
    level = fill * (1 - side * DISTANCE)
    extreme = fill
    path = [(int(candles.time[entry]), round(level, 2), "initial")]
    for i in range(entry, len(candles.time) - 1):
        worst = candles.low[i] if side > 0 else candles.high[i]
        if (hold is None and (worst - level) * side <= 0) or i - entry == hold:
            return path, i
        best = candles.high[i] if side > 0 else candles.low[i]
        extreme = max(extreme, best) if side > 0 else min(extreme, best)
        moved = extreme * (1 - side * DISTANCE)
        reason = "trail"
        if (extreme - fill) * side > DISTANCE * fill and (fill - level) * side > 0:
            moved, reason = fill * (1 + side * 0.0025), "breakeven"
        if (moved - level) * side > level * 0.0005 and (candles.close[i] - moved) * side > 0:
            level = moved
            path.append((int(candles.time[i + 1]), round(level, 2), reason))
    return path, None


def _trade(
    candles: Candles,
    number: int,
    side: int,
    entry: int,
    end: int | None,
    path: Sequence[tuple[int, float, str]],
    legacy: bool,
) -> dict[str, Any]:
    fill = float(candles.open[entry])
    last = len(candles.time) - 1 if end is None else end
    out = float(candles.close[last]) if legacy or end is None else path[-1][1]
    units = round((8_000 if legacy else 3_300) / fill, 5)
    fees = units * (fill + out) * FEE
    pnl = units * (out - fill) * side - fees
    inside = slice(entry, last + 1)
    worst = candles.low[inside].min() if side > 0 else candles.high[inside].max()
    best = candles.high[inside].max() if side > 0 else candles.low[inside].min()
    risk = fill * DISTANCE
    return {
        "number": number,
        "side": "long" if side > 0 else "short",
        "entry_time": iso(int(candles.time[entry])),
        "entry_price": fill,
        "units": units,
        "initial_stop": path[0][1],
        "exit_time": "" if end is None else iso(int(candles.time[end])),
        "exit_price": "" if end is None else out,
        "exit_reason": "" if end is None else "cycle" if legacy else path[-1][2],
        "fees": fees,
        "pnl": pnl,
        "r_multiple": pnl / (units * risk),
        "mae": (worst - fill) * side / risk,
        "mfe": (best - fill) * side / risk,
    }


def _near() -> dict[str, list[Any]]:
    """Settings at most one step from BEST, where they are numbers."""
    found = {}
    for key, best in BEST.items():
        values, at = list(GRID[key]), list(GRID[key]).index(best)
        is_number = isinstance(best, int | float) and not isinstance(best, bool)
        found[key] = values[max(at - 1, 0) : at + 2] if is_number else [best]
    return found


def _held(candles: Candles) -> list[float]:
    """Buy-and-hold without costs, marked as equity is."""
    return (10_000 / candles.open[0] * candles.close[::96]).tolist()


def _equity(candles: Candles, trades: list[dict[str, Any]]) -> list[dict[str, Any]]:
    change = np.zeros(len(candles.time))
    for trade in trades:
        when = trade["exit_time"] or iso(int(candles.time[-1]))
        at = int(np.searchsorted(candles.time, _milliseconds(when)))
        change[min(at, len(change) - 1)] += float(trade["pnl"])
    equity = 10_000 + np.cumsum(change)
    fallen = 1 - equity / np.maximum.accumulate(equity)
    return [
        {
            "day": iso(int(candles.time[i])),
            "equity": float(equity[i]),
            "drawdown": float(fallen[max(i - 95, 0) : i + 1].max()),
        }
        for i in range(0, len(candles.time), 96)
    ]


def write_trials(path: Path, rng: np.random.Generator) -> None:
    """One row for every combination of GRID, with a smooth hill around BEST."""
    rows = list(itertools.product(*GRID.values()))
    target = [GRID[key].index(value) for key, value in BEST.items()]
    index = np.array([[GRID[k].index(v) for k, v in zip(GRID, row, strict=True)] for row in rows])
    sizes = np.array([len(values) for values in GRID.values()])
    away = (((index - target) / sizes) ** 2).sum(axis=1)
    sharpe = 1.3 * np.exp(-away * 2) - 0.3 + rng.normal(0, 0.06, len(rows))
    trades = rng.integers(60, 500, len(rows))
    columns: dict[str, Any] = {"combination": np.arange(len(rows))}
    columns |= {key: [row[i] for row in rows] for i, key in enumerate(GRID)}
    columns |= {
        "sharpe": sharpe,
        "profit_factor": [None if s < -0.4 else 1 + s * 0.6 for s in sharpe],
        "net_return": sharpe * 0.7,
        "max_drawdown": 0.35 - sharpe * 0.15,
        "trades": trades,
        "win_rate": 0.38 + sharpe * 0.05,
    }
    stage = np.where(np.argsort(np.argsort(-sharpe)) < 24, "finalist", "screened")
    pq.write_table(pa.table(columns | {"stage": stage}), path)


def iso(time: int) -> str:
    """Milliseconds as ISO 8601 UTC."""
    return datetime.fromtimestamp(time / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _milliseconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def _write_rows(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    listed = list(rows)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(listed[0]))
        writer.writeheader()
        writer.writerows(listed)


def metrics_of(trades: list[dict[str, Any]], sharpe: float) -> dict[str, Any]:
    """The metrics block of a list of trades; `sharpe` is taken as given."""
    pnl = np.array([float(t["pnl"]) for t in trades if t["exit_time"]])
    gains, losses = pnl[pnl > 0], -pnl[pnl <= 0]
    return {
        "net_return": float(pnl.sum() / 10_000),
        "cagr": float(pnl.sum() / 50_000),
        "sharpe": sharpe,
        "sortino": sharpe * 1.5,
        "profit_factor": _over(gains.sum(), losses.sum()),
        "max_drawdown": 0.14,
        "trades": len(pnl),
        "scratches": 7,
        "win_rate_without_scratches": 0.31,
        "win_rate": _over(len(gains), len(pnl)),
        "payoff_ratio": _over(gains.sum() * len(losses), losses.sum() * len(gains)),
        "fees_paid": float(sum(float(t["fees"]) for t in trades)),
        "avg_hours": 61.5,
        "exposure": 0.41,
        "ignored_signals": {"position": 40, "gap": 2},
    }


def _over(part: float, whole: float) -> float | None:
    return float(part / whole) if whole else None


def _regimes(*names: str) -> dict[str, Any]:
    return {
        name: {
            "days": 20 + k,
            "low": k - 1.0,
            "high": float(k),
            "net_return": 0.011 * k,
            "market_return": 0.2 * k,
            "sharpe": 0.3 * k,
            "trades": 4 + k,
            "profit_factor": 1.5,
        }
        for k, name in enumerate(names)
    }


def _summary(
    candles: Candles,
    trades: list[dict[str, Any]],
    baseline: list[dict[str, Any]],
    synthetic: bool,
    symbol: str,
    sweep: bool,
) -> dict[str, Any]:
    metrics = metrics_of(trades, 1.12)
    growth = float(candles.close[-1] / candles.open[0]) - 1
    summary: dict[str, Any] = {
        "command": "backtest",
        "seconds": {"data": 0.4, "screen": 20.1, "finalists": 30.5},
        "data": {
            "source": "synthetic" if synthetic else "file",
            "symbol": symbol,
            "timeframe": "15m",
            "start": iso(int(candles.time[0])),
            "end": iso(int(candles.time[-1]) + candles.interval),
            "candles": len(candles.time),
            "missing": 93,
            "synthetic": synthetic,
        },
        "params": {"stop": {"trailing_atr_multiplier": 4.0}, "sweep": {"min_trades": MIN_TRADES}},
        "metrics": metrics,
        "baseline": {"metrics": metrics_of(baseline, -1.7)},
        "buy_and_hold": {
            "net_return": growth,
            "sharpe": 0.5,
            "max_drawdown": 0.77,
            "equity": _held(candles),
            "scaled": {"share": 0.09, "net_return": 0.12, "sharpe": 0.5, "max_drawdown": 0.1},
        },
        "regimes": {"window_days": 30, "trend": _regimes("falling", "sideways", "rising")},
        "drawdown_bands": {
            "levels": [0.05, 0.5, 0.95],
            "trades": [1, 2, 3],
            "bands": [[0.0, 0.01, 0.01], [0.01, 0.02, 0.03], [0.02, 0.05, 0.08]],
            "actual": [0.0, 0.03, 0.03],
            "worse": 0.41,
            "block": 2.0,
            "resamples": 2000,
        },
        "provenance": {"candles_sha256": "ab" * 32, "versions": {"numpy": "2.4"}, "seed": 1},
    }
    if sweep:
        summary |= {
            "grid_size": 6 * 4 * 3 * 3 * 4 * 4 * 2,
            "screened": 6912,
            "verified": 32,
            "parity": {"trades_compared": 4100, "mismatches": 0},
            "best": {"params": BEST, "metrics": metrics},
        }
    return summary


def _evidence(candles: Candles, trades: list[dict[str, Any]]) -> dict[str, Any]:
    metrics = metrics_of(trades, 0.71)
    third = len(candles.time) // 3
    edges = [
        int(candles.time[min(third + k * third // 3, len(candles.time) - 1)]) for k in range(7)
    ]
    equity = [row for row in _equity(candles, trades) if row["day"] >= iso(edges[0])[:10]]
    windows = [
        {
            "train_start": iso(edges[k] - third * 15 * MINUTE)[:10],
            "train_end": iso(edges[k])[:10],
            "test_start": iso(edges[k])[:10],
            "test_end": iso(edges[k + 1])[:10],
            "partial": k == 5,
            "params": {"stop.trailing_atr_multiplier": 3.0 + k % 3},
            "train_metrics": {"sharpe": 1.4 - 0.1 * k, "profit_factor": 1.9},
            "test_metrics": {"sharpe": (-1) ** k * 0.4 + 0.5, "profit_factor": 1.2},
        }
        for k in range(6)
    ]
    halves = [metrics_of(trades[k::2], 0.9 - k * 0.5) for k in range(2)]
    return {
        "verdict": {
            "level": "doubtful",
            "sentences": [
                "In sample the best set looks good: Sharpe 1.12 over 216 trades.",
                "Out of sample, chosen anew in every window, it keeps a Sharpe of 0.71.",
                "The best of 6,912 combinations is partly luck: the deflated Sharpe ratio is 0.83.",
                "Shorts need margin or swaps: a spot account cannot do them.",
                "The fifth sentence is the last that the screen has room for.",
                "The sixth is in the report.",
            ],
        },
        "walk_forward": {
            "windows": windows,
            "in_sample": metrics_of(trades, 1.12),
            "out_of_sample": metrics,
            "equity": [[row["day"], row["equity"]] for row in equity],
            "phases": [{"shift_days": 30 * k, "sharpe": 0.71 - 0.2 * k} for k in range(6)],
            "selections": {
                "sweep": {"low": -0.29, "median": 0.21, "high": 0.71},
                "best_25": {"low": 0.11, "median": 0.22, "high": 0.33},
            },
            "same_span": {
                "start": iso(edges[0]),
                "in_sample": metrics_of(trades, 0.91),
                "buy_and_hold": {"sharpe": 0.62},
            },
            "interval": {"low": -0.4, "high": 1.6, "level": 0.9},
        },
        "cross_validation": {"low": 0.5, "median": 0.83, "high": 1.2, "sharpes": [0.5, 0.83, 1.2]},
        "permutation": {"count": 19, "p_best": 0.1, "p_median": 0.05},
        "concentration": {
            "best_trade": 0.46,
            "best_five_trades": 1.12,
            "profit_factor_without_best": 1.98,
            "profit_factor_without_best_three": 1.36,
        },
        "deflated_sharpe": {
            "all": {"probability": 0.83, "trials": 6912},
            "effective": {"probability": 0.97, "trials": 4},
            "distinct": {"probability": 0.9, "trials": 61},
        },
        "overfitting": {"pbo": 0.21, "loss_probability": 0.12, "mean_rank": 0.71},
        "bootstrap": {
            "sharpe": {"low": 0.2, "high": 1.9, "level": 0.9},
            "profit_factor": {"low": 1.1, "high": 2.6, "level": 0.9},
        },
        "plateau": {"objective": 1.12, "median": 0.93, "count": 48, "thin": 5, "near": _near()},
        "picks": {
            "raw": {"combination": 4, "params": BEST},
            "plateau": {"combination": 9, "params": BEST | {"strategy.trend_period": 20}},
        },
        "on_edge": ["stop.trailing_atr_multiplier"],
        "fees": {
            "taker_fee": FEE,
            "break_even": 0.00286,
            "rows": [
                {"fee": fee, "profit_factor": 2.0 - fee * 350, "sharpe": 1.4 - fee * 300}
                for fee in (0.0, 0.0005, 0.001, 0.0015, 0.002, 0.003)
            ],
        },
        "envelope": {
            "candle": {"sharpe": 1.12, "net_return": 0.3},
            "high_first": {"sharpe": 0.58, "net_return": 0.1},
            "low_first": {"sharpe": 1.05, "net_return": 0.28},
        },
        "years": {
            str(year): metrics_of(trades[k::3], 0.4 * k)
            for k, year in enumerate((2021, 2022, 2023))
        },
        "sides": {"long": halves[0], "short": halves[1]},
        "management": {
            "paired": [{"name": "all of it", "trades": 12, "win_rate": 0.5}],
            "rows": [
                {"name": name, **metrics_of(trades[k:], sharpe)}
                for k, (name, sharpe) in enumerate(
                    (("legacy exits", -1.7), ("fixed ATR trail", 0.6), ("dynamic ATR trail", 0.9))
                )
            ],
        },
    }
