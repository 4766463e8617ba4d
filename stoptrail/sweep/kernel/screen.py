"""The pre-screen: many combinations that share one signal, over all candles, quickly.

Every figure equals that of sweep.kernel.reference.simulate with rules.measure, to the last bit:
entries, levels, exits and sums come from the same rules in the same order. The speed
comes from what need not be looked at: candles without a position, blocks of candles that
cannot hit the stop (sweep.kernel.hold), closes that cannot change the drawdown
(sweep.kernel.drawdown), days without a position, whose return is exactly zero
(sweep.kernel.days).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from stoptrail.rules.candles import Candles, Floats, Sides, Times
from stoptrail.rules.decide import (
    NO_OBSTACLE,
    expired,
    obstacle,
    order_for,
    sized_units,
)
from stoptrail.rules.jit import inner_rule, prefetched, rule, uncounted
from stoptrail.rules.own_exit import ExitCall
from stoptrail.rules.trade import (
    GAP,
    PENDING,
    POSITION,
    SIZE,
    EntryOrder,
    entered,
)
from stoptrail.rules.types import (
    OPEN,
    Counts,
    RunRules,
    Setups,
    window_of,
)
from stoptrail.rules.volatility import known_volatility, needs_volatility, squares_for
from stoptrail.rules.window import reaches
from stoptrail.sweep.kernel.account import (
    NEEDS_TURNS,
    UNFINISHED,
    Followed,
    RunAccount,
    account_start,
    after_parts,
    after_position,
    flat_until,
    metrics_of,
)
from stoptrail.sweep.kernel.blocks import Nodes
from stoptrail.sweep.kernel.days import (
    KeptRows,
    Midnights,
    marks_before,
    marks_until,
)
from stoptrail.sweep.kernel.ending import Ending, stop_stays_first
from stoptrail.sweep.kernel.flow import Flow, is_funded
from stoptrail.sweep.kernel.memo import UNKNOWN, Course, course_of, fetch, followed, key_of
from stoptrail.sweep.kernel.path_exits import hold_candle_by_candle, room_for_parts
from stoptrail.sweep.kernel.results import Results, write_metrics
from stoptrail.sweep.kernel.rule_table import RuleTable, run_rules_of, trails

_SHIFT = 6
"""Binary logarithm of the candles between two at which a search for signals may begin."""


@rule
def screen(
    candles: Candles,
    nodes: Nodes,
    setups: Setups,
    midnights: Midnights,
    table: Floats,
    results: Results,
    rules: Times,
    lines: Floats,
    flow: Flow,
    turn: Sides | None = None,
    own_size: Any = None,
    ask: ExitCall | None = None,
) -> None:
    """Run every row of `table` and write its results; to be called compiled.

    turn: see `rows_turn`; without it less is compiled; ask: the rule of `ruled` stops.
    candles: contiguous and writable arrays (others compile anew); nodes: of the ATR
    that all rows use; setups: the signal's events, none before setups.first; table: rows
    of sweep.kernel.rule_table, shape (k, columns); results: room for k combinations, all zero;
    rules, lines: the numbers of the rows, shape (k,), and the endings of a
    sweep.kernel.memo.Memo, or memo.NOTHING; flow: funding at the rows' scale, or flow.NO_FLOW;
    own_size: the user's sizing function where a row's kind is rules.sizing.OWN.
    Holds no lock: threads may run slices of table and results.
    """
    candles, nodes, midnights, flow, lines = uncounted((candles, nodes, midnights, flow, lines))
    squares = squares_for(candles.close, rows_need_volatility(table))
    parts, none = room_for_parts(), reaches(candles, 0)
    reach, count, events = none, 0, at_signals(candles, nodes, setups, midnights)
    for k in range(len(table)):
        run_rules = run_rules_of(table[k])
        if window_of(run_rules) not in (0, count):
            count = window_of(run_rules)
            reach = reaches(candles, count)
        if turn is None and not trails(run_rules):
            raise ValueError("rows that do more than trail need the cycle's turns")
        kept = KeptRows(results.block_sums[k], results.equity[k])
        account = run(
            candles,
            nodes,
            events,
            midnights,
            run_rules,
            turn,
            results.ignored[k],
            kept,
            rules[k],
            lines,
            flow,
            squares,
            own_size,
            reach if window_of(run_rules) > 0 else none,
            ask,
            parts,
        )
        results.trades[k] = account.trades
        if account.trades == UNFINISHED:
            continue
        results.fingerprint[k] = account.fingerprint
        write_metrics(results.metrics[k], metrics_of(account, candles, midnights.time))


class AtSignals(NamedTuple):
    """Signals, and what is known at their closes side by side: candle by candle it lies far
    apart. Shape (m,) each."""

    candle: Times
    side: Times
    time: Times
    """Of the candle's open, ms."""
    close: Floats
    atr: Floats
    mark: Times
    """The first midnight after the close."""
    first: Times
    """The number of the first signal that is not before a candle, for each candle whose own number
    is a multiple of 2^_SHIFT: a search begins there."""


