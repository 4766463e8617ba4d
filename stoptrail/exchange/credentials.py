"""Paper trading reads public data only: credentials are left out of every connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CREDENTIALS = frozenset(
    {
        "apiKey",
        "secret",
        "uid",
        "accountId",
        "login",
        "password",
        "twofa",
        "privateKey",
        "walletAddress",
        "token",
    }
)
"""ccxt's names (`Exchange.requiredCredentials`)."""


def public_only(config: Mapping[str, Any]) -> dict[str, Any]:
    """`config` without credentials: what is made with it cannot sign, and so not order."""
    return {name: value for name, value in config.items() if name not in CREDENTIALS}
