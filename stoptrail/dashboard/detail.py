"""One session from its ledger: candles with trades and stops, equity, and what happened."""

from __future__ import annotations

from typing import Any

import numpy as np
from peewee import Database

from stoptrail.live.ledger.records import SessionRow, settings_rows, sleeves_of
from stoptrail.live.ledger.spoken import Events
from stoptrail.live.ledger.tables import (
    Decisions,
    PaperTrades,
    StopMoves,
    StoredCandles,
    StoredEquity,
)
from stoptrail.live.watch.book_snapshot import stories
from stoptrail.live.watch.messages import sleeve_names
from stoptrail.reports.figures import flatten
from stoptrail.rules.metrics import drawdowns

CANDLES = 1500
"""Candles of one answer."""
_POINTS = 1500
"""Points of an equity curve: more than a screen is wide."""
_LISTED = 200
"""Trades, decisions and events of one answer, the newest."""
_OPEN = 2**62


def candles(database: Database, row: SessionRow, before: int | None = None) -> dict[str, Any]:
    """The last CANDLES candles that opened before `before` (ms), oldest first, as columns,
    and every trade within them with its stop levels."""
    table = StoredCandles
    columns = (table.time, table.open, table.high, table.low, table.close)
    query = table.select(*columns).where(table.session == row.source)
    if before is not None:
        query = query.where(table.time < before)
    found = list(query.order_by(table.time.desc()).limit(CANDLES).tuples().execute(database))
    found.reverse()
    names = ("time", "open", "high", "low", "close")
    series = dict(zip(names, map(list, zip(*found, strict=True)), strict=True)) if found else {}
    since = found[0][0] if found else 0
    return {
        "candles": series or {name: [] for name in names},
        "more": len(found) == CANDLES,
        "trades": _charted(database, row.id, since, _OPEN if before is None else before),
    }


def _charted(database: Database, session: int, since: int, until: int) -> list[dict[str, Any]]:
    """Trades that were open at some time from `since` to `until`, with their stop levels."""
    table = PaperTrades
    query = table.select().where(
        table.session == session,
        table.entry_time < until,
        table.exit_time.is_null() | (table.exit_time >= since),
    )
    trades = list(query.order_by(table.number).dicts().execute(database))
    if not trades:
        return []
    moves = StopMoves.select().where(
        StopMoves.session == session,
        StopMoves.trade.between(trades[0]["number"], trades[-1]["number"]),
    )
    paths: dict[int, tuple[list[int], list[float]]] = {}
    ordered = moves.order_by(StopMoves.trade, StopMoves.number)
    for move in ordered.dicts().execute(database):
        times, levels = paths.setdefault(move["trade"], ([], []))
        times.append(move["time"])
        levels.append(move["new"])
    names = ("number", "side", "entry_time", "entry", "exit_time", "exit", "reason", "pnl")
    return [
        {name: trade[name] for name in names}
        | dict(zip(("stop_time", "stop"), paths.get(trade["number"], ([], [])), strict=True))
        for trade in trades
    ]


def curve(database: Database, row: SessionRow) -> dict[str, Any]:
    """Equity at the closes, and its fall below the highest before (a fraction), in at most
    _POINTS steps: of each the last equity and the deepest fall."""
    table = StoredEquity
    query = table.select(table.time, table.equity).where(table.session == row.id)
    found = list(query.order_by(table.time).tuples().execute(database))
    if not found:
        return {"time": [], "equity": [], "fall": [], "worst": 0.0, "now": 0.0}
    times = np.array([time for time, _ in found], np.int64)
    equity = np.array([value for _, value in found], np.float64)
    falls = drawdowns(equity)
    steps = -(-len(times) // _POINTS)
    first = np.arange(0, len(times), steps)
    last = np.append(first[1:], len(times)) - 1
    return {
        "time": times[last].tolist(),
        "equity": equity[last].tolist(),
        "fall": np.maximum.reduceat(falls, first).tolist(),
        "worst": float(falls.max()),
        "now": float(falls[-1]),
    }


def story(database: Database, row: SessionRow) -> dict[str, Any]:
    """The newest trades, decisions and events, newest first, and the settings in force."""
    history = settings_rows(database, row.id)
    active = [entry for entry in history if entry.applied is not None][-1]
    events = stories(database, row, _LISTED)
    return {
        "trades": _newest(database, PaperTrades, PaperTrades.entry_time, row),
        "decisions": _newest(database, Decisions, Decisions.time, row),
        "events": [{"time": e.time, "text": e.text} for e in events],
        "connections": connections(database, row.id),
        "settings": {key: str(value) for key, value in flatten(active.content).items()},
        "settings_number": active.number,
        "start": row.start,
        "warm_up_from": row.warm_up_from,
    }


_CONNECTIONS = ("connection", "started", "stopped")
"""Kinds of event that say how a session was connected."""


def connections(database: Database, session: int) -> list[dict[str, Any]]:
    """Starts, stops, losses and returns of the data, newest first, each with how long it lasted
    (ms; None for what holds now)."""
    table = Events
    query = table.select().where(table.session == session, table.kind.in_(_CONNECTIONS))
    found = query.order_by(table.number.desc()).limit(_LISTED).dicts().execute(database)
    told: list[dict[str, Any]] = []
    after: int | None = None
    for row in found:
        lasted = None if after is None else max(0, after - row["time"])
        told.append({name: row[name] for name in ("time", "kind", "text")} | {"lasted": lasted})
        after = row["time"]
    return told


def _newest(database: Database, table: Any, order: Any, row: SessionRow) -> list[dict[str, Any]]:
    """The newest rows of a session, of a book those of its sleeves with the `market` of each."""
    names: dict[int, Any] = {**sleeve_names(sleeves_of(database, row.id))} or {row.id: None}
    query = table.select().where(table.session.in_(list(names)))
    newest = query.order_by(order.desc(), table.session).limit(_LISTED)
    return [
        {name: value for name, value in found.items() if name != "session"}
        | {"market": names[found["session"]]}
        for found in newest.dicts().execute(database)
    ]
