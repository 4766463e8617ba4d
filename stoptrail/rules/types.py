"""Inputs and outputs of a run over candles, shared by every engine that loops, and what it carries
from one candle to the next."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stoptrail.rules.candles import Candles, Floats, Sides, Signals, Times, last_closed
from stoptrail.rules.costs import DAY
from stoptrail.rules.jit import rule
from stoptrail.rules.protections import Guard, Protections
from stoptrail.rules.sizing import NO_CLOSED_TRADES, ClosedTrades
from stoptrail.rules.stops import CHANDELIER, Stop
from stoptrail.rules.trade import EntryOrder, Position, TradeRules

STOP_TRAIL = 0
CYCLE_EXIT = 1
EXITS = ("stop_trail", "cycle")
"""Ways to leave a trade, by code."""

BOTH = 0
SIDES = {"both": BOTH, "long": 1, "short": -1}

OPEN = -1
"""Exit index of a trade that is still open at the end of the data."""


class RunRules(NamedTuple):
    """Everything that decides a run besides candles and signals."""

    trade_rules: TradeRules
    exits: int
    """STOP_TRAIL or CYCLE_EXIT."""
    path: int
    """How a candle is walked: rules.paths.CANDLE, HIGH_FIRST, LOW_FIRST or TICKS."""
    cooldown: int
    """Candles after an exit in which signals are ignored (C10)."""
    delay: int
    """Milliseconds that an entry's open may lie after the signal's close (C2)."""
    cash: float
    """Equity before the first trade."""
    protections: Protections


@rule
def window_of(run_rules: RunRules) -> int:
    """Candles whose best price the stop hangs from; 0 where it is no chandelier."""
    stop = run_rules.trade_rules.stop
    return stop.trail_candles if stop.trail == CHANDELIER else 0


class Checkpoint(NamedTuple):
    """A run between two candles: enough to go on with it in another process."""

    balance: float
    """Cash as it was before the open position, quote currency."""
    position: Position | None
    stop: Stop | None
    """The working stop of `position`."""
    opening: Stop | None
    """The stop that was in force when the candle under way began, where a tick has
    moved it since; its `extreme` has no meaning."""
    entry_order: EntryOrder | None
    """An entry order that waits for its fill."""
    guard: Guard
    quiet_until: int
    """Index of the first candle whose signal counts after the last exit (C10)."""
    history: ClosedTrades = NO_CLOSED_TRADES
    """Closed trades, as far as a size depends on them."""
    peak_before: float = 0.0
    """The guard's peak before its last mark at 00:00 UTC."""


class Setups(NamedTuple):
    """The signals of one parameter set, as events."""

    candle: Times
    """Candles at whose close a zone begins, shape (m,), ascending."""
    side: Times
    """1 or -1 for each, shape (m,)."""
    turn: Sides
    """exit_zone of every candle, shape (n,): what the cycle exits leave at."""
    first: int
    """First candle whose signal counts (C17)."""


class DayMarks(NamedTuple):
    """When equity is marked: at `start`, at each later 00:00 UTC, and at the end."""

    time: Times
    """Milliseconds, shape (d + 1,)."""
    candle: Times
    """Last candle that has closed by then; -1 or a warm-up candle for the first."""


class TradeLog(NamedTuple):
    """Trades in order, shape (k,) each; exit columns of an open trade hold its marks."""

    signal: Times
    """Index of the signal candle."""
    entry: Times
    exit: Times
    """Index of the exit candle, OPEN for an open trade."""
    side: Sides
    reason: Sides
    """Code in rules.stops.REASONS."""
    units: Floats
    fill: Floats
    initial: Floats
    """Initial stop level."""
    atr: Floats
    """ATR at the signal."""
    price: Floats
    """Exit price, or the last close of an open trade."""
    fees: Floats
    borrow: Floats
    pnl: Floats
    funding: Floats
    """Contained in pnl, not in fees; negative where the trade paid it (C19)."""
    shortfall: Floats
    """Lost beyond the account and credited to it, contained in pnl (C20)."""
    entry_time: Times
    """Open time in ms of the candle of the fill: of the finer one where there is detail."""
    exit_time: Times
    """The same of the exit; OPEN for an open trade."""


class FillLog(NamedTuple):
    """What closed the trades of a log, part by part and in order, shape (f,) each."""

    trade: Times
    """Index into the trade log."""
    candle: Times
    time: Times
    """Open time in ms of the candle of the fill: of the finer one where there is detail."""
    units: Floats
    price: Floats
    fee: Floats
    reason: Sides
    """Code in rules.stops.REASONS."""
    funding: Floats
    """Booked for these units since the entry; negative where it was paid (C19)."""


