"""The pre-screen without a wait for the compiler.

`screen` is a function of plain Python as well: while another process compiles it (precompile.py),
this one runs it as it is, some hundred times slower, to the same last bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from stoptrail.config.own_code import OwnSize, own_errors
from stoptrail.rules.candles import Candles, Floats, Sides, Times
from stoptrail.rules.funding import NO_FUNDING, Funding
from stoptrail.rules.jit import compiled
from stoptrail.rules.own_exit import ExitRule, compiled_exit, exit_call
from stoptrail.rules.types import DayMarks, Setups
from stoptrail.sweep.kernel import precompile
from stoptrail.sweep.kernel.account import UNFINISHED
from stoptrail.sweep.kernel.blocks import Nodes
from stoptrail.sweep.kernel.days import Midnights, midnights_of, net_midnights
from stoptrail.sweep.kernel.flow import Flow, Flows
from stoptrail.sweep.kernel.memo import NOTHING, Memo
from stoptrail.sweep.kernel.results import Results, part
from stoptrail.sweep.kernel.rule_table import PLACE, RuleTable
from stoptrail.sweep.kernel.screen import rows_turn, screen


def screen_rows(
    candles: Candles,
    nodes: Nodes,
    setups: Setups,
    marks: DayMarks | Midnights,
    table: Floats | RuleTable,
    results: Results,
    on_slow_row: Callable[[int], None] = lambda _: None,
    memo: Memo | None = None,
    atr: object = None,
    own_size: OwnSize | None = None,
    funding: Funding | Flows = NO_FUNDING,
    exit_rule: ExitRule | None = None,
) -> int:
    """`screen` the rows of `table`: how many of them ran in plain Python. on_slow_row is told
    1 after each of these, as the other rows take no time beside them. memo: endings of the
    same candles; atr: what tells the ATR of `nodes` from others that use it; own_size:
    that of rows whose kind is OWN; funding: of the market, which `marks` that are Midnights know;
    exit_rule: that of rows whose stop is `ruled`."""
    whole = table if isinstance(table, RuleTable) else RuleTable(table)
    table, functions, slow = whole.rows, (exit_rule, own_size), 0
    rules = memo.ids(atr, whole) if memo else np.zeros(len(table), np.int64)
    lines, turn = memo.lines if memo else NOTHING, rows_turn(whole, setups)
    flows = funding if isinstance(funding, Flows) else Flows(funding, candles.close)
    if isinstance(marks, DayMarks):
        marks = midnights_of(marks, candles.close, results.block_sums.shape[1], flows.sums)
    for first, end in whole.stretches:
        scale = table[first, PLACE.trade_rules.costs.funding]
        of = candles, nodes, setups, net_midnights(marks, scale)
        own, rest = (lines, flows.at(scale)), (turn, own_size and own_size.call)
        while first < end and precompile.is_running():
            rows = table[first : first + 1], part(results, first, first + 1), rules[first:]
            ask = exit_rule and exit_call(exit_rule)
            with np.errstate(all="ignore"), own_errors(*functions):  # fingerprints are modulo 2^64
                _screen(screen, *of, *rows, *own, *rest, ask)
            first, slow = first + 1, slow + 1
            on_slow_row(1)
        if first < end:
            rows = table[first:end], part(results, first, end), rules[first:]
            ask = exit_rule and compiled_exit(exit_rule)
            with own_errors(*functions):
                _screen(compiled(screen), *of, *rows, *own, *rest, ask)
    return slow


def _screen(
    run: Any,
    candles: Candles,
    nodes: Nodes,
    setups: Setups,
    midnights: Midnights,
    table: Floats,
    results: Results,
    rules: Times,
    lines: Floats,
    flow: Flow,
    turn: Sides | None,
    *own: Any,
) -> None:
    """`run`, and once more where a row was liquidated: code that follows a position candle by
    candle is compiled for such a row alone."""
    of, known = (candles, nodes, setups, midnights), (lines, flow)
    run(*of, table, results, rules, *known, turn, *own)
    for k in np.flatnonzero(results.trades == UNFINISHED):
        row = part(results, int(k), int(k) + 1)
        for column in row:
            column[:] = 0
        run(*of, table[k : k + 1], row, rules[k : k + 1], *known, setups.turn, *own)
