"""Where the ledger of paper sessions is: not where somebody happens to stand."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from pydantic import SecretStr

from stoptrail.config.load import FILE_NAME, load_settings
from stoptrail.config.settings import Settings
from stoptrail.core.database import SQLITE
from stoptrail.core.text import revealed

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
