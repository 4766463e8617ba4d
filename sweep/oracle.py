"""The plain loop over the rule functions: slow, obvious, and what every engine must equal.

It visits each candle, takes each step of docs/fills.md in its order, and skips nothing.
Plain Python runs it as it is; `rules.jit.compiled` makes it quick enough to check a
kernel over years of candles.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rules.account import (
    CYCLE_EXIT,
    OPEN,
    Conduct,
    Counts,
    DayMarks,
    Setups,
    StopLog,
    TradeLog,
    stop_log,
    trade_log,
)
from rules.candles import Candles, Floats
from rules.costs import DAY, fill_price
from rules.jit import rule
from rules.paths import walk_candle
from rules.protections import entries_stopped, guard_day, guard_exit, guard_start
from rules.sizing import wanted_units
from rules.stops import CYCLE, Held, Stop, ratchet
from rules.trade import (
    COOLDOWN,
    GAP,
    IGNORED,
    PENDING,
    POSITION,
    PROTECTION,
    SIZE,
    Exit,
    Position,
    Terms,
    Ticket,
    enter,
    leave,
    marked,
    stand,
)

FLAT = Position(Held(1, 0.0, 0, 0.0), 0.0, 0.0)
NO_STOP = Stop(0.0, 0.0, 0)
NO_TICKET = Ticket(1, 0.0, 0.0, 0.0, 0, 0)


class Run(NamedTuple):
    """All that a run leaves behind."""

    trades: TradeLog
    stops: StopLog
    ignored: Counts
    """Signals that led to no trade, by code in rules.trade.IGNORED."""


@rule
def simulate(
    candles: Candles, setups: Setups, atr: Floats, marks: DayMarks, conduct: Conduct
) -> Run:
    """Run one parameter set over all candles.

    `atr` has the shape (n,): the stop's ATR as known at each close. Trades that are open
    at the end have exit OPEN and are marked at the last close.
    """
    n = len(candles.time)
    terms = conduct.terms
    limits = conduct.protections
    trades = trade_log(len(setups.candle))
    stops = stop_log(len(setups.candle) + n)
    levels = 0
    count = 0
    ignored = np.zeros(len(IGNORED), np.int64)
    balance = conduct.cash
    guard = guard_start(balance)
    position, stop, ticket = FLAT, NO_STOP, NO_TICKET
    signal_index = 0
    pending = False
    leaving = False
    quiet_until = 0
    event = 0
    mark = 1
    closes = 0
    for i in range(setups.first, n):
        time = candles.time[i]
        closes = time + candles.interval
        trades_now = candles.volume[i] > 0.0
        price, reason = 0.0, OPEN
        # The open: entries and the baseline's exits.
        if pending and time > ticket.latest:
            pending = False
            ignored[GAP] += 1
        if pending and trades_now:
            pending = False
            position, stop = enter(ticket, candles.open[i], time, terms)
            if position.units > 0.0:
                trades.signal[count] = signal_index
                trades.entry[count] = i
                trades.side[count] = ticket.side
                trades.units[count] = position.units
                trades.fill[count] = position.held.fill
                trades.initial[count] = stop.level
                trades.atr[count] = ticket.atr
                if conduct.exits != CYCLE_EXIT:
                    stops.trade[levels] = count
                    stops.candle[levels] = i
                    stops.level[levels] = stop.level
                    stops.reason[levels] = stop.reason
                    levels += 1
            else:
                ignored[SIZE] += 1
        elif leaving and trades_now:
            leaving = False
            reason = CYCLE
            price = fill_price(-position.held.side, candles.open[i], terms.costs, terms.market)
        # The candle: the stop in force.
        if position.units > 0.0 and trades_now and conduct.exits != CYCLE_EXIT:
            walk = walk_candle(
                conduct.path,
                stop,
                position.held,
                candles.open[i],
                candles.high[i],
                candles.low[i],
                candles.close[i],
                atr[i - 1],
                time,
                terms,
            )
            stop = walk.stop
            if walk.hit:
                price, reason = walk.price, walk.stop.reason
        if reason != OPEN:
            end = leave(position, price, time, terms)
            _book(trades, count, i, reason, position, end)
            balance += end.pnl
            guard = guard_exit(guard, end.pnl, balance, i, limits)
            position = FLAT
            quiet_until = i + conduct.cooldown
            count += 1
        # The close: ratchet, marks, signals.
        if position.units > 0.0:
            if conduct.exits == CYCLE_EXIT:
                leaving = leaving or setups.turn[i] == -position.held.side
            else:
                moved = ratchet(
                    stop,
                    position.held,
                    candles.high[i],
                    candles.low[i],
                    candles.close[i],
                    atr[i],
                    closes,
                    terms.stop,
                    terms.costs,
                    terms.market,
                )
                if moved.level != stop.level:
                    stops.trade[levels] = count
                    stops.candle[levels] = i + 1
                    stops.level[levels] = moved.level
                    stops.reason[levels] = moved.reason
                    levels += 1
                stop = moved
        while mark < len(marks.time) and marks.time[mark] <= closes:
            if marks.time[mark] % DAY == 0:
                guard = guard_day(guard, _value(balance, position, candles, i, closes, terms))
            mark += 1
        while event < len(setups.candle) and setups.candle[event] == i:
            if position.units > 0.0:
                ignored[POSITION] += 1
            elif pending:
                ignored[PENDING] += 1
            elif i < quiet_until:
                ignored[COOLDOWN] += 1
            elif entries_stopped(guard, balance, i, limits):
                ignored[PROTECTION] += 1
            else:
                distance = terms.stop.multiplier * atr[i]
                units = wanted_units(balance, distance, candles.close[i], terms.sizing)
                ticket = Ticket(
                    setups.side[event], units, balance, atr[i], time, closes + conduct.delay
                )
                pending = ticket.units > 0.0
                signal_index = i
                if not pending:
                    ignored[SIZE] += 1
            event += 1
        # Midnights that fall into missing candles: the last close still stands.
        while mark < len(marks.time) and marks.candle[mark] == i:
            midnight = marks.time[mark]
            guard = guard_day(guard, _value(balance, position, candles, i, midnight, terms))
            mark += 1
    if position.units > 0.0:
        end = stand(position, balance, candles.close[n - 1], closes, terms)
        _book(trades, count, OPEN, stop.reason, position, end)
        count += 1
    return Run(_cut(trades, count), _cut_stops(stops, levels), ignored)


@rule
def _value(
    balance: float, position: Position, candles: Candles, i: int, time: int, terms: Terms
) -> float:
    """Equity at `time`, with the position at the close of candle i."""
    if position.units > 0.0:
        return marked(balance, position, candles.close[i], time, terms)
    return balance


@rule
def _book(trades: TradeLog, k: int, index: int, reason: int, position: Position, end: Exit) -> None:
    trades.exit[k] = index
    trades.reason[k] = reason
    trades.price[k] = end.price
    trades.fees[k] = position.fee + end.fee
    trades.borrow[k] = end.borrow
    trades.pnl[k] = end.pnl


@rule
def _cut(log: TradeLog, k: int) -> TradeLog:
    return TradeLog(
        log.signal[:k].copy(),
        log.entry[:k].copy(),
        log.exit[:k].copy(),
        log.side[:k].copy(),
        log.reason[:k].copy(),
        log.units[:k].copy(),
        log.fill[:k].copy(),
        log.initial[:k].copy(),
        log.atr[:k].copy(),
        log.price[:k].copy(),
        log.fees[:k].copy(),
        log.borrow[:k].copy(),
        log.pnl[:k].copy(),
    )


@rule
def _cut_stops(log: StopLog, k: int) -> StopLog:
    return StopLog(
        log.trade[:k].copy(), log.candle[:k].copy(), log.level[:k].copy(), log.reason[:k].copy()
    )
