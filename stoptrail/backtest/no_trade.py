"""Why a run made no trade, in one line."""

from __future__ import annotations

import numpy as np

from stoptrail.backtest.inputs import Inputs
from stoptrail.backtest.outcome import Outcome
from stoptrail.rules.trade import IGNORED

_WHY = {
    "position": "while a position was open",
    "pending": "while an order waited",
    "cooldown": "in the cool-down after an exit",
    "protection": "while a protection held",
}


def why_no_trade(outcome: Outcome, inputs: Inputs, symbol: str) -> str:
    """Such as "62 signals, all below one lot: 1 BTC is 60,000"; "" where there were trades."""
    if len(outcome.record.trades.side):
        return ""
    counts = dict(zip(IGNORED, outcome.record.ignored.tolist(), strict=True))
    total = int(sum(counts.values()))
    if not total:
        return "no trade: no signal in the span"
    reason = max(IGNORED, key=lambda name: counts[name])
    share = "all" if counts[reason] == total else f"{counts[reason]:,.0f} of them"
    signals = f"{total:,} signal{'s' if total > 1 else ''}"
    if reason == "size":
        return f"no trade: {signals}, {share} {_size(outcome, inputs, symbol)}"
    if reason == "gap":
        return f"no trade: {signals}, {share} {_gap(inputs)}"
    return f"no trade: {signals}, {share} {_WHY[reason]}"


def _size(outcome: Outcome, inputs: Inputs, symbol: str) -> str:
    """What the smallest order costs, beside what the account has."""
    market = inputs.market
    base, _, quote = symbol.partition(":")[0].partition("/")
    close = float(inputs.candles.close[-1])
    lot = market.lot_step / market.lot_scale
    least = max(lot, market.min_quantity)
    cash = float(outcome.equity[0])
    name = "one lot" if least == lot else "the least quantity"
    if market.min_notional > least * close:
        name, cost = "the least notional", market.min_notional
        told = f"{cost:,.6g} {quote}".strip()
    else:
        told = f"{least:.10g} {base} is {least * close:,.6g} {quote}".strip()
    return f"below {name}: {told}, the account {cash:,.6g}; set [market], [risk] or account.cash"


def _gap(inputs: Inputs) -> str:
    volume = inputs.candles.volume[inputs.start :]
    silent = float(np.mean(~(volume > 0)))
    if silent > 0.01:
        return (
            f"not filled in time: {silent:.0%} of the candles have no volume, in which nothing is "
            'filled; set data.volume = "unknown" if they were traded'
        )
    return "not filled in time: the next candle came late; set strategy.entry_max_delay"
