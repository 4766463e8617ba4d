"""Processes that are forked from one server, which has loaded what sessions need."""

from __future__ import annotations

import multiprocessing
from typing import Any

_PRELOAD = [
    "stoptrail.cli.live",
    "stoptrail.live.market.ccxtbt_store",
    "ccxt.pro",
    "psycopg2",
    "tests.cli.process",
    "tests.live.warmed",
]


def context() -> Any:
    """The same for all who ask: the server loads these once, when the first process starts."""
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(_PRELOAD)
    return found
