"""`status`: the paper sessions of a database, from another terminal."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from stoptrail.config.load import load_settings
from stoptrail.core.database import place_of
from stoptrail.core.errors import StoreError
from stoptrail.core.json import json_text
from stoptrail.core.time import iso_time
from stoptrail.terminal import Terminal

if TYPE_CHECKING:
    from pydantic import SecretStr

    from stoptrail.live.watch.snapshot import Snapshot

_WATCH_SECONDS = 2.0


def run(
    config: Path | None,
    overrides: Sequence[str],
    as_json: bool = False,
    brief: bool = False,
    watch: bool = False,
    console: Console | None = None,
) -> int:
    """Show every session; the exit code is the highest Health of them.

    With `watch` again and again until Ctrl-C, then the last look's. Raises StoreError, whose
    exit code is then 6, where there is no ledger or it cannot be read.
    """
    url = load_settings(config, overrides, searching=False).database.url
    console = console or Terminal()
    code = 0
    try:
        while True:
            code = _look(url, as_json, brief, watch, console)
            if not watch:
                return code
            time.sleep(_WATCH_SECONDS)
    except KeyboardInterrupt:
        if not watch:
            raise
        return code


def _look(url: SecretStr, as_json: bool, brief: bool, watch: bool, console: Console) -> int:
    """Show the sessions once. While they are watched a database that cannot be read is
    said, and may come back."""
    from stoptrail.live.watch.snapshot import Health, health_of

    try:
        found = _sessions(url)
    except StoreError as error:
        error.exit_code = int(Health.DATABASE)
        if not watch:
            raise
        console.print(f"error: {error}", markup=False)
        return int(Health.DATABASE)
    if watch and console.is_terminal:
        console.clear()
    if as_json:
        shown = {"ledger": place_of(url), "sessions": [table(entry) for entry in found]}
        console.print(json_text(shown), markup=False, soft_wrap=True)
    else:
        _show(found, place_of(url), brief, console)
    return int(max(map(health_of, found), default=Health.WELL))


def _sessions(url: SecretStr) -> list[Snapshot]:
    from stoptrail.live.ledger.database import existing_ledger
    from stoptrail.live.ledger.records import all_sessions
    from stoptrail.live.watch.snapshot import snapshot

    with existing_ledger(url) as database:
        return [snapshot(database, row) for row in all_sessions(database)]


def _show(found: list[Snapshot], place: str, brief: bool, console: Console) -> None:
    from stoptrail.live.watch.view import brief_line, panel

    if not brief:
        console.print(f"ledger: {place}", markup=False, soft_wrap=True)
    if not found:
        console.print("no session has been started in this database")
    for entry in found:
        if brief:
            console.print(brief_line(entry), markup=False, soft_wrap=True)
        else:
            console.print(panel(entry))


def table(found: Snapshot) -> dict[str, Any]:
    """A snapshot as JSON holds it; times in ISO 8601."""
    from stoptrail.live.watch.snapshot import health_of

    entry: dict[str, Any] = found._asdict()
    entry["health"] = health_of(found).words
    for key in ("price_time", "candle"):
        entry[key] = None if entry[key] is None else iso_time(entry[key])
    if found.trade is not None:
        entry["trade"] = {**found.trade, "entry_time": iso_time(found.trade["entry_time"])}
    entry["recent"] = [{"time": iso_time(e.time), "text": e.text} for e in found.recent]
    return entry
