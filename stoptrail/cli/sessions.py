"""The paper sessions of a database from another terminal: `status`, `telegram`, and a word to
one of them with `pause`, `resume` and `close`."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from stoptrail.cli.ledger import ledger_settings
from stoptrail.core.database import place_of
from stoptrail.core.errors import ConfigError, StoreError
from stoptrail.core.json import json_text
from stoptrail.core.text import revealed
from stoptrail.core.time import iso_time
from stoptrail.terminal import Terminal

if TYPE_CHECKING:
    from pydantic import SecretStr

    from stoptrail.live.watch.beats import Beats
    from stoptrail.live.watch.snapshot import Snapshot

_WATCH_SECONDS = 2.0


def status(
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
    from stoptrail.live.watch.beats import Beats

    url = ledger_settings(config, overrides).database.url
    console = console or Terminal()
    code, beats = 0, Beats()
    try:
        while True:
            code = _look(url, as_json, brief, watch, console, beats)
            if not watch:
                return code
            time.sleep(_WATCH_SECONDS)
    except KeyboardInterrupt:
        if not watch:
            raise
        return code


def _look(
    url: SecretStr, as_json: bool, brief: bool, watch: bool, console: Console, beats: Beats
) -> int:
    """Show the sessions once. While they are watched a database that cannot be read is
    said, and may come back."""
    from stoptrail.live.ledger.database import existing_ledger
    from stoptrail.live.ledger.postgres import answered_in_time
    from stoptrail.live.ledger.records import all_sessions
    from stoptrail.live.watch.book_snapshot import snapshot_of
    from stoptrail.live.watch.snapshot import Health, health_of

    try:
        # until it is shown: any cell may hold anything
        with answered_in_time(), existing_ledger(url) as database:
            found = [snapshot_of(database, row, 8, beats) for row in all_sessions(database)]
            text = json_text(_table(url, found)) if as_json else ""
            panels = [] if as_json else _shown(found, brief)
            code = max(map(health_of, found), default=Health.STALE)  # the first one still starts
    except StoreError as error:
        error.exit_code = int(Health.DATABASE)
        if not watch:
            raise
        said = {"ledger": place_of(url), "sessions": [], "error": str(error)}
        text = json_text(said) if as_json else f"error: {error}"
        console.print(text, markup=False, soft_wrap=True)
        return int(Health.DATABASE)
    if watch and console.is_terminal:
        console.clear()
    if as_json:
        console.print(text, markup=False, soft_wrap=True)
        return int(code)
    if not brief:
        console.print(f"ledger: {place_of(url)}", markup=False, soft_wrap=True)
    if not found:
        console.print("no session has begun in this database yet")
    for shown in panels:
        console.print(shown, markup=False, soft_wrap=True) if brief else console.print(shown)
    return int(code)


def _shown(found: list[Snapshot], brief: bool) -> list[Any]:
    """The sessions as they are printed."""
    from stoptrail.live.watch.view import brief_line, panel

    return [brief_line(entry) if brief else panel(entry) for entry in found]


def _table(url: SecretStr, found: list[Snapshot]) -> dict[str, Any]:
    return {"ledger": place_of(url), "sessions": [table(entry) for entry in found]}


def table(found: Snapshot) -> dict[str, Any]:
    """A snapshot as JSON holds it; times in ISO 8601."""
    from stoptrail.live.watch.snapshot import health_of

    entry: dict[str, Any] = found._asdict()
    entry["health"] = health_of(found).words
    for key in ("price_time", "candle", "beat"):
        entry[key] = None if entry[key] is None else iso_time(entry[key])
    if found.trade is not None:
        entry["trade"] = {**found.trade, "entry_time": iso_time(found.trade["entry_time"])}
    if found.forecast is not None:
        due = found.forecast.time
        entry["forecast"] = {"rate": found.forecast.rate, "time": iso_time(due) if due else None}
    entry.pop("sleeves")
    if found.sleeves:
        entry["sleeves"] = [table(sleeve) for sleeve in found.sleeves]
    entry["recent"] = [{"time": iso_time(e.time), "text": e.text} for e in found.recent]
    return entry


def telegram(config: Path | None, overrides: Sequence[str]) -> int:
    """Answer until Ctrl-C or SIGTERM; exit code 0. Raises ConfigError."""
    from stoptrail.live.watch.telegram import serve

    settings = ledger_settings(config, overrides)
    wanted = settings.telegram
    token = revealed(wanted.token)
    if not token or not wanted.chat:
        raise ConfigError("telegram.token and telegram.chat must be set: see docs/live.md")
    Terminal().print(f"telegram: answering chat {wanted.chat}")
    serve(settings.database.url, token, wanted.chat, wanted.base_url)
    return 0


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
    """Say the word and show the answer."""
    from stoptrail.live.ledger.postgres import answered_in_time
    from stoptrail.live.watch.remote_control import answered

    url = ledger_settings(config, overrides).database.url
    with answered_in_time():
        number, answer = answered(url, name, verb, price)
    text = f"session {number}: {verb}: {answer}"
    Terminal().print(text, markup=False, highlight=False, soft_wrap=True)
    return 0
