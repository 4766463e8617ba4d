"""summary.json of a run: its figures, where they come from, and why there was no trade."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from stoptrail.backtest.inputs import Inputs, atr_of
from stoptrail.backtest.outcome import (
    Outcome,
    buy_and_hold,
    by_side,
    by_year,
    held_table,
    metrics_table,
)
from stoptrail.backtest.warm_up import idle_words
from stoptrail.config.excess import excess_words
from stoptrail.config.load import public_table
from stoptrail.config.market import MAINTENANCE, tiers_words
from stoptrail.config.run_rules import (
    constant_funding,
    fitting,
    inferred,
    margin_of,
    run_rules_of,
)
from stoptrail.config.settings import Settings
from stoptrail.core.text import number_of
from stoptrail.feeds.market import MarketData, MarketFunding, without_funding
from stoptrail.rules.candles import Floats
from stoptrail.rules.measure import AccountCurve
from stoptrail.rules.metrics import share_of_cash
from stoptrail.rules.stops import LIQUIDATED
from stoptrail.rules.trade import IGNORED
from stoptrail.rules.types import OPEN

PACKAGES = ("backtrader", "numba", "numpy", "pandas", "pyarrow", "ccxt", "peewee", "plotly")


def provenance(candles_sha256: str, seed: int) -> dict[str, Any]:
    """The `provenance` object of summary.json."""
    return {
        "candles_sha256": candles_sha256,
        "versions": {"python": platform.python_version(), **_versions()},
        "commit": _commit(),
        "seed": seed,
    }


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _commit() -> str | None:
    """The checkout's commit, with "+" where files differ from it; None outside of one."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        head, status = (
            subprocess.run(
                ["git", "-C", str(root), *words], capture_output=True, text=True, timeout=5
            )
            for words in (["rev-parse", "HEAD"], ["status", "--porcelain", "-uno"])
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if head.returncode:
        return None
    return head.stdout.strip() + ("+" if status.stdout.strip() else "")


_WHY = {
    "position": "while a position was open",
    "pending": "while an order waited",
    "cooldown": "in the cool-down after an exit",
    "protection": "while a protection held",
}


def why_no_trade(outcome: Outcome, inputs: Inputs, settings: Settings, symbol: str) -> str:
    """Such as "62 signals, all below one lot: 1 BTC is 60,000"; "" where there were trades."""
    if len(outcome.record.trades.side):
        return ""
    counts = dict(zip(IGNORED, outcome.record.ignored.tolist(), strict=True))
    total = int(sum(counts.values()))
    if not total:
        return "no trade: no signal in the span"
    reason = max(IGNORED, key=lambda name: counts[name])
    share = "all" if counts[reason] == total else f"{counts[reason]:,.0f} of them"
    signals = number_of(total, "signal")
    if reason == "size":
        return f"no trade: {signals}, {share} {_size(outcome, inputs, settings, symbol)}"
    if reason == "gap":
        return f"no trade: {signals}, {share} {_gap(inputs)}"
    return f"no trade: {signals}, {share} {_WHY[reason]}"


def _size(outcome: Outcome, inputs: Inputs, settings: Settings, symbol: str) -> str:
    """Why a size may have come to nothing: what asks for it, a stop beyond the liquidation or at no
    price, and what the smallest order costs beside what the account has, unless that is next to
    nothing."""
    market, sizing, margin = inputs.market, settings.risk.sizing, margin_of(settings)
    base, _, quote = symbol.partition(":")[0].partition("/")
    close = float(inputs.candles.close[-1])
    lot = market.lot_step / market.lot_scale
    least = max(lot, market.min_quantity)
    cash, left = float(outcome.equity[0]), float(outcome.equity[-1])
    name, cost = "one lot" if least == lot else "the least quantity", least * close
    told = f"{least:.10g} {base} is {cost:,.6g} {quote}".strip()
    if market.min_notional > cost:
        name, cost = "the least notional", market.min_notional
        told = f"{cost:,.6g} {quote}".strip()
    why, keys = [], ["[market]", "[risk]", "account.cash"]
    if none := _NONE_ASKED.get(sizing, f"as {sizing} asked for none" if ":" in sizing else ""):
        why.append(none)
    if margin.checked and margin.liquidates:
        why.append("with a stop beyond the price at which the position is liquidated (C20)")
        keys = ["risk.max_leverage", "[stop]", *keys]
    if settings.strategy.sides != "short" and _reaches_zero(outcome, inputs, settings):
        why.append("with a stop at or below 0: so many ATRs are more than the price")
        keys = ["stop.trailing_atr_multiplier", *keys]
    if left < min(cost, cash):
        why.append(f"with {left:,.6g} of {cash:,.6g} left in the account")
    elif not why or cost > _DEAR * cash:
        why.append(f"below {name}: {told}, the account {cash:,.6g}")
    return f"{', or '.join(why)}; set {', '.join(keys[:-1])} or {keys[-1]}"


