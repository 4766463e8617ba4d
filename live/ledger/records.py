"""What a ledger says of a session, read back."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from peewee import Database, fn

from stoptrail.brokers.settlement import Part, Settled
from stoptrail.core.errors import StoreError
from stoptrail.exchange.rows import Row
from stoptrail.live.ledger.row_writer import WORKING
from stoptrail.live.ledger.tables import (
    PaperFills,
    PaperOrders,
    PaperTrades,
    Sessions,
    SettingsHistory,
    StopMoves,
    StoredCandles,
    StoredEquity,
    StoredFunding,
    Ticks,
)
from stoptrail.live.step import BookAccount, StoredTick
from stoptrail.rules.book import Allowed
from stoptrail.rules.funding import FundingRow
from stoptrail.rules.manage import STAYS
from stoptrail.rules.protections import Guard
from stoptrail.rules.sizing import NO_CLOSED_TRADES, ClosedTrades, extended
from stoptrail.rules.stops import MANUAL, REASONS, Entry, Stop
from stoptrail.rules.tally import r_multiple
from stoptrail.rules.trade import EntryOrder, Fill, Position, reduced
from stoptrail.rules.types import Checkpoint

CANDLE = ("time", "open", "high", "low", "close", "volume")
"""Columns of a candle, in the order of a Row."""


class SessionRow(NamedTuple):
    """A session's own row."""

    id: int
    exchange: str
    symbol: str
    interval: int
    warm_up_from: int
    start: int
    candle: int
    ticks: int
    balance: float
    paused: bool
    sleeves: int = 0
    """How many a book has; 0: it is no book."""
    book: int = 0
    """Of a sleeve its book's session; 0: it is none."""
    sleeve: int = 0
    market: int = 0

    @property
    def source(self) -> int:
        """The session under which its candles are kept."""
        return self.market or self.id


class Counters(NamedTuple):
    """Where the journal of a session goes on counting."""

    trades: int
    moves: int
    signal: int


class SettingsRow(NamedTuple):
    """One set of settings of a session."""

    number: int
    applied: int | None
    """Open time of the last candle before they applied; None while they wait."""
    content: dict[str, Any]


def rows(database: Database, table: Any, session: int, **key: Any) -> list[dict[str, Any]]:
    """Rows of `session` in the order of their key, as dictionaries."""
    query = table.select().where(table.session == session)
    for name, value in key.items():
        query = query.where(getattr(table, name) == value)
    query = query.order_by(*table._meta.get_primary_keys())
    return list(query.dicts().execute(database))


def all_sessions(database: Database) -> list[SessionRow]:
    """Every session of one market and every book, oldest first."""
    return [row for row in with_sleeves(database) if not row.book]


def with_sleeves(database: Database) -> list[SessionRow]:
    """The same, and the sleeves of the books."""
    found = Sessions.select().order_by(Sessions.id).dicts().execute(database)
    return [_session(row) for row in found]


def sleeves_of(database: Database, book: int) -> list[SessionRow]:
    """The sleeves of a book, in their order."""
    return [row for row in with_sleeves(database) if row.book == book]


def find_session(database: Database, name: str) -> SessionRow:
    """The session of this number or market ("1", "BTC/USDT", "binance BTC/USDT"); a sleeve goes
    by its number. Raises StoreError naming the sessions that there are.
    """
    sessions = with_sleeves(database)
    for session in sorted(sessions, key=lambda row: row.book > 0 and str(row.id) != name):
        market = f"{session.exchange} {session.symbol}"
        if name.lower() in (str(session.id), session.symbol.lower(), market.lower()):
            return session
    known = ", ".join(f"{s.id} ({s.exchange} {s.symbol})" for s in sessions) or "none"
    raise StoreError(f"there is no session {name}; sessions in this database: {known}")


def session_of(database: Database, exchange: str, symbol: str) -> SessionRow | None:
    """The session of a market or of a book of this name, if there is one."""
    for session in all_sessions(database):
        if (session.exchange, session.symbol) == (exchange, symbol):
            return session
    return None


