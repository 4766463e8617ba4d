"""The pre-screen: many combinations that share one signal, over all candles, quickly.

Every figure equals that of sweep.kernel.reference.simulate with rules.measure, to the last bit:
entries, levels, exits and sums come from the same rules in the same order. The speed
comes from what need not be looked at: candles without a position, blocks of candles that
cannot hit the stop (sweep.kernel.hold), closes that cannot change the drawdown
(sweep.kernel.drawdown), days without a position, whose return is exactly zero
(sweep.kernel.days).
"""

from __future__ import annotations

from typing import Any

from stoptrail.rules.candles import (
    Candles,
    Floats,
    Sides,
    Times,
)
from stoptrail.rules.decide import (
    NO_OBSTACLE,
    expired,
    obstacle,
    order_for,
    sized_units,
)
from stoptrail.rules.jit import inner_rule, rule, uncounted
from stoptrail.rules.own_exit import Asked
from stoptrail.rules.stops import Stop
from stoptrail.rules.trade import (
    GAP,
    PENDING,
    POSITION,
    SIZE,
    EntryOrder,
    Position,
    TradeRules,
    enter,
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
from stoptrail.sweep.kernel.drawdown import with_closes
from stoptrail.sweep.kernel.ending import Ending, stop_stays_first
from stoptrail.sweep.kernel.flow import Flow, is_funded, net_closes, net_rows
from stoptrail.sweep.kernel.hold import hold
from stoptrail.sweep.kernel.memo import fetch, has, keep, kept_ending, key_of, line_of
from stoptrail.sweep.kernel.path_exits import (
    hold_candle_by_candle,
    room_for_parts,
)
from stoptrail.sweep.kernel.results import Results, write_metrics
from stoptrail.sweep.kernel.rule_table import need_turn, run_rules_of, trails


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
    ask: Asked | None = None,
) -> None:
    """Run every row of `table` and write its results; to be called compiled.

    turn: setups.turn where rows may do more than trail an ATR on whole candles; None where
    none does, which compiles in less time (see `rows_turn`); ask: the rule of `ruled` stops.
    candles: contiguous and writable arrays (others compile anew); nodes: of the ATR
    that all rows use; setups: the signal's events, none before setups.first; table: rows
    of sweep.kernel.rule_table, shape (k, columns); results: room for k combinations, all zero;
    rules, lines: the numbers of the rows, shape (k,), and the endings of a
    sweep.kernel.memo.Memo, or memo.NOTHING; flow: funding at the rows' scale, or flow.NO_FLOW;
    own_size: the user's sizing function where a row's kind is rules.sizing.OWN.
    Holds no lock: threads may run slices of table and results.
    """
    squares = squares_for(candles.close, rows_need_volatility(table))
    parts, none = room_for_parts(), reaches(candles, 0)
    reach, count = none, 0
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
            setups,
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


@rule
def rows_need_volatility(table: Floats) -> bool:
    """Whether some row of `table` is sized by the market's volatility."""
    for k in range(len(table)):
        if needs_volatility(run_rules_of(table[k]).trade_rules.sizing):
            return True
    return False


def rows_turn(table: Floats, setups: Setups) -> Sides | None:
    """What `screen` takes as `turn` for the rows of `table`."""
    return setups.turn if need_turn(table) else None