def _reaches_zero(outcome: Outcome, inputs: Inputs, settings: Settings) -> bool:
    """Whether the first stop of a long would anywhere lie at no price (C4)."""
    distance = settings.stop.trailing_atr_multiplier * atr_of(outcome.plan, inputs.candles)
    return bool((distance >= inputs.candles.close)[inputs.start :].any())


_NONE_ASKED = {
    "kelly": "after trades that left nothing to win by Kelly's fraction (docs/sizing.md)",
    "volatility": "before risk.volatility_days of candles",
}
"""Why ways to size ask for nothing."""
_DEAR = 0.001
"""Of the account: an order that costs less is hardly ever too dear."""


def _gap(inputs: Inputs) -> str:
    volume = inputs.candles.volume[inputs.start :]
    silent = float(np.mean(~(volume > 0)))
    if silent > 0.01:
        return (
            f"not filled in time: {silent:.0%} of the candles have no volume, in which nothing is "
            'filled; set data.volume = "unknown" if they were traded'
        )
    return "not filled in time: the next candle came late; set strategy.entry_max_delay"


def warnings_of(settings: Settings, outcome: Outcome, inputs: Inputs) -> list[str]:
    """What the market of the settings cannot do, or what is not known of it, in a line each."""
    found, kind = [], settings.market_type
    trades, ignored = len(outcome.record.trades.side), outcome.record.ignored
    if 0 < trades < (none := int(ignored[IGNORED.index("size")])):
        found.append(
            f"{none:,} of {trades + int(ignored.sum()):,} signals led to no trade, "
            f"{_size(outcome, inputs, settings, settings.data.symbol)}"
        )
    shorts = int((outcome.record.trades.side < 0).sum())
    if kind == "spot" and shorts:
        found.append(
            f"{number_of(shorts, 'trade is a short', 'trades are shorts')}, which a spot market "
            'cannot do: set strategy.sides = "long", or market.type to "margin" or "swap"'
        )
    found += excess_words(settings)
    if kind == "swap" and not len(inputs.rows.time):
        found.append(without_funding(settings.data.symbol))
    if gone := int((outcome.record.trades.reason == LIQUIDATED).sum()):
        found.append(
            f"{number_of(gone, 'position was', 'positions were')} liquidated, as the account could "
            f"not hold more (C20): {_liquidated_by(outcome, inputs)}"
        )
    return found


def _liquidated_by(outcome: Outcome, inputs: Inputs) -> str:
    """By which prices."""
    marks, trades = inputs.funding.marks, outcome.record.trades
    ends = trades.exit[(trades.reason == LIQUIDATED) & (trades.exit != OPEN)]
    return by_prices(marks[ends] if len(marks) else marks)


def by_prices(marks: Floats) -> str:
    """By which prices positions are liquidated on candles of these mark prices, shape (n, 4)."""
    if not len(marks):
        return "by the market's own prices, as no mark prices are known"
    own = int(np.isnan(marks[:, 0]).sum())
    return "by mark prices" + (f", {own:,} by the market's own where those are missing" * (own > 0))


def maintenance_table(settings: Settings) -> list[dict[str, Any]]:
    """`maintenance_margin` of summary.json: what has to stay in the account of a swap (C20), and
    who says so; empty for other markets."""
    if settings.market_type != "swap":
        return []
    own, source = settings.market, settings.market.maintenance_from
    exchange = source not in ("settings", "default")
    return [
        {
            "symbol": settings.data.symbol,
            "source": "exchange" if exchange else source,
            "of": source if exchange else "",
            "by": own.maintenance_by,
            "tiers": [list(step) for step in own.maintenance_steps],
        }
    ]


