"""`ledger backup` and `ledger check`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stoptrail.cli.ledger_place import ledger_settings
from stoptrail.core.database import place_of
from stoptrail.terminal import Terminal


def backup(config: Path | None, overrides: Sequence[str], file: Path, force: bool) -> int:
    """Copy the ledger to `file`; exit code 0. Raises the errors of live.ledger.backup."""
    from stoptrail.live.ledger.backup import back_up

    url = ledger_settings(config, overrides).database.url
    size = back_up(url, file, force)
    _say(f"{place_of(url)} is copied to {file} ({size:,} bytes)")
    return 0


def check(config: Path | None, overrides: Sequence[str]) -> int:
    """Say what is wrong or odd in the ledger; exit code 1 where something is wrong.

    Raises StoreError where there is no ledger or it cannot be read.
    """
    from stoptrail.live.ledger.check import gaps, problems
    from stoptrail.live.ledger.database import existing_ledger
    from stoptrail.live.ledger.records import all_sessions
    from stoptrail.live.ledger.schema import version_of

    url = ledger_settings(config, overrides).database.url
    with existing_ledger(url) as database:
        version = version_of(database)
        found = list(problems(database))
        if not found:
            count = len(all_sessions(database))
            _say(f"ledger: {place_of(url)}, schema version {version}, sessions: {count}")
            for text in gaps(database):
                _say(f"odd: {text}")
    for text in found:
        _say(f"wrong: {text}")
    _say(f"faults: {len(found)}; restore a copy" if found else "sound")
    return 1 if found else 0


def _say(text: str) -> None:
    Terminal().print(text, markup=False, soft_wrap=True)