@rule
def at_signals(candles: Candles, nodes: Nodes, setups: Setups, midnights: Midnights) -> AtSignals:
    """Of the signals of `setups`."""
    count, seen = len(setups.candle), 0
    time, mark = np.empty(count, np.int64), np.empty(count, np.int64)
    close, atr = np.empty(count), np.empty(count)
    for event in range(count):
        i = setups.candle[event]
        time[event], close[event], atr[event] = candles.time[i], candles.close[i], nodes.atr[i]
        seen = marks_until(midnights.time, seen, time[event] + candles.interval)
        mark[event] = seen
    first = first_signals(setups.candle, len(candles.time))
    return AtSignals(setups.candle, setups.side, time, close, atr, mark, first)


@rule
def first_signals(signals: Times, count: int) -> Times:
    """AtSignals.first of signals among `count` candles."""
    first, event = np.empty((count >> _SHIFT) + 1, np.int64), 0
    for place in range(len(first)):
        while event < len(signals) and signals[event] < place << _SHIFT:
            event += 1
        first[place] = event
    return first


@rule
def rows_need_volatility(table: Floats) -> bool:
    """Whether some row of `table` is sized by the market's volatility."""
    for k in range(len(table)):
        if needs_volatility(run_rules_of(table[k]).trade_rules.sizing):
            return True
    return False


def rows_turn(table: RuleTable, setups: Setups) -> Sides | None:
    """What `screen` takes as `turn`: setups.turn where a row of `table` may do more than trail an
    ATR on whole candles, else None."""
    return setups.turn if table.needs_turn else None


@rule
def run(
    candles: Candles,
    nodes: Nodes,
    events: AtSignals,
    midnights: Midnights,
    run_rules: RunRules,
    turn: Sides | None,
    ignored: Counts,
    kept: KeptRows,
    rules: int,
    lines: Floats,
    flow: Flow,
    squares: Floats,
    own_size: Any,
    reach: tuple[Floats, Floats],
    ask: ExitCall | None,
    parts: Floats,
) -> RunAccount:
    """One combination: from event to event while flat, from entry to exit otherwise."""
    # References to arrays are counted here once, not at each look into a tuple.
    candles, nodes, midnights, flow = uncounted((candles, nodes, midnights, flow))
    events, kept, counts, lines = uncounted((events, kept, ignored, lines))
    squares, reach, parts = uncounted((squares, reach, parts))
    mark_times, places, times = midnights.time, midnights.candle, candles.time
    flat = mark_times, midnights.block, kept.block_sums, kept.equity
    account, event, trade_rules = account_start(run_rules.cash), 0, run_rules.trade_rules
    while event < len(events.candle):
        i, side, time = events.candle[event], events.side[event], events.time[event]
        # Midnights up to this close have been seen without a position.
        account = flat_until(account, events.mark[event], *flat)
        decision = side, i, time, candles.interval, events.close[event], events.atr[event]
        reason, entry_order = decide(*decision, squares, account, run_rules, own_size)
        event += 1
        if reason != NO_OBSTACLE:
            counts[reason] += 1
            continue
        course, line = course_of(candles, lines, rules, i, entry_order, trade_rules)
        entry, terms, known = course.entry, course.terms, course.ending.exit
        near = signal_at(known, events, times, flow, (lines, rules)) if known >= 0 else 0
        event = ignored_before(events.candle, event, entry, counts)
        if entry == len(times):
            break
        position, stop = entered(entry_order, terms, times[entry], trade_rules, flow.sums.tiers)
        if not position.units > 0.0:
            counts[GAP if expired(entry_order, times[entry]) else SIZE] += 1
            continue
        account = flat_until(account, marks_before(places, account.days.mark, entry), *flat)
        held = run_rules, ask, entry, position, stop, parts, flow, account.balance
        ending, last = ending_of(candles, nodes, i, course, reach, turn, held, (lines, line, rules))
        if last == UNKNOWN:
            return NEEDS_TURNS
        near = near if last == known else signal_at(last, events, times, flow, (lines, rules))
        event = passed(event, near, counts, POSITION)
        closed = Followed(i, entry, entry, position, stop, ending, last)
        given = candles, nodes, midnights
        exact = (len(lines) > 0 or is_funded(flow)) and ending.parts == 0
        if turn is not None:  # none has parts that trails alone
            account, closed = after_parts(account, *given, closed, parts, run_rules, kept, flow)
        account = after_position(account, *given, closed, run_rules, kept, exact, flow)
    return flat_until(account, len(mark_times), *flat)


