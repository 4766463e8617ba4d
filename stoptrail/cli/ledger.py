"""`ledger backup`, `ledger check`, and where the ledger of paper sessions is: not where somebody
happens to stand."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from pydantic import SecretStr

from stoptrail.config.load import FILE_NAME, load_settings
from stoptrail.config.settings import Settings
from stoptrail.core.database import SQLITE, place_of
from stoptrail.core.text import revealed
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
    with existing_ledger(url) as database, database.atomic():
        # One state of a session that may be running.
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


_STATE = ".local/state"
"""The usual place for what programs remember, below the user's own folder (XDG)."""


def ledger_settings(config: Path | None, overrides: Sequence[str]) -> Settings:
    """The settings of a command that deals with sessions, their ledger's place resolved.
    Raises ConfigError."""
    settings = load_settings(config, overrides, searching=False)
    return with_ledger_place(settings, config, overrides)


def with_ledger_place(
    settings: Settings, config: Path | None, overrides: Sequence[str]
) -> Settings:
    """`settings` whose relative SQLite path counts from the folder of the settings file; without
    a file of the user's, from their state folder. A path of --set counts from the working
    folder, and a ledger that is there already is used where there is none at its own place.
    """
    url = revealed(settings.database.url)
    own = Path(url.removeprefix(SQLITE))
    given = any(text.partition("=")[0].strip() == "database.url" for text in overrides)
    if not url.startswith(SQLITE) or own.is_absolute() or given:
        return settings
    place = _folder(config) / own
    if own.is_file() and not place.is_file():
        return settings
    resolved = settings.database.model_copy(update={"url": SecretStr(f"{SQLITE}{place}")})
    return settings.model_copy(update={"database": resolved})


def _folder(config: Path | None) -> Path:
    """The folder from which the ledger's path counts."""
    if config is not None:
        return config.absolute().parent
    if Path(FILE_NAME).is_file():
        return Path.cwd()
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / _STATE)
    return state / "stoptrail"