def _row(database: Database, session: int) -> dict[str, Any]:
    found = Sessions.select().where(Sessions.id == session).dicts().execute(database)
    return dict(found[0])


def _guard(row: dict[str, Any]) -> Guard:
    return Guard(row["day_start"], row["peak"], row["losses"], row["guarded_until"])


def account_of(database: Database, book: int) -> BookAccount:
    """Where the account of a book stands."""
    row = _row(database, book)
    moments, steps, closes = row["ticks"], row["steps"], row["candle"] + row["interval"]
    equity, cash = marks_of(database, book) or (row["balance"], row["balance"])
    where = row["balance"], _guard(row), moments, steps, closes, equity, cash
    return BookAccount(*where, row["free"], row["peak_before"])


def marks_of(database: Database, session: int) -> tuple[float, float] | None:
    """Equity and cash at the last close; None before the first."""
    table = StoredEquity
    query = table.select(table.equity, table.cash).where(table.session == session)
    found = list(query.order_by(table.time.desc()).limit(1).tuples().execute(database))
    return found[0] if found else None


def allowed_of(database: Database, sleeve: int) -> Allowed:
    """What the book has allowed a sleeve."""
    row = _row(database, sleeve)
    return Allowed(math.inf if row["most"] is None else row["most"], row["margin"])


def stored_steps(database: Database, book: int) -> list[tuple[int, dict[str, Row]]]:
    """Number and candles, by market, of every step of a book, in order."""
    found: dict[int, dict[str, Row]] = {}
    for sleeve in sleeves_of(database, book):
        if sleeve.source == sleeve.id:
            for row in rows(database, StoredCandles, sleeve.id):
                if row["step"] is not None:
                    candle = tuple(row[name] for name in CANDLE)
                    found.setdefault(row["step"], {})[sleeve.symbol] = candle
    return sorted(found.items())


def stored_candles(database: Database, session: int) -> list[Row]:
    """Every candle as seen, oldest first. Raises ValueError where one is no candle."""
    table = StoredCandles
    columns = (table.time, table.open, table.high, table.low, table.close, table.volume)
    query = table.select(*columns).where(table.session == session).order_by(table.time)
    found: list[Row] = list(query.tuples().execute(database))
    if not all(math.isfinite(sum(row)) for row in found):
        raise ValueError("a candle holds what is no number")
    return found


def stored_ticks(database: Database, session: int) -> list[StoredTick]:
    """Every tick that changed something, in order."""
    return [
        StoredTick(
            row["number"],
            row["after"],
            row["time"],
            row["price"],
            _number(row["bid"]),
            _number(row["ask"]),
            bool(row["ahead"]),
            _number(row["quote_age"]),
            row["quote_rule"] or "",
        )
        for row in rows(database, Ticks, session)
    ]


def newest_tick(database: Database, session: int) -> int:
    """Time of the last tick that changed something, ms; 0 where there is none."""
    newest = Ticks.select(fn.MAX(Ticks.time)).where(Ticks.session == session)
    return int(newest.scalar(database) or 0)


def newest_ticks(database: Database, sleeves: Sequence[SessionRow]) -> dict[str, int]:
    """The same of each market of a book."""
    found: dict[str, int] = {}
    for row in sleeves:
        found[row.symbol] = max(found.get(row.symbol, 0), newest_tick(database, row.id))
    return found


def settings_rows(database: Database, session: int) -> list[SettingsRow]:
    """The session's settings, oldest first."""
    return [
        SettingsRow(row["number"], row["applied"], json.loads(row["content"]))
        for row in rows(database, SettingsHistory, session)
    ]


def counters(database: Database, session: int) -> Counters:
    """Trades so far, and moves and signal of the last one."""
    trades = rows(database, PaperTrades, session)
    if not trades:
        return Counters(0, 0, 0)
    last = trades[-1]
    moves = (
        StopMoves.select(fn.MAX(StopMoves.number))
        .where(StopMoves.session == session, StopMoves.trade == last["number"])
        .bind(database)
        .scalar()
    )
    return Counters(last["number"], moves or 0, last["signal"])


