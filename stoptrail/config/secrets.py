"""What must never be shown: keys, passwords, addresses that hold them.

Of [exchange.ccxt] only what is known to be harmless is shown, since nobody knows all names
under which the exchanges take keys; of the sections that decide trades everything is.
"""

from __future__ import annotations

import re
from typing import Any

from pydantic import SecretStr

from stoptrail.config.foreign import COUNTED
from stoptrail.core.text import HIDDEN, public_url, revealed, shortened

_CCXT = "exchange.ccxt"
_HARMLESS = frozenset(
    {
        "enableRateLimit",
        "rateLimit",
        "timeout",
        "newUpdates",
        "sandbox",
        "options.defaultType",
        "options.defaultSubType",
        "options.fetchMarkets",
        "options.adjustForTimeDifference",
        "options.recvWindow",
        "options.timeDifference",
        "options.OHLCVLimit",
        "options.tradesLimit",
        "options.watchTradesMaxLimit",
    }
)
"""Entries of [exchange.ccxt], by their dotted names in it, that are shown."""
_WORD = re.compile(r"[A-Za-z][A-Za-z_]{0,15}")
"""A name of a kind of market, such as swap or linear: too short and plain for a key."""
_SECRET_NAME = re.compile(
    r"key|secret|pass|token|auth|cookie|login|private|signature|webhook", re.I
)
_LONGEST_SHOWN = 80


def redacted(value: Any, key: str) -> Any:
    """`value` of the dotted `key` as it may be shown: of a message's address the service, of
    any other address all but user, password and parameters."""
    value = revealed(value) if isinstance(value, SecretStr) else value
    if key == _CCXT or key.startswith(f"{_CCXT}."):
        return _of_exchange(value, key.removeprefix(_CCXT).lstrip("."))
    if isinstance(value, dict):
        return {name: redacted(entry, f"{key}.{name}") for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(entry, key) for entry in value]
    section, _, name = key.partition(".")
    if section in COUNTED or isinstance(value, bool) or value in ("", None):
        return value
    if _SECRET_NAME.search(name):
        return HIDDEN
    return _of_text(value, section, key) if isinstance(value, str) else value


def _of_text(value: str, section: str, key: str) -> str:
    if section == "notify" and not key.startswith("notify.events"):
        scheme, mark, _ = value.partition("://")
        return f"{scheme}://{HIDDEN}" if mark else HIDDEN
    if section == "exchange" and key != "exchange.id":
        return HIDDEN
    if section == "database":
        return public_url(value)
    if "://" in value:  # a token may stand in the path, too
        return public_url(value, path=False)
    return HIDDEN if section == "telegram" else value


def _of_exchange(value: Any, name: str) -> Any:
    """`value` of the entry `name` of [exchange.ccxt]."""
    if isinstance(value, dict):
        return {
            key: _of_exchange(entry, f"{name}.{key}" if name else key)
            for key, entry in value.items()
        }
    if isinstance(value, bool) or value is None:
        return value
    if name.partition(".")[0] == "urls" and isinstance(value, str):
        return public_url(value, path=False)
    harmless = any(name == known or name.startswith(f"{known}.") for known in _HARMLESS)
    if isinstance(value, list | tuple):
        return [_of_exchange(entry, name) for entry in value]
    plain = isinstance(value, int | float) or (isinstance(value, str) and _WORD.fullmatch(value))
    return value if harmless and plain else HIDDEN


def shown(value: Any) -> str:
    """`value` in short, as it stands in an error message."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # thousands of digits, or nested without end
        return f"a {type(value).__name__}"
    return shortened(text, _LONGEST_SHOWN)
