"""What happened to a session, as its ledger tells it."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from peewee import Database

from stoptrail.live.ledger.spoken import Commands, Events
from stoptrail.live.ledger.tables import (
    Decisions,
    PaperFills,
    PaperOrders,
    PaperTrades,
    Sessions,
    StopMoves,
)
from stoptrail.live.watch.messages import SIDES, number

_PART = 0.1
"""Place of each part among the events of a trade: before the moves of the stop, which are whole."""
_AT_CLOSE = 2.0**31
"""Place of a decision among the events of a trade: after its moves, before its exit."""


class Happened(NamedTuple):
    """One line of the session's story."""

    time: int
    text: str
    order: tuple[float, ...] = ()
    """Of what has the same time, the greater came later."""


def newest_first(found: Iterable[Happened]) -> list[Happened]:
    """The story as it is shown."""
    return sorted(found, key=lambda one: (one.time, one.order, one.text), reverse=True)


def recent(database: Database, session: int, count: int) -> list[Happened]:
    """The newest of what happened, newest first. What a candle brought has the time of its open:
    a trade's entry, its stop's moves, its exit. What was decided has that of the close (C2)."""
    found: list[Happened] = []
    trades = _newest(database, PaperTrades, PaperTrades.number, session, count)
    fills = _newest(database, PaperFills, PaperFills.time, session, count)
    parts = [fill for fill in fills if fill["number"] > 0 and fill["left"] > 0.0]
    rests = {fill["trade"]: fill for fill in fills if fill["number"] > 1 and not fill["left"] > 0.0}
    for fill in parts:
        text = f"{_leaving(fill)} ({fill['reason']}), {number(fill['left'])} stay"
        found.append(Happened(fill["time"], text, (fill["trade"], fill["number"] * _PART)))
    for row in trades:
        side, trade = SIDES[row["side"]], row["number"]
        text = f"entered {side} {number(row['units'])} at {number(row['entry'])}"
        found.append(Happened(row["entry_time"], text, (trade, 0)))
        if row["exit_time"] is not None:
            rest = rests.get(trade)
            text = f"left {side} at {number(row['exit'])}" if rest is None else _leaving(rest)
            text += f" ({row['reason']}), {row['pnl']:+,.2f}" + " in all" * (rest is not None)
            found.append(Happened(row["exit_time"], text, (trade, math.inf)))
    for row in _newest(database, StopMoves, StopMoves.time, session, count):
        if row["old"] is not None:
            text = f"stop {number(row['old'])} to {number(row['new'])} ({row['reason']})"
            found.append(Happened(row["time"], text, (row["trade"], row["number"])))
    found += _ignored(database, session, count, trades[::-1])
    found += [
        Happened(row["time"], told(row["kind"], row["text"]))
        for row in _newest(database, Events, Events.number, session, count)
    ]
    for row in _newest(database, Commands, Commands.id, session, count):
        text = f"{row['verb']}: {row['result'] or 'asked'}"
        found.append(Happened(row["done"] or row["asked"], text))
    return newest_first(found)[:count]


def _leaving(fill: dict[str, Any]) -> str:
    """What a fill closed of a position that leaves in parts."""
    return f"left {SIDES[-fill['side']]} {number(fill['units'])} at {number(fill['price'])}"


def _ignored(
    database: Database, session: int, count: int, trades: Sequence[dict[str, Any]]
) -> Iterator[Happened]:
    """Signals that made no trade: at the close of their candle, or when their order was withdrawn;
    after what that close did to a trade, before what the next open does. `trades`: ascending."""
    interval = Sessions.select(Sessions.interval).where(Sessions.id == session).scalar(database)
    entries = [trade["entry_time"] for trade in trades]
    for row in _newest(database, Decisions, Decisions.time, session, count):
        if row["outcome"] in ("filled", "ordered"):
            continue
        order = PaperOrders.select(PaperOrders.done).where(
            PaperOrders.session == session,
            PaperOrders.kind == "entry",
            PaperOrders.signal == row["time"],
        )
        known = max(row["time"] + interval, order.scalar(database) or 0)
        at = bisect_left(entries, known)
        text = f"{SIDES[row['side']]} signal ignored: {row['outcome']}"
        yield Happened(known, text, (trades[at - 1]["number"] if at else 0, _AT_CLOSE))


def told(kind: str, text: str) -> str:
    """A message as a line of the story."""
    return f"{kind}: {text}"


def _newest(
    database: Database, table: Any, order: Any, session: int, count: int
) -> list[dict[str, Any]]:
    query = table.select().where(table.session == session).order_by(order.desc()).limit(count)
    return list(query.dicts().execute(database))
