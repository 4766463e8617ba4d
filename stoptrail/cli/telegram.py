"""`telegram`: the sessions in one Telegram chat."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stoptrail.config.load import load_settings
from stoptrail.core.errors import ConfigError
from stoptrail.core.text import revealed
from stoptrail.terminal import Terminal


def run(config: Path | None, overrides: Sequence[str]) -> int:
    """Answer until Ctrl-C or SIGTERM; exit code 0. Raises ConfigError."""
    from stoptrail.live.watch.telegram import serve

    settings = load_settings(config, overrides, searching=False)
    wanted = settings.telegram
    token = revealed(wanted.token)
    if not token or not wanted.chat:
        raise ConfigError("telegram.token and telegram.chat must be set: see docs/live.md")
    Terminal().print(f"telegram: answering chat {wanted.chat}")
    serve(settings.database.url, token, wanted.chat, wanted.base_url)
    return 0
