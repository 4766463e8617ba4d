"""`pause`, `resume` and `close`: a word to a running session."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from stoptrail.config.load import load_settings
from stoptrail.core.errors import RunError, UsageError
from stoptrail.terminal import Terminal

_PATIENCE_SECONDS = 20.0


def pause(config: Path | None, overrides: Sequence[str], session: str) -> int:
    """Let the session make no new entries; exit code 0."""
    return _ask(config, overrides, session, "pause")


def resume(config: Path | None, overrides: Sequence[str], session: str) -> int:
    """Let the session make entries again; exit code 0."""
    return _ask(config, overrides, session, "resume")


def close(config: Path | None, overrides: Sequence[str], session: str) -> int:
    """Let the session leave its position at market; exit code 0."""
    return _ask(config, overrides, session, "close")


def _ask(config: Path | None, overrides: Sequence[str], name: str, verb: str) -> int:
    """Leave the command in the ledger and wait for the session's answer.

    Raises UsageError for a session that is not running, RunError where it does not answer.
    """
    from stoptrail.live.ledger.database import existing_ledger
    from stoptrail.live.ledger.records import find_session
    from stoptrail.live.watch.control import answer_of, ask, withdraw
    from stoptrail.live.watch.snapshot import snapshot

    console = Terminal()
    settings = load_settings(config, overrides, searching=False)
    with existing_ledger(settings.database.url) as database:
        row = find_session(database, name)
        if snapshot(database, row).state != "running":
            raise UsageError(f"session {row.id} ({row.exchange} {row.symbol}) is not running")
        number = ask(database, row.id, verb)
        until = time.monotonic() + _PATIENCE_SECONDS
        while (answer := answer_of(database, number)) is None:
            if time.monotonic() > until and withdraw(database, number):
                raise RunError(
                    f"session {row.id} has not answered for {_PATIENCE_SECONDS:g} s: "
                    f"{verb} is withdrawn"
                )
            time.sleep(0.1)
    console.print(f"session {row.id}: {verb}: {answer}", markup=False, highlight=False)
    return 0
