"""The account of a pre-screened run: marks while flat, and what a position leaves behind."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stoptrail.rules.candles import Candles, Floats, Times
from stoptrail.rules.costs import DAY, HOUR
from stoptrail.rules.decide import quiet_after
from stoptrail.rules.funding import paid_since, sum_closed, sum_held, sum_opened
from stoptrail.rules.jit import inner_rule, rule
from stoptrail.rules.metrics import (
    Drawdown,
    Metrics,
    ReturnSums,
    drawdown_start,
    drawdown_step,
    summarise,
)
from stoptrail.rules.paths import danger_of
from stoptrail.rules.protections import (
    Guard,
    guard_day,
    guard_exit,
    guard_start,
)
from stoptrail.rules.sizing import NO_CLOSED_TRADES, ClosedTrades, extended
from stoptrail.rules.stops import LIQUIDATED, Stop
from stoptrail.rules.tally import NO_TRADES, TradeTally, r_multiple, tally_open, tally_trade
from stoptrail.rules.trade import (
    Position,
    credited,
    entry_units,
    leave,
    stand,
)
from stoptrail.rules.types import OPEN, RunRules
from stoptrail.sweep.kernel.blocks import Nodes
from stoptrail.sweep.kernel.days import (
    Days,
    KeptRows,
    Midnights,
    add_flat_marks,
    add_held_marks,
    days_start,
)
from stoptrail.sweep.kernel.drawdown import held_drawdown
from stoptrail.sweep.kernel.ending import Ending
from stoptrail.sweep.kernel.fingerprint import EMPTY, with_trade
from stoptrail.sweep.kernel.flow import Flow
from stoptrail.sweep.kernel.path_exits import PART_CANDLE, after_part


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
    history: ClosedTrades
    fingerprint: np.uint64


class Followed(NamedTuple):
    """A position that the kernel has followed to its end."""

    signal: int
    """Candle of the signal."""
    entry: int
    """Candle of the entry."""
    since: int
    """Candle of the last part that was closed before the end; the entry's where there is none."""
    position: Position
    """What is left of it since then."""
    stop: Stop
    """In force at the entry."""
    ending: Ending
    last: int
    """The exit candle; the number of candles where there is none."""


@rule
def account_start(cash: float) -> RunAccount:
    """The account before the first candle."""
    return RunAccount(
        cash,
        guard_start(cash),
        days_start(cash),
        drawdown_start(cash),
        NO_TRADES,
        0,
        0,
        0,
        NO_CLOSED_TRADES,
        EMPTY,
    )


UNFINISHED = -1
"""Number of trades of a run that is to be done again with the cycle's turns."""
NEEDS_TURNS = account_start(0.0)._replace(trades=UNFINISHED)


@inner_rule
def flat_until(
    account: RunAccount, mark: int, times: Times, blocks: Times, block_sums: Floats, equity: Floats
) -> RunAccount:
    """The account after the marks before `mark`, with no position; times, blocks: of the
    marks."""
    if mark <= account.days.mark:
        return account
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
        account.history,
        account.fingerprint,
    )


@inner_rule
def after_position(
    account: RunAccount,
    candles: Candles,
    nodes: Nodes,
    midnights: Midnights,
    closed: Followed,
    run_rules: RunRules,
    kept: KeptRows,
    exact: bool,
    flow: Flow,
) -> RunAccount:
    """The account after a position: marks, drawdown and booking; exact: whether the bounds
    of its closes are known exactly."""
    signal, entry, _, position, stop, ending, last = closed
    account = held_until(account, candles, nodes, midnights, closed, run_rules, kept, flow, exact)
    times, count = candles.time, len(candles.time)
    closes = times[last] if last < count else times[last - 1] + candles.interval
    close = candles.close[count - 1]
    total = sum_held(flow.sums, last) if last < count else sum_closed(flow.sums, last - 1)
    paid = paid_since(total, sum_opened(flow.sums, entry), run_rules.trade_rules.costs.funding)
    charge = 0.0
    if ending.reason == LIQUIDATED:
        rules, tiers = run_rules.trade_rules, flow.sums.tiers
        charge = danger_of(position, account.balance, closes, rules, paid, tiers).fee
    at = last, paid, charge
    return booked(account, close, closes, signal, entry, position, stop, ending, *at, run_rules)