class StopLog(NamedTuple):
    """Every level that was in force, shape (s,) each."""

    trade: Times
    """Index into the trade log."""
    candle: Times
    """First candle in which the level holds; n where that candle is not there yet."""
    level: Floats
    reason: Sides
    tick: Times
    """Open time in ms of the finer candle whose price set the level, which then holds from
    there on within `candle`; 0 where a close set it."""
    price: Floats
    """The price that set it there; 0 where a close did."""


def setups(signals: Signals, sides: int, first: int) -> Setups:
    """The first candle of every zone of the wanted sides, at or after candle `first`."""
    return chosen(beginnings(signals), sides, first)


def beginnings(signals: Signals) -> Setups:
    """The first candle of every zone."""
    zone = signals.zone
    begins = zone != 0
    begins[1:] &= zone[1:] != zone[:-1]
    index = np.flatnonzero(begins).astype(np.int64)
    return Setups(index, zone[index].astype(np.int64), signals.exit_zone, 0)


def chosen(whole: Setups, sides: int, first: int) -> Setups:
    """Those of the wanted sides, at or after candle `first`."""
    begin = int(np.searchsorted(whole.candle, first))
    candle, side = whole.candle[begin:], whole.side[begin:]
    if sides != BOTH:
        wanted = side == sides
        candle, side = candle[wanted], side[wanted]
    return Setups(candle, side, whole.turn, first)


def day_edges(first: int, last: int) -> Times:
    """`first`, every midnight between the two, and `last` (ms)."""
    midnights = np.arange((first // DAY + 1) * DAY, last, DAY, dtype=np.int64)
    return np.concatenate(([first], midnights, [last])).astype(np.int64)


def day_marks(candles: Candles, start: int) -> DayMarks:
    """Marks from candle `start` on: its open time, every later midnight, the last close."""
    opens = int(candles.time[start])
    end = int(candles.time[-1]) + candles.interval
    time = day_edges(opens, end)
    return DayMarks(time, last_closed(candles, time))


def close_marks(candles: Candles, start: int, most: int | None = None) -> DayMarks:
    """The open time of candle `start` and every close from there on, or `most` of them: what
    `equity_of` marks then is the account at each of them."""
    opens = candles.time[start:][:most]
    last = np.arange(start - 1, start + len(opens), dtype=np.int64)
    time = np.empty_like(last)
    time[:1] = opens[:1]
    np.add(opens, candles.interval, out=time[1:])  # a copy of a long column is large
    return DayMarks(time, last)


@rule
def trade_log(capacity: int) -> TradeLog:
    """An empty log with room for `capacity` trades."""
    return TradeLog(
        signal=np.empty(capacity, np.int64),
        entry=np.empty(capacity, np.int64),
        exit=np.empty(capacity, np.int64),
        side=np.empty(capacity, np.int8),
        reason=np.empty(capacity, np.int8),
        units=np.empty(capacity),
        fill=np.empty(capacity),
        initial=np.empty(capacity),
        atr=np.empty(capacity),
        price=np.empty(capacity),
        fees=np.empty(capacity),
        borrow=np.empty(capacity),
        pnl=np.empty(capacity),
        entry_time=np.empty(capacity, np.int64),
        exit_time=np.empty(capacity, np.int64),
        funding=np.empty(capacity),
        shortfall=np.empty(capacity),
    )


@rule
def fill_log(capacity: int) -> FillLog:
    """An empty log with room for `capacity` fills."""
    return FillLog(
        trade=np.empty(capacity, np.int64),
        candle=np.empty(capacity, np.int64),
        time=np.empty(capacity, np.int64),
        units=np.empty(capacity),
        price=np.empty(capacity),
        fee=np.empty(capacity),
        reason=np.empty(capacity, np.int8),
        funding=np.empty(capacity),
    )


@rule
def stop_log(capacity: int) -> StopLog:
    """An empty log with room for `capacity` levels."""
    return StopLog(
        trade=np.empty(capacity, np.int64),
        candle=np.empty(capacity, np.int64),
        level=np.empty(capacity),
        reason=np.empty(capacity, np.int8),
        tick=np.empty(capacity, np.int64),
        price=np.empty(capacity),
    )


Counts = NDArray[np.int64]
