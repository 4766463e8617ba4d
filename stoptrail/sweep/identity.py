"""What a sweep's results depend on, as one digest: stored trials belong to it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

from stoptrail.brokers.candle import CandleBroker
from stoptrail.config.grid import SECTIONS
from stoptrail.config.own_code import exit_rule_of, imported, own_size_of
from stoptrail.config.search import OBJECTIVES
from stoptrail.config.settings import Settings, as_table
from stoptrail.config.signals import resolve_signal
from stoptrail.feeds.market import MarketData
from stoptrail.rules.jit import source_digest
from stoptrail.strategies.mtf_strategy import MtfStrategy
from stoptrail.sweep.kernel.screen import screen

_NOT_RESULTS = ("jobs", "cluster", "permutations")
"""Keys of [sweep] on which no stored trial depends."""


def identity_of(settings: Settings, market: MarketData) -> str:
    """Digest of everything that the results depend on."""
    table = as_table(settings)
    kept = {name: table[name] for name in (*SECTIONS, "sweep", "walk_forward")}
    kept["sweep"] = {k: v for k, v in kept["sweep"].items() if k not in _NOT_RESULTS}
    kept["span"] = [
        market.start_time,
        market.end_time,
        market.sha256,
        market.finer.sha256 if market.finer else "",
        [column.tolist() for column in market.funding.rows],
        *([market.marks.sha256] if market.marks.source else ()),
        repr(market.filters),
        source_digest(screen, *_own_code(settings), MtfStrategy, CandleBroker),
    ]
    return digest(kept)


def digest(table: dict[str, Any]) -> str:
    """SHA-256 of a table, as hex."""
    return hashlib.sha256(json.dumps(table, sort_keys=True).encode()).hexdigest()


def _own_code(settings: Settings) -> list[Callable[..., Any]]:
    """The signal, and functions of the user's that size trades or leave them, the grid's too,
    or rank."""
    exits = {settings.strategy.exits, *settings.sweep.grid.get("strategy.exits", ())}
    rules = [exit_rule_of(way) for way in sorted(exits)]
    ways = {settings.risk.sizing, *settings.sweep.grid.get("risk.sizing", ())}
    sizes = [own_size_of(way) for way in sorted(ways)]
    objective = settings.sweep.objective
    ranks = [] if objective in OBJECTIVES else [imported(objective, OBJECTIVES)]
    signal = resolve_signal(settings.strategy.signal)
    leaves = [rule for rule in rules if rule]
    return [signal, *leaves, *(own.function for own in sizes if own), *ranks]
