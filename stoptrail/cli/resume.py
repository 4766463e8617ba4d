"""--resume: a sweep that was stopped goes on as it was started.

Its folder, which may be somebody else's, only says which sweep it is. What that sweep was is
kept where its trials are, in the database that the user's own settings name; exchange,
database and messages are those of the user's settings too.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from stoptrail.cli.folder import PLAN, SETTINGS, STATE
from stoptrail.config.load import apply_overrides, checked, default_file, is_within, read_table
from stoptrail.config.secrets import redacted
from stoptrail.config.settings import Settings
from stoptrail.core.database import Address, shown
from stoptrail.core.errors import UsageError
from stoptrail.core.files import read_json, require_inside
from stoptrail.core.text import plain
from stoptrail.sweep.store import recall

_OWN = ("exchange", "database", "notify", "live", "dashboard", "telegram")
"""Sections that are the user's, whatever the sweep was started with."""
_KEY_LENGTH = 32


def stopped_sweep(
    folder: Path, config: Path | None, overrides: Sequence[str]
) -> tuple[Settings, str]:
    """The settings of the sweep that was stopped in `folder`, and its key in the database.

    Raises UsageError or ConfigError where there is none, where the user's database does not
    know it, or where the folder asks for something else than what was started.
    """
    key = stored_key(folder)
    tables = own_tables(config, overrides)
    kept = started(recalled(folder, database_of(tables, config), key), tomllib.loads, folder)
    require_same(read_table(folder / SETTINGS), kept, folder / SETTINGS)
    return with_own(kept, tables, overrides, folder), key


def stored_key(folder: Path, name: str = STATE) -> str:
    """What the sweep in `folder` is called in its database, as the file `name` says.
    Raises UsageError."""
    path = folder / name
    if folder.is_dir():
        require_inside(folder, UsageError)
    table: Any = None
    if path.exists():
        table = read_json(path, "state of a sweep", UsageError)
    key = table.get("run") if isinstance(table, dict) else None
    if not isinstance(key, str) or not 0 < len(key) <= _KEY_LENGTH or not key.isalnum():
        raise UsageError(f"--resume {folder}: there is no sweep to go on with (no readable {name})")
    return key


def own_tables(config: Path | None, overrides: Sequence[str]) -> dict[str, Any]:
    """The user's exchange, database, messages and session."""
    table = read_table(config or default_file())
    own = {name: table[name] for name in _OWN if name in table}
    apply_overrides(own, [text for text in overrides if _is_own(text)])
    return own


def database_of(tables: dict[str, Any], config: Path | None) -> Address:
    """The database that the user's tables name. Raises ConfigError."""
    return checked(tables, lambda _key: str(config or default_file())).database.url


def recalled(folder: Path, address: Address, key: str) -> str:
    """What the user's database keeps of the sweep `key`. Raises UsageError where it does
    not know it."""
    kept = recall(address, key)
    if kept is None:
        raise UsageError(
            f"--resume {folder}: {shown(address)} holds no trials of this sweep"
            f"{_their_database(folder)}; name the database that does with --config, or with "
            "--set database.url=... and its password"
        )
    return kept


def started(kept: str, parse: Callable[[str], Any], folder: Path) -> Any:
    """What a sweep was started with. Raises UsageError where the key in the folder is that of
    the other kind of sweep: of several markets, or of one."""
    try:
        return parse(kept)
    except ValueError:
        raise UsageError(
            f"--resume {folder}: the database knows its key as that of another kind of sweep, and "
            f"{STATE} is of one market, {PLAN} of several; take away the file that is not its own"
        ) from None


def with_own(
    table: dict[str, Any], own: dict[str, Any], overrides: Sequence[str], folder: Path
) -> Settings:
    """Settings of a stopped sweep with the user's own sections and --set."""
    table = {name: section for name, section in table.items() if name not in _OWN} | own
    changed = apply_overrides(table, [text for text in overrides if not _is_own(text)])

    def source_of(key: str) -> str:
        return "--set" if is_within(key, changed) else f"--resume {folder}"

    return checked(table, source_of)


def _is_own(override: str) -> bool:
    return override.strip().partition(".")[0] in _OWN


def _their_database(folder: Path) -> str:
    """Which database the folder speaks of, as far as it may be shown."""
    database = read_table(folder / SETTINGS).get("database") if _has_settings(folder) else None
    url = database.get("url") if isinstance(database, dict) else None
    return f" (they went to {plain(redacted(url, 'database.url'))})" if url else ""


def _has_settings(folder: Path) -> bool:
    return (folder / SETTINGS).is_file()


def require_same(theirs: Any, started: Any, place: Path) -> None:
    """Raise UsageError where a file of the folder differs from what was started."""
    for key in _differing(theirs, started, ""):
        raise UsageError(
            f"{place}: {plain(key)[:80]} is not what the sweep was started with, and a run folder "
            "may not set it; restore the file, or say what you want with --set"
        )


def _differing(one: Any, other: Any, key: str) -> Iterator[str]:
    """Dotted keys at which nested tables differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in [*one, *(name for name in other if name not in one)]:
            yield from _differing(one.get(name), other.get(name), f"{key}.{name}" if key else name)
    elif json.dumps(one, default=str) != json.dumps(other, default=str):
        yield key
