"""What a session did in a day, said once after 00:00 UTC."""

from __future__ import annotations

from peewee import Database, fn

from stoptrail.core.time import DAY_MS, iso_time
from stoptrail.live.ledger.database import Ledger
from stoptrail.live.ledger.records import open_trade, sleeves_of
from stoptrail.live.ledger.tables import PaperTrades, StoredEquity
from stoptrail.live.watch.messages import SIDES, number


class Daily:
    """Knows for which day the next summary is due."""

    def __init__(self, now: int, before: int | None) -> None:
        """`now` and `before`, when the session was last heard of, are in ms; a midnight
        between them, as in a restart, has its summary."""
        self._today = (now if before is None else min(before, now)) // DAY_MS

    def due(self, now: int) -> int | None:
        """Start of the day that has ended since, ms; None where none has. Each is told once."""
        today = now // DAY_MS
        if today <= self._today:
            return None
        self._today = today
        return (today - 1) * DAY_MS

    def told(self, ledger: Ledger, session: int, now: int) -> str | None:
        """The summary that is due, in words; None where none is. Raises LedgerError."""
        day = self.due(now)
        if day is None:
            return None
        return ledger.transaction("daily", lambda: summary(ledger.database, session, day))


def summary(database: Database, session: int, day: int) -> str:
    """The day that began at `day` (ms) in a line: trades, result, equity, position."""
    until = day + DAY_MS
    pnl = PaperTrades.pnl
    trades = PaperTrades.select(fn.COUNT(pnl), fn.SUM(pnl)).where(
        PaperTrades.session.in_(_its(database, session)),
        PaperTrades.exit_time >= day,
        PaperTrades.exit_time < until,
    )
    ((count, result),) = trades.tuples().execute(database)
    ended = f"{count} trade{'' if count == 1 else 's'} closed, result {result or 0.0:+,.2f}"
    return f"{iso_time(day)}: {ended}{_equity(database, session, day)}; {_held(database, session)}"


def _equity(database: Database, session: int, day: int) -> str:
    """Equity at the end of the day, and since its start."""
    last = equity_at(database, session, day + DAY_MS)
    if last is None:
        return ""
    first = equity_at(database, session, day)
    since = "" if first is None else f" ({last - first:+,.2f} in the day)"
    return f"; equity {last:,.2f}{since}"


def equity_at(database: Database, session: int, time: int) -> float | None:
    """Equity at the last close up to `time`, ms."""
    query = StoredEquity.select(StoredEquity.equity).where(
        StoredEquity.session == session, StoredEquity.time <= time
    )
    found = query.order_by(StoredEquity.time.desc()).limit(1).scalar(database)
    return None if found is None else float(found)


def _held(database: Database, session: int) -> str:
    held = [
        f"{SIDES[trade['side']]} {number(trade['units'])}, stop {number(trade['sl'])}"
        for own in _its(database, session)
        if (trade := open_trade(database, own)) is not None
    ]
    return "; ".join(held) or "flat"


def _its(database: Database, session: int) -> list[int]:
    """The session, and of a book its sleeves: who may have traded."""
    return [session, *(row.id for row in sleeves_of(database, session))]