@inner_rule
def ending_of(
    candles: Candles,
    nodes: Nodes,
    i: int,
    course: Course,
    reach: tuple[Floats, Floats],
    turn: Sides | None,
    held: Any,
    memo: tuple[Floats, int, int],
) -> tuple[Ending, int]:
    """How what was decided at candle `i` ends, and at which candle, or n; UNKNOWN where that takes
    a walk candle by candle, for which `turn` is missing. `held` is what `hold_candle_by_candle`
    takes beside the market."""
    run_rules, _, entry, position, stop, _, flow, balance = held
    trade_rules, count = run_rules.trade_rules, len(candles.time)
    if turn is not None and not trails(run_rules):
        ending = hold_candle_by_candle(candles, nodes.atr, reach, turn, *held)
        return ending, (count if ending.exit == OPEN else ending.exit)
    ending = course.ending
    if ending.exit == UNKNOWN:
        ending = followed(candles, nodes, i, course, position.held, stop, trade_rules, flow, memo)
    last = count - 1 if ending.exit == OPEN else ending.exit
    until = entry, last, position, stop.level, balance, trade_rules, flow
    if trade_rules.margin.liquidates and not stop_stays_first(candles, *until):
        if turn is None:
            return ending, UNKNOWN
        ending = hold_candle_by_candle(candles, nodes.atr, reach, turn, *held)
    return ending, (count if ending.exit == OPEN else ending.exit)


@inner_rule
def signal_at(
    candle: int, events: AtSignals, times: Times, flow: Flow, memo: tuple[Floats, int]
) -> int:
    """The first event that is not before the exit of a position on `candle`; the memo's line of it
    is fetched, and times and funding of the exit and of its entry."""
    prefetched(times[candle:])
    prefetched(flow.sums.held[candle:])
    (lines, rules), signals, event = memo, events.candle, int(events.first[candle >> _SHIFT])
    while event < len(signals) and signals[event] < candle:
        event += 1
    if len(lines) > 0 and event < len(signals):
        fetch(lines, key_of(rules, signals[event], events.side[event]))
        prefetched(times[signals[event] + 1 :])
        prefetched(flow.sums.opened[signals[event] + 1 :])
    return event


@inner_rule
def decide(
    side: int,
    i: int,
    time: int,
    interval: int,
    close: float,
    atr: float,
    squares: Floats,
    account: RunAccount,
    run_rules: RunRules,
    own_size: Any,
) -> tuple[int, EntryOrder]:
    """The entry order for a signal on candle i, which opens at `time` and ends
    with `close`, and
    the code of why there is none, or NO_OBSTACLE."""
    equity, closes = account.balance, time + interval
    volatility = known_volatility(squares, i, run_rules.trade_rules.sizing.window, interval)
    known = side, equity, close, atr, volatility, account.history
    units = sized_units(*known, run_rules.trade_rules, own_size, time)
    entry_order = order_for(side, units, equity, atr, time, closes, run_rules)
    # While a position or an order is open the kernel asks of no signal.
    against = obstacle(False, False, i, account.quiet_until, account.guard, equity, run_rules)
    if against != NO_OBSTACLE:
        return against, entry_order
    return (NO_OBSTACLE if units > 0.0 else SIZE), entry_order


@inner_rule
def ignored_before(signals: Times, event: int, candle: int, counts: Counts) -> int:
    """The first event, from `event` on, that is not before `candle`, at which an order that waited
    fills or ends; see `passed`."""
    until = event
    while until < len(signals) and signals[until] < candle:
        until += 1
    return passed(event, until, counts, PENDING)


@inner_rule
def passed(event: int, until: int, counts: Counts, reason: int) -> int:
    """`until`, or `event` if that is later: the events between them are ignored for `reason`."""
    until = max(event, until)
    counts[reason] += until - event
    return until
