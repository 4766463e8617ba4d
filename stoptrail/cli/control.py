"""`pause`, `resume` and `close`: a word to a session, running or not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from stoptrail.cli.ledger_place import ledger_settings
from stoptrail.core.errors import ConfigError
from stoptrail.terminal import Terminal


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
    from stoptrail.live.watch.word import answered

    url = ledger_settings(config, overrides).database.url
    number, answer = answered(url, name, verb, price)
    Terminal().print(f"session {number}: {verb}: {answer}", markup=False, highlight=False)
    return 0
