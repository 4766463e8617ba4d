"""The pre-screen: many combinations that share one signal, over all candles, quickly.

Every figure equals that of sweep.kernel.reference.simulate with rules.measure, to the last bit:
entries, levels, exits and sums come from the same rules in the same order. The speed
comes from what need not be looked at: candles without a position, blocks of candles that
cannot hit the stop (sweep.kernel.hold), closes that cannot change the drawdown
(sweep.kernel.drawdown), days without a position, whose return is exactly zero
(sweep.kernel.days).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stoptrail.rules.candles import (
    Candles,
    Floats,
    Sides,
    Times,
)
from stoptrail.rules.costs import DAY
from stoptrail.rules.decide import (
    NO_OBSTACLE,
    expired,
    obstacle,
    order_for,
    quiet_after,
    risked_units,
)
from stoptrail.rules.jit import inner_rule, rule, uncounted
from stoptrail.rules.metrics import (
    MS_AN_HOUR,
    NO_TRADES,
    Drawdown,
    Metrics,
    ReturnSums,
    TradeTally,
    drawdown_start,
    drawdown_step,
    r_multiple,
    summarise,
    tally_open,
    tally_trade,
)
from stoptrail.rules.paths import CANDLE
from stoptrail.rules.protections import (
    Guard,
    guard_day,
    guard_exit,
    guard_start,
)
from stoptrail.rules.stops import Entry, Stop
from stoptrail.rules.trade import (
    GAP,
    PENDING,
    POSITION,
    SIZE,
    EntryOrder,
    Position,
    TradeRules,
    enter,
    leave,
    stand,
)
from stoptrail.rules.types import (
    CYCLE_EXIT,
    OPEN,
    Counts,
    RunRules,
    Setups,
)
from stoptrail.sweep.kernel.blocks import Nodes
from stoptrail.sweep.kernel.days import (
    Days,
    KeptRows,
    Midnights,
    add_flat_marks,
    add_held_marks,
    days_start,
    marks_before,
    marks_until,
)
from stoptrail.sweep.kernel.drawdown import held_drawdown, with_closes
from stoptrail.sweep.kernel.ending import Ending
from stoptrail.sweep.kernel.fingerprint import EMPTY, with_trade
from stoptrail.sweep.kernel.hold import hold
from stoptrail.sweep.kernel.memo import fetch, has, keep, kept_ending, key_of, line_of
from stoptrail.sweep.kernel.path_exits import hold_candle_by_candle
from stoptrail.sweep.kernel.results import COLUMN, Results
from stoptrail.sweep.kernel.rule_table import PLACE, run_rules_of


class RunAccount(NamedTuple):
    """A run between two trades."""

    balance: float
    guard: Guard
    days: Days
    drawdown: Drawdown
    tally: TradeTally
    trades: int
    held: int
    """Candles in which, or at whose close, a position was held."""
    quiet_until: int
    """First candle whose signal counts again after the cool-down of an exit."""
    fingerprint: np.uint64


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
    turn: Sides | None = None,
) -> None:
    """Run every row of `table` and write its results; to be called compiled.

    turn: setups.turn where rows may leave at the cycle's turn or along a path within the
    candle; None where none does, which compiles in less time (see `rows_turn`).
    candles: contiguous and writable arrays (others compile anew); nodes: of the ATR
    that all rows use; setups: the signal's events, none before setups.first; table: rows
    of sweep.kernel.rule_table, shape (k, columns); results: room for k combinations, all zero;
    rules, lines: the numbers of the rows, shape (k,), and the endings of a
    sweep.kernel.memo.Memo, or memo.NOTHING.
    Holds no lock: threads may run slices of table and results.
    """
    for k in range(len(table)):
        run_rules = run_rules_of(table[k])
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
        )
        results.trades[k] = account.trades
        results.fingerprint[k] = account.fingerprint
        write_metrics(results.metrics[k], metrics_of(account, candles, midnights.time))


@rule
def trails(run_rules: RunRules) -> bool:
    """Whether trades end at the trailed stop, tested against whole candles."""
    return run_rules.exits != CYCLE_EXIT and run_rules.path == CANDLE


def rows_turn(table: Floats, setups: Setups) -> Sides | None:
    """What `screen` takes as `turn` for the rows of `table`."""
    exits, path = table[:, PLACE.exits], table[:, PLACE.path]
    return None if ((exits != CYCLE_EXIT) & (path == CANDLE)).all() else setups.turn


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
) -> RunAccount:
    """One combination: from event to event while flat, from entry to exit otherwise."""
    lines = uncounted(lines)
    # References to arrays are counted here once, not at each look into a tuple.
    candles, nodes, midnights = uncounted(candles), uncounted(nodes), uncounted(midnights)
    times, interval = candles.time, candles.interval
    mark_times, places, mark_closes, mark_blocks = midnights
    signals, sides = uncounted(setups.candle), uncounted(setups.side)
    block_sums, equity = uncounted(kept)
    counts = uncounted(ignored)
    trade_rules, count = run_rules.trade_rules, len(times)
    account = account_start(run_rules.cash)
    event = 0
    while event < len(signals):
        i, side = signals[event], sides[event]
        event += 1
        time, close, atr = times[i], candles.close[i], nodes.atr[i]
        # Midnights up to this close have been seen without a position.
        seen = marks_until(mark_times, account.days.mark, time + interval)
        if seen > account.days.mark:
            account = flat_until(account, seen, mark_times, mark_blocks, block_sums, equity)
        reason, entry_order = decide(side, i, time, time + interval, close, atr, account, run_rules)
        if reason != NO_OBSTACLE:
            counts[reason] += 1
            continue
        entry = entry_candle(candles, i, entry_order)
        waited = event
        event = events_before(signals, event, entry)
        counts[PENDING] += event - waited
        if entry == count:
            break
        if expired(entry_order, times[entry]):
            counts[GAP] += 1
            continue
        position, stop = enter(entry_order, candles.open[entry], times[entry], trade_rules)
        if not position.units > 0.0:
            counts[SIZE] += 1
            continue
        seen = marks_before(places, account.days.mark, entry)
        if seen > account.days.mark:
            account = flat_until(account, seen, mark_times, mark_blocks, block_sums, equity)
        held = position.held
        if turn is not None and not trails(run_rules):
            ending = hold_candle_by_candle(candles, nodes.atr, turn, run_rules, entry, held, stop)
        else:
            ending = followed(candles, nodes, i, entry, held, stop, trade_rules, rules, lines)
        last = count if ending.exit == OPEN else ending.exit
        waited = event
        event = events_before(signals, event, last)
        counts[POSITION] += event - waited
        if len(lines) > 0 and event < len(signals):
            fetch(lines, key_of(rules, signals[event], sides[event]))
        days, guard = add_held_marks(
            account.days,
            account.guard,
            mark_times,
            places,
            mark_closes,
            mark_blocks,
            last,
            account.balance,
            position,
            trade_rules,
            block_sums,
            equity,
        )
        drawdown = held_drawdown(
            account.drawdown,
            candles,
            nodes,
            entry,
            last,
            ending,
            account.balance,
            position,
            trade_rules,
            len(lines) > 0,
        )
        account = marked_account(account, days, guard, drawdown)
        closes = times[last] if last < count else times[last - 1] + interval
        close = candles.close[count - 1]
        account = booked(account, close, closes, i, entry, position, stop, ending, last, run_rules)
    return flat_until(account, len(mark_times), mark_times, mark_blocks, block_sums, equity)


@inner_rule
def followed(
    candles: Candles,
    nodes: Nodes,
    signal: int,
    entry: int,
    held: Entry,
    stop: Stop,
    trade_rules: TradeRules,
    rules: int,
    lines: Floats,
) -> Ending:
    """How a position ends that a signal led to: from the memo, or followed. With a memo the
    closes are known exactly, as they are looked at once for many."""
    if len(lines) == 0:
        return hold(candles, nodes, entry, held, stop, trade_rules)
    count = len(candles.time)
    key = key_of(rules, signal, held.side)
    line = line_of(lines, key)
    if has(lines, line, key, count):
        return kept_ending(lines, line)
    ending = hold(candles, nodes, entry, held, stop, trade_rules)
    last = count if ending.exit == OPEN else ending.exit
    ending = with_closes(ending, held.side, candles.close, nodes.closes, entry, last)
    keep(lines, line, key, ending)
    return ending


@rule
def account_start(cash: float) -> RunAccount:
    """The account before the first candle."""
    return RunAccount(
        cash, guard_start(cash), days_start(cash), drawdown_start(cash), NO_TRADES, 0, 0, 0, EMPTY
    )


@inner_rule
def decide(
    side: int,
    i: int,
    time: int,
    closes: int,
    close: float,
    atr: float,
    account: RunAccount,
    run_rules: RunRules,
) -> tuple[int, EntryOrder]:
    """The entry order for a signal on candle i, which opens at `time` and ends
    with `close` at `closes`, and
    the code of why there is none, or NO_OBSTACLE."""
    equity = account.balance
    units = risked_units(equity, atr, close, run_rules.trade_rules)
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
def events_before(signals: Times, event: int, candle: int) -> int:
    """The first event, from `event` on, that is not before `candle`."""
    while event < len(signals) and signals[event] < candle:
        event += 1
    return event


@inner_rule
def flat_until(
    account: RunAccount, mark: int, times: Times, blocks: Times, block_sums: Floats, equity: Floats
) -> RunAccount:
    """The account after the marks before `mark`, with no position; times, blocks: of the
    marks."""
    days = add_flat_marks(account.days, mark, account.balance, blocks, block_sums, equity)
    if account.days.mark == 0 and mark > 1:
        days = add_flat_marks(days, mark, account.balance, blocks, block_sums, equity)
    guard = account.guard
    first, count = max(account.days.mark, 1), len(times) - 1
    # The start is no midnight that the guard looks at; the end is one or not.
    if first < mark and (first < count or times[first] % DAY == 0):
        guard = guard_day(guard, account.balance)
    return marked_account(account, days, guard, account.drawdown)


@inner_rule
def marked_account(account: RunAccount, days: Days, guard: Guard, drawdown: Drawdown) -> RunAccount:
    """`account` with later marks."""
    return RunAccount(
        account.balance,
        guard,
        days,
        drawdown,
        account.tally,
        account.trades,
        account.held,
        account.quiet_until,
        account.fingerprint,
    )


@inner_rule
def booked(
    account: RunAccount,
    close: float,
    time: int,
    signal: int,
    entry: int,
    position: Position,
    stop: Stop,
    ending: Ending,
    last: int,
    run_rules: RunRules,
) -> RunAccount:
    """The account after a position, entered on candle `entry` with `stop` in force, that
    went as `ending` says: `time` is that of the exit, or `close` is the last one, at `time`."""
    held, balance, guard = position.held, account.balance, account.guard
    drawdown = account.drawdown
    fingerprint = with_trade(
        account.fingerprint, signal, entry, ending.exit, held.side, ending.reason, position.units
    )
    if ending.exit == OPEN:
        out = stand(position, balance, close, time, run_rules.trade_rules)
        tally = tally_open(account.tally, position.fee + out.fee)
    else:
        out = leave(position, ending.price, time, run_rules.trade_rules)
        balance += out.pnl
        guard = guard_exit(guard, out.pnl, balance, last, run_rules.protections)
        drawdown = drawdown_step(drawdown, balance)
        hours = (time - held.time) / MS_AN_HOUR
        r = r_multiple(out.pnl, position.units, abs(held.fill - stop.level))
        tally = tally_trade(account.tally, out.pnl, position.fee + out.fee, hours, r)
        last += 1
    return RunAccount(
        balance,
        guard,
        account.days,
        drawdown,
        tally,
        account.trades + 1,
        account.held + last - entry,
        quiet_after(ending.exit, run_rules),
        fingerprint,
    )


@rule
def metrics_of(account: RunAccount, candles: Candles, marks: Times) -> Metrics:
    """All figures of a finished run."""
    last = len(marks) - 1
    sums = account.days.sums
    return summarise(
        account.days.first,
        account.days.equity,
        ReturnSums(last, sums.total, sums.squares, sums.downside),
        account.drawdown.worst,
        account.tally,
        float(account.held * candles.interval),
        float(marks[last] - marks[0]),
    )


@rule
def write_metrics(row: Floats, metrics: Metrics) -> None:
    """`metrics` as one row of Results.metrics."""
    row[COLUMN.net_return] = metrics.net_return
    row[COLUMN.cagr] = metrics.cagr
    row[COLUMN.sharpe] = metrics.sharpe
    row[COLUMN.sortino] = metrics.sortino
    row[COLUMN.profit_factor] = metrics.profit_factor
    row[COLUMN.max_drawdown] = metrics.max_drawdown
    row[COLUMN.trades] = metrics.trades
    row[COLUMN.win_rate] = metrics.win_rate
    row[COLUMN.payoff_ratio] = metrics.payoff_ratio
    row[COLUMN.fees_paid] = metrics.fees_paid
    row[COLUMN.avg_hours] = metrics.avg_hours
    row[COLUMN.exposure] = metrics.exposure
    row[COLUMN.avg_r] = metrics.avg_r
    row[COLUMN.scratches] = metrics.scratches
    row[COLUMN.win_rate_without_scratches] = metrics.win_rate_without_scratches
