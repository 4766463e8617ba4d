"""Ledgers read for comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

import numpy as np

from stoptrail.backtest.engine import run_backtrader
from stoptrail.backtest.plan import Plan, Record
from stoptrail.exchange.rows import Row
from stoptrail.live.ledger.database import open_existing
from stoptrail.live.ledger.records import (
    all_sessions,
    rows,
    settings_rows,
    stored_candles,
)
from stoptrail.live.ledger.tables import (
    Decisions,
    PaperFills,
    PaperOrders,
    PaperTrades,
    Sessions,
    StopMoves,
    StoredCandles,
    StoredEquity,
    Ticks,
)
from stoptrail.live.session_settings import plan_from, settings_from
from stoptrail.live.watch.differences import Compared, compare
from stoptrail.live.watch.replay import recording_of, replay
from stoptrail.live.watch.snapshot import Snapshot, snapshot
from stoptrail.rules.candles import Candles as CandleColumns
from stoptrail.rules.funding import NO_ROWS, FundingRow, funding_of, funding_rows
from stoptrail.rules.margin import Mark
from stoptrail.rules.stops import REASONS

_MARKS = ("caught_up", "entry_caught_up", "exit_caught_up", "began")
_ORDERS = (Decisions, PaperOrders, PaperTrades, PaperFills, StopMoves)
TABLES_COMPARED = (StoredCandles, Ticks, *_ORDERS, StoredEquity)

Books = dict[str, list[dict[str, Any]]]


def books_of(url: str) -> Books:
    """Everything that a session's ledger says, without the marks of what was caught up."""
    database = open_existing(url)
    try:
        (session,) = all_sessions(database)
        books = {table.__name__: rows(database, table, session.id) for table in TABLES_COMPARED}
        books["Sessions"] = list(Sessions.select().dicts().execute(database))
    finally:
        database.close()
    return {name: [plain_row(row) for row in found] for name, found in books.items()}


def candles_in(url: str) -> int:
    """How many candles the first session of a ledger has."""
    with closing(open_existing(url)) as database:
        return len(stored_candles(database, 1))


def looked_at(url: str) -> Snapshot:
    """The first session of a ledger, as `status` shows it."""
    with closing(open_existing(url)) as database:
        return snapshot(database, all_sessions(database)[0])


def with_replay(url: str) -> Compared:
    """The only session of a ledger, and its replay."""
    with closing(open_existing(url)) as database:
        (session,) = all_sessions(database)
        with closing(replay(recording_of(database, session))) as repeated:
            return compare(database, repeated, session.id)


def plain_row(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in _MARKS}


def columns_of(candles: list[Row], interval: int) -> CandleColumns:
    """Plain rows as the engines take them."""
    times, *values = zip(*candles, strict=True)
    floats = [np.array(column, np.float64) for column in values]
    return CandleColumns(
        np.array(times, np.int64), floats[0], floats[1], floats[2], floats[3], floats[4], interval
    )


def backtest_of(
    url: str, told: Sequence[FundingRow] = (), marks: Mapping[int, Mark] | None = None
) -> tuple[CandleColumns, Plan, Record]:
    """A backtest of the candles that the session has stored, under its first settings; with
    the funding of the rows `told`, by the mark candles `marks`."""
    database = open_existing(url)
    try:
        (session,) = all_sessions(database)
        candles = columns_of(stored_candles(database, session.id), session.interval)
        plan = plan_from(settings_from(settings_rows(database, session.id)[0].content))
    finally:
        database.close()
    start = int(np.searchsorted(candles.time, session.start))
    rows = funding_rows(*zip(*told, strict=True)) if told else NO_ROWS
    by = None
    if marks is not None:
        told_marks = [(time, *mark, 0.0) for time, mark in sorted(marks.items())]
        by = columns_of(told_marks, candles.interval)
    funding = funding_of(rows, candles, plan.tiers, by)
    return candles, plan, run_backtrader(candles, start, plan, funding)


def trades_of(candles: CandleColumns, record: Record) -> list[tuple[Any, ...]]:
    """A backtest's trades as a ledger tells them; open ones without their exit."""
    log = record.trades
    found = []
    for k in range(len(log.entry)):
        entered = (
            int(candles.time[log.signal[k]]),
            int(log.side[k]),
            int(log.entry_time[k]),
            log.fill[k],
            log.units[k],
            log.initial[k],
            log.atr[k],
        )
        left: tuple[Any, ...] = (None,) * 6
        if log.exit[k] >= 0:
            left = (
                int(log.exit_time[k]),
                log.price[k],
                REASONS[log.reason[k]],
                log.fees[k],
                log.borrow[k],
                log.pnl[k],
            )
        found.append(entered + left)
    return found


_ENTRY = ("signal", "side", "entry_time", "entry", "units", "initial_stop", "atr")
TRADE = (*_ENTRY, "exit_time", "exit", "reason", "fees", "borrow", "pnl")


def told_trades(books: Books) -> list[tuple[Any, ...]]:
    """The ledger's trades in the same form."""
    return [tuple(row[name] for name in TRADE) for row in books["PaperTrades"]]
