"""Imported by the server that victims are forked from: a session runs here once, so that none of
theirs loads and compiles anew what every session needs."""

from __future__ import annotations

import tempfile

from tests.live.small_market import small_rows, ticks_of
from tests.live.victim import run_victim

with tempfile.TemporaryDirectory(prefix="stoptrail-") as folder:
    url = f"sqlite:///{folder}/ledger.db"
    run_victim(url, small_rows(300), 0, None, ticks_of, live={"ratchet": "tick"})
