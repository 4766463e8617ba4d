"""The pre-screen without a wait for the compiler.

`screen` is a function of plain Python as well: while another process compiles it (precompile.py),
this one runs it as it is, some hundred times slower, to the same last bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from stoptrail.config.own_code import own_errors
from stoptrail.rules.candles import Candles, Floats, Sides, Times
from stoptrail.rules.funding import NO_FUNDING, Funding
from stoptrail.rules.jit import compiled
from stoptrail.rules.own_exit import ExitRule, asked, compiled_exit
from stoptrail.rules.types import DayMarks, Setups
from stoptrail.sweep.kernel import precompile
from stoptrail.sweep.kernel.account import UNFINISHED
from stoptrail.sweep.kernel.blocks import Nodes
from stoptrail.sweep.kernel.days import Midnights, midnights_of
from stoptrail.sweep.kernel.flow import Flow, flow_of
from stoptrail.sweep.kernel.memo import NOTHING, Memo
from stoptrail.sweep.kernel.results import Results, part
from stoptrail.sweep.kernel.screen import rows_turn, screen


def screen_rows(
    candles: Candles,
    nodes: Nodes,
    setups: Setups,
    marks: DayMarks | Midnights,
    table: Floats,
    results: Results,
    on_slow_row: Callable[[int], None] = lambda _: None,
    memo: Memo | None = None,
    atr: object = None,
    own_size: Any = None,
    funding: Funding | Flow = NO_FUNDING,
    exit_rule: ExitRule | None = None,
) -> int:
    """`screen` the rows of `table`: how many of them ran in plain Python. on_slow_row is told
    1 after each of these, as the other rows take no time beside them. memo: endings of the
    same candles; atr: what tells the ATR of `nodes` from others that use it; own_size:
    Plan.size_call; funding: of the market, which `marks` that are Midnights already contain;
    exit_rule: that of rows whose stop is `ruled`."""
    none = np.zeros(len(table), np.int64)
    rules, lines = (memo.ids(atr, table), memo.lines) if memo else (none, NOTHING)
    turn, slow = rows_turn(table, setups), 0
    if isinstance(marks, DayMarks):
        sums = funding.sums if isinstance(funding, Flow) else funding
        marks = midnights_of(marks, candles.close, results.block_sums.shape[1], sums)
    midnights = marks
    flow = funding if isinstance(funding, Flow) else flow_of(funding)
    of, own = (candles, nodes, setups, midnights), (lines, flow)
    while slow < len(table) and precompile.is_running():
        rows = table[slow : slow + 1], part(results, slow, slow + 1), rules[slow:]
        ask = exit_rule and asked(exit_rule)
        with np.errstate(all="ignore"), own_errors(exit_rule):  # fingerprints count modulo 2^64
            _screen(screen, *of, *rows, *own, turn, own_size, ask)
        slow += 1
        on_slow_row(1)
    if slow < len(table):
        rows = table[slow:], part(results, slow, len(table)), rules[slow:]
        ask = exit_rule and compiled_exit(exit_rule)
        with own_errors(exit_rule):
            _screen(compiled(screen), *of, *rows, *own, turn, own_size, ask)
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