def open_trade(database: Database, session: int) -> dict[str, Any] | None:
    """The row of the open trade, if there is one."""
    found = rows(database, PaperTrades, session, exit_time=None)
    return found[0] if found else None


def checkpoint_of(database: Database, session: int) -> Checkpoint:
    """What the session has to go on with."""
    row = _row(database, session)
    trade = open_trade(database, session)
    return Checkpoint(
        row["balance"],
        None if trade is None else _position(database, trade),
        None if trade is None else _stop(trade["sl"], trade["sl_reason"], trade["extreme"]),
        None
        if trade is None or trade["opening_sl"] is None
        else _stop(trade["opening_sl"], trade["opening_sl_reason"], trade["extreme"]),
        _entry_order(database, session),
        _guard(row),
        row["quiet_until"],
        _history(database, session),
        row["peak"] if row["peak_before"] is None else row["peak_before"],
    )


def booked_funding(database: Database, session: int) -> list[FundingRow]:
    """Every row of published funding that was booked, ascending."""
    return [
        FundingRow(row["time"], row["rate"], _number(row["price"]), row["hours"])
        for row in rows(database, StoredFunding, session)
    ]


def settled_trades(database: Database, session: int, since: int) -> list[Settled]:
    """The trades that ended at `since` (ms) or later, or have closed parts."""
    found, history = [], NO_CLOSED_TRADES
    for row in rows(database, PaperTrades, session):
        distance = abs(row["entry"] - row["initial_stop"])
        terms = (row["number"], row["side"], row["entry_time"], row["units"], distance)
        trade = Settled(*terms, row["pnl"], row["shortfall"], before=history)
        history = trade.extend(history)
        if row["exit_time"] is None or row["exit_time"] >= since:
            parts = tuple(
                Part(fill["units"], fill["paid_until"], fill["funding"])
                for fill in rows(database, PaperFills, session, trade=row["number"])
                if fill["number"] > 0
            )
            found += [trade._replace(parts=parts)] if parts else []
    return found


def waits_to_leave(database: Database, session: int) -> int:
    """Why an order to leave at market was sent and has not filled: a code of
    rules.stops.REASONS, or STAYS where there is none."""
    if rows(database, PaperOrders, session, kind="exit", status=WORKING):
        return MANUAL
    waiting = rows(database, PaperOrders, session, kind="leave", status=WORKING)
    return REASONS.index(waiting[0]["reason"]) if waiting else STAYS


def _history(database: Database, session: int) -> ClosedTrades:
    """The closed trades, in order, as `rules.trade.after_trade` adds them up."""
    history = NO_CLOSED_TRADES
    for trade in rows(database, PaperTrades, session):
        if trade["pnl"] is not None:
            distance = abs(trade["entry"] - trade["initial_stop"])
            r = r_multiple(trade["pnl"], trade["units"], distance)
            history = extended(history, trade["pnl"], r)
    return history


def _position(database: Database, trade: dict[str, Any]) -> Position:
    """The open trade as its fills left it."""
    held = Entry(trade["side"], trade["entry"], trade["entry_time"], trade["atr"])
    position = Position(held, trade["units"], trade["entry_fee"])
    for fill in rows(database, PaperFills, trade["session"], trade=trade["number"]):
        if fill["number"] > 0:
            part = Fill(*(fill[name] for name in Fill._fields))
            position = reduced(position, part, fill["left"])
    return position


def _stop(level: float, reason: str, extreme: float) -> Stop:
    return Stop(level, extreme, REASONS.index(reason))


def _entry_order(database: Database, session: int) -> EntryOrder | None:
    """The decision behind a working entry order."""
    from stoptrail.live.ledger.tables import Decisions

    for order in rows(database, PaperOrders, session, kind="entry", status=WORKING):
        (decision,) = rows(database, Decisions, session, time=order["signal"])
        return EntryOrder(
            order["side"],
            order["units"],
            decision["equity"],
            decision["atr"],
            order["signal"],
            order["latest"],
        )
    return None


def _session(row: dict[str, Any]) -> SessionRow:
    return SessionRow(*(row[name] for name in SessionRow._fields))


def _number(value: float | None) -> float:
    return math.nan if value is None else value
