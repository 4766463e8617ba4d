"""`pause`, `resume` and `close`: a word to a session, running or not."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stoptrail.config.load import load_settings
from stoptrail.core.errors import ConfigError, RunError
from stoptrail.terminal import Terminal

if TYPE_CHECKING:
    from peewee import Database

_PATIENCE_SECONDS = 20.0


def pause(config: Path | None, overrides: Sequence[str], session: str) -> int:
    """Let the session make no new entries; exit code 0."""
    return _ask(config, overrides, session, "pause")


def resume(config: Path | None, overrides: Sequence[str], session: str) -> int:
    """Let the session make entries again; exit code 0."""
    return _ask(config, overrides, session, "resume")


def close(
    config: Path | None, overrides: Sequence[str], session: str, price: float | None = None
) -> int:
    """Let the session leave its position at market, or at `price` where one is named; exit
    code 0. Raises ConfigError for what is no price."""
    if price is not None and not 0.0 < price < math.inf:
        raise ConfigError(f"--at {price:g}: the price has to be a number above 0")
    return _ask(config, overrides, session, "close", price)


def _ask(
    config: Path | None,
    overrides: Sequence[str],
    name: str,
    verb: str,
    price: float | None = None,
) -> int:
    """Let a running session answer the command, or do without it where it does not run.

    Raises RunError where it runs and does not answer.
    """
    from stoptrail.live.ledger.database import existing_ledger
    from stoptrail.live.ledger.lock import MarketLock
    from stoptrail.live.ledger.records import find_session
    from stoptrail.live.watch.control import set_aside

    settings = load_settings(config, overrides, searching=False)
    with existing_ledger(settings.database.url) as database:
        row = find_session(database, name)
        lock = MarketLock(database, f"{row.exchange} {row.symbol}")
        if lock.take():  # no process runs it, and none starts meanwhile
            try:
                answer = f"not running: {set_aside(database, row, verb, price)}"
            finally:
                lock.release()
        else:
            answer = _answer(database, row.id, verb, price)
    Terminal().print(f"session {row.id}: {verb}: {answer}", markup=False, highlight=False)
    return 0


def _answer(database: Database, session: int, verb: str, price: float | None) -> str:
    """Leave the command in the ledger and wait for what the session says."""
    from stoptrail.live.watch.control import answer_of, ask, withdraw

    number = ask(database, session, verb, price)
    until = time.monotonic() + _PATIENCE_SECONDS
    while (answer := answer_of(database, number)) is None:
        if time.monotonic() > until and withdraw(database, number):
            raise RunError(
                f"session {session} has not answered for {_PATIENCE_SECONDS:g} s: "
                f"{verb} is withdrawn"
            )
        time.sleep(0.1)
    return answer
