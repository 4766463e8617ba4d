"""`telegram`: the sessions in one Telegram chat."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stoptrail.cli.ledger_place import ledger_settings
from stoptrail.core.errors import ConfigError
from stoptrail.core.text import revealed
from stoptrail.terminal import Terminal


def run(config: Path | None, overrides: Sequence[str]) -> int:
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