@inner_rule
def held_until(
    account: RunAccount,
    candles: Candles,
    nodes: Nodes,
    midnights: Midnights,
    closed: Followed,
    run_rules: RunRules,
    kept: KeptRows,
    flow: Flow,
    exact: bool,
) -> RunAccount:
    """The account with the marks and the drawdown of the candles before `closed.last`."""
    _, entry, since, position, _, ending, last = closed
    trade_rules, before = run_rules.trade_rules, sum_opened(flow.sums, entry)
    days, guard = add_held_marks(
        account.days,
        account.guard,
        midnights.time,
        midnights.candle,
        midnights.close,
        midnights.block,
        last,
        account.balance,
        position,
        before,
        trade_rules,
        kept.block_sums,
        kept.equity,
    )
    drawdown = held_drawdown(
        account.drawdown,
        candles,
        nodes,
        since,
        last,
        ending,
        account.balance,
        position,
        before,
        trade_rules,
        flow,
        exact,
    )
    return marked_account(account, days, guard, drawdown)


@rule
def after_parts(
    account: RunAccount,
    candles: Candles,
    nodes: Nodes,
    midnights: Midnights,
    closed: Followed,
    parts: Floats,
    run_rules: RunRules,
    kept: KeptRows,
    flow: Flow,
) -> tuple[RunAccount, Followed]:
    """The account up to the last of the parts that a position closed before its end, and the
    position as it was left."""
    signal, entry, since, position, stop, ending, last = closed
    before, scale = sum_opened(flow.sums, entry), run_rules.trade_rules.costs.funding
    for k in range(ending.parts):
        candle = int(parts[k, PART_CANDLE])
        until = Followed(signal, entry, since, position, stop, ending, candle)
        account = held_until(
            account, candles, nodes, midnights, until, run_rules, kept, flow, False
        )
        time, paid = candles.time[candle], paid_since(sum_held(flow.sums, candle), before, scale)
        position = after_part(position, parts[k], time, paid, run_rules.trade_rules)
        since = candle
    return account, Followed(signal, entry, since, position, stop, ending, last)


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
    paid: float,
    charge: float,
    run_rules: RunRules,
) -> RunAccount:
    """The account after a position, entered on candle `entry` with `stop` in force, that
    went as `ending` says: `time` is that of the exit, or `close` is the last one, at `time`;
    `paid` is the funding of one unit held long until then; `charge` what a liquidation costs
    beside the taker's fee."""
    held, balance, guard = position.held, account.balance, account.guard
    drawdown, history = account.drawdown, account.history
    fingerprint = with_trade(
        account.fingerprint,
        signal,
        entry,
        ending.exit,
        held.side,
        ending.reason,
        entry_units(position),
    )
    if ending.exit == OPEN:
        out = stand(position, balance, close, time, run_rules.trade_rules, paid)
        tally = tally_open(account.tally, position.fee + out.fee, out.funding)
    else:
        rules, reason = run_rules.trade_rules, ending.reason
        out = leave(position, ending.price, time, rules, reason, paid, charge)
        out = credited(out, balance)
        balance += out.pnl
        guard = guard_exit(guard, out.pnl, balance, last, run_rules.protections)
        drawdown = drawdown_step(drawdown, balance)
        hours = (time - held.time) / HOUR
        r = r_multiple(out.pnl, entry_units(position), abs(held.fill - stop.level))
        fees = position.fee + out.fee
        tally = tally_trade(account.tally, out.pnl, fees, hours, r, out.funding)
        history = extended(history, out.pnl, r)
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
        history,
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