@rule
def run(
    candles: Candles,
    nodes: Nodes,
    setups: Setups,
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
    ask: Asked | None,
    parts: Floats,
) -> RunAccount:
    """One combination: from event to event while flat, from entry to exit otherwise."""
    # References to arrays are counted here once, not at each look into a tuple.
    candles, nodes, midnights, flow = uncounted((candles, nodes, midnights, flow))
    mark_times, places, times = midnights.time, midnights.candle, candles.time
    signals, sides, squares = uncounted((setups.candle, setups.side, squares))
    kept, counts, lines = uncounted((kept, ignored, lines))
    interval, trade_rules = candles.interval, run_rules.trade_rules
    flat = mark_times, midnights.block, kept.block_sums, kept.equity
    account, event, count = account_start(run_rules.cash), 0, len(times)
    while event < len(signals):
        i, side, event = signals[event], sides[event], event + 1
        # Midnights up to this close have been seen without a position.
        seen = marks_until(mark_times, account.days.mark, times[i] + interval)
        account = flat_until(account, seen, *flat)
        decision = side, i, times[i], interval, candles.close[i], nodes.atr[i]
        reason, entry_order = decide(*decision, squares, account, run_rules, own_size)
        if reason != NO_OBSTACLE:
            counts[reason] += 1
            continue
        entry = entry_candle(candles, i, entry_order)
        event = ignored_before(signals, event, entry, counts, PENDING)
        if entry == count:
            break
        opens, tiers = candles.open[entry], flow.sums.tiers
        position, stop = enter(entry_order, opens, times[entry], trade_rules, tiers)
        if expired(entry_order, times[entry]) or not position.units > 0.0:
            counts[GAP if expired(entry_order, times[entry]) else SIZE] += 1
            continue
        account = flat_until(account, marks_before(places, account.days.mark, entry), *flat)
        held = run_rules, ask, entry, position, stop, parts, flow, account.balance
        ending, known = ending_of(candles, nodes, i, reach, turn, held, (rules, lines))
        if not known:
            return NEEDS_TURNS
        last = count if ending.exit == OPEN else ending.exit
        event = next_signal(signals, sides, event, last, counts, rules, lines)
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
    reach: tuple[Floats, Floats],
    turn: Sides | None,
    held: Any,
    memo: tuple[int, Floats],
) -> tuple[Ending, bool]:
    """How what was decided at candle `i` ends; False where that takes a walk candle by candle,
    for which `turn` is missing. `held` is what `hold_candle_by_candle` takes beside the market."""
    run_rules, _, entry, position, stop, _, flow, balance = held
    trade_rules = run_rules.trade_rules
    if turn is not None and not trails(run_rules):
        return hold_candle_by_candle(candles, nodes.atr, reach, turn, *held), True
    ending = followed(candles, nodes, i, entry, position, stop, trade_rules, *memo, flow)
    last = len(candles.time) - 1 if ending.exit == OPEN else ending.exit
    until = entry, last, position, stop.level, balance, trade_rules, flow
    if trade_rules.margin.liquidates and not stop_stays_first(candles, *until):
        if turn is None:
            return ending, False
        ending = hold_candle_by_candle(candles, nodes.atr, reach, turn, *held)
    return ending, True


@inner_rule
def next_signal(
    signals: Times, sides: Times, event: int, last: int, counts: Counts, rules: int, lines: Floats
) -> int:
    """The first event that is not before the candle `last` of a position; the memo's line of it
    is fetched."""
    event = ignored_before(signals, event, last, counts, POSITION)
    if len(lines) > 0 and event < len(signals):
        fetch(lines, key_of(rules, signals[event], sides[event]))
    return event


@inner_rule
def followed(
    candles: Candles,
    nodes: Nodes,
    signal: int,
    entry: int,
    position: Position,
    stop: Stop,
    trade_rules: TradeRules,
    rules: int,
    lines: Floats,
    flow: Flow,
) -> Ending:
    """How a position ends that a signal led to: from the memo, or followed. With a memo the
    closes are known exactly, as they are looked at once for many."""
    held, count = position.held, len(candles.time)
    if len(lines) == 0:
        ending = hold(candles, nodes, entry, held, stop, trade_rules, flow)
        return (
            with_net(ending, candles, nodes, held.side, entry, flow) if is_funded(flow) else ending
        )
    key = key_of(rules, signal, held.side)
    line = line_of(lines, key)
    if has(lines, line, key, count):
        return kept_ending(lines, line)
    ending = hold(candles, nodes, entry, held, stop, trade_rules, flow)
    ending = with_net(ending, candles, nodes, held.side, entry, flow)
    keep(lines, line, key, ending)
    return ending


@inner_rule
def with_net(
    ending: Ending, candles: Candles, nodes: Nodes, side: int, entry: int, flow: Flow
) -> Ending:
    """`ending` with the bounds of its closes, net of funding."""
    last = len(candles.time) if ending.exit == OPEN else ending.exit
    return with_closes(ending, side, net_closes(flow, candles), net_rows(flow, nodes), entry, last)


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
    units = sized_units(
        side, equity, close, atr, volatility, account.history, run_rules.trade_rules, own_size
    )
    entry_order = order_for(side, units, equity, atr, time, closes, run_rules)
    # While a position or an order is open the kernel asks of no signal.
    against = obstacle(False, False, i, account.quiet_until, account.guard, equity, run_rules)
    if against != NO_OBSTACLE:
        return against, entry_order
    return (NO_OBSTACLE if units > 0.0 else SIZE), entry_order


@inner_rule
def entry_candle(candles: Candles, signal: int, entry_order: EntryOrder) -> int:
    """The candle that fills the order of candle `signal` or, opening too late, cancels it;
    n where neither came."""
    times, volume, i = candles.time, candles.volume, signal + 1
    while i < len(times) and not expired(entry_order, times[i]) and not volume[i] > 0.0:
        i += 1
    return i


@inner_rule
def ignored_before(signals: Times, event: int, candle: int, counts: Counts, reason: int) -> int:
    """The first event, from `event` on, that is not before `candle`; the others are counted
    as ignored for `reason`."""
    first = event
    while event < len(signals) and signals[event] < candle:
        event += 1
    counts[reason] += event - first
    return event
