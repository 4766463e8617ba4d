"""What the plain loop writes down: trades, levels of their stops, ignored signals."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stoptrail.rules.exits import MOST_SCALE_OUTS
from stoptrail.rules.jit import rule
from stoptrail.rules.stops import Stop
from stoptrail.rules.trade import (
    IGNORED,
    EntryOrder,
    Exit,
    Fill,
    Position,
)
from stoptrail.rules.types import (
    Counts,
    FillLog,
    StopLog,
    TradeLog,
    fill_log,
    stop_log,
    trade_log,
)


class Run(NamedTuple):
    """All that a run leaves behind."""

    trades: TradeLog
    stops: StopLog
    ignored: Counts
    """Signals that led to no trade, by code in rules.trade.IGNORED."""
    fills: FillLog
    """What closed the trades, and parts of them."""


class Log(NamedTuple):
    """A run being written."""

    trades: TradeLog
    stops: StopLog
    ignored: Counts
    fills: FillLog
    rows: Counts
    """Finished trades, written levels and fills, shape (3,). An open trade has the next row."""


@rule
def empty_log(signals: int, n: int, pieces: int) -> Log:
    """Room for a trade of every signal, and for a move of the stop at every close and at two
    of the prices of each piece: its open and its favourable extreme."""
    ignored, rows = np.zeros(len(IGNORED), np.int64), np.zeros(3, np.int64)
    fills = fill_log((1 + MOST_SCALE_OUTS) * signals)
    return Log(trade_log(signals), stop_log(signals + n + 2 * pieces), ignored, fills, rows)


@rule
def write_entry(
    log: Log, signal: int, entry_order: EntryOrder, i: int, position: Position, stop: Stop
) -> None:
    """A trade of `signal`, entered on candle i."""
    k = log.rows[0]
    log.trades.signal[k] = signal
    log.trades.entry[k] = i
    log.trades.side[k] = entry_order.side
    log.trades.units[k] = position.units
    log.trades.fill[k] = position.held.fill
    log.trades.initial[k] = stop.level
    log.trades.atr[k] = entry_order.atr
    log.trades.entry_time[k] = position.held.time


@rule
def write_level(stops: StopLog, rows: Counts, i: int, stop: Stop, tick: int, price: float) -> None:
    """The level of the open trade that holds from candle i on, or from `tick` (ms) on within
    it, set by a `price` (0: by a close); stops, rows: of a Log."""
    k = rows[1]
    stops.trade[k] = rows[0]
    stops.candle[k] = i
    stops.level[k] = stop.level
    stops.reason[k] = stop.reason
    stops.tick[k] = tick
    stops.price[k] = price
    rows[1] += 1


@rule
def write_fill(fills: FillLog, rows: Counts, i: int, time: int, fill: Fill, reason: int) -> None:
    """What closed the open trade, or a part of it, on candle i at `time`; fills, rows: of a
    Log."""
    k = rows[2]
    fills.trade[k] = rows[0]
    fills.candle[k] = i
    fills.time[k] = time
    fills.units[k] = fill.units
    fills.price[k] = fill.price
    fills.fee[k] = fill.fee
    fills.reason[k] = reason
    fills.funding[k] = fill.funding
    rows[2] += 1


@rule
def write_exit(log: Log, index: int, time: int, reason: int, position: Position, end: Exit) -> None:
    """How the open trade ended: `index` is the exit candle, `time` that of the fill; or OPEN."""
    k = log.rows[0]
    log.trades.exit[k] = index
    log.trades.exit_time[k] = time
    log.trades.reason[k] = reason
    log.trades.price[k] = end.price
    log.trades.fees[k] = position.fee + end.fee
    log.trades.borrow[k] = end.borrow
    log.trades.pnl[k] = end.pnl
    log.trades.funding[k] = end.funding
    log.trades.shortfall[k] = end.shortfall
    log.rows[0] += 1


@rule
def finished(log: Log) -> Run:
    """The written rows."""
    trades, stops = _cut(log.trades, log.rows[0]), _cut_stops(log.stops, log.rows[1])
    return Run(trades, stops, log.ignored, _cut_fills(log.fills, log.rows[2]))


@rule
def _cut(log: TradeLog, k: int) -> TradeLog:
    return TradeLog(
        signal=log.signal[:k].copy(),
        entry=log.entry[:k].copy(),
        exit=log.exit[:k].copy(),
        side=log.side[:k].copy(),
        reason=log.reason[:k].copy(),
        units=log.units[:k].copy(),
        fill=log.fill[:k].copy(),
        initial=log.initial[:k].copy(),
        atr=log.atr[:k].copy(),
        price=log.price[:k].copy(),
        fees=log.fees[:k].copy(),
        borrow=log.borrow[:k].copy(),
        pnl=log.pnl[:k].copy(),
        entry_time=log.entry_time[:k].copy(),
        exit_time=log.exit_time[:k].copy(),
        funding=log.funding[:k].copy(),
        shortfall=log.shortfall[:k].copy(),
    )


@rule
def _cut_stops(log: StopLog, k: int) -> StopLog:
    return StopLog(
        trade=log.trade[:k].copy(),
        candle=log.candle[:k].copy(),
        level=log.level[:k].copy(),
        reason=log.reason[:k].copy(),
        tick=log.tick[:k].copy(),
        price=log.price[:k].copy(),
    )


@rule
def _cut_fills(log: FillLog, k: int) -> FillLog:
    return FillLog(
        trade=log.trade[:k].copy(),
        candle=log.candle[:k].copy(),
        time=log.time[:k].copy(),
        units=log.units[:k].copy(),
        price=log.price[:k].copy(),
        fee=log.fee[:k].copy(),
        reason=log.reason[:k].copy(),
        funding=log.funding[:k].copy(),
    )
