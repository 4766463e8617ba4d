"""The pre-screen: many combinations that share one signal, over all candles, quickly.

Every figure equals that of sweep.oracle.simulate with rules.measure, to the last bit:
entries, levels, exits and sums come from the same rules in the same order. The speed
comes from what need not be looked at: candles without a position, segments that cannot
move or hit the stop (sweep.holding), closes that cannot change the drawdown
(sweep.drawdown), days without a position, whose return is exactly zero (sweep.days).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rules.account import CYCLE_EXIT, OPEN, Conduct, Counts, DayMarks, Setups
from rules.candles import Candles, Floats
from rules.costs import DAY
from rules.jit import rule
from rules.metrics import (
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
from rules.paths import CANDLE
from rules.protections import Guard, entries_stopped, guard_day, guard_exit, guard_start
from rules.sizing import wanted_units
from rules.stops import Stop
from rules.trade import (
    COOLDOWN,
    GAP,
    PENDING,
    POSITION,
    PROTECTION,
    SIZE,
    Position,
    Ticket,
    enter,
    leave,
    stand,
)
from sweep.days import (
    Days,
    Kept,
    add_flat_marks,
    add_held_marks,
    days_start,
    marks_before,
    marks_until,
)
from sweep.drawdown import held_drawdown
from sweep.fingerprint import EMPTY, with_trade
from sweep.holding import Progress, hold, hold_path, hold_until_turn, started
from sweep.results import Results
from sweep.segments import CLOSE, TIME, Segments
from sweep.terms import conduct_of


class Account(NamedTuple):
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
    segments: Segments,
    setups: Setups,
    marks: DayMarks,
    table: Floats,
    results: Results,
) -> None:
    """Run every row of `table` and write its results; to be called compiled.

    candles: contiguous and writable arrays (others compile anew); segments: of the ATR
    that all rows use; setups: the signal's events, none before setups.first; table: rows
    of sweep.terms, shape (k, columns); results: room for k combinations, all zero.
    Holds no lock: threads may run slices of table and results.
    """
    for k in range(len(table)):
        conduct = conduct_of(table[k])
        kept = Kept(results.block_sums[k], results.equity[k])
        account = run(candles, segments, setups, marks, conduct, results.ignored[k], kept)
        results.trades[k] = account.trades
        results.fingerprint[k] = account.fingerprint
        write_metrics(results.metrics[k], metrics_of(account, candles, marks))


@rule
def run(
    candles: Candles,
    segments: Segments,
    setups: Setups,
    marks: DayMarks,
    conduct: Conduct,
    ignored: Counts,
    kept: Kept,
) -> Account:
    """One combination: from event to event while flat, from entry to exit otherwise."""
    n = len(candles.time)
    account = account_start(conduct.cash)
    bars = segments.bars
    terms = conduct.terms
    event = 0
    while event < len(setups.candle):
        i = setups.candle[event]
        event += 1
        # Midnights up to this close have been seen without a position.
        seen = marks_until(marks, account.days.mark, candles.time[i] + candles.interval)
        account = flat_until(account, seen, marks, kept)
        reason, ticket = decide(candles, segments.atr, setups.side[event - 1], i, account, conduct)
        if reason >= 0:
            ignored[reason] += 1
            continue
        entry = entry_candle(candles, i, ticket)
        waited = event
        event = events_before(setups, event, entry)
        ignored[PENDING] += event - waited
        if entry == n:
            break
        if candles.time[entry] > ticket.latest:
            ignored[GAP] += 1
            continue
        position, stop = enter(ticket, candles.open[entry], candles.time[entry], conduct.terms)
        if not position.units > 0.0:
            ignored[SIZE] += 1
            continue
        account = flat_until(account, marks_before(marks, account.days.mark, entry), marks, kept)
        end = started(position.held.side, stop)
        held = position.held
        if conduct.exits == CYCLE_EXIT:
            end = hold_until_turn(bars, setups.turn, entry, held, end, terms)
        elif conduct.path != CANDLE:
            end = hold_path(bars, conduct.path, entry, candles.interval, held, end, terms)
        else:
            end = hold(
                bars,
                segments.begin,
                segments.rows,
                segments.of[entry],
                entry,
                candles.interval,
                held,
                end,
                terms,
            )
        account = booked(
            account, bars, marks, i, entry, position, stop, end, candles.interval, conduct, kept
        )
        waited = event
        event = events_before(setups, event, n if end.exit == OPEN else end.exit)
        ignored[POSITION] += event - waited
    return flat_until(account, len(marks.time), marks, kept)


@rule
def account_start(cash: float) -> Account:
    """The account before the first candle."""
    return Account(
        cash, guard_start(cash), days_start(cash), drawdown_start(cash), NO_TRADES, 0, 0, 0, EMPTY
    )


@rule
def decide(
    candles: Candles, atr: Floats, side: int, i: int, account: Account, conduct: Conduct
) -> tuple[int, Ticket]:
    """The entry order for a signal at the close of candle i, and the code of why there is
    none, or -1."""
    sizing = conduct.terms.sizing
    distance = conduct.terms.stop.multiplier * atr[i]
    units = wanted_units(account.balance, distance, candles.close[i], sizing)
    closes = candles.time[i] + candles.interval
    ticket = Ticket(side, units, account.balance, atr[i], candles.time[i], closes + conduct.delay)
    if i < account.quiet_until:
        return COOLDOWN, ticket
    if entries_stopped(account.guard, account.balance, i, conduct.protections):
        return PROTECTION, ticket
    return (-1 if units > 0.0 else SIZE), ticket


@rule
def entry_candle(candles: Candles, signal: int, ticket: Ticket) -> int:
    """The candle that fills the order of candle `signal` or, opening too late, cancels
    it; n where neither came."""
    n = len(candles.time)
    i = signal + 1
    while i < n and candles.time[i] <= ticket.latest and not candles.volume[i] > 0.0:
        i += 1
    return i


@rule
def events_before(setups: Setups, event: int, candle: int) -> int:
    """The first event, from `event` on, that is not before `candle`."""
    while event < len(setups.candle) and setups.candle[event] < candle:
        event += 1
    return event


@rule
def flat_until(account: Account, mark: int, marks: DayMarks, kept: Kept) -> Account:
    """The account after the marks before `mark`, with no position."""
    if account.days.mark >= mark:
        return account
    guard = account.guard
    first = max(account.days.mark, 1)
    # The start is no midnight that the guard looks at; the end is one or not.
    if first < mark and (first < len(marks.time) - 1 or marks.time[first] % DAY == 0):
        guard = guard_day(guard, account.balance)
    return Account(
        account.balance,
        guard,
        add_flat_marks(account.days, mark, account.balance, marks, kept),
        account.drawdown,
        account.tally,
        account.trades,
        account.held,
        account.quiet_until,
        account.fingerprint,
    )


@rule
def booked(
    account: Account,
    bars: Floats,
    marks: DayMarks,
    signal: int,
    entry: int,
    position: Position,
    stop: Stop,
    end: Progress,
    interval: int,
    conduct: Conduct,
    kept: Kept,
) -> Account:
    """The account after a position, entered on candle `entry` with `stop` in force, that
    went as `end` says."""
    n = len(bars)
    terms = conduct.terms
    held = position.held
    balance = account.balance
    last = n if end.exit == OPEN else end.exit
    days, guard = add_held_marks(
        account.days, account.guard, bars, last, balance, position, terms, marks, kept
    )
    drawdown = held_drawdown(
        account.drawdown,
        bars,
        entry,
        last,
        interval,
        end.best_close,
        end.worst_close,
        balance,
        position,
        terms,
    )
    fingerprint = with_trade(
        account.fingerprint, signal, entry, end.exit, held.side, end.stop.reason, position.units
    )
    if end.exit == OPEN:
        closes = int(bars[n - 1, TIME]) + interval
        out = stand(position, balance, bars[n - 1, CLOSE], closes, terms)
        tally = tally_open(account.tally, position.fee + out.fee)
    else:
        time = int(bars[end.exit, TIME])
        out = leave(position, end.price, time, terms)
        balance += out.pnl
        guard = guard_exit(guard, out.pnl, balance, end.exit, conduct.protections)
        drawdown = drawdown_step(drawdown, balance)
        hours = (time - int(bars[entry, TIME])) / MS_AN_HOUR
        r = r_multiple(out.pnl, position.units, abs(held.fill - stop.level))
        tally = tally_trade(account.tally, out.pnl, position.fee + out.fee, hours, r)
        last += 1
    return Account(
        balance,
        guard,
        days,
        drawdown,
        tally,
        account.trades + 1,
        account.held + last - entry,
        last - 1 + conduct.cooldown,
        fingerprint,
    )


@rule
def metrics_of(account: Account, candles: Candles, marks: DayMarks) -> Metrics:
    """All figures of a finished run."""
    last = len(marks.time) - 1
    sums = account.days.sums
    return summarise(
        account.days.first,
        account.days.equity,
        ReturnSums(last, sums.total, sums.squares, sums.downside),
        account.drawdown.worst,
        account.tally,
        float(account.held * candles.interval),
        float(marks.time[last] - marks.time[0]),
    )


@rule
def write_metrics(row: Floats, metrics: Metrics) -> None:
    """`metrics` as one row, in the order of its fields."""
    row[0] = metrics.net_return
    row[1] = metrics.cagr
    row[2] = metrics.sharpe
    row[3] = metrics.sortino
    row[4] = metrics.profit_factor
    row[5] = metrics.max_drawdown
    row[6] = metrics.trades
    row[7] = metrics.win_rate
    row[8] = metrics.payoff_ratio
    row[9] = metrics.fees_paid
    row[10] = metrics.avg_hours
    row[11] = metrics.exposure
    row[12] = metrics.avg_r
