"""What must never be shown: keys, passwords, addresses that hold them."""

from __future__ import annotations

import re
from typing import Any

HIDDEN = "***"

_SECRET_NAME = re.compile(
    r"key|secret|pass|token|auth|cookie|login|uid|private|wallet|twofa|signature|headers", re.I
)
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]*@")
_LONGEST_SHOWN = 80


def redacted(value: Any, key: str) -> Any:
    """`value` of the dotted `key` as it may be shown.

    Of an Apprise URL only the service remains, of any other URL all but user, password
    and query; in [exchange.ccxt] every entry whose name sounds like a secret is hidden.
    """
    if isinstance(value, dict):
        return {name: redacted(entry, f"{key}.{name}") for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(entry, key) for entry in value]
    if not isinstance(value, str) or not value:
        return HIDDEN if _is_secret(key) and not isinstance(value, bool) else value
    if key.startswith("notify.urls"):
        return f"{value.partition('://')[0]}://{HIDDEN}" if "://" in value else HIDDEN
    if _is_secret(key) or (key == "database.url" and "://" not in value):
        return HIDDEN
    return redacted_url(value) if "://" in value else value


def redacted_url(url: str) -> str:
    """`url` without user, password and query."""
    plain, question, _ = url.partition("?")
    return _CREDENTIALS.sub(f"{HIDDEN}@", plain) + (f"?{HIDDEN}" if question else "")


def shown(value: Any) -> str:
    """`value` in short, as it stands in an error message."""
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 3] + "..."


def _is_secret(key: str) -> bool:
    """Whether the dotted `key` lies in [exchange.ccxt] below a name of a secret."""
    prefix = "exchange.ccxt."
    if not key.startswith(prefix):
        return False
    return any(_SECRET_NAME.search(name) for name in key.removeprefix(prefix).split("."))
