"""How two ledgers of one session differ, and what a difference from a backtest comes from."""

from __future__ import annotations

from typing import Any, NamedTuple

from peewee import Database

from stoptrail.live.ledger.fill_prices import wrong_prices
from stoptrail.live.ledger.records import find_session, rows
from stoptrail.live.ledger.tables import (
    Decisions,
    PaperFills,
    PaperOrders,
    PaperTrades,
    StopMoves,
    StoredEquity,
    Ticks,
)
from stoptrail.rules.stops import BY_HAND, REASONS

_COMPARED = (PaperTrades, PaperFills, StopMoves, PaperOrders, Decisions)
_OF_BOOKS = (*_COMPARED, StoredEquity)
_MARKS = ("caught_up", "entry_caught_up", "exit_caught_up")

Record = dict[str, Any]


class Difference(NamedTuple):
    """One value that is not the same."""

    table: str
    key: str
    column: str
    stored: Any
    replayed: Any


class Compared(NamedTuple):
    """What a comparison looked at, and what it found."""

    trades: int
    levels: int
    differences: list[Difference]
    ticks: int = 0
    """Held against the prices around them."""


class Attribution(NamedTuple):
    """One trade of a session beside the same trade of a backtest on candles alone."""

    signal: int
    """Open time of the signal's candle, ms."""
    side: int
    session: float | None
    """Result in the session; None where it made no trade of this signal."""
    backtest: float | None
    entry: float
    """How much of the difference comes from the entry price, quote currency."""
    exit: float
    """... from the exit price."""
    size: float
    """... from units, fees and borrow."""
    cause: str
    sleeve: str = ""
    """Of a book's: number of its session, and its market."""


def compare(
    stored: Database, replayed: Database, session: int, *, of_book: bool = False
) -> Compared:
    """Every value of trades, levels, orders and decisions, but for the marks of what was
    caught up; of a book and its sleeves of the equity too. And whether the market can have given
    the prices that were stored: those of the replay are made of them."""
    found: list[Difference] = []
    counts = {}
    for table in _OF_BOOKS if of_book else _COMPARED:
        before, after = _keyed(stored, table, session), _keyed(replayed, table, session)
        counts[table.__name__] = len(before)
        for key in sorted({*before, *after}, key=str):
            found += _differing(table.__name__, key, before.get(key), after.get(key))
    wrong = wrong_prices(stored, find_session(stored, str(session)))
    found += [Difference("Ticks", one.where, "price", one.found, one.expected) for one in wrong]
    ticks = Ticks.select().where(Ticks.session == session).count(stored)
    return Compared(counts["PaperTrades"], counts["StopMoves"], found, ticks)


def _keyed(database: Database, table: Any, session: int) -> dict[tuple[Any, ...], Record]:
    names = [field.name for field in table._meta.get_primary_keys() if field.name != "session"]
    return {tuple(row[name] for name in names): row for row in rows(database, table, session)}


def _differing(
    table: str, key: tuple[Any, ...], one: Record | None, other: Record | None
) -> list[Difference]:
    name = " ".join(str(part) for part in key)
    if one is None or other is None:
        there, not_there = "there", "missing"
        sides = (not_there, there) if one is None else (there, not_there)
        return [Difference(table, name, "row", *sides)]
    return [
        Difference(table, name, column, value, other[column])
        for column, value in one.items()
        if column not in _MARKS and value != other[column]
    ]


def attribute(stored: Database, alone: Database, session: int) -> list[Attribution]:
    """Trade by trade, what differs from a backtest on the same candles; trades that are
    equal in every value are left out. Open trades count with their result so far: none."""
    ours = {row["signal"]: row for row in rows(stored, PaperTrades, session)}
    theirs = {row["signal"]: row for row in rows(alone, PaperTrades, session)}
    outcomes = [
        {row["time"]: row["outcome"] for row in rows(database, Decisions, session)}
        for database in (stored, alone)
    ]
    found = []
    for signal in sorted({*ours, *theirs}):
        one, other = ours.get(signal), theirs.get(signal)
        if one is not None and other is not None:
            if any(one[name] != other[name] for name in _OUTCOME):
                found.append(_both(one, other))
        elif one is not None:
            found.append(_single(one, outcomes[1].get(signal, "no signal"), ours=True))
        elif other is not None:
            found.append(_single(other, outcomes[0].get(signal, "no signal"), ours=False))
    return found


_BY_HAND = tuple(REASONS[code] for code in BY_HAND)
_OUTCOME = ("entry", "units", "exit", "exit_time", "reason", "pnl")


def _both(one: Record, other: Record) -> Attribution:
    side, units = one["side"], other["units"]
    closed = one["exit"] is not None and other["exit"] is not None
    entry = side * units * (other["entry"] - one["entry"])
    exit_ = side * units * (one["exit"] - other["exit"]) if closed else 0.0
    total = one["pnl"] - other["pnl"] if closed else entry
    causes = []
    if one["entry"] != other["entry"]:
        causes.append("entered at the quote after the signal, not at the candle's open")
    if (one["exit"], one["exit_time"], one["reason"]) != (
        other["exit"],
        other["exit_time"],
        other["reason"],
    ):
        causes.append(_exit_cause(one, other))
    if not causes:
        causes.append("other equity, so other units")
    return Attribution(
        one["signal"],
        side,
        one["pnl"],
        other["pnl"],
        entry,
        exit_,
        total - entry - exit_,
        "; ".join(causes),
    )


def _exit_cause(one: Record, other: Record) -> str:
    if one["reason"] in _BY_HAND:
        return "left by hand"
    if one["exit"] is None or other["exit"] is None:
        return "still open in " + ("the session" if one["exit"] is None else "the backtest")
    if one["exit_time"] < other["exit_time"]:
        return "a tick moved or hit the stop before the candle could"
    return (
        "the stop stood elsewhere, as the entry did"
        if one["entry"] != other["entry"]
        else ("the stop filled at a tick, not at the candle's level")
    )


_WAITS = "its order still waits for its fill"


def _single(row: Record, outcome: str, *, ours: bool) -> Attribution:
    pnl = row["pnl"]
    where = "the backtest" if ours else "the session"
    return Attribution(
        row["signal"],
        row["side"],
        pnl if ours else None,
        None if ours else pnl,
        0.0,
        0.0,
        (pnl or 0.0) * (1 if ours else -1),
        f"no trade in {where}: {_WAITS if outcome == 'ordered' else outcome}",
    )
