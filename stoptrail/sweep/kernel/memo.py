"""What is known of positions that were followed before.

How a position ends depends on the candle of its signal, its side, and rules that most
combinations share: not on the signal that chose the candle, nor on the size. A grid asks
for the same ending many times. A memo keeps endings in a table of one line of the
processor's cache each; where there is no room an older one gives way, and is followed anew.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from stoptrail.core.program import is_plain
from stoptrail.rules.candles import Floats, Times
from stoptrail.rules.jit import ahead, inner_rule
from stoptrail.rules.types import OPEN
from stoptrail.sweep.kernel.ending import Ending
from stoptrail.sweep.kernel.rule_table import COLUMNS

_LINES = (1 << 19) - 1
"""A prime near half a million: 32 MiB in all."""
_TRIES = 4
"""Lines that a key may have."""
_COLUMNS = 8
_FREE = ("trade_rules.sizing.", "trade_rules.margin.", "protections.", "cooldown", "delay", "cash")
"""Columns of rules that no ending depends on: they decide whether there is a trade, and its
size. Every other one is a part of the key."""
_KEY = [k for k, name in enumerate(COLUMNS) if not name.startswith(_FREE)]

_RULES_FROM = 30
"""Bits of a key below the number of the rules."""
_MOST_TABLES = 8
"""Whole tables whose numbers are at hand: the signals of a grid have the same few in turn."""
_MOST_RULES = 1 << 16
"""Numbers of rules that a memo gives before it forgets everything."""

NOTHING = np.empty((0, _COLUMNS))
"""A memo that keeps nothing."""


class Memo:
    """The endings that one thread has seen on the same candles; those of a part of them, from
    the first on, may use it too."""

    def __init__(self) -> None:
        # From the begin of a line of the cache on: else each one would lie in two.
        room = np.zeros((_LINES + 1) * _COLUMNS)
        begin = -room.ctypes.data % 64 // 8
        self.lines = room[begin : begin + _LINES * _COLUMNS].reshape(_LINES, _COLUMNS)
        """Key, then the fields of an Ending."""
        self._ids: dict[tuple[object, bytes], int] = {}
        self._tables: dict[tuple[object, bytes], Times] = {}

    def ids(self, atr: object, table: Floats) -> Times:
        """A number for each row's rules that matter, shape (k,); atr: what the stop's is."""
        rows = np.ascontiguousarray(table[:, _KEY])
        whole = (atr, rows.tobytes())
        if whole not in self._tables:
            if len(self._ids) + len(table) > _MOST_RULES:
                self._forget()
            ids = self._ids
            numbers = [ids.setdefault((atr, r.tobytes()), len(ids) + 1) for r in rows]
            if len(self._tables) == _MOST_TABLES:
                self._tables.clear()
            self._tables[whole] = np.array(numbers, np.int64)
        return self._tables[whole]

    def _forget(self) -> None:
        self._ids.clear()
        self._tables.clear()
        self.lines[:] = 0.0


class Memos:
    """Memos for as many threads as ask at once."""

    def __init__(self) -> None:
        self._idle: deque[Memo] = deque()

    def take(self) -> Memo | None:
        """One that no other thread has; to be given back. None on the plain road."""
        if is_plain():
            return None
        try:
            return self._idle.pop()
        except IndexError:
            return Memo()

    def forget(self) -> None:
        """Let go of what is idle: nothing more is asked on these candles."""
        self._idle.clear()

    def give(self, memo: Memo | None) -> None:
        """A thread does not need `memo` any more."""
        if memo is not None:
            self._idle.append(memo)


@inner_rule
def key_of(rules: int, signal: int, side: int) -> int:
    """One number, exact as a float too, for rules and the position that follows from the
    signal of a candle."""
    return (rules << _RULES_FROM) + 2 * signal + (1 if side > 0 else 0)


@inner_rule
def line_of(lines: Floats, key: int) -> int:
    """The line that has the ending under `key`, or else is to have it."""
    first = key % (len(lines) - _TRIES)
    for line in range(first, first + _TRIES):
        if lines[line, 0] == key or lines[line, 0] == 0.0:
            return line
    return first


@inner_rule
def fetch(lines: Floats, key: int) -> None:
    """Have the line for `key` at hand soon."""
    ahead(lines[key % (len(lines) - _TRIES)])


@inner_rule
def has(lines: Floats, line: int, key: int, count: int) -> bool:
    """Whether a line has the ending under `key`, and `count` candles reach its exit."""
    return bool(lines[line, 0] == key and lines[line, 1] < count)


@inner_rule
def kept_ending(lines: Floats, line: int) -> Ending:
    """The ending on a line."""
    return Ending(
        int(lines[line, 1]),
        lines[line, 2],
        lines[line, 3],
        int(lines[line, 4]),
        lines[line, 5],
        lines[line, 6],
        0,
    )


@inner_rule
def keep(lines: Floats, line: int, key: int, ending: Ending) -> None:
    """Put an ending on a line, unless the data ended first."""
    if ending.exit != OPEN:
        lines[line, 0] = key
        lines[line, 1] = ending.exit
        lines[line, 2] = ending.price
        lines[line, 3] = ending.level
        lines[line, 4] = ending.reason
        lines[line, 5] = ending.best
        lines[line, 6] = ending.worst
