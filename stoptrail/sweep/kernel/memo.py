"""What is known of positions that were followed before.

How a position ends depends on the candle of its signal, its side, and rules that most
combinations share: not on the signal that chose the candle, nor on the size. A grid asks
for the same ending many times. A memo keeps endings in a table of one line of the
processor's cache each; where there is no room an older one gives way, and is followed anew.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import numpy as np

from stoptrail.core.program import is_plain
from stoptrail.rules.candles import Candles, Floats, Times
from stoptrail.rules.costs import fill_price
from stoptrail.rules.decide import expired
from stoptrail.rules.jit import inner_rule, prefetched, rule
from stoptrail.rules.sizing import Terms, terms_of
from stoptrail.rules.stops import Entry, Stop
from stoptrail.rules.trade import EntryOrder, TradeRules
from stoptrail.rules.types import OPEN
from stoptrail.sweep.kernel.blocks import Nodes, cache_lines
from stoptrail.sweep.kernel.drawdown import with_closes
from stoptrail.sweep.kernel.ending import Ending
from stoptrail.sweep.kernel.flow import Flow, is_funded, net_closes, net_rows
from stoptrail.sweep.kernel.hold import hold
from stoptrail.sweep.kernel.rule_table import RuleTable

_TRIES = 4
"""Lines that a key may have."""
_NEAR = 8
"""Rules whose courses from one signal lie side by side: those of rows that are run in turn."""
_PAST = _TRIES * _NEAR
"""Lines beyond those at which the first try may be."""
_LINES = (1 << 19) + _PAST
"""Half a million: 32 MiB in all."""
_SPREAD = -7046029254386353131
"""Multiplies keys so that they fall anywhere: 2^64 over the golden ratio."""
_REASON = 4
"""Bits that a code of rules.stops.REASONS takes."""
_REST = 12
"""These and the bits of the candles that an entry waited for."""
_MOST_REASON, _MOST_WAIT = (1 << _REASON) - 1, (1 << (_REST - _REASON)) - 1
_RULES_FROM = 30
"""Bits of a key below the number of the rules."""
_MOST_TABLES = 8
"""Whole tables whose numbers are at hand: the signals of a grid have the same few in turn."""
_MOST_RULES = 1 << 16
"""Numbers of rules that a memo gives before it forgets everything."""

NOTHING = cache_lines(0)
"""A memo that keeps nothing."""


class Memo:
    """The endings that one thread has seen on the same candles; those of a part of them, from
    the first on, may use it too."""

    def __init__(self) -> None:
        self.lines = cache_lines(_LINES)
        """Key, then what a Course holds; free where the key is 0."""
        self._ids: dict[tuple[object, bytes], int] = {}
        self._tables: dict[tuple[object, bytes], Times] = {}

    def ids(self, atr: object, table: RuleTable) -> Times:
        """A number for each row's rules that matter, shape (k,); atr: what the stop's is."""
        whole = (atr, table.endings)
        if whole not in self._tables:
            if len(self._ids) + len(table.rows) > _MOST_RULES:
                self._forget()
            ids, size = self._ids, len(table.endings) // max(1, len(table.rows))
            rows = [table.endings[k * size : (k + 1) * size] for k in range(len(table.rows))]
            # From _NEAR on: no key is 0, and the rows of one table fill whole neighbourhoods.
            numbers = [ids.setdefault((atr, row), len(ids) + _NEAR) for row in rows]
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


class Course(NamedTuple):
    """What follows from a signal, whatever the size."""

    entry: int
    """Candle of the entry."""
    terms: Terms
    ending: Ending


UNKNOWN = -2
"""Stands for the exit of a position that is still to be followed."""
NO_ENDING = Ending(UNKNOWN, 0.0, 0, 0.0, 0.0, 0)
NO_TERMS = Terms(0.0, 0.0, 0.0)


@inner_rule
def course_of(
    candles: Candles,
    lines: Floats,
    rules: int,
    signal: int,
    entry_order: EntryOrder,
    trade_rules: TradeRules,
) -> tuple[Course, int]:
    """What follows from an order that was made at the close of candle `signal`, as far as it is
    known, and its line in the memo. An entry that is not there, or comes too late, has no terms."""
    line = 0
    if len(lines) > 0:
        key, count = key_of(rules, signal, entry_order.side), len(candles.time)
        line = line_of(lines, key)
        # Many a trade of the next row follows from the same signal.
        if rules & (_NEAR - 1) == _NEAR - 1:
            fetch(lines, key_of(rules + 1, signal, entry_order.side))
        else:
            prefetched(lines[line + 1])
        if has(lines, line, key, count):
            course = kept_course(lines, line, signal)
            if not expired(entry_order, candles.time[course.entry]):
                return course, line
    return begun(candles, signal, entry_order, trade_rules), line


@rule
def begun(
    candles: Candles, signal: int, entry_order: EntryOrder, trade_rules: TradeRules
) -> Course:
    """The same of a position that nobody has followed yet: without its ending."""
    entry = entry_candle(candles, signal, entry_order)
    if entry == len(candles.time) or expired(entry_order, candles.time[entry]):
        return Course(entry, NO_TERMS, NO_ENDING)
    side, costs, market = entry_order.side, trade_rules.costs, trade_rules.market
    fill = fill_price(side, candles.open[entry], costs, market)
    terms = terms_of(side, fill, entry_order.atr, trade_rules.stop, costs, market)
    return Course(entry, terms, NO_ENDING)


@inner_rule
def entry_candle(candles: Candles, signal: int, entry_order: EntryOrder) -> int:
    """The candle that fills the order of candle `signal` or, opening too late, cancels it;
    n where neither came."""
    times, volume, i = candles.time, candles.volume, signal + 1
    while i < len(times) and not expired(entry_order, times[i]) and not volume[i] > 0.0:
        i += 1
    return i


@inner_rule
def followed(
    candles: Candles,
    nodes: Nodes,
    signal: int,
    course: Course,
    held: Entry,
    stop: Stop,
    trade_rules: TradeRules,
    flow: Flow,
    memo: tuple[Floats, int, int],
) -> Ending:
    """How a position ends, followed and kept in a memo: lines, line and number of the rules. With
    one the closes, net of funding, are known exactly, as they are looked at once for many."""
    lines, line, rules = memo
    entry = course.entry
    ending = hold(candles, nodes, entry, held, stop, trade_rules, flow)
    if len(lines) > 0 or is_funded(flow):
        last = len(candles.time) if ending.exit == OPEN else ending.exit
        closes = net_closes(flow, candles), net_rows(flow, nodes)
        ending = with_closes(ending, held.side, *closes, entry, last)
    if len(lines) > 0:
        key = key_of(rules, signal, held.side)
        keep(lines, line, key, signal, Course(entry, course.terms, ending))
    return ending


@inner_rule
def key_of(rules: int, signal: int, side: int) -> int:
    """One number, exact as a float too, for rules and the position that follows from the
    signal of a candle."""
    return (rules << _RULES_FROM) + 2 * signal + (1 if side > 0 else 0)


@inner_rule
def first_line(lines: Floats, key: int) -> int:
    """The first of the lines that may have what is kept under `key`."""
    near = (key >> _RULES_FROM) & (_NEAR - 1)
    spread = (key - (near << _RULES_FROM)) * _SPREAD
    return ((spread >> _RULES_FROM) & (len(lines) - _PAST - _NEAR)) + near


@inner_rule
def line_of(lines: Floats, key: int) -> int:
    """The line that has the course under `key`, or else is to have it."""
    first = first_line(lines, key)
    for line in range(first, first + _PAST, _NEAR):
        if lines[line, 0] == key or lines[line, 0] == 0.0:
            return line
    return first


@inner_rule
def fetch(lines: Floats, key: int) -> None:
    """Have the line for `key` at hand soon."""
    prefetched(lines[first_line(lines, key)])


@inner_rule
def has(lines: Floats, line: int, key: int, count: int) -> bool:
    """Whether a line has the course under `key`, and `count` candles reach its exit."""
    return bool(lines[line, 0] == key and lines[line, 1] < count << _REST)


@inner_rule
def kept_course(lines: Floats, line: int, signal: int) -> Course:
    """The course on a line, from the signal of a candle on."""
    when = int(lines[line, 1])
    wait, reason = (when >> _REASON) & _MOST_WAIT, when & _MOST_REASON
    ending = Ending(when >> _REST, lines[line, 2], reason, lines[line, 3], lines[line, 4], 0)
    terms = Terms(lines[line, 5], lines[line, 6], lines[line, 7])
    return Course(signal + wait, terms, ending)


@inner_rule
def keep(lines: Floats, line: int, key: int, signal: int, course: Course) -> None:
    """Put the course from a signal on a line, unless the data ended first or the entry waited
    for long."""
    ending, terms, wait = course.ending, course.terms, course.entry - signal
    if ending.exit != OPEN and wait <= _MOST_WAIT:
        lines[line, 0] = key
        lines[line, 1] = (ending.exit << _REST) + (wait << _REASON) + ending.reason
        lines[line, 2] = ending.price
        lines[line, 3] = ending.best
        lines[line, 4] = ending.worst
        lines[line, 5] = terms.fill
        lines[line, 6] = terms.level
        lines[line, 7] = terms.loss
