"""`status`: the paper sessions of a database, from another terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from stoptrail.config.load import load_settings
from stoptrail.core.json import json_text
from stoptrail.core.time import iso_time
from stoptrail.terminal import Terminal

if TYPE_CHECKING:
    from stoptrail.live.watch.snapshot import Snapshot


def run(
    config: Path | None,
    overrides: Sequence[str],
    as_json: bool = False,
    console: Console | None = None,
) -> int:
    """Show every session; exit code 0. Raises StoreError where there is no ledger."""
    from stoptrail.live.ledger.database import existing_ledger
    from stoptrail.live.ledger.records import all_sessions
    from stoptrail.live.watch.snapshot import snapshot
    from stoptrail.live.watch.view import panel

    settings = load_settings(config, overrides, searching=False)
    console = console or Terminal()
    with existing_ledger(settings.database.url) as database:
        found = [snapshot(database, row) for row in all_sessions(database)]
        if as_json:
            text = json_text({"sessions": [table(entry) for entry in found]})
        panels = [panel(entry) for entry in found]
    if as_json:
        console.print(text, markup=False, soft_wrap=True)
        return 0
    if not found:
        console.print("no session has been started in this database")
    for shown in panels:
        console.print(shown)
    return 0


def table(found: Snapshot) -> dict[str, Any]:
    """A snapshot as JSON holds it; times in ISO 8601."""
    entry: dict[str, Any] = found._asdict()
    for key in ("price_time", "candle"):
        entry[key] = None if entry[key] is None else iso_time(entry[key])
    if found.trade is not None:
        entry["trade"] = {**found.trade, "entry_time": iso_time(found.trade["entry_time"])}
    entry["recent"] = [{"time": iso_time(e.time), "text": e.text} for e in found.recent]
    return entry