def constant_rate_table(settings: Settings, inputs: Inputs) -> dict[str, Any]:
    """`data.funding` of summary.json for a swap that pays costs.funding_rate; that of published
    rates comes with their market."""
    if settings.market_type != "swap" or not constant_funding(settings):
        return {}
    table = MarketFunding(inputs.rows, "costs.funding_rate").summary()
    return {"funding": {**table, "rate": settings.costs.funding_rate}}


def margin_warnings(settings: Settings, market: MarketData) -> list[str]:
    """Where the maintenance margin of a swap is a guess that leverage makes matter, or another
    than the exchange's own."""
    if settings.market_type != "swap":
        return []
    own, theirs = settings.market, market.maintenance
    if own.maintenance_from == "settings" and theirs and theirs.tiers != own.maintenance_steps:
        return [
            f"market.maintenance_margin is your own; {theirs.place} has {tiers_words(theirs.tiers)}"
            ": leave it out to use those"
        ]
    if own.maintenance_from == "default" and settings.risk.max_leverage > 1.0:
        return [
            f"the maintenance margin of {market.symbol} is not known: {MAINTENANCE:g} of the "
            "notional is assumed; set market.maintenance_margin, or run `data download` where the "
            "exchange shows its tiers (docs/exchanges.md)"
        ]
    return []


def summarise_run(
    command: str, settings: Settings, market: MarketData, inputs: Inputs, outcome: Outcome
) -> dict[str, Any]:
    """What every run writes, without `seconds`; see docs/results.md."""
    hold, gone = buy_and_hold(inputs, run_rules_of(settings, inputs.market))
    return {
        "command": command,
        "data": {
            **market.summary(),
            **constant_rate_table(settings, inputs),
            "inferred": inferred(
                fitting(settings, market.symbol, market.price_digits, market.filters)
            ),
        },
        "params": public_table(settings),
        "market": inputs.market._asdict(),
        "metrics": metrics_table(outcome),
        **_stop_path(settings, market, inputs, outcome),
        **({"maintenance_margin": kept} if (kept := maintenance_table(settings)) else {}),
        "no_trade": why_no_trade(outcome, inputs, settings, market.symbol) or None,
        "warnings": [
            *([idle] if (idle := idle_words(outcome.plan, inputs)) else []),
            *warnings_of(settings, outcome, inputs),
            *margin_warnings(settings, market),
            *_hold_warning(gone),
        ],
        "sides": by_side(outcome, inputs),
        "years": by_year(outcome, inputs),
        "buy_and_hold": {
            **held_table(hold, inputs),
            **gone,
            "scaled": at_same_volatility(hold, outcome, inputs),
        },
        "provenance": provenance(market.sha256, settings.sweep.seed),
    }


def _hold_warning(gone: dict[str, str]) -> list[str]:
    if "liquidated" not in gone:
        return []
    return [
        f"buy-and-hold was liquidated at {gone['liquidated']} (C20): funding and price took what "
        "the account had"
    ]


def _stop_path(
    settings: Settings, market: MarketData, inputs: Inputs, outcome: Outcome
) -> dict[str, Any]:
    """`stop_path`: by which finer candles a stop was followed (C21), and in how many of the
    candles held it could not be; nothing where there is no detail."""
    if market.finer is None:
        return {}
    trades, candles = outcome.record.trades, inputs.candles
    n = len(candles.time)
    whole = (inputs.detail.last == inputs.detail.first) & (candles.volume > 0.0)
    before = np.concatenate(([0], np.cumsum(whole)))
    end = np.where(trades.exit == OPEN, n, trades.exit + 1)
    return {
        "stop_path": {
            "timeframe": market.finer.timeframe,
            "ratchet": settings.stop.ratchet,
            "held": int((end - trades.entry).sum()),
            "walked_whole": int((before[end] - before[trades.entry]).sum()),
        }
    }


def at_same_volatility(hold: AccountCurve, outcome: Outcome, inputs: Inputs) -> dict[str, Any]:
    """Buy-and-hold with as much of the account in it as gives the run's own volatility."""
    share = share_of_cash(hold.equity, outcome.equity)
    return {"share": share, **held_table(hold.scaled(share), inputs)}
