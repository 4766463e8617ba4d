"""A session commanded from another process, and its answer, whether it runs or not."""

from __future__ import annotations

import time

from peewee import Database

from stoptrail.core.database import Address
from stoptrail.core.errors import RunError, StoreError
from stoptrail.live.ledger.database import existing_ledger, require_writable, require_writing
from stoptrail.live.ledger.lock import MarketLock
from stoptrail.live.ledger.records import SessionRow, find_session, sleeves_of, stored_candles
from stoptrail.live.watch.messages import number
from stoptrail.rules.quotes import ABSURD, believable

VERBS = ("pause", "resume", "close")
"""What a session may be told."""
PATIENCE_SECONDS = 20.0
"""Longest wait for a session's answer."""


def answered(url: Address, session: str, verb: str, price: float | None = None) -> tuple[int, str]:
    """Let a running session answer the command `verb` of VERBS ("close" at `price` where one is
    named), or do without it where it does not run: its number, and the answer. `session` is its
    number or market.

    Raises StoreError where there is none, RunError where it runs and does not answer.
    """
    from stoptrail.live.watch.control import set_aside

    require_writable(url)
    with existing_ledger(url) as database:
        require_writing(database, url)
        row = find_session(database, session)
        if price is not None and row.sleeves:
            raise StoreError(
                f"session {row.id} is a book of several markets: name the sleeve that leaves at "
                f"{price:g} ({names_of(database, row.id)})"
            )
        if price is not None:
            _require_believable(database, row, price)
        whole = find_session(database, str(row.book)) if row.book else row
        lock = MarketLock(database, f"{whole.exchange} {whole.symbol}")
        if not lock.take():
            return row.id, _answer(database, row.id, verb, price)
        try:  # no process runs it, and none starts meanwhile
            return row.id, f"not running: {set_aside(database, row, verb, price)}"
        finally:
            lock.release()


def _require_believable(database: Database, row: SessionRow, price: float) -> None:
    """A slip of the hand would cost the account, and nothing takes an exit back."""
    close = stored_candles(database, row.source)[-1][4]
    if not believable(price, close):
        raise StoreError(
            f"session {row.id} is not left at {price:g}: that is {ABSURD:g} times its last close "
            f"of {number(close)}, or more, or as little of it; was another price meant?"
        )


def names_of(database: Database, book: int) -> str:
    """The sleeves of a book and their numbers as sessions."""
    return ", ".join(f"{row.id} {row.symbol}" for row in sleeves_of(database, book))


def _answer(database: Database, session: int, verb: str, price: float | None) -> str:
    """Leave the command in the ledger and wait for what the session says."""
    from stoptrail.live.watch.control import answer_of, ask, withdraw

    number = ask(database, session, verb, price)
    until = time.monotonic() + PATIENCE_SECONDS
    while (answer := answer_of(database, number)) is None:
        if time.monotonic() > until and withdraw(database, number):
            raise RunError(
                f"session {session} has not answered for {PATIENCE_SECONDS:g} s: "
                f"{verb} is withdrawn"
            )
        time.sleep(0.1)
    return answer
