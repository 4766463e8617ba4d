"""What happened to a session, as its ledger tells it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

from peewee import Database

from stoptrail.live.ledger.spoken import Commands, Events
from stoptrail.live.ledger.tables import Decisions, PaperTrades, StopMoves
from stoptrail.live.watch.messages import SIDES, number


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
    a trade's entry, its stop's moves, its exit, and what was decided at the close."""
    found: list[Happened] = []
    for row in _newest(database, PaperTrades, PaperTrades.number, session, count):
        side, trade = SIDES[row["side"]], row["number"]
        text = f"entered {side} {number(row['units'])} at {number(row['entry'])}"
        found.append(Happened(row["entry_time"], text, (trade, 0)))
        if row["exit_time"] is not None:
            text = f"left {side} at {number(row['exit'])} ({row['reason']}), {row['pnl']:+,.2f}"
            found.append(Happened(row["exit_time"], text, (trade, math.inf)))
    for row in _newest(database, StopMoves, StopMoves.time, session, count):
        if row["old"] is not None:
            text = f"stop {number(row['old'])} to {number(row['new'])} ({row['reason']})"
            found.append(Happened(row["time"], text, (row["trade"], row["number"])))
    for row in _newest(database, Decisions, Decisions.time, session, count):
        if row["outcome"] not in ("filled", "ordered"):
            text = f"{SIDES[row['side']]} signal ignored: {row['outcome']}"
            found.append(Happened(row["time"], text, (math.inf,)))
    found += [
        Happened(row["time"], told(row["kind"], row["text"]))
        for row in _newest(database, Events, Events.number, session, count)
    ]
    for row in _newest(database, Commands, Commands.id, session, count):
        text = f"{row['verb']}: {row['result'] or 'asked'}"
        found.append(Happened(row["done"] or row["asked"], text))
    return newest_first(found)[:count]


def told(kind: str, text: str) -> str:
    """A message as a line of the story."""
    return f"{kind}: {text}"


def _newest(
    database: Database, table: Any, order: Any, session: int, count: int
) -> list[dict[str, Any]]:
    query = table.select().where(table.session == session).order_by(order.desc()).limit(count)
    return list(query.dicts().execute(database))
