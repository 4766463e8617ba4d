"""What Backtrader keeps of a run for ever, let go in a run that has no end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stoptrail.adapter.backtrader import bt

KEPT = 512
"""Values of a line that stay: nobody looks back further in a session."""


def forget(strategy: bt.Strategy) -> None:
    """Drop finished orders and trades of `strategy`, and what lies far back in every line of
    it, its data and its indicators; their lengths go on counting. Call it between candles."""
    strategy._orders.clear()
    for by_id in strategy._trades.values():
        for trades in by_id.values():
            del trades[:-1]  # the last one may be open
    for line in _lines(strategy):
        if len(line.array) >= 2 * KEPT:
            excess = len(line.array) - KEPT
            del line.array[:excess]
            line.idx -= excess


def _lines(owner: bt.Strategy) -> Iterator[Any]:
    for part in (owner, *owner.datas, *_indicators(owner)):
        yield from part.lines


def _indicators(owner: bt.LineIterator) -> Iterator[Any]:
    """The indicators of `owner`, and theirs."""
    for indicator in owner.getindicators():
        yield indicator
        yield from _indicators(indicator)
