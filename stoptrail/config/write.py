"""The resolved configuration as TOML, without its secrets."""

from __future__ import annotations

from typing import Any

from stoptrail.config.secrets import redacted
from stoptrail.config.settings import Settings, as_table


def public_table(settings: Settings) -> dict[str, Any]:
    """The settings as nested plain tables without None and without secrets."""
    return {
        section: {key: redacted(value, f"{section}.{key}") for key, value in table.items()}
        for section, table in as_table(settings).items()
    }


def to_toml(settings: Settings) -> str:
    """TOML that loads as equal settings, but for secrets, which read ***."""
    import tomli_w

    return tomli_w.dumps(public_table(settings))
